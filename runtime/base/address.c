#include "runtime/base/address.h"

#include <arpa/inet.h>

#include "runtime/base/number.h"

static const uint8_t V4_MAPPED[12] = {[10] = 0xff, [11] = 0xff};

bool address_is_v4(const struct address *a)
{
    return memcmp(a->byte, V4_MAPPED, sizeof(V4_MAPPED)) == 0;
}

bool address_parse(struct slice s, struct address *out)
{
    char text[ADDRESS_TEXT_MAX];
    if (s.len == 0 || s.len >= sizeof(text) || memchr(s.at, '\0', s.len))
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';

    struct address a = {0};
    if (inet_pton(AF_INET, text, a.byte + 12) == 1)
        memcpy(a.byte, V4_MAPPED, sizeof(V4_MAPPED));
    else if (inet_pton(AF_INET6, text, a.byte) != 1)
        return false;
    *out = a;
    return true;
}

bool address_is_none(const struct address *a)
{
    static const struct address none;
    return address_compare(a, &none) == 0;
}

bool address_is_loopback(const struct address *a)
{
    static const struct address V6 = {.byte = {[15] = 1}};
    return address_is_v4(a) ? a->byte[12] == 127 : address_compare(a, &V6) == 0;
}

bool network_parse(struct slice s, struct network *out)
{
    struct slice rest = s, before;
    struct network n = {.bits = 128};
    if (!slice_split(&rest, '/', &before) || !address_parse(before, &n.first))
        return false;
    if (before.len < s.len) {
        const bool v4 = memchr(before.at, ':', before.len) == NULL;
        uint64_t bits;
        if (!number_parse(rest, v4 ? 32 : 128, &bits))
            return false;
        n.bits = (uint8_t)(bits + (v4 ? 96 : 0));
    }
    *out = n;
    return true;
}

/* The bits of byte `i` that belong to the network. */
static uint8_t mask(const struct network *n, size_t i)
{
    const size_t before = i * 8;
    if (n->bits >= before + 8)
        return 0xff;
    if (n->bits <= before)
        return 0;
    return (uint8_t)(0xff << (before + 8 - n->bits));
}

struct network network_canonical(const struct network *n)
{
    struct network c = *n;
    for (size_t i = 0; i < sizeof(c.first.byte); i++)
        c.first.byte[i] = c.first.byte[i] & mask(n, i);
    return c;
}

bool network_holds(const struct network *n, const struct address *a)
{
    const struct network of = network_canonical(&(struct network){*a, n->bits});
    return address_compare(&of.first, &n->first) == 0;
}

bool network_is_canonical(const struct network *n)
{
    const struct network c = network_canonical(n);
    return address_compare(&c.first, &n->first) == 0;
}

struct address network_last(const struct network *n)
{
    struct address last = n->first;
    for (size_t i = 0; i < sizeof(last.byte); i++)
        last.byte[i] |= (uint8_t)~mask(n, i);
    return last;
}

static bool unix_endpoint(struct slice path, struct endpoint *out)
{
    struct endpoint e = {0};
    if (path.len == 0 || path.len >= sizeof(e.path) || path.at[0] != '/' ||
        memchr(path.at, '\0', path.len))
        return false;
    memcpy(e.path, path.at, path.len);
    *out = e;
    return true;
}

bool endpoint_parse(struct slice s, struct endpoint *out)
{
    if (slice_starts(s, SLICE("unix:")))
        return unix_endpoint(slice_from(s, 5), out);

    const char *colon = s.len > 0 ? memrchr(s.at, ':', s.len) : NULL;
    if (!colon)
        return false;
    struct slice host = {s.at, (size_t)(colon - s.at)};
    const struct slice port = slice_from(s, host.len + 1);

    const bool v6 = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (v6)
        host = (struct slice){host.at + 1, host.len - 2};
    else if (memchr(host.at, ':', host.len))
        return false; /* an IPv6 address needs its brackets: where would the port begin? */

    struct endpoint e = {0};
    uint64_t number;
    if (!address_parse(host, &e.address) || !number_parse(port, UINT16_MAX, &number) || number == 0)
        return false;
    e.port = (uint16_t)number;
    *out = e;
    return true;
}

size_t address_format(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
    const bool v4 = address_is_v4(a);
    const char *text =
        inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->byte + 12 : a->byte, out, ADDRESS_TEXT_MAX);
    ASSERT(text != NULL);
    return strlen(out);
}

size_t network_format(const struct network *n, char out[NETWORK_TEXT_MAX])
{
    const size_t len = address_format(&n->first, out);
    if (n->bits == 128)
        return len;
    const int bits = address_is_v4(&n->first) && n->bits >= 96 ? n->bits - 96 : n->bits;
    return len + (size_t)snprintf(out + len, NETWORK_TEXT_MAX - len, "/%d", bits);
}

size_t endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    if (e->path[0])
        return (size_t)snprintf(out, ENDPOINT_TEXT_MAX, "unix:%s", e->path);
    char address[ADDRESS_TEXT_MAX];
    address_format(&e->address, address);
    return (size_t)snprintf(out, ENDPOINT_TEXT_MAX,
                            address_is_v4(&e->address) ? "%s:%u" : "[%s]:%u", address, e->port);
}

void endpoint_format_client(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    if (e->port != 0)
        endpoint_format(e, out);
    else if (!address_is_none(&e->address))
        address_format(&e->address, out);
    else
        snprintf(out, ENDPOINT_TEXT_MAX, "unix");
}
