/*
 * share - limits that several processes count together, and clients that they remember together:
 * the `shared` blocks at work.
 *
 * Workers count as ever, each limit in its own keys, and put what they have counted into rings. A
 * few times in a tenth of a second it is added up by key and told to a Redis, which answers what
 * all processes together have come to; that is charged to the local keys. Clients that came to a
 * server are told likewise, and those that others have told of are remembered here, too. No request
 * waits for any of it. All of this is the control thread's.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/event/loop.h"
#include "runtime/limit/limiter.h"
#include "runtime/metrics/metrics.h"
#include "runtime/secret/secrets.h"
#include "runtime/upstream/cluster.h"
#include "runtime/upstream/sticky.h"

struct shares;

/* How often others are told. */
#define SHARE_TELL_NS (20 * NS_PER_MS)

/* Keys that are told in one round trip at most. */
#define SHARE_KEYS_MAX 1024u

#define SHARE_WHY_MAX 200

/* What is to be known of one of them. */
struct share_view {
    const struct table_shared *spec;
    bool up;
    int64_t since_ns;     /* it is so; by the clock */
    const char *why;      /* it is not up; empty: nobody was asked yet */
    uint32_t limits;      /* that are counted there */
    uint32_t clusters;    /* whose clients are remembered there */
    uint64_t round_trips; /* that were answered */
    uint64_t errors;      /* times it was lost, or could not be had */
    uint64_t told;        /* keys, each time that they were */
    uint64_t untold;      /* requests, and clients, that it will not hear of: no room */
    uint32_t pending;     /* keys that are to be told */
    int64_t took_ns;      /* the last round trip */
};

/* One of them has come, or gone. */
typedef void share_event(void *of, const struct share_view *s);

/* `metrics` is a block of this thread's; borrowed. `seed` is for chance. */
struct shares *shares_new(struct loop *loop, struct metrics *metrics, uint64_t seed,
                          share_event *event, void *of);
void shares_free(struct shares *all);

/* A configuration with the live sides of its limits and clusters, all by their index. */
struct shares_of {
    const struct table *table;
    struct limiter *const *limiter;
    struct sticky *const *sticky;
    struct cluster *const *cluster;
    const struct secrets *secrets; /* NULL where the table has none */
};

/* What all of that has must live until the next call; limiters and stickies are pinned. A
 * connection goes on where its block is the same. */
void shares_set(struct shares *all, const struct shares_of *of);

/* Has each answered, or failed, once? */
bool shares_settled(const struct shares *all);

void shares_each(const struct shares *all, void (*each)(void *to, const struct share_view *s),
                 void *to);
