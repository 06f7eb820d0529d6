/*
 * balance - which server of a group takes the next request.
 *
 * One policy, one file. A policy chooses; it does not connect, count, retry or know what a backup
 * is: the caller hands it the candidates that count right now. Time and chance are parameters, so
 * that a choice can be repeated. To add a policy: write the file, add its line to
 * compiler/table/balance.def, add its row to balance_test.c.
 *
 * Everything here is pure: no state of its own, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/base/check.h"

#define BALANCE_NONE      UINT32_MAX
#define BALANCE_AVOID_MAX 4u

/* What a policy may know about a server that may be used. */
struct balance_candidate {
    uint64_t id;     /* of the server, the same after a reload: a hash of its name; if reads_key */
    uint32_t weight; /* 1..TABLE_WEIGHT_MAX */
    uint32_t in_flight; /* requests it has now; only looked at if reads_in_flight */
};

struct balance_in {
    const struct balance_candidate *candidate;
    uint32_t n;            /* candidates, 0 or more */
    const uint32_t *order; /* what order() made of these candidates */
    uint32_t n_order;
    uint64_t tick; /* picks so far: a counter that grows by one; it may wrap */
    uint64_t key;  /* hash of what should stick together; if reads_key */
    uint32_t
        avoid[BALANCE_AVOID_MAX]; /* candidates this exchange has tried; any order, once each */
    uint32_t n_avoid;
};

struct balance_policy {
    /* What the caller has to fill in for pick(): what is not read need not be gathered. */
    bool reads_key, reads_in_flight;

    /*
     * Prepares the picks among candidate[0..n): writes to `order` at most `room` candidate indices.
     * To be called again whenever the candidates or a weight change, not for every request.
     *
     * Returns how many indices there are, 0 only for n == 0; more than `room`: nothing was written.
     * May take memory while it runs.
     */
    uint32_t (*order)(uint32_t *order, uint32_t room, const struct balance_candidate *candidate,
                      uint32_t n);

    /*
     * Returns an index below in->n that is not in in->avoid, or BALANCE_NONE: there are no
     * candidates, or all have been tried. A caller that would rather go round again than fail asks
     * once more with n_avoid 0; the policy does not decide that.
     */
    uint32_t (*pick)(const struct balance_in *in);
};

#define BALANCE(id, spelling, function, help) extern const struct balance_policy balance_##function;
#include "compiler/table/balance.def"
#undef BALANCE

/* Never NULL. */
const struct balance_policy *balance_policy(enum table_balance balance);

/* For policies: has this exchange tried candidate `i`? */
static inline bool balance_avoids(const struct balance_in *in, uint32_t i)
{
    for (uint32_t k = 0; k < in->n_avoid; k++)
        if (in->avoid[k] == i)
            return true;
    return false;
}

/* For policies: an order() that lists each candidate once, and a pick() that takes the next in
 * order. */
uint32_t balance_order_each(uint32_t *order, uint32_t room,
                            const struct balance_candidate *candidate, uint32_t n);
uint32_t balance_pick_next(const struct balance_in *in);
