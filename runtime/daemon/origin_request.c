#include "runtime/daemon/origin_request.h"

#include "runtime/base/number.h"

static bool parse_request_line(struct slice line, struct origin_request *r)
{
    struct slice target, version = line;
    if (!slice_split(&version, ' ', &r->method) || !slice_split(&version, ' ', &target))
        return false;
    if (r->method.len == 0 || target.len == 0)
        return false;
    if (slice_eq(version, SLICE("HTTP/1.0")))
        r->is_http_1_0 = true;
    else if (!slice_eq(version, SLICE("HTTP/1.1")))
        return false;

    if (slice_starts(target, SLICE("http://"))) { /* absolute form, RFC 9112 section 3.2.2 */
        target = slice_from(target, 7);
        const char *slash = memchr(target.at, '/', target.len);
        target = slash ? slice_from(target, (size_t)(slash - target.at)) : SLICE("/");
    }
    const char *query = memchr(target.at, '?', target.len);
    r->path = (struct slice){target.at, query ? (size_t)(query - target.at) : target.len};
    return true;
}

static bool has_token(struct slice list, struct slice token)
{
    for (struct slice part; slice_split(&list, ',', &part);)
        if (slice_eq_nocase(slice_trim(part), token))
            return true;
    return false;
}

static bool parse_header(struct slice line, struct origin_request *r)
{
    const char *colon = memchr(line.at, ':', line.len);
    if (!colon || colon == line.at)
        return false;
    const struct slice name = {line.at, (size_t)(colon - line.at)};
    const struct slice value = slice_trim(slice_from(line, name.len + 1));

    if (slice_eq_nocase(name, SLICE("content-length"))) {
        if (r->has_framing || !number_parse(value, UINT64_MAX, &r->content_length))
            return false;
        r->has_framing = true;
        r->body_kind = r->content_length ? ORIGIN_BODY_LENGTH : ORIGIN_BODY_NONE;
    } else if (slice_eq_nocase(name, SLICE("transfer-encoding"))) {
        if (r->has_framing || !slice_eq_nocase(value, SLICE("chunked")))
            return false;
        r->has_framing = true;
        r->body_kind = ORIGIN_BODY_CHUNKED;
    } else if (slice_eq_nocase(name, SLICE("connection"))) {
        if (has_token(value, SLICE("close")))
            r->keeps_alive = false;
        else if (has_token(value, SLICE("keep-alive")))
            r->keeps_alive = true;
    } else if (slice_eq_nocase(name, SLICE("expect"))) {
        r->expects_continue = slice_eq_nocase(value, SLICE("100-continue"));
    } else if (slice_eq_nocase(name, SLICE("upgrade"))) {
        r->upgrade = value;
    }
    return true;
}

/* The next line of *rest, without its CR LF; false when it has no CR LF. */
static bool take_line(struct slice *rest, struct slice *line)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    if (!end || end == rest->at || end[-1] != '\r')
        return false;
    *line = (struct slice){rest->at, (size_t)(end - rest->at) - 1};
    *rest = slice_from(*rest, line->len + 2);
    return true;
}

int origin_request_parse(struct slice input, struct origin_request *out)
{
    const char *end = memmem(input.at, input.len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    struct origin_request r = {.head = {input.at, (size_t)(end - input.at) + 4}};
    struct slice rest = r.head, line;
    if (!take_line(&rest, &line) || !parse_request_line(line, &r))
        return ORIGIN_HEAD_BAD;
    r.keeps_alive = !r.is_http_1_0;
    for (;;) {
        if (!take_line(&rest, &line))
            return ORIGIN_HEAD_BAD;
        if (line.len == 0)
            break;
        if (!parse_header(line, &r))
            return ORIGIN_HEAD_BAD;
    }
    *out = r;
    return (int)r.head.len;
}

void origin_body_init(struct origin_body *b, const struct origin_request *request,
                      struct text *keep)
{
    *b = (struct origin_body){.keep = keep};
    switch (request->body_kind) {
    case ORIGIN_BODY_NONE: b->state = ORIGIN_BODY_DONE; break;
    case ORIGIN_BODY_LENGTH:
        b->state = ORIGIN_BODY_DATA;
        b->left = request->content_length;
        break;
    case ORIGIN_BODY_CHUNKED:
        b->state = ORIGIN_BODY_SIZE;
        b->is_chunked = true;
        break;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a line with a chunk size: digits, then perhaps extensions, then CR LF. */
static enum origin_body_state feed_size(struct origin_body *b, char c)
{
    const int digit = b->in_extension ? -1 : hex_digit(c);
    if (digit >= 0) {
        if (b->left > UINT64_MAX >> 8)
            return ORIGIN_BODY_BAD;
        b->left = b->left << 4 | (uint64_t)digit;
        b->has_digit = true;
        return ORIGIN_BODY_SIZE;
    }
    if (!b->has_digit)
        return ORIGIN_BODY_BAD;
    if (c != '\n') {
        b->in_extension = true;
        return ORIGIN_BODY_SIZE;
    }
    b->has_digit = b->in_extension = false;
    return b->left ? ORIGIN_BODY_DATA : ORIGIN_BODY_TRAILER;
}

/* One byte of the trailers, which an empty line ends. */
static enum origin_body_state feed_trailer(struct origin_body *b, char c)
{
    if (c == '\n') {
        if (b->line_len == 0)
            return ORIGIN_BODY_DONE;
        b->line_len = 0;
    } else if (c != '\r') {
        b->line_len++;
    } else {
        return ORIGIN_BODY_TRAILER;
    }
    if (b->keep)
        text_addc(b->keep, c);
    return ORIGIN_BODY_TRAILER;
}

static size_t feed_data(struct origin_body *b, struct slice input)
{
    const size_t n = input.len < b->left ? input.len : (size_t)b->left;
    if (b->keep)
        text_add(b->keep, (struct slice){input.at, n});
    b->left -= n;
    if (b->left == 0)
        b->state = b->is_chunked ? ORIGIN_BODY_DATA_END : ORIGIN_BODY_DONE;
    return n;
}

size_t origin_body_feed(struct origin_body *b, struct slice input)
{
    size_t used = 0;
    while (used < input.len) {
        const char c = input.at[used];
        switch (b->state) {
        case ORIGIN_BODY_SIZE:
            b->state = feed_size(b, c);
            used++;
            break;
        case ORIGIN_BODY_DATA: used += feed_data(b, slice_from(input, used)); break;
        case ORIGIN_BODY_DATA_END:
            if (c == '\n')
                b->state = ORIGIN_BODY_SIZE;
            else if (c != '\r')
                b->state = ORIGIN_BODY_BAD;
            used++;
            break;
        case ORIGIN_BODY_TRAILER:
            b->state = feed_trailer(b, c);
            used++;
            break;
        case ORIGIN_BODY_DONE:
        case ORIGIN_BODY_BAD: return used;
        }
    }
    return used;
}
