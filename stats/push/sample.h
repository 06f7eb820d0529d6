/*
 * sample - what control says at one moment, copied, so that another thread can take its time.
 */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/control/control.h"

struct sample {
    struct arena arena; /* owns all strings and arrays */
    int64_t at_ns, wall_ns;
    struct control_info info; /* without `metrics` */
    int64_t *metric;          /* the sums, in the order of metric_info[] */
    struct control_cluster *cluster;
    struct control_server *server; /* in the order of their clusters */
    uint32_t n_clusters, n_servers;
};

/* Control thread. */
struct sample *sample_take(const struct control *c);

/* NULL is allowed. */
void sample_free(struct sample *s);

/* One of the sums; `offset` as in struct metrics. */
int64_t sample_metric(const struct sample *s, size_t offset);
#define SAMPLE_METRIC(s, name) sample_metric((s), offsetof(struct metrics, name))
