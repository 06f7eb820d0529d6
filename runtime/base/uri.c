#include "runtime/base/uri.h"

#include "runtime/base/address.h"
#include "runtime/base/number.h"

const char *uri_result_text(enum uri_result result)
{
    switch (result) {
    case URI_OK: return "is well-formed";
    case URI_NOT_ABSOLUTE: return "does not begin with a slash";
    case URI_BAD_BYTE: return "has a byte that must be escaped";
    case URI_BAD_ESCAPE: return "has a '%' without two hexadecimal digits";
    case URI_FORBIDDEN_ESCAPE: return "has an escaped slash, backslash or control character";
    case URI_BAD_HOST: return "is not a host name or an address";
    case URI_BAD_PORT: return "has a port that is not 1 to 65535";
    }
    return "is wrong in an unknown way";
}

int uri_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_alphanumeric(char c)
{
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 3986 2.3 */
static bool is_unreserved(char c)
{
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* May it stand in a target as it is? More than RFC 3986 allows ('|', '[' and the like are sent by
 * browsers), but nothing that could end the line or be read as another slash. */
static bool is_target_byte(char c)
{
    return c > 0x20 && c < 0x7f && c != '#' && c != '\\';
}

/* Decodes what is unreserved and writes the other escapes in upper case. */
static enum uri_result normalise_escapes(struct slice raw, unsigned rules, char *out, size_t *len)
{
    static const char HEX[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.at[i] != '%') {
            if (!is_target_byte(raw.at[i]) || raw.at[i] == '?')
                return URI_BAD_BYTE;
            out[n++] = raw.at[i];
            continue;
        }
        const int high = i + 2 < raw.len ? uri_hex_value(raw.at[i + 1]) : -1;
        const int low = i + 2 < raw.len ? uri_hex_value(raw.at[i + 2]) : -1;
        if (high < 0 || low < 0)
            return URI_BAD_ESCAPE;
        const int byte = high * 16 + low;
        const bool slash = byte == '/' && !(rules & URI_ALLOW_ENCODED_SLASH);
        if (byte < 0x20 || byte == 0x7f || slash || byte == '\\')
            return URI_FORBIDDEN_ESCAPE;
        if (byte < 0x7f && is_unreserved((char)byte)) {
            out[n++] = (char)byte;
        } else {
            out[n++] = '%';
            out[n++] = HEX[high];
            out[n++] = HEX[low];
        }
        i += 2;
    }
    *len = n;
    return URI_OK;
}

/* Merges empty segments, unless they are kept, and removes dot segments, in place. The path begins
 * with a slash. */
static size_t remove_dots(char *path, size_t len, bool keep_empty)
{
    size_t n = 0; /* what is kept so far: "" or "/a/b", never with a final slash */
    bool slash = true;
    for (size_t at = 1; at <= len;) {
        const char *end = memchr(path + at, '/', len - at);
        const struct slice segment = {path + at, end ? (size_t)(end - path) - at : len - at};
        at += segment.len + 1;
        slash = end != NULL; /* unless a name comes last, the path ends in a slash */

        const bool kept =
            keep_empty && n > 0 && end; /* none in front, and none for the last slash */
        if ((segment.len == 0 && !kept) || slice_eq(segment, SLICE("."))) {
            slash = true;
        } else if (slice_eq(segment, SLICE(".."))) {
            while (n > 0 && path[--n] != '/')
                continue;
            slash = true;
        } else {
            path[n] = '/';
            memmove(path + n + 1, segment.at, segment.len);
            n += segment.len + 1;
        }
    }
    if (slash)
        path[n++] = '/';
    return n;
}

enum uri_result uri_normalise_path(struct slice raw, unsigned rules, char *out, size_t *len)
{
    if (raw.len == 0 || raw.at[0] != '/')
        return URI_NOT_ABSOLUTE;
    size_t n;
    const enum uri_result result = normalise_escapes(raw, rules, out, &n);
    if (result == URI_OK)
        *len = remove_dots(out, n, rules & URI_KEEP_EMPTY_SEGMENTS);
    return result;
}

enum uri_result uri_check_query(struct slice query)
{
    for (size_t i = 0; i < query.len; i++)
        if (!is_target_byte(query.at[i]))
            return URI_BAD_BYTE;
    return URI_OK;
}

static bool is_scheme_byte(char c)
{
    return is_alphanumeric(c) || c == '+' || c == '-' || c == '.';
}

/* Takes "scheme://authority" off the front; what is left begins with the path. */
static bool split_absolute(struct slice *rest, struct uri_target *out)
{
    size_t n = 0;
    while (n < rest->len && is_scheme_byte(rest->at[n]))
        n++;
    if (n == 0 || !slice_starts(slice_from(*rest, n), SLICE("://")))
        return false;
    out->scheme = (struct slice){rest->at, n};

    *rest = slice_from(*rest, n + 3);
    n = 0;
    while (n < rest->len && rest->at[n] != '/' && rest->at[n] != '?')
        n++;
    out->authority = (struct slice){rest->at, n};
    *rest = slice_from(*rest, n);
    return true;
}

enum uri_result uri_split_target(struct slice target, struct uri_target *out)
{
    struct uri_target t = {.scheme = SLICE_INIT(""), .authority = SLICE_INIT("")};
    struct slice rest = target;
    if (rest.len == 0 || (rest.at[0] != '/' && !split_absolute(&rest, &t)))
        return URI_NOT_ABSOLUTE;

    t.path = rest;
    const char *mark = rest.len > 0 ? memchr(rest.at, '?', rest.len) : NULL;
    if (mark) {
        t.path.len = (size_t)(mark - rest.at);
        t.query = slice_from(rest, t.path.len + 1);
    }
    if (t.path.len == 0)
        t.path = SLICE("/");
    *out = t;
    return URI_OK;
}

/* Where the port's colon is, or where it would be. An IPv6 address has colons inside its brackets.
 */
static size_t host_bytes(struct slice authority)
{
    size_t n = 0;
    if (authority.len > 0 && authority.at[0] == '[')
        while (n < authority.len && authority.at[n] != ']')
            n++;
    while (n < authority.len && authority.at[n] != ':')
        n++;
    return n;
}

static bool is_host_byte(char c)
{
    return is_alphanumeric(c) || c == '-' || c == '_';
}

static bool host_is_valid(struct slice host)
{
    struct address a;
    if (host.len >= 2 && host.at[0] == '[')
        return host.at[host.len - 1] == ']' && memchr(host.at, ':', host.len) &&
               address_parse((struct slice){host.at + 1, host.len - 2}, &a);

    if (host.len == 0 || host.len > URI_HOST_BYTES_MAX)
        return false;
    char before = '.';
    for (size_t i = 0; i < host.len; before = host.at[i++])
        if (host.at[i] == '.' ? before == '.' : !is_host_byte(host.at[i]))
            return false;
    return before != '.';
}

enum uri_result uri_normalise_host(struct slice authority, bool empty_allowed, char *out,
                                   size_t *len, uint16_t *port)
{
    struct slice host = {authority.at, host_bytes(authority)};
    uint64_t number = 0;
    if (host.len + 1 < authority.len) { /* "host:" has no port, as RFC 3986 3.2.3 allows */
        if (!number_parse(slice_from(authority, host.len + 1), UINT16_MAX, &number) || number == 0)
            return URI_BAD_PORT;
    }
    if (host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    if (!(authority.len == 0 && empty_allowed) && !host_is_valid(host))
        return URI_BAD_HOST;

    for (size_t i = 0; i < host.len; i++)
        out[i] = ascii_lower(host.at[i]);
    *len = host.len;
    *port = (uint16_t)number;
    return URI_OK;
}
