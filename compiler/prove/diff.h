/*
 * diff - which requests are treated otherwise by the new configuration than by the old one?
 *
 * Clauses that are in both, in the same order, treat a request alike; so only what meets a clause
 * that is in one of them alone can differ. Each such clause is held against those of the other side
 * that do something else: is there a request that gets to both? Every region has one, confirmed by
 * both reference evaluators. Exact, or counted as unknown. Regions are told by the change of the
 * text that makes them, and one that lies in another is a part of it.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/table.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

struct text;
struct witness;

struct diff_side {
    const struct table *table;
    const struct program *program;
};

/* One side's view of a region. */
struct diff_fate {
    struct slice does; /* "set header \"x\" \"1\"; forward api"; as it is done */
    struct slice same; /* the same in an order of its own: alike where nobody sees a difference */
    struct table_place place;
    uint32_t clause; /* that decides, index into table.clause; UINT32_MAX: none */
};

/* A clause as it was written, on one line. */
struct diff_written {
    struct slice text;
    struct table_place place;
    uint32_t
        clause; /* index into table.clause; UINT32_MAX: there is none, and nothing else is set */
};

/* What was done to the text that makes requests be treated otherwise; or connections or responses
 * perhaps, of which no regions are told. */
struct diff_change {
    struct slice route; /* or "front on connect" */
    enum table_phase phase;
    struct diff_written before, after;
    bool moved;       /* the clause is as it was, and stands elsewhere among the others */
    uint32_t unknown; /* pairs of clauses of which it could not be told because of it */
    uint32_t partly;  /* those of which regions are told, and it could not be told if all are */
};

/*
 * Requests that are treated otherwise. All of `condition` holds for the witness; and every request
 * for which it does meets, in each configuration, the condition of the clause `meets` has for it
 * (or is decided by one that stands before that), where `exact`.
 */
struct diff_region {
    VEC(struct slice) listener;  /* the first one is the witness's */
    uint32_t change;             /* into diff.change: what makes it */
    uint32_t part_of;            /* the region, before this one, that has it; UINT32_MAX: none */
    VEC(struct slice) condition; /* `path under "/api"`; none: every request */
    bool exact;
    const struct witness *witness;
    struct slice request; /* the witness, told */
    struct diff_fate before, after;
    uint32_t meets[2]; /* index into table.clause; UINT32_MAX: of that one nothing is said */
    bool changes;      /* found by what a clause changes that goes on */
};

/* More regions than this are only counted. */
#define DIFF_REGIONS_MAX 1000u

struct diff {
    struct arena arena;
    VEC(struct diff_change) change; /* in the order they are written in */
    VEC(struct diff_region) region; /* by change; the widest first, and behind it its parts */
    uint32_t blocks;                /* changes that are not of requests */
    uint32_t unknown;               /* pairs of clauses of which it could not be told */
    uint32_t partly;                /* pairs that have regions, perhaps not all */
    uint32_t dropped;               /* regions above the limit */
};

void diff_make(const struct diff_side *before, const struct diff_side *after, struct diff *out);

/* The same, until `enough` says so, which is asked often: what has not been looked at then is
 * unknown. */
struct diff_patience {
    bool (*enough)(void *of);
    void *of;
};
void diff_make_patiently(const struct diff_side *before, const struct diff_side *after,
                         const struct diff_patience *patience, struct diff *out);

/* Of the whole regions the one that may do the most harm: first requests that are let through and
 * were not, then those that are no more, then the others; or UINT32_MAX. */
uint32_t diff_riskiest(const struct diff *d, const struct table *before, const struct table *after);
void diff_done(struct diff *d);

/* `path under "/api" and not method == GET`: what holds in the region. Without what holds in that
 * it is part of, where `more`. */
void diff_write_when(const struct diff *d, const struct diff_region *r, bool more,
                     struct text *out);
