#include "runtime/http/h1_head.h"

#include "runtime/http/word_priv.h"

/*
 * Each scanner below reads one token and stops at the first byte that cannot belong to it. No class
 * holds NUL, so the sentinel stops every scanner and none needs to compare with the end; stopped()
 * then tells the end of the input from a bad byte, which may well be a NUL of the peer's. That way
 * "need more" is answered exactly while the bytes so far begin some valid head.
 */
/*!re2c
    re2c:define:YYCTYPE  = "unsigned char";
    re2c:define:YYCURSOR = cur;
    re2c:define:YYMARKER = marker;
    re2c:yyfill:enable   = 0;

    tchar  = [-!#$%&'*+.^_`|~0-9A-Za-z];        // RFC 9110 5.6.2
    target = [\x21-\x7e] \ [#\\];               // as runtime/base/uri has it
    value  = [\t\x20-\x7e\x80-\xff];            // RFC 9110 5.5, obs-text too
*/

struct scan {
    const unsigned char *at, *limit, *cur;
    struct http_head head;
};

static uint16_t offset(const struct scan *s, const unsigned char *at)
{
    /* Truncated only when the head is too large anyway, and then it is refused as a whole. */
    return (uint16_t)(at - s->at);
}

/* Scanning cannot go on at `at`: because the input ends there, or because that byte is bad. */
static int stopped(const struct scan *s, const unsigned char *at, enum h1_error error)
{
    if (at - s->at >= (ptrdiff_t)HTTP_HEAD_BYTES_MAX)
        return H1_TOO_LARGE;
    return at == s->limit ? 0 : error;
}

static const unsigned char *skip_token(const unsigned char *cur)
{
    /*!re2c
        tchar+ { return cur; }
        *      { return cur - 1; }
    */
}

/* Whole words first: up to the one that holds the end, or the sentinel. */
static const unsigned char *skip_target(const unsigned char *cur, const unsigned char *limit)
{
    while (limit - cur >= (ptrdiff_t)sizeof(uint64_t) && !word_odd_in_target(word_at(cur)))
        cur += sizeof(uint64_t);
    /*!re2c
        target+ { return cur; }
        *       { return cur - 1; }
    */
}

static const unsigned char *skip_value(const unsigned char *cur, const unsigned char *limit)
{
    while (limit - cur >= (ptrdiff_t)sizeof(uint64_t) && !word_odd_in_value(word_at(cur)))
        cur += sizeof(uint64_t);
    /*!re2c
        value+ { return cur; }
        *      { return cur - 1; }
    */
}

/* Skips a field name and says which one it was. Longest match: "hosts" is not "host". */
static enum http_name skip_name(const unsigned char **at)
{
    const unsigned char *cur = *at;
    enum http_name name = HTTP_OTHER;
    _Static_assert(HTTP_NAME_COUNT == 22, "a name of names.def needs its rule here");
    /*!re2c
        'connection'          { name = HTTP_CONNECTION; goto done; }
        'keep-alive'          { name = HTTP_KEEP_ALIVE; goto done; }
        'proxy-connection'    { name = HTTP_PROXY_CONNECTION; goto done; }
        'proxy-authenticate'  { name = HTTP_PROXY_AUTHENTICATE; goto done; }
        'proxy-authorization' { name = HTTP_PROXY_AUTHORIZATION; goto done; }
        'te'                  { name = HTTP_TE; goto done; }
        'transfer-encoding'   { name = HTTP_TRANSFER_ENCODING; goto done; }
        'upgrade'             { name = HTTP_UPGRADE; goto done; }
        'http2-settings'      { name = HTTP_HTTP2_SETTINGS; goto done; }
        'trailer'             { name = HTTP_TRAILER; goto done; }
        'content-length'      { name = HTTP_CONTENT_LENGTH; goto done; }
        'host'                { name = HTTP_HOST; goto done; }
        'expect'              { name = HTTP_EXPECT; goto done; }
        'authorization'       { name = HTTP_AUTHORIZATION; goto done; }
        'cookie'              { name = HTTP_COOKIE; goto done; }
        'date'                { name = HTTP_DATE; goto done; }
        'forwarded'           { name = HTTP_FORWARDED; goto done; }
        'x-forwarded-for'     { name = HTTP_X_FORWARDED_FOR; goto done; }
        'x-forwarded-proto'   { name = HTTP_X_FORWARDED_PROTO; goto done; }
        'x-forwarded-host'    { name = HTTP_X_FORWARDED_HOST; goto done; }
        'x-request-id'        { name = HTTP_X_REQUEST_ID; goto done; }
        tchar+                { goto done; }
        *                     { return HTTP_OTHER; }
    */
done:
    *at = cur;
    return name;
}

enum http_name http_name_find(struct slice name)
{
    unsigned char text[32] = {0}; /* longer than any known name, and its sentinel */
    if (name.len == 0 || name.len >= sizeof(text))
        return HTTP_OTHER;
    memcpy(text, name.at, name.len);
    const unsigned char *end = text;
    const enum http_name found = skip_name(&end);
    return end == text + name.len ? found : HTTP_OTHER;
}

/* Steps over CR LF. 1 when they are there. */
static int line_end(struct scan *s, enum h1_error error)
{
    if (s->cur[0] != '\r')
        return stopped(s, s->cur, error);
    if (s->cur[1] != '\n')
        return stopped(s, s->cur + 1, error);
    s->cur += 2;
    return 1;
}

/* "HTTP/1.1" or "HTTP/1.0". 1 when it is there. */
static int version(struct scan *s)
{
    static const char pattern[] = "HTTP/D.D";
    for (const char *p = pattern; *p; p++, s->cur++)
        if (*p == 'D' ? *s->cur < '0' || *s->cur > '9' : *s->cur != (unsigned char)*p)
            return stopped(s, s->cur, H1_BAD_LINE);

    const unsigned char major = s->cur[-3], minor = s->cur[-1];
    if (major != '1' || minor > '1')
        return stopped(s, s->cur - 1, H1_BAD_VERSION);
    s->head.minor_version = (uint8_t)(minor - '0');
    return 1;
}

/* Up to two empty lines in front of a request (RFC 9112 2.2). 1 when they are behind us. */
static int empty_lines(struct scan *s)
{
    for (int n = 0; n < 2 && *s->cur == '\r'; n++) {
        const int r = line_end(s, H1_BAD_LINE);
        if (r <= 0)
            return r;
    }
    return 1;
}

static int request_line(struct scan *s)
{
    int r = empty_lines(s);
    if (r <= 0)
        return r;

    const unsigned char *const method = s->cur;
    s->cur = skip_token(method);
    if (s->cur - method > HTTP_METHOD_BYTES_MAX)
        return stopped(s, method + HTTP_METHOD_BYTES_MAX, H1_BAD_LINE);
    if (s->cur == method || *s->cur != ' ')
        return stopped(s, s->cur, H1_BAD_LINE);
    s->head.method_at = offset(s, method);
    s->head.method_len = (uint16_t)(s->cur - method);

    const unsigned char *const target = ++s->cur;
    s->cur = skip_target(target, s->limit);
    if (s->cur == target || *s->cur == '\r' || *s->cur == '\n')
        return stopped(s, s->cur, H1_BAD_LINE);
    if (*s->cur != ' ')
        return stopped(s, s->cur, H1_BAD_TARGET);
    s->head.target_at = offset(s, target);
    s->head.target_len = (uint16_t)(s->cur - target);

    s->cur++;
    r = version(s);
    return r <= 0 ? r : line_end(s, H1_BAD_LINE);
}

static int status_line(struct scan *s)
{
    int r = version(s);
    if (r <= 0)
        return r;
    if (*s->cur != ' ')
        return stopped(s, s->cur, H1_BAD_LINE);
    s->cur++;

    uint16_t status = 0;
    for (int i = 0; i < 3; i++, s->cur++) {
        const unsigned char c = *s->cur;
        if (c < (i == 0 ? '1' : '0') || c > (i == 0 ? '5' : '9'))
            return stopped(s, s->cur, H1_BAD_LINE);
        status = (uint16_t)(status * 10 + (c - '0'));
    }
    s->head.status = status;

    /* The blank is required even when no reason follows; enough servers leave it out, and nothing
     * is ambiguous without it. */
    if (*s->cur == ' ') {
        const unsigned char *const reason = ++s->cur;
        s->cur = skip_value(reason, s->limit);
        s->head.reason_at = offset(s, reason);
        s->head.reason_len = (uint16_t)(s->cur - reason);
    }
    return line_end(s, H1_BAD_LINE);
}

/* One field line. 1 when it is there. */
static int field_line(struct scan *s, struct http_field *f)
{
    const unsigned char *const name = s->cur;
    const enum http_name known = skip_name(&s->cur);
    if (s->cur == name || *s->cur != ':')
        return stopped(s, s->cur, H1_BAD_FIELD);
    const uint16_t name_len = (uint16_t)(s->cur - name);

    s->cur++;
    while (*s->cur == ' ' || *s->cur == '\t')
        s->cur++;
    const unsigned char *const value = s->cur, *end = s->cur = skip_value(value, s->limit);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;

    *f = (struct http_field){
        .name_at = offset(s, name),
        .name_len = name_len,
        .value_at = offset(s, value),
        .value_len = (uint16_t)(end - value),
        .name = (uint8_t)known,
    };
    return line_end(s, H1_BAD_FIELD);
}

/* The field lines and the empty line. The bytes of the whole head, 0 or an h1_error. */
static int field_lines(struct scan *s)
{
    while (*s->cur != '\r') {
        if (s->head.n_fields == HTTP_FIELDS_MAX)
            return stopped(s, s->cur, H1_TOO_MANY_FIELDS);
        const int r = field_line(s, &s->head.field[s->head.n_fields]);
        if (r <= 0)
            return r;
        s->head.n_fields++;
    }
    const int r = line_end(s, H1_BAD_FIELD);
    if (r <= 0)
        return r;
    if (s->cur - s->at > (ptrdiff_t)HTTP_HEAD_BYTES_MAX)
        return H1_TOO_LARGE;
    return (int)(s->cur - s->at);
}

/* Not the whole struct: its unused fields, most of a kilobyte, are never initialised. */
static void scan_init(struct scan *s, const char *at, size_t len)
{
    memset(&s->head, 0, offsetof(struct http_head, field));
    s->at = s->cur = (const unsigned char *)at;
    s->limit = s->at + len;
    s->head.base = at;
}

static int scan_finish(const struct scan *s, int used, struct http_head *out)
{
    if (used > 0) {
        memcpy(out, &s->head, offsetof(struct http_head, field[s->head.n_fields]));
        out->bytes = (uint16_t)used;
    }
    return used;
}

int h1_request_parse(struct http_head *out, const char *at, size_t len)
{
    struct scan s;
    ASSERT(at[len] == '\0');
    scan_init(&s, at, len);
    const int r = request_line(&s);
    return r <= 0 ? r : scan_finish(&s, field_lines(&s), out);
}

int h1_response_parse(struct http_head *out, const char *at, size_t len)
{
    struct scan s;
    ASSERT(at[len] == '\0');
    scan_init(&s, at, len);
    const int r = status_line(&s);
    return r <= 0 ? r : scan_finish(&s, field_lines(&s), out);
}

/* RFC 9110 6.5.1 and the definitions of the fields: what steers routing, framing, caching, access or
 * the reading of the content comes before it or not at all. The known names are all of that kind. */
static bool may_trail(const struct http_head *h, const struct http_field *f)
{
    static const struct slice never[] = {
        SLICE_INIT("set-cookie"),       SLICE_INIT("www-authenticate"),
        SLICE_INIT("cache-control"),    SLICE_INIT("content-encoding"),
        SLICE_INIT("content-type"),     SLICE_INIT("content-range"),
        SLICE_INIT("content-location"), SLICE_INIT("max-forwards"),
        SLICE_INIT("range"),            SLICE_INIT("age"),
        SLICE_INIT("expires"),          SLICE_INIT("location"),
        SLICE_INIT("retry-after"),      SLICE_INIT("vary"),
        SLICE_INIT("pragma"),           SLICE_INIT("x-real-ip"),
    };
    const struct slice name = http_field_name(h, f);
    if (f->name != HTTP_OTHER || (name.len > 3 && slice_eq_nocase((struct slice){name.at, 3}, SLICE("if-"))))
        return false;
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (slice_eq_nocase(name, never[i]))
            return false;
    return true;
}

int h1_trailer_parse(struct http_head *out, const char *at, size_t len)
{
    /* A whole section stops the scan by itself, an empty line being the last of it. */
    const struct slice section = {at, len};
    ASSERT(slice_eq(section, SLICE("\r\n")) || slice_ends(section, SLICE("\r\n\r\n")) ||
           at[len] == '\0');
    struct scan s;
    scan_init(&s, at, len);
    const int used = scan_finish(&s, field_lines(&s), out);
    if (used == H1_BAD_FIELD)
        return H1_BAD_TRAILER;
    for (uint16_t i = 0; used > 0 && i < out->n_fields; i++)
        out->field[i].dropped = !may_trail(out, &out->field[i]);
    return used;
}

bool h1_head_is_due(const char *at, size_t len, size_t parsed)
{
    ASSERT(parsed <= len);
    if (len >= 2 * parsed || len >= HTTP_HEAD_BYTES_MAX)
        return true;
    const size_t from = parsed < 3 ? 0 : parsed - 3;
    return memmem(at + from, len - from, "\r\n\r\n", 4) != NULL;
}

uint16_t h1_error_status(enum h1_error error)
{
    switch (error) {
    case H1_BAD_LINE:
    case H1_BAD_FIELD:
    case H1_BAD_FRAMING:
    case H1_BAD_HOST:
    case H1_BAD_CHUNK:
    case H1_BAD_TRAILER:
    case H1_BAD_TARGET: return 400;
    case H1_TOO_MANY_FIELDS:
    case H1_TOO_LARGE: return 431;
    case H1_NOT_IMPLEMENTED: return 501;
    case H1_BAD_VERSION: return 505;
    }
    ASSERT(!"an h1_error");
    return 400;
}

const char *h1_error_text(enum h1_error error)
{
    switch (error) {
    case H1_BAD_LINE: return "request or status line is malformed";
    case H1_BAD_VERSION: return "HTTP version is not supported";
    case H1_BAD_FIELD: return "header field is malformed";
    case H1_TOO_MANY_FIELDS: return "too many header fields";
    case H1_TOO_LARGE: return "head is too large";
    case H1_BAD_FRAMING: return "message length is ambiguous or malformed";
    case H1_BAD_HOST: return "Host is missing, repeated or malformed";
    case H1_BAD_CHUNK: return "chunked body is malformed";
    case H1_BAD_TRAILER: return "trailer section is malformed or too large";
    case H1_NOT_IMPLEMENTED: return "method or transfer coding is not implemented";
    case H1_BAD_TARGET: return "request target is malformed";
    }
    ASSERT(!"an h1_error");
    return "";
}
