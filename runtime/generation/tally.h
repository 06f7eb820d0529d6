/*
 * tally - what became of the requests that one clause decided.
 *
 * It lives as long as some generation has the clause, if in another place of its route: what is
 * changed elsewhere in a configuration leaves its counts alone. A clause of another text is
 * another.
 */
#pragma once

#include "runtime/metrics/statuses.h"

struct tally_worker {
    _Alignas(64) struct statuses statuses;
    _Atomic uint64_t continued;  /* requests that it changed, and others decided */
    _Atomic uint64_t sent_bytes; /* of responses to what it decided, heads too; none of tunnels,
                                    which hold no generation */
};

struct tally {
    atomic_uint pins;
    uint64_t key; /* of the clause: see carry_tallies.c */
    uint32_t n_workers;
    struct tally_worker worker[]; /* one each */
};

/* Pinned once. */
struct tally *tally_new(uint64_t key, uint32_t n_workers);
struct tally *tally_pin(struct tally *t);
void tally_unpin(struct tally *t); /* NULL is allowed. Control thread, as all of these */

/* Any thread. */
struct statuses_sum tally_sum(const struct tally *t);
uint64_t tally_continued(const struct tally *t);
uint64_t tally_sent_bytes(const struct tally *t);

/* What one takes of one worker, in bytes. */
static inline uint64_t tally_bytes(void)
{
    return sizeof(struct tally_worker);
}
