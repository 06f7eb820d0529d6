/* rows - what `lbc top` shows below its head: clusters, and servers below theirs. */
#pragma once

#include "stats/top/snapshot.h"

enum top_order {
    ORDER_FILE,
    ORDER_RATE,
    ORDER_ERRORS,
    ORDER_LATENCY,
    ORDER_ACTIVE,
    ORDER_NAME,
    N_ORDERS
};

struct top_row {
    const struct top_cluster *cluster;
    const struct top_server *server; /* NULL: it is the cluster's */
    double rate, errors, failed;     /* in a second; negative: not known */
    double latency_ms;               /* of a server; the same */
};

/* Which one is chosen: by its names, for rows move. */
#define ROWS_NAME_MAX 128u

struct rows {
    VEC(struct top_row) list; /* points into the snapshot */
    enum top_order order;
    char wanted[ROWS_NAME_MAX];                         /* only names with this in them are shown */
    char cluster[ROWS_NAME_MAX], server[ROWS_NAME_MAX]; /* chosen; both empty: the first */
};

const char *rows_order_name(enum top_order order);

/* `before` may be empty: then there are no rates. The list is valid as long as `now`. */
void rows_make(struct rows *r, const struct snapshot *before, const struct snapshot *now);
void rows_done(struct rows *r);

/* The index of the chosen one; 0 where it is not there. */
uint32_t rows_chosen(const struct rows *r);

/* Another one is chosen: so many further down, as far as there are any. */
void rows_move(struct rows *r, int32_t by);
