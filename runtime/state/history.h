/*
 * history - the last texts of the configuration that were served, in a state's folder.
 *
 * A revision is the text of every file, who brought it, when and how. What several revisions have
 * alike is kept once. At most HISTORY_REVISIONS_MAX are kept, and HISTORY_BYTES_MAX of texts; the
 * oldest go first, and the newest never does.
 *
 * Not thread-safe: history_prepare() and history_read() are the loading thread's, history_settle()
 * is called once it is done, and the list does not change meanwhile.
 */
#pragma once

#include "runtime/state/copies.h"
#include "runtime/state/state.h"

#define HISTORY_REVISIONS_MAX 50u
#define HISTORY_BYTES_MAX     (UINT64_C(256) << 20)

struct revision_file {
    char *path; /* owned */
    uint64_t hash, bytes;
};

struct revision {
    uint64_t number;       /* from 1 */
    int64_t made_s;        /* since 1970 */
    struct text who, what; /* owned */
    VEC(struct revision_file) file;
    uint64_t bytes; /* of its texts */
};

struct history;

/* What is there and can't be read is told in the log, and left out. 0 or a negative errno. `state`
 * is borrowed. Blocks on the disk. */
MUST_CHECK int history_open(struct state *state, struct history **out);
void history_free(struct history *h); /* NULL is allowed */

uint32_t history_count(const struct history *h);
const struct revision *history_at(const struct history *h, uint32_t i);        /* oldest first */
const struct revision *history_find(const struct history *h, uint64_t number); /* NULL */
const struct revision *history_before(const struct history *h, const struct revision *r); /* NULL */

/* Appends its texts. 0 or a negative errno: -EBADMSG where one is not what was written. Blocks. */
MUST_CHECK int history_read(const struct history *h, const struct revision *r, struct copies *out);

/* Puts the texts on the disk as the next revision, unless they are those of the newest one. It
 * counts once it is settled. 0 or a negative errno; then there is nothing to settle. Blocks. */
MUST_CHECK int history_prepare(struct history *h, const struct copies *texts, struct slice who,
                               struct slice what);

/* What was prepared last is served, or never will be. Nothing where there is nothing prepared. */
void history_settle(struct history *h, bool served);
