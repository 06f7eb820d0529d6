#include "runtime/net/client_hello.h"

#include <stdint.h>
#include <string.h>

enum { RECORD_HANDSHAKE = 22, MESSAGE_CLIENT_HELLO = 1, EXTENSION_SERVER_NAME = 0, NAME_HOST = 0 };

#define RECORD_HEAD_BYTES 5u
#define RECORD_BYTES_MAX  ((size_t)16 * 1024) /* RFC 8446 5.1 */

/* Bytes of the message, which its records cut anywhere. */
struct reader {
    struct slice rest;  /* not read yet, heads of records among it */
    size_t record_left; /* of the current record */
    size_t left;        /* of what is being read: the message, then a part of it */
    enum { GOOD, MORE, WRONG } state;
};

static size_t byte_of(struct slice s, size_t i)
{
    return (uint8_t)s.at[i];
}

/* The head of the next record. What is there of it is held against what it must be, so that
 * anything but TLS is known by its first byte. */
static void next_record(struct reader *r)
{
    const struct slice s = r->rest;
    if ((s.len > 0 && byte_of(s, 0) != RECORD_HANDSHAKE) || (s.len > 1 && byte_of(s, 1) != 3)) {
        r->state = WRONG;
        return;
    }
    if (s.len < RECORD_HEAD_BYTES) {
        r->state = MORE;
        return;
    }
    r->record_left = byte_of(s, 3) << 8 | byte_of(s, 4);
    r->rest = slice_from(s, RECORD_HEAD_BYTES);
    if (r->record_left == 0 || r->record_left > RECORD_BYTES_MAX)
        r->state = WRONG; /* empty fragments of handshakes are forbidden */
}

/* Takes n bytes, into `to` unless that is NULL. */
static void take(struct reader *r, void *to, size_t n)
{
    if (r->state == GOOD && n > r->left)
        r->state = WRONG;
    char *at = to;
    for (size_t chunk; r->state == GOOD && n > 0; n -= chunk) {
        if (r->record_left == 0)
            next_record(r);
        if (r->state != GOOD)
            return;
        chunk = n < r->record_left ? n : r->record_left;
        if (r->rest.len == 0)
            r->state = MORE;
        chunk = chunk < r->rest.len ? chunk : r->rest.len;
        if (at && chunk > 0) {
            memcpy(at, r->rest.at, chunk);
            at += chunk;
        }
        r->rest = slice_from(r->rest, chunk);
        r->record_left -= chunk;
        r->left -= chunk;
    }
}

/* A number of `bytes` bytes; 0 when it can't be read. */
static size_t number(struct reader *r, size_t bytes)
{
    uint8_t b[3] = {0};
    take(r, b + sizeof(b) - bytes, bytes);
    return r->state == GOOD ? (size_t)b[0] << 16 | (size_t)b[1] << 8 | (size_t)b[2] : 0;
}

static void skip(struct reader *r, size_t length_bytes)
{
    take(r, NULL, number(r, length_bytes));
}

/* The list of names, of which there is one (RFC 6066 3). */
static void read_server_name(struct reader *r, struct client_hello *out)
{
    const size_t list = number(r, 2);
    if (r->state == GOOD && (list != r->left || out->name_len > 0))
        r->state = WRONG;
    const size_t kind = number(r, 1), len = number(r, 2);
    if (r->state != GOOD)
        return;
    if (kind != NAME_HOST || len == 0 || len > CLIENT_HELLO_NAME_MAX || len != r->left) {
        r->state = WRONG;
        return;
    }
    take(r, out->name, len);
    if (r->state == GOOD)
        out->name_len = len;
}

static void read_extensions(struct reader *r, struct client_hello *out)
{
    const size_t all = number(r, 2);
    if (r->state == GOOD && all != r->left)
        r->state = WRONG;
    while (r->state == GOOD && r->left > 0) {
        const size_t kind = number(r, 2), len = number(r, 2);
        if (r->state != GOOD)
            return;
        if (len > r->left) {
            r->state = WRONG;
            return;
        }
        const size_t behind = r->left - len;
        r->left = len;
        if (kind == EXTENSION_SERVER_NAME)
            read_server_name(r, out);
        take(r, NULL, r->left);
        r->left = behind;
    }
}

int client_hello_read(struct slice got, struct client_hello *out)
{
    struct reader r = {.rest = got, .left = 4};
    struct client_hello hello = {.name_len = 0};
    const size_t kind = number(&r, 1), len = number(&r, 3);
    if (r.state == GOOD && (kind != MESSAGE_CLIENT_HELLO || len > CLIENT_HELLO_BYTES_MAX))
        r.state = WRONG;
    r.left = len;
    take(&r, NULL, 2 + 32); /* version and random */
    skip(&r, 1);            /* session id */
    skip(&r, 2);            /* cipher suites */
    skip(&r, 1);            /* compression methods */
    if (r.state == GOOD && r.left > 0)
        read_extensions(&r, &hello);
    if (r.state == MORE && got.len < CLIENT_HELLO_BYTES_MAX)
        return 0;
    if (r.state != GOOD)
        return CLIENT_HELLO_NONE;
    *out = hello;
    return 1;
}
