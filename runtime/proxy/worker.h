/*
 * worker - a thread with a loop of its own and everything it needs to serve traffic.
 *
 * A connection lives and ends on the worker that accepted it. What workers share is listed in
 * runtime/README.md.
 */
#pragma once

#include <pthread.h>

#include "runtime/base/rng.h"
#include "runtime/base/vec.h"
#include "runtime/event/deadline.h"
#include "runtime/event/mailbox.h"
#include "runtime/filter/compress.h"
#include "runtime/generation/generation.h"
#include "runtime/log/access.h"
#include "runtime/metrics/metrics.h"
#include "runtime/mux/mux.h"
#include "runtime/proxy/canary.h"
#include "runtime/proxy/notice.h"
#include "runtime/proxy/overload.h"
#include "runtime/proxy/trace.h"
#include "runtime/tls/wire.h"
#include "runtime/upstream/link.h"

/* Where heads are put together before they are written, the largest with what we add, and what
 * large bodies pass through. */
#define WORKER_SCRATCH_BYTES ((size_t)512 * 1024)

/* How many clients one worker holds in tarpits; others are dropped at once. */
#define TARPITTED_MAX 1000u

/* Blocks of 48 KiB in use at a time on a worker; what is above that is refused and counted. */
#define WORKER_BUFFERS_MAX (UINT32_C(16) * 1024)

/* Free blocks of each kind that are kept for the next one. */
#define WORKER_KEEP_FREE 256u

struct acceptor;
struct checks;
struct shadow;
struct verdict;
struct verified;

struct worker {
    uint32_t index;
    struct loop *loop;
    struct mailbox box;
    struct deadlines deadlines;
    struct timer tick; /* looks for what has expired, while there are connections */
    bool ticking;
    int64_t now_ns; /* read at the start of each callback */

    struct metrics *metrics;
    struct access_ring *log; /* NULL: no access log; borrowed */
    struct rng rng;
    uint64_t request_id; /* the high half of request ids; the low half counts */
    uint64_t requests;

    struct pool buffers, links, sessions, exchanges, attempts, places, holds, codings, inquiries,
        bearers, questions;
    struct pool throttled, throttles; /* exchanges that limits of bytes are met by, and those */
    struct checks *checks;            /* borrowed; NULL: no password is ever right */
    struct verified *verified, *verified_tokens; /* owned */
    struct list inquiry;                         /* passwords that are being checked */
    struct compressors compressors;
    struct wire wire; /* of all its TLS connections */
    struct link_owner link_owner;
    struct mux_owner mux_owner;
    struct generation *current; /* pinned */
    struct generation *canary;  /* pinned; mostly NULL: a share of the clients gets this one */
    uint64_t newest_id;         /* of the two: servers of an older one have gone */
    struct canary_share canary_share;
    struct shadow *shadow;     /* pinned; mostly NULL */
    _Atomic uint64_t taken;    /* how many times it was given one by worker_publish() and has it */
    _Atomic int64_t taking_ns; /* the longest that took, and its loop nothing else did */
    VEC(struct acceptor *) acceptor;
    struct list lines;               /* of HTTP/2 connections to servers */
    struct list session;             /* all of them, the oldest first */
    struct list rosters;             /* of them, that are being made; mostly empty */
    struct trace *trace[TRACES_MAX]; /* that are on; borrowed */
    uint32_t n_traces;               /* nearly always 0 */
    bool draining;
    bool succeeded;          /* while it drains: another process accepts in our place */
    struct mailbox *control; /* borrowed */
    struct message *drained; /* to be posted there when no connection is left; borrowed */
    pthread_t thread;
    char *scratch;           /* WORKER_SCRATCH_BYTES, owned */
    struct verdict *verdict; /* of connections and responses; owned; good until the next one */
    uint32_t tarpitted;      /* exchanges that are held */
    struct notices notices;
    struct overload overload;
    enum overload_stage overload_told; /* what the log says of it */
    int64_t tick_due_ns, swept_ns;
    uint64_t descriptors_max;
    int64_t out_until_ns;     /* the kernel has refused one: until then all are taken for used */
    int64_t descriptors_told; /* of its connections, as the others count them */
    struct canary_worker canary_counts;
};

struct worker_config {
    uint32_t index;
    uint64_t seed;           /* of request ids and balancing */
    struct access_ring *log; /* borrowed; NULL: no access log */
    struct mailbox *control; /* borrowed; where the worker reports to */
    struct checks *checks;   /* borrowed; outlive its thread, and are over before it is freed */
};

/* A worker that does not run yet; or NULL, with a negative errno in *rc. */
struct worker *worker_new(const struct worker_config *config, int *rc);

/* Starts its thread with its first generation. 0 or a negative errno. */
MUST_CHECK int worker_start(struct worker *w, struct generation *first);

/* The following are for the control thread. */

/* From the top of its next turn on it serves with this generation; and with this one beside it,
 * that share of the clients, unless that is NULL. It lets go of what it had and has no more. */
void worker_publish(struct worker *w, struct generation *g, struct generation *canary,
                    struct canary_share share);

/* From then on each decision is compared with what this one has; NULL: with none. */
void worker_shadow(struct worker *w, struct shadow *s);

/*
 * Accept no more, end connections as they become idle; `drained` is posted to the control thread's
 * mailbox when none is left. It must stay until then, or until worker_stop() has returned.
 *
 * `succeeded`: clients that come back find another process, so that none has to fail. Whoever has a
 * connection is told that it ends (Connection: close, GOAWAY) before it does: one that is idle
 * waits SESSION_LAST_REQUEST_NS for a request that may be on its way.
 */
void worker_drain(struct worker *w, bool succeeded, struct message *drained);

/* Posts `turned` to the control thread's mailbox: its loop turns. As long as it must stay. */
void worker_ping(struct worker *w, struct message *turned);

/* Closes everything that is left, ends the thread, waits for it. */
void worker_stop(struct worker *w);

/* Frees a worker that has stopped or was never started. NULL is allowed. */
void worker_free(struct worker *w);

/* How many its connections take. Any thread. */
int64_t worker_descriptors(const struct worker *w);

/* So many of the process's are of nobody's connections, for all workers. The control thread. */
void workers_others_descriptors(int64_t n);

/* What there is of everything now: worker.overload. */
void worker_measure(struct worker *w);

/* The kernel gave none to a connection: as if all were in use, for a second. */
void worker_out_of_descriptors(struct worker *w);

/* For the callbacks of a worker's own objects: reads the clock. */
int64_t worker_now(struct worker *w);
