/*
 * pending - what has not been told to others yet, by key: what was counted of a limit's, or where a
 * cluster's clients are.
 *
 * A fixed number of keys; the oldest are told first. Pure; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PENDING_KEYS_MAX 4096u

struct pending_key {
    uint64_t hash;
    int64_t first_ns; /* of a limit: when the first was counted; of a client: when it was here */
    uint32_t n;       /* of a limit: that were counted */
    bool moved;       /* of a client: others are to follow */
    uint64_t server;  /* of a client: where it is */
};

struct pending {
    uint32_t n;
    struct pending_key *key; /* owned; in the order of their first */
    uint16_t *slot;          /* owned; 1 + the index of a key, 0 where free */
};

void pending_init(struct pending *p);
void pending_done(struct pending *p);
void pending_clear(struct pending *p);

/* That of the key, all 0 where it is a new one; NULL where no further key has room. Valid until the
 * next is taken. */
struct pending_key *pending_get(struct pending *p, uint64_t hash);

/* One more of a limit's; false where no further key has room. */
bool pending_add(struct pending *p, uint64_t hash, int64_t at_ns);

/* How many of a limit's key there are. */
uint32_t pending_of(const struct pending *p, uint64_t hash);

bool pending_has(const struct pending *p, uint64_t hash);

/* Takes out the first ones, at most `most`, and says how many. */
uint32_t pending_take(struct pending *p, uint32_t most, struct pending_key *out);
