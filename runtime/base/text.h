/*
 * text - a string that grows while it is written: messages, pages, JSON.
 *
 * For everything that is not the request path. Running out of memory ends the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

struct text {
    char *at; /* owned; NUL-terminated once anything was added */
    size_t len, room;
};

void text_add(struct text *t, struct slice s);
void text_adds(struct text *t, const char *s);
void text_addc(struct text *t, char c);
void text_addf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *t, struct slice s);

/* A string as the language writes it, with its quotes; what is no printable ASCII is \x.., but for
 * \r \n \t. */
void text_add_bytes(struct text *t, struct slice s);

static inline struct slice text_slice(const struct text *t)
{
    return (struct slice){t->at ? t->at : "", t->len};
}

/* Empties it and keeps the memory. */
static inline void text_clear(struct text *t)
{
    t->len = 0;
}

void text_done(struct text *t);

/* "1.5 KiB": three digits at the most, and their unit. */
#define BYTES_TEXT_MAX 24
void bytes_format(uint64_t bytes, char out[BYTES_TEXT_MAX]);

/* "2d 3h", "5m 12s", "0.250s": the two largest units. */
#define DURATION_TEXT_MAX 32
void duration_format(int64_t ns, char out[DURATION_TEXT_MAX]);
