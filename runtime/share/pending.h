/*
 * pending - what was counted of a limit's keys and has not been told to others: added up by key.
 *
 * A fixed number of keys; the oldest are told first. Pure; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PENDING_KEYS_MAX 4096u

struct pending_key {
    uint64_t hash;
    int64_t first_ns; /* when the first of them was counted */
    uint32_t n;
};

struct pending {
    uint32_t n;
    struct pending_key *key; /* owned; in the order of their first */
    uint16_t *slot;          /* owned; 1 + the index of a key, 0 where free */
};

void pending_init(struct pending *p);
void pending_done(struct pending *p);
void pending_clear(struct pending *p);

/* One more; false where no further key has room. */
bool pending_add(struct pending *p, uint64_t hash, int64_t at_ns);

/* How many of that key there are. */
uint32_t pending_of(const struct pending *p, uint64_t hash);

/* Takes out the first ones, at most `most`, and says how many. */
uint32_t pending_take(struct pending *p, uint32_t most, struct pending_key *out);
