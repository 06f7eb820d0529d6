/*
 * message - the head of a request or response, as places in the buffer it was read into.
 *
 * Nothing is copied. A field is four 16-bit offsets, so a head with all its fields is small enough
 * to stay with its exchange, and stays right when the buffer moves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"

#define HTTP_FIELDS_MAX       100u
#define HTTP_HEAD_BYTES_MAX   32768u /* of a whole head; offsets need it below 65536 */
#define HTTP_METHOD_BYTES_MAX 32

enum http_name {
    HTTP_OTHER, /* any name that is not in names.def */
#define NAME(id, name, hop) HTTP_##id,
#include "runtime/http/names.def"
#undef NAME
    HTTP_NAME_COUNT
};

/* Each is an offset from, or a length in, http_head.base. */
struct http_field {
    uint16_t name_at, name_len;
    uint16_t value_at, value_len; /* without the blanks around it */
    uint8_t name;                 /* enum http_name */
    bool dropped;                 /* not forwarded: hop-by-hop, or removed by a rule */
};

struct http_head {
    const char *base; /* borrowed: the first byte given to the parser; follows the buffer */
    uint16_t bytes;   /* of the whole head: skipped empty lines before, the empty line behind */
    uint8_t minor_version; /* of HTTP/1: 0 or 1 */
    uint16_t status;       /* of a response: 100..599; 0 for a request */
    uint16_t method_at, method_len;
    uint16_t target_at, target_len;
    uint16_t reason_at, reason_len;
    uint16_t n_fields;
    struct http_field field[HTTP_FIELDS_MAX];
};

static inline struct slice http_slice(const struct http_head *h, uint16_t at, uint16_t len)
{
    return (struct slice){h->base + at, len};
}

static inline struct slice http_method(const struct http_head *h)
{
    return http_slice(h, h->method_at, h->method_len);
}

static inline struct slice http_target(const struct http_head *h)
{
    return http_slice(h, h->target_at, h->target_len);
}

static inline struct slice http_field_name(const struct http_head *h, const struct http_field *f)
{
    return http_slice(h, f->name_at, f->name_len);
}

static inline struct slice http_field_value(const struct http_head *h, const struct http_field *f)
{
    return http_slice(h, f->value_at, f->value_len);
}

/* The known name, HTTP_OTHER for any other; ignores case. In h1_head.re, with the rules. */
enum http_name http_name_find(struct slice name);

/* In lower case; not for HTTP_OTHER. Static memory. */
struct slice http_name_text(enum http_name name);

/* Does it belong to one connection (RFC 9110 7.6.1)? */
bool http_name_is_hop(enum http_name name);

/* A token of RFC 9110 5.6.2: what methods and field names are made of. */
bool http_is_token(struct slice s);

/* The standard reason phrase, "" for a status that has none. Static memory. */
const char *http_reason(uint16_t status);
