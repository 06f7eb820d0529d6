/*
 * discover - which servers a name or a file stands for now: what is learnt, and when to ask again.
 *
 * Pure: answers and the time go in. The point is what is not believed: an answer that fails, is
 * late or lacks a server takes nobody out at once, and none empties a cluster. A server that is
 * there is used at once; one that is missing goes once it has been missing for `hold_ns`, and never
 * while fewer than `minimum` would be left. Then those stay that were seen last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/address.h"

#define DISCOVER_MEMBERS_MAX 1024u

struct discover_rule {
    int64_t refresh_ns;             /* ask so often; 0: as long as answers live */
    int64_t min_ttl_ns, max_ttl_ns; /* lifetimes are brought between these */
    int64_t negative_ttl_ns;        /* that nothing was found, or no answer, lives so long */
    int64_t hold_ns;                /* how long a server that is missing stays */
    uint32_t minimum;               /* so many stay in any case */
};

struct discover_found {
    struct endpoint endpoint;
    uint16_t priority, weight; /* the lowest priority first */
    bool backup;               /* of a file: behind all that are none */
};

struct discover_answer {
    bool whole; /* who is not in it is missing; otherwise that is not known */
    const struct discover_found *found;
    uint32_t n;
    int64_t ttl_ns; /* above 0 only if something was found */
};

struct discover_member {
    struct discover_found at;
    bool missing;
    int64_t missing_ns; /* since when */
};

/* Zeroed at first: nobody is known, and it is time to ask. */
struct discovery {
    struct discover_member *member; /* in the order they were found first; owned */
    uint32_t n;
    uint64_t left_out; /* found, and not taken: more than DISCOVER_MEMBERS_MAX */
    int64_t next_ns;   /* when to ask again */
};

/* Takes an answer in. True when the members changed: one more or less, or a weight or priority. */
bool discovery_take(struct discovery *d, const struct discover_rule *rule,
                    const struct discover_answer *a, int64_t now_ns);

void discovery_done(struct discovery *d);
