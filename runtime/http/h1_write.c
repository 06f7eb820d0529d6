#include "runtime/http/h1_write.h"

#include "runtime/base/check.h"
#include "runtime/http/cookie_cut.h"
#include "runtime/http/out_priv.h"
#include "runtime/http/word_priv.h"

static void put_number(struct out *o, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(o, (struct slice){digits + at, sizeof(digits) - at});
}

/* Nearly every value and target is plain; only what is not is looked at byte by byte. */
static bool is_plain(struct slice s, uint64_t odd(uint64_t word))
{
    uint64_t found = 0;
    for (; s.len >= sizeof(found); s = slice_from(s, sizeof(found)))
        found |= odd(word_at(s.at));
    uint64_t rest = WORD_OF('a');
    if (s.len > 0)
        memcpy(&rest, s.at, s.len);
    return (found | odd(rest)) == 0;
}

/* A value that did not come through the parser: bytes that no field may hold become blanks, so that
 * no value, however it was made, can end its line. */
static void put_value(struct out *o, struct slice value)
{
    size_t from = 0;
    const bool plain = is_plain(value, word_odd_in_value);
    for (size_t i = 0; !plain && i < value.len; i++) {
        const unsigned char c = (unsigned char)value.at[i];
        if ((c >= ' ' && c != 0x7f) || c == '\t')
            continue;
        put(o, (struct slice){value.at + from, i - from});
        PUT(o, " ");
        from = i + 1;
    }
    put(o, slice_from(value, from));
}

/* A target likewise: bytes that none may hold are escaped. */
static void put_target(struct out *o, struct slice target)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t from = 0;
    const bool plain = is_plain(target, word_odd_in_target);
    for (size_t i = 0; !plain && i < target.len; i++) {
        const unsigned char c = (unsigned char)target.at[i];
        if (c > ' ' && c < 0x7f && c != '#' && c != '\\')
            continue;
        put(o, (struct slice){target.at + from, i - from});
        put(o, (struct slice){(char[]){'%', hex[c >> 4], hex[c & 15]}, 3});
        from = i + 1;
    }
    put(o, slice_from(target, from));
}

static void put_field(struct out *o, struct slice name, struct slice value)
{
    put(o, name);
    PUT(o, ": ");
    put_value(o, value);
    PUT(o, "\r\n");
}

/* Framing and the connection are the writer's own; an edit cannot reach them. */
static bool is_writers(struct slice name)
{
    const enum http_name known = http_name_find(name);
    return http_name_is_hop(known) || known == HTTP_CONTENT_LENGTH;
}

void http_edits_apply(struct http_head *h, const struct http_edit *edit, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (edit[i].kind == HTTP_ADD || is_writers(edit[i].name))
            continue;
        for (uint16_t k = 0; k < h->n_fields; k++)
            if (slice_eq_nocase(http_field_name(h, &h->field[k]), edit[i].name))
                h->field[k].dropped = true;
    }
}

static bool is_superseded(const struct http_edit *edit, size_t i, size_t n)
{
    for (size_t k = i + 1; k < n; k++)
        if (edit[k].kind != HTTP_ADD && slice_eq_nocase(edit[k].name, edit[i].name))
            return true;
    return false;
}

static void put_edits(struct out *o, const struct http_edit *edit, size_t n, bool host_too)
{
    for (size_t i = 0; i < n; i++)
        if (edit[i].kind != HTTP_REMOVE && !is_superseded(edit, i, n) &&
            !is_writers(edit[i].name) &&
            (host_too || !slice_eq_nocase(edit[i].name, SLICE("host"))))
            put_field(o, edit[i].name, edit[i].value);
}

/* The Host that is sent: `host`, or what the last HTTP_SET of it says. */
static struct slice host_after_edits(struct slice host, const struct http_edit *edit, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (edit[i].kind == HTTP_SET && slice_eq_nocase(edit[i].name, SLICE("host")))
            return edit[i].value;
    return host;
}

/* Which fields of a head are not copied, dropped ones aside. */
struct without {
    bool host, length;
    struct slice cookie; /* its name; fields that may have it are copied without it */
};

static bool is_cut(const struct http_field *f, struct without w)
{
    return w.cookie.len > 0 && f->name == HTTP_COOKIE && !f->dropped;
}

static bool is_kept(const struct http_field *f, struct without w)
{
    return !f->dropped && !(w.host && f->name == HTTP_HOST) &&
           !(w.length && f->name == HTTP_CONTENT_LENGTH) && !is_cut(f, w);
}

/* The line goes where no other cookie is in it. */
static void put_cut(struct out *o, const struct http_head *h, const struct http_field *f,
                    struct slice cookie)
{
    const struct slice value = http_field_value(h, f);
    const size_t len = cookie_cut(value, cookie, NULL);
    if (len == 0)
        return;
    put(o, http_field_name(h, f));
    PUT(o, ": ");
    if (o->len <= o->room && len <= o->room - o->len)
        cookie_cut(value, cookie, o->at + o->len);
    o->len += len;
    PUT(o, "\r\n");
}

/* The field lines that stay, copied as they came. Lines stand one behind the other, so each run of
 * kept ones is one copy. */
static void put_fields(struct out *o, const struct http_head *h, struct without w)
{
    for (uint16_t i = 0; i < h->n_fields;) {
        if (is_cut(&h->field[i], w))
            put_cut(o, h, &h->field[i], w.cookie);
        if (!is_kept(&h->field[i], w)) {
            i++;
            continue;
        }
        const size_t from = h->field[i].name_at;
        while (i < h->n_fields && is_kept(&h->field[i], w))
            i++;
        const size_t end = i < h->n_fields ? h->field[i].name_at : h->bytes - 2u;
        put(o, (struct slice){h->base + from, end - from});
    }
}

static void put_upgrade(struct out *o, const struct http_head *h)
{
    PUT(o, "Connection: upgrade\r\n");
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (h->field[i].name == HTTP_UPGRADE)
            put_field(o, SLICE("Upgrade"), http_field_value(h, &h->field[i]));
}

size_t h1_write_request(char *out, size_t room, const struct h1_request_out *r)
{
    ASSERT(r->target.len > 0);
    struct out o = {.at = out, .room = room};
    put(&o, r->method.len > 0 ? r->method : http_method(r->head));
    PUT(&o, " ");
    put_target(&o, r->target);
    PUT(&o, " HTTP/1.1\r\n");
    put_field(&o, SLICE("Host"), host_after_edits(r->host, r->edit, r->n_edits));
    put_fields(&o, r->head,
               (struct without){.host = true, .length = r->chunked, .cookie = r->without_cookie});
    put_edits(&o, r->edit, r->n_edits, false);
    if (r->chunked)
        PUT(&o, "Transfer-Encoding: chunked\r\n");
    if (r->trailers)
        PUT(&o, "TE: trailers\r\n");
    if (r->upgrade)
        put_upgrade(&o, r->head);
    PUT(&o, "\r\n");
    return o.len;
}

static void put_status_line(struct out *o, uint16_t status, struct slice reason)
{
    PUT(o, "HTTP/1.1 ");
    put_number(o, status);
    PUT(o, " ");
    put(o, reason);
    PUT(o, "\r\n");
}

static void put_connection(struct out *o, bool close, bool keep_alive)
{
    ASSERT(!(close && keep_alive));
    if (close)
        PUT(o, "Connection: close\r\n");
    if (keep_alive)
        PUT(o, "Connection: keep-alive\r\n");
}

bool h1_response_next(const struct h1_response_out *r, struct slice name, uint32_t *cursor,
                      struct slice *value)
{
    const struct http_head *h = r->head;
    while (*cursor < h->n_fields) {
        const struct http_field *f = &h->field[(*cursor)++];
        if (f->dropped || !slice_eq_nocase(http_field_name(h, f), name))
            continue;
        *value = http_field_value(h, f);
        return true;
    }
    while (*cursor < h->n_fields + r->n_edits) {
        const size_t i = (*cursor)++ - h->n_fields;
        if (r->edit[i].kind == HTTP_REMOVE || !slice_eq_nocase(r->edit[i].name, name) ||
            is_superseded(r->edit, i, r->n_edits))
            continue;
        *value = r->edit[i].value;
        return true;
    }
    return false;
}

size_t h1_write_response(char *out, size_t room, const struct h1_response_out *r)
{
    const struct http_head *h = r->head;
    struct out o = {.at = out, .room = room};
    put_status_line(&o, h->status, http_slice(h, h->reason_at, h->reason_len));
    put_fields(&o, h, (struct without){.length = r->chunked || r->unsized});
    put_edits(&o, r->edit, r->n_edits, true);
    if (r->chunked)
        PUT(&o, "Transfer-Encoding: chunked\r\n");
    if (r->upgrade)
        put_upgrade(&o, h);
    else
        put_connection(&o, r->close, r->keep_alive);
    PUT(&o, "\r\n");
    return o.len;
}

size_t h1_write_answer(char *out, size_t room, const struct h1_answer *a)
{
    const bool bodiless = a->status < 200 || a->status == 204 || a->status == 304;
    struct out o = {.at = out, .room = room};
    put_status_line(&o, a->status, slice_of(http_reason(a->status)));
    if (a->type.len > 0)
        put_field(&o, SLICE("Content-Type"), a->type);
    if (!bodiless) {
        PUT(&o, "Content-Length: ");
        put_number(&o, a->body.len);
        PUT(&o, "\r\n");
    }
    put(&o, a->extra);
    put_connection(&o, a->close, a->keep_alive);
    PUT(&o, "\r\n");
    if (!bodiless && a->body_sent)
        put(&o, a->body);
    return o.len;
}

size_t h1_write_chunk_head(char out[H1_CHUNK_HEAD_MAX], uint64_t len)
{
    ASSERT(len > 0);
    static const char hex[] = "0123456789abcdef";
    const unsigned digits = (unsigned)(64 - __builtin_clzll(len) + 3) / 4;
    for (unsigned i = 0; i < digits; i++)
        out[i] = hex[len >> 4 * (digits - 1 - i) & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}

size_t h1_write_last_chunk(char *out, size_t room, const struct http_head *trailer)
{
    struct out o = {.at = out, .room = room};
    PUT(&o, "0\r\n");
    if (trailer)
        put_fields(&o, trailer, (struct without){0});
    PUT(&o, "\r\n");
    return o.len;
}
