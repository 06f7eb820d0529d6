#include "runtime/net/proxy_header.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/number.h"

static const char V2_SIGNATURE[12] = "\r\n\r\n\0\r\nQUIT\n";
static const struct slice V1_SIGNATURE = SLICE_INIT("PROXY ");

#define V2_FIXED_BYTES 16u
#define V2_UNIX_BYTES  216u

/* Version 2: command, and family with protocol. */
enum { LOCAL = 0x20, PROXY = 0x21 };
enum { UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };

/* --- version 1 ------------------------------------------------------------------------------- */

/* Up to the next space or the end; *rest begins behind it. Empty when nothing is there. */
static struct slice word(struct slice *rest)
{
    const char *space = memchr(rest->at, ' ', rest->len);
    const struct slice w = {rest->at, space ? (size_t)(space - rest->at) : rest->len};
    *rest = slice_from(*rest, space ? w.len + 1 : w.len);
    return w;
}

static bool read_port(struct slice s, uint16_t *out)
{
    uint64_t n;
    if (s.len == 0 || (s.len > 1 && s.at[0] == '0') || !number_parse(s, UINT16_MAX, &n))
        return false;
    *out = (uint16_t)n;
    return true;
}

static bool read_address(struct slice s, bool v4, struct address *out)
{
    const bool looks_v4 = !memchr(s.at, ':', s.len);
    return s.len > 0 && looks_v4 == v4 && address_parse(s, out);
}

/* What stands between "PROXY " and the line's end. */
static bool read_line(struct slice rest, struct proxy_header *out)
{
    const struct slice family = word(&rest);
    if (slice_eq(family, SLICE("UNKNOWN")))
        return true; /* what follows it is to be ignored */
    const bool v4 = slice_eq(family, SLICE("TCP4"));
    if (!v4 && !slice_eq(family, SLICE("TCP6")))
        return false;
    struct proxy_header h = {.named = true};
    const struct slice src = word(&rest), dst = word(&rest), from = word(&rest);
    if (!read_address(src, v4, &h.src.address) || !read_address(dst, v4, &h.dst.address) ||
        !read_port(from, &h.src.port) || !read_port(rest, &h.dst.port))
        return false;
    *out = h;
    return true;
}

static int read_v1(struct slice got, struct proxy_header *out)
{
    const size_t room = got.len < PROXY_V1_BYTES_MAX ? got.len : PROXY_V1_BYTES_MAX;
    const char *end = memchr(got.at, '\n', room);
    if (!end)
        return got.len < PROXY_V1_BYTES_MAX ? 0 : PROXY_BAD;
    const size_t len = (size_t)(end - got.at);
    if (len <= V1_SIGNATURE.len || got.at[len - 1] != '\r')
        return PROXY_BAD;
    const struct slice line = {got.at + V1_SIGNATURE.len, len - 1 - V1_SIGNATURE.len};
    return read_line(line, out) ? (int)len + 1 : PROXY_BAD;
}

/* --- version 2 ------------------------------------------------------------------------------- */

static uint16_t number_at(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint16_t)(b[0] << 8 | b[1]);
}

/* Type, length, value, one after the other, with nothing left over. */
static bool tlvs_fit(struct slice s)
{
    while (s.len >= 3) {
        const size_t len = number_at(s.at + 1);
        if (len > s.len - 3)
            return false;
        s = slice_from(s, 3 + len);
    }
    return s.len == 0;
}

static struct address address_at(const char *at, size_t bytes)
{
    struct address a = {.byte = {[10] = 0xff, [11] = 0xff}};
    memcpy(a.byte + sizeof(a.byte) - bytes, at, bytes);
    return a;
}

/* The addresses in front of the TLVs. Returns their length, or PROXY_BAD. */
static int read_addresses(uint8_t family, struct slice s, struct proxy_header *out)
{
    const size_t bytes = family == TCP4 ? 4 : 16;
    out->named = true;
    if (family == UNIX_STREAM)
        return s.len >= V2_UNIX_BYTES ? (int)V2_UNIX_BYTES : PROXY_BAD;
    if ((family != TCP4 && family != TCP6) || s.len < 2 * bytes + 4)
        return PROXY_BAD;
    out->src.address = address_at(s.at, bytes);
    out->dst.address = address_at(s.at + bytes, bytes);
    out->src.port = number_at(s.at + 2 * bytes);
    out->dst.port = number_at(s.at + 2 * bytes + 2);
    return (int)(2 * bytes + 4);
}

static int read_v2(struct slice got, struct proxy_header *out)
{
    const uint8_t command = got.len > 12 ? (uint8_t)got.at[12] : PROXY;
    if (command != LOCAL && command != PROXY)
        return PROXY_BAD;
    if (got.len < V2_FIXED_BYTES)
        return 0;
    const uint8_t family = (uint8_t)got.at[13];
    const size_t len = number_at(got.at + 14);
    if (len > PROXY_HEADER_BYTES_MAX - V2_FIXED_BYTES)
        return PROXY_BAD;
    if (got.len < V2_FIXED_BYTES + len)
        return 0;

    const int used = (int)(V2_FIXED_BYTES + len);
    struct proxy_header h = {0};
    if (command == PROXY && family != UNSPEC) {
        const struct slice rest = {got.at + V2_FIXED_BYTES, len};
        const int addresses = read_addresses(family, rest, &h);
        if (addresses < 0 || !tlvs_fit(slice_from(rest, (size_t)addresses)))
            return PROXY_BAD;
    }
    *out = h;
    return used;
}

/* --- both ------------------------------------------------------------------------------------ */

static bool begins_like(struct slice got, struct slice signature)
{
    const size_t n = got.len < signature.len ? got.len : signature.len;
    return memcmp(got.at, signature.at, n) == 0;
}

int proxy_header_read(struct slice got, struct proxy_header *out)
{
    const struct slice v2 = {V2_SIGNATURE, sizeof(V2_SIGNATURE)};
    if (got.len == 0)
        return 0;
    const bool is_v2 = begins_like(got, v2);
    if (!is_v2 && !begins_like(got, V1_SIGNATURE))
        return PROXY_BAD;
    if (got.len < (is_v2 ? v2.len : V1_SIGNATURE.len))
        return 0;
    *out = (struct proxy_header){0};
    return is_v2 ? read_v2(got, out) : read_v1(got, out);
}

static bool has_address(const struct endpoint *e)
{
    return e->path[0] == '\0' && e->port != 0;
}

static size_t write_v1(const struct endpoint *src, const struct endpoint *dst, bool v4, char *out)
{
    if (!src)
        return (size_t)snprintf(out, PROXY_WRITTEN_BYTES_MAX, "PROXY UNKNOWN\r\n");
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    const int from_len = (int)address_format(&src->address, from);
    const int to_len = (int)address_format(&dst->address, to);
    /* Where the families differ, both are written as IPv6 has them. */
    const char *from_prefix = !v4 && address_is_v4(&src->address) ? "::ffff:" : "";
    const char *to_prefix = !v4 && address_is_v4(&dst->address) ? "::ffff:" : "";
    char line[PROXY_WRITTEN_BYTES_MAX + 1];
    const int n =
        snprintf(line, sizeof(line), "PROXY TCP%d %s%.*s %s%.*s %u %u\r\n", v4 ? 4 : 6, from_prefix,
                 from_len, from, to_prefix, to_len, to, src->port, dst->port);
    ASSERT(n > 0 && n <= (int)PROXY_WRITTEN_BYTES_MAX);
    memcpy(out, line, (size_t)n);
    return (size_t)n;
}

static char *put_port(char *at, uint16_t port)
{
    *at++ = (char)(port >> 8);
    *at++ = (char)(port & 0xff);
    return at;
}

static size_t write_v2(const struct endpoint *src, const struct endpoint *dst, bool v4, bool local,
                       char *out)
{
    const size_t bytes = v4 ? 4 : 16, skip = 16 - bytes;
    const size_t len = src ? 2 * bytes + 4 : 0;
    memcpy(out, V2_SIGNATURE, sizeof(V2_SIGNATURE));
    out[12] = local ? LOCAL : PROXY;
    out[13] = !src ? UNSPEC : v4 ? TCP4 : TCP6;
    put_port(out + 14, (uint16_t)len);
    if (!src)
        return V2_FIXED_BYTES;
    memcpy(out + V2_FIXED_BYTES, src->address.byte + skip, bytes);
    memcpy(out + V2_FIXED_BYTES + bytes, dst->address.byte + skip, bytes);
    put_port(put_port(out + V2_FIXED_BYTES + 2 * bytes, src->port), dst->port);
    return V2_FIXED_BYTES + len;
}

size_t proxy_header_write(enum proxy_version version, const struct endpoint *src,
                          const struct endpoint *dst, char out[PROXY_WRITTEN_BYTES_MAX])
{
    ASSERT(version == PROXY_V1 || version == PROXY_V2);
    const bool local = src == NULL;
    if (src && (!has_address(src) || !has_address(dst)))
        src = NULL;
    const bool v4 = src && address_is_v4(&src->address) && address_is_v4(&dst->address);
    return version == PROXY_V1 ? write_v1(src, dst, v4, out) : write_v2(src, dst, v4, local, out);
}
