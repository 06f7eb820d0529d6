/*
 * parts - what a process hands over beside its text (handed.h): keys, and what it remembers.
 *
 * A file without a name (memfd) begins with a line that says its version; then come parts. Each is
 * a line, of a word, a number of bytes and what it is about, and then so many bytes. Whoever does
 * not know the word passes the part over; whoever finds something that is none reads no further.
 * The last part is "end": without it something is missing.
 *
 *     lbc remembers 1
 *     sticky 1600 api 1  x-user 123    of a cluster: kind and name of the clients, and a seed
 *     ...                              16 bytes each: see remembered.c
 *     end 0
 *
 * Words and what they are about are between tabs, and have none. Pure.
 */
#pragma once

#include "runtime/base/text.h"

struct part {
    struct slice word, about, bytes;
};

/* Writing: parts_begin(), any parts, parts_end(). */
void parts_begin(struct text *out);
void parts_add(struct text *out, const struct part *p);
void parts_end(struct text *out);

/* Reading: false where it is of another kind or version. Then *rest is the first part. */
MUST_CHECK bool parts_open(struct slice *rest);

enum parts_next { PARTS_ONE, PARTS_END, PARTS_BROKEN };

/* The next one; its slices point into the same memory. */
enum parts_next parts_next(struct slice *rest, struct part *out);
