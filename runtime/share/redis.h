/*
 * redis - the door to hiredis: a connection to a Redis, and its protocol. What is said is up to
 * the caller.
 *
 * hiredis makes bytes of commands and answers of bytes; sockets and time are ours. Answers have a
 * size they may not exceed, and are not kept: texts, and numbers in a row.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/slice.h"
#include "runtime/event/loop.h"

struct redis;

/* More numbers in one answer, and more bytes that have not been read, end the connection. */
#define REDIS_NUMBERS_MAX 4096u
#define REDIS_BYTES_MAX   1048576u

enum redis_kind { REDIS_TEXT, REDIS_NUMBERS, REDIS_ERROR };

/* Valid during the call. */
struct redis_reply {
    enum redis_kind kind;
    struct slice text; /* of a text or an error */
    const int64_t *number;
    uint32_t n;
};

struct redis_calls {
    void (*answered)(void *of, const struct redis_reply *r); /* in the order of what was said */
    void (*lost)(void *of, const char *why);                 /* once; nothing follows */
    void *of;
};

/* Begins to connect. What can't be is told by lost(), never from within. From both calls it may be
 * freed. */
struct redis *redis_new(struct loop *loop, const struct endpoint *at,
                        const struct redis_calls *calls);

/* Wipes what was said. NULL is allowed. */
void redis_free(struct redis *r);

/* A command of `n` words; it leaves with redis_flush(). */
void redis_say(struct redis *r, const struct slice *word, uint32_t n);
void redis_flush(struct redis *r);
