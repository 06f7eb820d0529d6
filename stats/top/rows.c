#include "stats/top/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const order_name[N_ORDERS] = {
    [ORDER_FILE] = "file",       [ORDER_RATE] = "rate",     [ORDER_ERRORS] = "errors",
    [ORDER_LATENCY] = "latency", [ORDER_ACTIVE] = "active", [ORDER_NAME] = "name"};

const char *rows_order_name(enum top_order order)
{
    ASSERT(order < N_ORDERS);
    return order_name[order];
}

static bool is_wanted(const struct rows *r, const struct top_server *s)
{
    return strstr(s->cluster, r->wanted) || strstr(s->name, r->wanted) ||
           strstr(s->endpoint, r->wanted);
}

static struct top_row describe(const struct snapshot *before, const struct snapshot *now,
                               uint32_t i)
{
    const struct top_server *s = &now->server.at[i], *was = snapshot_server(before, i, s);
    struct top_row row = {.server = s, .rate = -1, .errors = -1, .failed = -1, .latency_ms = -1};
    const int64_t between_ns = now->at_ns - before->at_ns;
    if (was) {
        row.rate = snapshot_rate(was->requests, s->requests, between_ns);
        row.errors = snapshot_rate(was->errors, s->errors, between_ns);
        row.failed = snapshot_rate(was->failed, s->failed, between_ns);
        row.latency_ms = snapshot_latency(was, s);
    }
    return row;
}

static void add_known(double *sum, double more)
{
    if (more >= 0)
        *sum = *sum >= 0 ? *sum + more : more;
}

/* Greatest first; of the same, those first that come first in the file. */
static int by(double a, double b)
{
    return (a < b) - (a > b);
}

static int compare(enum top_order order, const struct top_row *a, const struct top_row *b)
{
    switch (order) {
    case ORDER_RATE: return by(a->rate, b->rate);
    case ORDER_ERRORS: return by(a->errors + a->failed, b->errors + b->failed);
    case ORDER_LATENCY: return by(a->latency_ms, b->latency_ms);
    case ORDER_ACTIVE: return by((double)a->server->active, (double)b->server->active);
    case ORDER_NAME: return strcmp(a->server->name, b->server->name);
    case ORDER_FILE:
    case N_ORDERS: break;
    }
    return 0;
}

static int compare_rows(const void *a, const void *b, void *order)
{
    const struct top_row *x = a, *y = b;
    const int c = compare(*(const enum top_order *)order, x, y);
    return c ? c : (x->server > y->server) - (x->server < y->server);
}

/* A cluster's row, and those of its servers behind it. */
static void add_cluster(struct rows *r, const struct snapshot *before, const struct snapshot *now,
                        const struct top_cluster *c)
{
    struct top_row head = {.cluster = c, .rate = -1, .errors = -1, .failed = -1};
    const uint32_t first = r->list.n;
    VEC_ADD(&r->list, head);
    for (uint32_t i = 0; i < now->server.n; i++) {
        if (strcmp(now->server.at[i].cluster, c->name) != 0)
            continue;
        struct top_row row = describe(before, now, i);
        row.cluster = c;
        add_known(&head.rate, row.rate);
        add_known(&head.errors, row.errors);
        add_known(&head.failed, row.failed);
        if (is_wanted(r, row.server))
            VEC_ADD(&r->list, row);
    }
    r->list.at[first] = head;
    if (r->list.n == first + 1 && !strstr(c->name, r->wanted))
        r->list.n = first;
    else if (r->list.n > first + 1)
        qsort_r(&r->list.at[first + 1], r->list.n - first - 1, sizeof(r->list.at[0]), compare_rows,
                &r->order);
}

void rows_make(struct rows *r, const struct snapshot *before, const struct snapshot *now)
{
    r->list.n = 0;
    for (uint32_t i = 0; i < now->cluster.n; i++)
        add_cluster(r, before, now, &now->cluster.at[i]);
}

void rows_done(struct rows *r)
{
    VEC_DONE(&r->list);
}

uint32_t rows_chosen(const struct rows *r)
{
    for (uint32_t i = 0; i < r->list.n; i++) {
        const struct top_row *row = &r->list.at[i];
        if (strcmp(row->cluster->name, r->cluster) == 0 &&
            strcmp(row->server ? row->server->name : "", r->server) == 0)
            return i;
    }
    return 0;
}

void rows_move(struct rows *r, int32_t by_rows)
{
    if (r->list.n == 0)
        return;
    int64_t to = (int64_t)rows_chosen(r) + by_rows;
    to = to < 0 ? 0 : to >= r->list.n ? r->list.n - 1 : to;
    const struct top_row *row = &r->list.at[to];
    snprintf(r->cluster, sizeof(r->cluster), "%s", row->cluster->name);
    snprintf(r->server, sizeof(r->server), "%s", row->server ? row->server->name : "");
}
