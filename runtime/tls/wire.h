/*
 * wire - what all TLS connections of one thread share: ciphertext on its way between the socket and
 * the library.
 *
 * The library asks for five bytes, then for a record, and writes record by record; a system call
 * for each would cost more than the encryption. So one recv() fills the wire's room, of which the
 * library takes what it wants, and what it writes is gathered there until one send() takes it.
 * Between two calls the room is empty: what is left over is held by its connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/check.h"

struct bio_st;
struct bio_method_st;
struct metrics;

/* What one recv() brings at most, and what one send() is gathered from: four full records. */
#define WIRE_IN_BYTES     ((size_t)64 * 1024)
#define WIRE_PLAIN_BYTES  ((size_t)64 * 1024)
#define WIRE_RECORD_BYTES ((size_t)16 * 1024)
#define WIRE_RECORD_EXTRA ((size_t)256) /* what encryption adds to one, at most */

/* What a wire takes, as long as nothing larger than usual was written. */
#define WIRE_BYTES (WIRE_IN_BYTES + 2 * WIRE_RECORD_BYTES + WIRE_PLAIN_BYTES)

/* Most bytes that the connections of one thread hold together of what full sockets, and full
 * readers, left over; a connection above that is closed. */
#define WIRE_HELD_BYTES_MAX ((size_t)1024 * 1024 * 1024)

struct wire {
    struct metrics *metrics; /* borrowed */
    struct bio_st *bio;      /* the library's view of it */
    struct bio_method_st *method;
    char *in;         /* WIRE_IN_BYTES */
    char *record;     /* WIRE_RECORD_BYTES: small pieces are put together here */
    const char *next; /* ciphertext that the library has not taken; within `in` or what was held */
    size_t next_len;
    char *out; /* what the library wrote */
    size_t out_len, out_room;
    size_t held_bytes;
};

void wire_init(struct wire *w, struct metrics *metrics);

/* Zeroed is harmless. No connection may use it any more. */
void wire_done(struct wire *w);

/* Ciphertext that one connection keeps until later. */
struct held {
    size_t at, len;
    char bytes[];
};

/* A copy of it behind what `before` (NULL: nothing) still has, which is freed. NULL when memory or
 * the limit is out: `before` stays. */
MUST_CHECK struct held *wire_hold(struct wire *w, struct held *before, const char *at, size_t len);
void wire_drop(struct wire *w, struct held *h); /* NULL is allowed */
