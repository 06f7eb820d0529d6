/* A request as `lbc explain` takes it, without what lets somebody in. */
#include "compiler/table/cookie.h"
#include "compiler/table/query.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/shadow.h"

/* Kept for the comment at the end. */
#define COMMENT_ROOM 96u
#define ORIGIN_ROOM  256u /* and for where it comes from */

struct words {
    char *at;
    size_t len, room;
    bool full; /* something did not fit */
};

static void put(struct words *w, struct slice s)
{
    if (s.len > w->room - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->at + w->len, s.at, s.len);
    w->len += s.len;
}

/* Within single quotes of a shell. What could move a terminal's cursor is not shown. */
static void put_quoted(struct words *w, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i] >= 0x20 && s.at[i] < 0x7f ? s.at[i] : '?';
        put(w, c == '\'' ? SLICE("'\\''") : (struct slice){&c, 1});
    }
}

static bool has_word(struct slice name, struct slice word)
{
    for (size_t i = 0; i + word.len <= name.len; i++)
        if (slice_eq_nocase((struct slice){name.at + i, word.len}, word))
            return true;
    return false;
}

/* Rather too often than once too few. */
static bool is_credential(struct slice name)
{
    static const struct slice WORD[] = {
        SLICE_INIT("auth"),      SLICE_INIT("token"),      SLICE_INIT("secret"), SLICE_INIT("key"),
        SLICE_INIT("pass"),      SLICE_INIT("session"),    SLICE_INIT("sid"),    SLICE_INIT("csrf"),
        SLICE_INIT("signature"), SLICE_INIT("credential"), SLICE_INIT("code"),   SLICE_INIT("jwt")};
    for (size_t i = 0; i < COUNT_OF(WORD); i++)
        if (has_word(name, WORD[i]))
            return true;
    return false;
}

static bool put_query(struct words *w, struct slice query)
{
    struct slice key, value;
    bool left_out = false;
    for (bool first = true; query_next(&query, &key, &value); first = false) {
        const bool secret = value.len > 0 && is_credential(key);
        put(w, first ? SLICE("?") : SLICE("&"));
        put_quoted(w, key);
        if (value.at)
            put(w, SLICE("="));
        put_quoted(w, secret ? SLICE("-") : value);
        left_out |= secret;
    }
    return left_out;
}

static void put_cookies(struct words *w, struct slice value)
{
    struct slice name, ignored;
    for (bool first = true; cookie_next(&value, &name, &ignored); first = false) {
        put(w, first ? SLICE("") : SLICE("; "));
        put_quoted(w, name);
        put(w, SLICE("=-"));
    }
}

/* True when its value was left out. */
static bool put_header(struct words *w, struct slice name, struct slice value)
{
    const struct words before = *w;
    const bool cookie = slice_eq_nocase(name, SLICE("cookie"));
    const bool secret = !cookie && is_credential(name);
    put(w, SLICE(" -H '"));
    put_quoted(w, name);
    put(w, SLICE(": "));
    if (cookie)
        put_cookies(w, value);
    else
        put_quoted(w, secret ? SLICE("-") : value);
    put(w, SLICE("'"));
    if (w->full)
        w->len = before.len; /* all of a header, or nothing */
    return secret || cookie;
}

/* What stands in the request's line, or comes of itself. */
static bool is_told(struct slice name)
{
    static const struct slice OTHER[] = {SLICE_INIT("host"), SLICE_INIT("content-length"),
                                         SLICE_INIT("transfer-encoding"), SLICE_INIT("connection")};
    for (size_t i = 0; i < COUNT_OF(OTHER); i++)
        if (slice_eq_nocase(name, OTHER[i]))
            return true;
    return false;
}

static bool put_request(struct words *w, const struct facts *f)
{
    char port[8];
    bool left_out = false;
    put(w, SLICE("'"));
    put_quoted(w, f->method);
    put(w, SLICE(" "));
    if (f->host.len > 0 && !slice_eq(f->path, SLICE("*"))) {
        put_quoted(w, f->scheme);
        put(w, SLICE("://"));
        put_quoted(w, f->host);
        const int n = snprintf(port, sizeof(port), ":%u", f->port);
        if (f->port != (f->tls ? 443 : 80))
            put(w, (struct slice){port, (size_t)n});
    }
    put_quoted(w, f->path);
    if (f->query.at && f->query.len == 0)
        put(w, SLICE("?"));
    else if (f->query.at)
        left_out = put_query(w, f->query);
    return left_out;
}

void shadow_write_witness(const struct exchange *x, char out[SHADOW_WITNESS_BYTES_MAX])
{
    struct words w = {.at = out, .room = SHADOW_WITNESS_BYTES_MAX - COMMENT_ROOM - ORIGIN_ROOM};
    char from[ADDRESS_TEXT_MAX];
    bool left_out = !x->tcp && put_request(&w, &x->facts);
    w.room += ORIGIN_ROOM;
    put(&w, x->tcp ? SLICE("a connection") : SLICE("'"));
    put(&w, SLICE(" --from "));
    put(&w, (struct slice){from, address_format(&x->client, from)});
    put(&w, SLICE(" --listener "));
    put_quoted(&w, x->listener->name);
    const bool cut = w.full;
    for (uint32_t i = 0; !x->tcp && i < x->request.n_fields && !cut; i++) {
        const struct http_field *f = &x->request.field[i];
        const struct slice name = http_field_name(&x->request, f);
        if (!is_told(name))
            left_out |= put_header(&w, name, http_field_value(&x->request, f));
    }
    w.room = SHADOW_WITNESS_BYTES_MAX - 1;
    if (left_out || w.full)
        put(&w, SLICE("  #"));
    if (left_out)
        put(&w, SLICE(" without the values that may be credentials"));
    if (w.full)
        put(&w, left_out ? SLICE("; cut") : SLICE(" cut"));
    out[w.len] = '\0';
}
