/*
 * balance - which server of a group takes the next request.
 *
 * One policy, one file. A policy chooses; it does not connect, count, retry or know what a backup
 * is: the caller hands it the candidates that count right now. Time, load and chance are
 * parameters, so that a choice can be repeated. To add a policy: write the file, add its line to
 * compiler/table/balance.def, add its row to balance_test.c.
 *
 * Everything here is pure but for the plan, which belongs to the caller: any thread, one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/balance/response_time.h"
#include "runtime/base/check.h"

#define BALANCE_NONE      UINT32_MAX
#define BALANCE_AVOID_MAX 4u

/* The share of weight 1. A server that starts slowly has a part of its own. */
#define BALANCE_UNIT 64u

struct balance_candidate {
    uint64_t id;    /* of the server, the same after a reload: a hash of its name */
    uint32_t whole; /* its weight times BALANCE_UNIT */
    uint32_t share; /* what it gets of that now: 1..whole */
};

/* What goes on at a candidate. */
struct balance_load {
    uint32_t in_flight;        /* requests it has now */
    struct response_time time; /* if reads_time */
};

/* The candidates, and what the policy made of them. */
struct balance_plan {
    const struct balance_candidate
        *candidate; /* those that may be used, then those that are away */
    uint32_t n;     /* that may be used */
    uint32_t n_all; /* with those that are away; n unless reads_away */
    uint64_t share; /* of all that may be used */
    uint32_t unit;  /* what all their shares are multiples of */
    bool all_equal; /* they all have the same */
    void *laid;     /* the policy's; owned */
};

struct balance_in {
    uint64_t tick;   /* picks so far: a counter that grows by one; it may wrap; if reads_tick */
    uint64_t random; /* any number is as likely; if reads_random */
    uint64_t key;    /* hash of what should stick together; if reads_key */
    uint32_t bounded_percent; /* of the average that one may have; 0: no bound; if reads_total */
    uint64_t in_flight;       /* of all the group; if reads_total */

    /* What goes on at candidate `i`, right now; if reads_load. */
    struct balance_load (*load)(const void *of, uint32_t i);
    const void *of;

    uint32_t
        avoid[BALANCE_AVOID_MAX]; /* candidates this exchange has tried; any order, once each */
    uint32_t n_avoid;
};

struct balance_policy {
    /* What the caller has to fill in: what is not read need not be gathered. */
    bool reads_tick, reads_random, reads_key, reads_load, reads_time, reads_total, reads_away;
    bool ignores_weight; /* all weights are 1 */

    /*
     * Prepares the picks: returns what becomes plan->laid, one block for free(), or NULL. To be
     * called again whenever the candidates or a share change, not for every request.
     */
    void *(*lay)(const struct balance_plan *p, const struct balance_in *in);

    /*
     * Returns an index below p->n that is not in in->avoid, or BALANCE_NONE: there are no
     * candidates, or all have been tried. A caller that would rather go round again than fail asks
     * once more with n_avoid 0; the policy does not decide that. It may note in p->laid what it
     * saw.
     */
    uint32_t (*pick)(struct balance_plan *p, const struct balance_in *in);

    /* Candidate `i` has changed its load: a policy that remembers loads looks again. May be NULL.
     */
    void (*note)(struct balance_plan *p, uint32_t i, struct balance_load load);
};

#define BALANCE(id, spelling, function, takes, help)                                               \
    extern const struct balance_policy balance_##function;
#include "compiler/table/balance.def"
#undef BALANCE

/* Never NULL. */
const struct balance_policy *balance_policy(enum table_balance balance);

/* Lays the candidates out; `p` has candidate, n and n_all, or an earlier plan's `laid`. Of `in`,
 * the loads are read. */
void balance_lay(const struct balance_policy *policy, struct balance_plan *p,
                 const struct balance_in *in);
void balance_plan_done(struct balance_plan *p);
