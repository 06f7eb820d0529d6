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
 *     ...
 *     end 0
 *
 * Words and what they are about are between tabs, and have none. Pure.
 */
#pragma once

#include "runtime/base/text.h"

/* Keys: when the newest was made, by the monotonic clock; ticket.h's bytes. And secret_own(). */
#define PART_TICKETS "tickets"
#define PART_COOKIES "cookies"

/* Clients of a sticky cluster: its name, their kind (table.h) and name, the seed of the hashes. Of
 * each two words: its hash; its server's id, and in the lower bits how many seconds it is away. */
#define PART_STICKY       "sticky"
#define PART_CLIENT_BYTES (2 * sizeof(uint64_t))
#define PART_SERVER_SHIFT 24u
#define PART_AGE_MASK     ((UINT64_C(1) << PART_SERVER_SHIFT) - 1)

/* Keys of a limit: its name, limiter_shared_seed() without a password, the seed of the hashes, how
 * far UTC is ahead of the monotonic clock. Of each its hash, and a number for each rate. */
#define PART_LIMIT "limit"

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
