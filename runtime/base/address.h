/*
 * address - IP addresses, networks and endpoints as values.
 *
 * Every address is sixteen bytes; an IPv4 address is kept in its IPv4-mapped form (RFC 4291
 * 2.5.5.2), so that one comparison, one order and one table serve both families.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

struct address {
    uint8_t byte[16];
};

/* All addresses whose first `bits` bits are those of `first`; its other bits are zero. */
struct network {
    struct address first;
    uint8_t bits; /* 0..128, of the sixteen bytes: an IPv4 /24 is 120 */
};

/* Where to connect or listen: an address and port, or a Unix socket's path. */
struct endpoint {
    struct address address;
    uint16_t port;  /* 1..65535; 0 for a Unix socket */
    char path[108]; /* NUL-terminated; "" unless a Unix socket */
};

/* Where a TCP connection ends: a tenth of an endpoint, for those that are kept by the thousand. */
struct tcp_end {
    struct address address;
    uint16_t port; /* 0: of a Unix socket, which has neither */
};

static inline struct tcp_end tcp_end_of(const struct endpoint *e)
{
    return (struct tcp_end){e->address, e->port};
}

static inline struct endpoint endpoint_of_end(const struct tcp_end *end)
{
    return (struct endpoint){.address = end->address, .port = end->port};
}

#define ADDRESS_TEXT_MAX  46 /* with its NUL */
#define NETWORK_TEXT_MAX  50
#define ENDPOINT_TEXT_MAX 120

bool address_is_v4(const struct address *a);

/* 127.0.0.0/8 or ::1: only this machine gets there. */
bool address_is_loopback(const struct address *a);

/* ::, which nobody has: of who came by a Unix socket. */
bool address_is_none(const struct address *a);

/* "10.0.0.7" or "2001:db8::1", nothing before or after it. False when it is neither. */
MUST_CHECK bool address_parse(struct slice s, struct address *out);

/* "10.0.0.0/8", or an address alone for a network of one. False when it is neither or the length is
 * out of range. Bits behind the length are kept: see network_is_canonical(). */
MUST_CHECK bool network_parse(struct slice s, struct network *out);

/* Are all bits behind the length zero? */
bool network_is_canonical(const struct network *n);

/* The same network with all bits behind the length zero. */
struct network network_canonical(const struct network *n);

/* Is the address in it? `n` is canonical. */
bool network_holds(const struct network *n, const struct address *a);

/* The last address of a canonical network. */
struct address network_last(const struct network *n);

/* "10.0.0.1:80", "[::1]:80" or "unix:/path". False when it is none of them or the port is 0. */
MUST_CHECK bool endpoint_parse(struct slice s, struct endpoint *out);

/* Each writes text with a NUL into `out` and returns its length. */
size_t address_format(const struct address *a, char out[ADDRESS_TEXT_MAX]);
size_t network_format(const struct network *n, char out[NETWORK_TEXT_MAX]);
size_t endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX]);

/* A client's: its address alone where a proxy told it without a port, "unix" where there is none.
 */
void endpoint_format_client(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX]);

/* Negative, 0 or positive, as memcmp: the order of addresses as numbers. */
static inline int address_compare(const struct address *a, const struct address *b)
{
    return memcmp(a->byte, b->byte, sizeof(a->byte));
}

/* The address after `a`; false, and nothing written, when it is the last. */
MUST_CHECK static inline bool address_next(const struct address *a, struct address *out)
{
    struct address next = *a;
    for (size_t i = sizeof(next.byte); i-- > 0;) {
        if (++next.byte[i] != 0) {
            *out = next;
            return true;
        }
    }
    return false;
}

static inline bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
    return address_compare(&a->address, &b->address) == 0 && a->port == b->port &&
           strcmp(a->path, b->path) == 0;
}
