#include "runtime/http/semantics.h"

#include "runtime/base/number.h"
#include "runtime/http/semantics_priv.h"

/* How many there are of the two fields that frame a message, and where the first of each is. */
struct framing_fields {
    struct http_field *length, *coding;
    unsigned n_lengths, n_codings;
};

static struct framing_fields framing_fields(struct http_head *h)
{
    struct framing_fields found = {0};
    for (uint16_t i = 0; i < h->n_fields; i++) {
        struct http_field *f = &h->field[i];
        if (f->name == HTTP_CONTENT_LENGTH && found.n_lengths++ == 0)
            found.length = f;
        else if (f->name == HTTP_TRANSFER_ENCODING && found.n_codings++ == 0)
            found.coding = f;
    }
    return found;
}

/* Leading zeros are refused: there are readers to which they mean octal. */
static bool length_parse(struct slice s, uint64_t *out)
{
    return (s.len == 1 || (s.len > 1 && s.at[0] != '0')) && number_parse(s, INT64_MAX, out);
}

/* 0 for exactly "chunked". H1_NOT_IMPLEMENTED for other codings under one final "chunked": where
 * such a body ends is clear, what it holds is not. All else is ambiguous (RFC 9112 6.1, 6.3). */
static int coding_check(struct slice value)
{
    static const struct slice chunked = SLICE_INIT("chunked");
    if (slice_eq_nocase(value, chunked))
        return 0;

    struct slice coding = SLICE_NONE;
    for (struct slice list = value; slice_split(&list, ',', &coding);) {
        coding = slice_trim(coding);
        const bool last = list.at == NULL;
        if (!http_is_token(coding) || slice_eq_nocase(coding, chunked) != last)
            return H1_BAD_FRAMING;
    }
    return value.len > 0 && slice_eq_nocase(coding, chunked) ? H1_NOT_IMPLEMENTED : H1_BAD_FRAMING;
}

/* Where the body ends, by the fields; *framing is FRAMING_NONE when they say nothing. */
static int framing_understand(struct http_head *h, enum http_framing *framing, uint64_t *length)
{
    const struct framing_fields f = framing_fields(h);
    *framing = FRAMING_NONE;
    *length = 0;
    if (f.n_codings > 0) {
        if (f.n_codings > 1 || f.n_lengths > 0 || h->minor_version == 0)
            return H1_BAD_FRAMING;
        *framing = FRAMING_CHUNKED;
        return coding_check(http_field_value(h, f.coding));
    }
    if (f.n_lengths > 0) {
        if (f.n_lengths > 1 || !length_parse(http_field_value(h, f.length), length))
            return H1_BAD_FRAMING;
        *framing = *length > 0 ? FRAMING_LENGTH : FRAMING_NONE;
    }
    return 0;
}

/* RFC 9112 9.3 */
static bool keeps_alive(const struct http_head *h, const struct http_connection *c)
{
    return !c->close && (h->minor_version == 1 || c->keep_alive);
}

/* To h2c never: it is withdrawn (RFC 9113 3.1), and a tunnel of unseen requests past every rule. */
static bool asks_upgrade(const struct http_head *h, const struct http_connection *c)
{
    if (!c->upgrade || h->minor_version == 0 || !http_field_find(h, HTTP_UPGRADE))
        return false;
    for (uint16_t i = 0; i < h->n_fields; i++) {
        if (h->field[i].name != HTTP_UPGRADE)
            continue;
        struct slice list = http_field_value(h, &h->field[i]);
        for (struct slice protocol; slice_split(&list, ',', &protocol);) {
            protocol = slice_trim(protocol);
            if (protocol.len >= 3 && slice_eq_nocase((struct slice){protocol.at, 3}, SLICE("h2c")))
                return false;
        }
    }
    return true;
}

static bool is_websocket(const struct http_head *h)
{
    const struct http_field *only = http_field_find(h, HTTP_UPGRADE);
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (h->field[i].name == HTTP_UPGRADE && &h->field[i] != only)
            return false;
    return slice_eq_nocase(http_field_value(h, only), SLICE("websocket"));
}

static bool expects_continue(const struct http_head *h)
{
    const struct http_field *f = http_field_find(h, HTTP_EXPECT);
    return f && h->minor_version == 1 &&
           slice_eq_nocase(http_field_value(h, f), SLICE("100-continue"));
}

static bool is_idempotent(struct slice method)
{
    static const struct slice methods[] = {
        SLICE_INIT("GET"), SLICE_INIT("HEAD"),   SLICE_INIT("OPTIONS"),
        SLICE_INIT("PUT"), SLICE_INIT("DELETE"), SLICE_INIT("TRACE"),
    };
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (slice_eq(method, methods[i]))
            return true;
    return false;
}

int http_request_understand(struct http_head *h, struct http_request_info *out)
{
    const struct slice method = http_method(h);
    if (slice_eq(method, SLICE("CONNECT")))
        return H1_NOT_IMPLEMENTED;

    struct http_request_info info = {0};
    int r = http_target_understand(h, &info);
    if (r < 0)
        return r;
    r = framing_understand(h, &info.framing, &info.content_length);
    if (r < 0)
        return r;
    struct http_connection connection;
    r = http_connection_understand(h, &connection);
    if (r < 0)
        return r;

    info.keep_alive = keeps_alive(h, &connection);
    info.upgrade = info.framing == FRAMING_NONE && asks_upgrade(h, &connection);
    info.websocket = info.upgrade && is_websocket(h);
    info.expects_continue = info.framing != FRAMING_NONE && expects_continue(h);
    info.head = slice_eq(method, SLICE("HEAD"));
    info.idempotent = is_idempotent(method);
    *out = info;
    return 0;
}

static void drop_content_lengths(struct http_head *h)
{
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (h->field[i].name == HTTP_CONTENT_LENGTH)
            h->field[i].dropped = true;
}

/* A response that has no body by its status or by what it answers (RFC 9112 6.3, 1). To HEAD and in
 * 304 a length says what GET would have got; in 1xx and 204 it has no right to be (RFC 9110 8.6).
 */
static void bodiless_understand(struct http_head *h, bool may_claim,
                                struct http_response_info *info)
{
    const struct framing_fields f = framing_fields(h);
    uint64_t length = 0;
    const bool claims_well =
        f.n_lengths == 0 ||
        (f.n_lengths == 1 && length_parse(http_field_value(h, f.length), &length));

    if (!may_claim || !claims_well || f.n_codings > 0)
        drop_content_lengths(h);
    if (!claims_well || (f.n_codings > 0 && f.n_lengths > 0) ||
        (!may_claim && (length > 0 || f.n_codings > 0)))
        info->keep_alive = false;
}

int http_response_understand(struct http_head *h, bool to_head, struct http_response_info *out)
{
    struct http_connection connection;
    int r = http_connection_understand(h, &connection);
    if (r < 0)
        return r;

    struct http_response_info info = {
        .keep_alive = keeps_alive(h, &connection),
        .interim = h->status < 200 && h->status != 101,
        .switches = h->status == 101,
    };
    const bool bodiless = h->status < 200 || h->status == 204;
    if (bodiless || to_head || h->status == 304) {
        bodiless_understand(h, !bodiless, &info);
    } else {
        r = framing_understand(h, &info.framing, &info.content_length);
        if (r < 0)
            return r;
        if (info.framing == FRAMING_NONE && !http_field_find(h, HTTP_CONTENT_LENGTH))
            info.framing = FRAMING_CLOSE;
    }
    if (info.framing == FRAMING_CLOSE || info.switches)
        info.keep_alive = false;
    *out = info;
    return 0;
}

bool http_field_next(const struct http_head *h, struct slice name, uint32_t *cursor,
                     struct slice *value)
{
    while (*cursor < h->n_fields) {
        const struct http_field *f = &h->field[(*cursor)++];
        if (slice_eq_nocase(http_field_name(h, f), name)) {
            *value = http_field_value(h, f);
            return true;
        }
    }
    return false;
}

const struct http_field *http_field_find(const struct http_head *h, enum http_name name)
{
    ASSERT(name != HTTP_OTHER);
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (h->field[i].name == name)
            return &h->field[i];
    return NULL;
}
