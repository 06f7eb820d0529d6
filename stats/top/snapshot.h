/* snapshot - what a running lbc has counted, as its stats socket tells it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/vec.h"

struct top_server {
    char *cluster, *name, *endpoint, *health, *state; /* owned */
    char *why; /* it is ejected, or its last check or handshake failed; owned; may be NULL */
    bool ejected;
    uint32_t weight;
    int64_t active;
    uint64_t requests, errors, failed; /* errors: no response; failed: it was a 5xx */
    uint64_t answers;
    double answers_s; /* the sum of the times to their first byte */
};

struct top_cluster {
    char *name, *balance; /* owned */
    uint32_t servers, usable;
    int64_t active, waiting;
};

/* Of all workers. */
struct top_totals {
    uint64_t requests, class[6]; /* responses by the first digit of their status; [0] is not used */
    uint64_t received_bytes, sent_bytes;
    int64_t connections, active;
};

struct snapshot {
    int64_t at_ns;        /* monotonic: when it was asked for */
    char *version, *file; /* owned */
    uint64_t generation;
    double uptime_s;
    bool draining, on_trial;
    double canary_percent; /* of the clients; 0: there is none */
    struct top_totals totals;
    VEC(struct top_cluster) cluster; /* in the order of the file */
    VEC(struct top_server) server;   /* in the order of the file */
};

/* The three answers are JSON. False: they are not what lbc says, and *out is empty. snapshot_done()
 * it in any case. */
MUST_CHECK bool snapshot_read(struct slice info, struct slice clusters, struct slice servers,
                              int64_t at_ns, struct snapshot *out);
void snapshot_done(struct snapshot *s);

/* NULL where it was not there. `at` is where it may be: its index now. */
const struct top_server *snapshot_server(const struct snapshot *s, uint32_t at,
                                         const struct top_server *like);

/* How long the answers took that came between the two, on average, in ms; negative: none came. */
double snapshot_latency(const struct top_server *before, const struct top_server *now);

/* What a counter rose by in a second; negative: that is not known. */
double snapshot_rate(uint64_t before, uint64_t now, int64_t between_ns);
