/*
 * source - the loaded text, and where in it something stands.
 *
 * All files of a program lie end to end in one numbering of bytes, so that a span of eight bytes
 * names a place in any of them.
 */
#pragma once

#include <stdbool.h>
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

/* Of `n` places in order, at least one and the first at 0 or before: the last that is not behind
 * `at`, such as the line that a byte is in. */
uint32_t lines_find(const uint32_t *begin, uint32_t n, uint32_t at);

struct sources;

struct sources *sources_new(void);
void sources_free(struct sources *s);

/*
 * Reads a whole file; "-" is standard input. Returns its index (0 for the first), or a negative
 * errno: -EFBIG when all sources together would pass SOURCE_BYTES_MAX. Blocks on the disk.
 */
MUST_CHECK int sources_load(struct sources *s, const char *path);

/* A text that stands in for the file of that path; false: there is none. Where no file may be read
 * (below), it is asked about patterns, too, with no place for a text: are files to be looked for?
 */
typedef bool sources_given(void *from, struct slice path, struct slice *text);

/* From now on `given` is asked before a file is read: an editor has texts that are not saved. */
void sources_ask(struct sources *s, sources_given *given, void *from);

/* Which files are read that are not given. */
enum sources_reads {
    SOURCES_ANY,
    SOURCES_REGULAR, /* what is none, a pipe perhaps, is not waited for: -ENOTSUP */
    SOURCES_NONE     /* and whether there is one is not looked at: -EPERM */
};
void sources_read(struct sources *s, enum sources_reads reads);
bool sources_may_read(const struct sources *s);

/* May the files be looked for that a pattern means? */
bool sources_may_look_for(const struct sources *s, const char *pattern);

/*
 * Reads what `pattern` means in the file number `from`, in whose folder it begins when it is
 * relative: one file, or all that match where it has a `*`, `?` or `[`, in the order of their names
 * (byte by byte). Returns the number of the first and how many in *n (none is no error for a
 * pattern), or a negative errno. Blocks on the disk.
 */
MUST_CHECK int sources_include(struct sources *s, int from, struct slice pattern, uint32_t *n);

/* The path of that file; what has no slash in front is in the folder of the file number `from`.
 * free() it. */
char *sources_path(const struct sources *s, int from, struct slice pattern);

/*
 * A use of a template: what stands at `of` gets places of its own, from *first on, as if it had
 * been written again. They are told as those in the template; sources_origin() says where it was
 * used. 0, or -EFBIG when the numbering is used up.
 */
MUST_CHECK int sources_expand(struct sources *s, struct span of, struct span use, uint32_t *first);

/* Is *span in an expansion? Then it becomes that in the template, and *use is where that was used
 * (which may be in an expansion again). */
bool sources_origin(const struct sources *s, struct span *span, struct span *use);

/* What a source is called: the path it was read from. */
struct slice sources_name(const struct sources *s, int index);

/* The same from memory; `text` is copied. For tests, the fuzzers and editors. */
MUST_CHECK int sources_add(struct sources *s, struct slice name, struct slice text);

/* The text of one source, with a NUL behind it that its length does not count, and its first byte's
 * place in the common numbering. Valid until sources_free(). */
struct slice sources_text(const struct sources *s, int index, uint32_t *first);

uint32_t sources_count(const struct sources *s);

/* Where an offset stands, for people: lines and columns from 1, columns in characters; and in
 * UTF-16 code units, for programs that count so. */
struct place {
    struct slice file;
    uint32_t line, column, column_utf16;
    struct slice line_text; /* the whole line, without its end */
    uint32_t line_from;     /* the offset of its first byte */
};

/* Takes no longer for long lines. */
struct place sources_place(const struct sources *s, uint32_t offset);
