/*
 * shadow - another table decides the live requests too, and nothing is done about it: what it would
 * have decided otherwise is counted, by kind, with a request of each.
 *
 * Each worker writes its own counts and kinds, without a lock; whoever shows them adds them up. A
 * kind is a pair of clauses and what differs; there is room for SHADOW_KINDS_MAX of a worker, and
 * the rest is counted together.
 */
#pragma once

#include <stdatomic.h>

#include "compiler/table/compare.h"
#include "runtime/event/mailbox.h"

#define SHADOW_KINDS_MAX         64u
#define SHADOW_WITNESS_BYTES_MAX 2048u

struct exchange;

/* Indices into each table. */
struct shadow_decision {
    uint32_t clause, end, cluster;
};

struct shadow_pair {
    enum verdict_difference what;
    struct shadow_decision before, after;
};

/* What is not atomic is written once, before `n_kinds` says that it is there. */
struct shadow_kind {
    struct shadow_pair pair; /* of the first request */
    _Atomic uint64_t count;
    char witness[SHADOW_WITNESS_BYTES_MAX]; /* as `lbc explain` takes it; NUL-terminated */
};

struct shadow_worker {
    _Atomic uint64_t agreed, others; /* the latter: that differ, and had no room for their kind */
    _Atomic uint64_t unlistened;     /* came by a listener that the candidate does not have */
    _Atomic uint64_t differ[DIFFERENCE_COUNT];
    _Atomic uint32_t n_kinds;
    struct shadow_kind kind[SHADOW_KINDS_MAX];
    struct verdict verdict;
};

struct shadow {
    const struct table *against, *candidate; /* borrowed: they outlive it */
    uint32_t n_workers;
    struct shadow_worker **worker;
    _Atomic uint32_t workers_left;
    void *of;               /* its owner's */
    struct message retired; /* posted to `owner` when the last worker let go of it */
    struct mailbox *owner;
};

/* Held by all workers from the start. `retired` is called on the owner's thread. */
struct shadow *shadow_new(const struct table *against, const struct table *candidate,
                          uint32_t n_workers, struct mailbox *owner,
                          void (*retired)(struct message *m));
void shadow_free(struct shadow *s);

/* The worker will not look into it any more. */
void shadow_unpin(struct shadow *s);

/* Does either table ask who the client is? */
bool shadow_requires(const struct shadow *s);
bool shadow_requires_jwt(const struct shadow *s);

/* The same clauses, and the same respect. */
bool shadow_same_kind(const struct shadow_pair *a, const struct shadow_pair *b);

/* Counts what became of a request. Returns the kind when it is new, and its witness is to be
 * written before shadow_told(); else NULL. */
struct shadow_kind *shadow_count(struct shadow_worker *w, struct shadow_pair pair);
void shadow_told(struct shadow_worker *w);

/* The exchange's request, as words for a shell: 'GET http://a/b' --from 10.0.0.1 -H 'x: y'. Values
 * of headers, cookies and parameters that may be credentials are left out, and what there is no
 * room for; a comment at its end says which. */
void shadow_write_witness(const struct exchange *x, char out[SHADOW_WITNESS_BYTES_MAX]);

/* The request has been decided, by what the candidate is held against, or by the candidate itself
 * where that serves a share of the clients. Only where its worker has a shadow. */
void exchange_shadow(struct exchange *x);
