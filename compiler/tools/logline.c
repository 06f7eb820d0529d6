#include "compiler/tools/logline.h"

#include <stddef.h>

#include "runtime/base/number.h"
#include "runtime/base/uri.h"

struct reader {
    const char *at, *end;
    char *scratch; /* where strings with escapes are decoded */
};

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* --- JSON (RFC 8259), as flat as our log is -----------------------------------------------------
 */

static bool read_hex(struct reader *r, unsigned *out)
{
    unsigned value = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        const int digit = uri_hex_value(*r->at++);
        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *out = value;
    return true;
}

/* A code unit as UTF-8; surrogates stay apart, for what they could matter to. Never longer than the
 * escape was. */
static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c >= 0x800) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xc0 | c >> 6);
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

static bool read_escape(struct reader *r, char **to)
{
    static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return false;
    const char c = *r->at++;
    unsigned unit;
    if (c == 'u') {
        if (!read_hex(r, &unit))
            return false;
        *to = put_utf8(*to, unit);
        return true;
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return false;
    *(*to)++ = means[found - from];
    return true;
}

/* The rest of a string that has escapes; `begin` is where it began. */
static bool read_escaped(struct reader *r, const char *begin, struct slice *out)
{
    char *const first = r->scratch;
    char *to = first + (r->at - begin);
    memcpy(first, begin, (size_t)(r->at - begin));
    while (r->at < r->end) {
        const char c = *r->at++;
        if (c == '"') {
            *out = (struct slice){first, (size_t)(to - first)};
            r->scratch = to;
            return true;
        }
        if (c != '\\')
            *to++ = c;
        else if (!read_escape(r, &to))
            return false;
    }
    return false;
}

static bool read_string(struct reader *r, struct slice *out)
{
    if (!take(r, '"'))
        return false;
    const char *begin = r->at;
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\\')
            return read_escaped(r, begin, out);
        if (*r->at == '"') {
            *out = (struct slice){begin, (size_t)(r->at++ - begin)};
            return true;
        }
    }
    return false;
}

/* A number, true, false or null, as it is written. */
static bool read_word(struct reader *r, struct slice *out)
{
    const char *begin = r->at;
    while (r->at < r->end && !strchr(",]} \t\r", *r->at))
        r->at++;
    *out = (struct slice){begin, (size_t)(r->at - begin)};
    return out->len > 0;
}

/* Does the array name one of what makes up a request? */
static bool read_cuts(struct reader *r, bool *cut)
{
    struct slice name;
    if (!take(r, '['))
        return false;
    do {
        if (!read_string(r, &name))
            return false;
        *cut = *cut || slice_eq(name, SLICE("method")) || slice_eq(name, SLICE("host")) ||
               slice_eq(name, SLICE("uri")) || slice_eq(name, SLICE("listener"));
    } while (take(r, ','));
    return take(r, ']');
}

static const struct {
    struct slice name;
    size_t offset;
} texts[] = {
    {SLICE_INIT("method"), offsetof(struct logline, method)},
    {SLICE_INIT("scheme"), offsetof(struct logline, scheme)},
    {SLICE_INIT("host"), offsetof(struct logline, host)},
    {SLICE_INIT("uri"), offsetof(struct logline, target)},
    {SLICE_INIT("listener"), offsetof(struct logline, listener)},
    {SLICE_INIT("clause"), offsetof(struct logline, clause)},
    {SLICE_INIT("cluster"), offsetof(struct logline, cluster)},
};

static bool set_text(struct logline *out, struct slice key, struct slice value)
{
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (slice_eq(key, texts[i].name)) {
            memcpy((char *)out + texts[i].offset, &value, sizeof(value));
            return true;
        }
    }
    if (slice_eq(key, SLICE("client")))
        return address_parse(value, &out->client);
    if (slice_eq(key, SLICE("end")))
        out->answered = slice_eq(value, SLICE("answered"));
    return true; /* one that decisions do not go by */
}

static bool read_member(struct reader *r, struct logline *out)
{
    struct slice key, value;
    uint64_t status;
    if (!read_string(r, &key) || !take(r, ':'))
        return false;
    skip_blanks(r);
    if (r->at == r->end)
        return false;
    if (*r->at == '"')
        return read_string(r, &value) && set_text(out, key, value);
    if (slice_eq(key, SLICE("cut")))
        return read_cuts(r, &out->cut);
    if (!read_word(r, &value))
        return false;
    if (!slice_eq(key, SLICE("status")))
        return true;
    if (!number_parse(value, 999, &status))
        return false;
    out->status = (uint16_t)status;
    return true;
}

static enum logline_kind own(struct reader *r, struct logline *out)
{
    if (!take(r, '}')) {
        do {
            if (!read_member(r, out))
                return LOGLINE_UNREADABLE;
        } while (take(r, ','));
        if (!take(r, '}'))
            return LOGLINE_UNREADABLE;
    }
    skip_blanks(r);
    if (r->at != r->end)
        return LOGLINE_UNREADABLE;
    return out->method.len > 0 && out->target.len > 0 ? LOGLINE_OWN : LOGLINE_NOTHING;
}

/* --- Common and Combined Log Format -------------------------------------------------------------
 */

static bool read_plain(struct reader *r, struct slice *out)
{
    skip_blanks(r);
    const char *begin = r->at;
    while (r->at < r->end && *r->at != ' ')
        r->at++;
    *out = (struct slice){begin, (size_t)(r->at - begin)};
    return out->len > 0;
}

/* "…", in which servers escape quotes and odd bytes as \" and \xHH. */
static bool read_quoted(struct reader *r, struct slice *out)
{
    if (!take(r, '"'))
        return false;
    char *const first = r->scratch, *to = first;
    while (r->at < r->end) {
        const char c = *r->at++;
        if (c == '"') {
            *out = (struct slice){first, (size_t)(to - first)};
            r->scratch = to;
            return true;
        }
        if (c != '\\' || r->at == r->end) {
            *to++ = c;
        } else if (*r->at == 'x' && r->end - r->at >= 3 && uri_hex_value(r->at[1]) >= 0 &&
                   uri_hex_value(r->at[2]) >= 0) {
            *to++ = (char)(uri_hex_value(r->at[1]) << 4 | uri_hex_value(r->at[2]));
            r->at += 3;
        } else {
            *to++ = *r->at++;
        }
    }
    return false;
}

/* "GET /a HTTP/1.1"; what is no request ("-", the first bytes of a TLS handshake) is not one. */
static bool split_request(struct slice request, struct logline *out)
{
    struct slice version;
    if (!slice_split(&request, ' ', &out->method) || !slice_split(&request, ' ', &out->target) ||
        !slice_split(&request, ' ', &version))
        return false;
    return slice_starts(version, SLICE("HTTP/")) && request.len == 0 && out->method.len > 0 &&
           out->target.len > 0;
}

static struct slice none_if_dash(struct slice s)
{
    return slice_eq(s, SLICE("-")) ? SLICE_NONE : s;
}

/* client identity user [time] "request" status bytes, perhaps "referer" "agent" and more; Apache
 * may put the virtual host in front. */
static enum logline_kind common(struct reader *r, struct logline *out)
{
    struct slice client, word, request, status, bytes;
    uint64_t code;
    if (!read_plain(r, &client))
        return LOGLINE_UNREADABLE;
    if (!address_parse(client, &out->client)) {
        out->host = client;
        if (!read_plain(r, &client) || !address_parse(client, &out->client))
            return LOGLINE_UNREADABLE;
    }
    if (!read_plain(r, &word))
        return LOGLINE_UNREADABLE;
    const char *time = memchr(r->at, '[', (size_t)(r->end - r->at)); /* users may have blanks */
    const char *behind = time ? memchr(time, ']', (size_t)(r->end - time)) : NULL;
    if (!behind)
        return LOGLINE_UNREADABLE;
    r->at = behind + 1;
    if (!read_quoted(r, &request) || !read_plain(r, &status) || !read_plain(r, &bytes) ||
        !number_parse(status, 999, &code))
        return LOGLINE_UNREADABLE;
    out->status = (uint16_t)code;
    out->has_headers = read_quoted(r, &out->referer) && read_quoted(r, &out->agent);
    out->referer = none_if_dash(out->referer);
    out->agent = none_if_dash(out->agent);
    return split_request(request, out) ? LOGLINE_COMMON : LOGLINE_NOTHING;
}

enum logline_kind logline_parse(struct slice line, char *scratch, struct logline *out)
{
    struct reader r = {line.at, line.at + line.len, scratch};
    *out = (struct logline){0};
    skip_blanks(&r);
    if (r.at == r.end)
        return LOGLINE_NOTHING;
    return take(&r, '{') ? own(&r, out) : common(&r, out);
}
