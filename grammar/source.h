/*
 * source - the loaded text, and where in it something stands.
 *
 * All files of a program lie end to end in one numbering of bytes, so that a span of eight bytes
 * names a place in any of them.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* A configuration larger than this is refused: spans count bytes in 32 bits, with room to spare. */
#define SOURCE_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct span {
    uint32_t from, to; /* bytes [from, to) */
};

static inline struct span span_join(struct span a, struct span b)
{
    return (struct span){a.from < b.from ? a.from : b.from, a.to > b.to ? a.to : b.to};
}

struct sources;

struct sources *sources_new(void);
void sources_free(struct sources *s);

/*
 * Reads a whole file; "-" is standard input. Returns its index (0 for the first), or a negative
 * errno: -EFBIG when all sources together would pass SOURCE_BYTES_MAX. Blocks on the disk.
 */
MUST_CHECK int sources_load(struct sources *s, const char *path);

/* The same from memory; `text` is copied. For tests, the fuzzers and editors. */
MUST_CHECK int sources_add(struct sources *s, struct slice name, struct slice text);

/* The text of one source, with a NUL behind it that its length does not count, and its first byte's
 * place in the common numbering. Valid until sources_free(). */
struct slice sources_text(const struct sources *s, int index, uint32_t *first);

uint32_t sources_count(const struct sources *s);

/* Where an offset stands, for people: lines and columns from 1, columns in characters. */
struct place {
    struct slice file;
    uint32_t line, column;
    struct slice line_text; /* the whole line, without its end */
};

struct place sources_place(const struct sources *s, uint32_t offset);
