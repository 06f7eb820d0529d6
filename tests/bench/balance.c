/*
 * What choosing a server costs, by policy and number of servers: `./dev bench balance`.
 *
 * Measured is what the request path does: cluster_key() and cluster_pick() while requests begin and
 * end; and in a second table cluster_begin(), cluster_end(), cluster_note() and cluster_timed(),
 * which is the same loop with a server by chance in the place of the choice. Weights are 1 to 4,
 * four requests a server are in flight, and they end in an order of chance. All are measured in
 * turn, so that whatever the machine does meanwhile happens to all of them; medians are shown, of
 * CPU time.
 */
#include <stdio.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/upstream/cluster.h"

static const uint32_t SIZES[] = {10, 100, 1000, 10000};
#define N_SIZES   COUNT_OF(SIZES)
#define ROUNDS    15
#define PICKS     4000
#define IN_FLIGHT 4u

/* What is measured: each policy, and `consistent` with a bound. */
enum { BOUNDED = BALANCE_COUNT, WAYS };

/* What stands where the choice does, and how much of the loop there is. */
enum what { CHOICE, CHANCE, NOTHING, WHATS };

struct group {
    struct table_cluster spec;
    struct table_server *server_spec;
    struct server **server;
    struct cluster *live;
    struct cluster_view view;
    uint32_t *flying;
    uint32_t n_flying;
    struct facts facts;
    struct verdict verdict;
    struct rng rng;
    double ns[WHATS][ROUNDS], laid_us;
};

static const struct table no_table;

static void prepared(struct group *g, uint32_t n, int way)
{
    const enum table_balance balance =
        way == BOUNDED ? BALANCE_CONSISTENT : (enum table_balance)way;
    g->spec = (struct table_cluster){.balance = balance, .n_servers = n, .field = FIELD_COUNT};
    if (table_balance_takes_field(balance))
        g->spec.field = FIELD_PATH;
    g->spec.bounded_percent = way == BOUNDED ? 125 : 0;
    g->server_spec = MUST_ARRAY(struct table_server, n);
    g->server = MUST_ARRAY(struct server *, n);
    g->live = cluster_new(SLICE("bench"), 1);
    g->rng.state = n;
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%u", i);
        const struct endpoint e = {.port = 80};
        g->server[i] = server_new(SLICE("bench"), slice_of(name), &e, 1);
        g->server[i]->cluster = cluster_pin(g->live);
        g->server_spec[i] =
            (struct table_server){.name = slice_of(g->server[i]->name), .weight = 1 + i % 4};
        response_time_note(&g->server[i]->worker[0]->time, 1000 * (1 + i % 7), NS_PER_S);
    }
    g->n_flying = IN_FLIGHT * n;
    g->flying = MUST_ARRAY(uint32_t, g->n_flying);
    memset(g->flying, 0xff, g->n_flying * sizeof(g->flying[0]));
}

static uint32_t chosen(struct group *g, int64_t now_ns)
{
    const struct cluster_choice choice = {
        .spec = &g->spec,
        .server_spec = g->server_spec,
        .live = g->live,
        .server = g->server,
        .n_servers = g->spec.n_servers,
        .key = cluster_key(&no_table, &g->spec, &g->facts, &g->verdict),
        .now_ns = now_ns};
    return cluster_pick(&choice, &g->view);
}

static void ends(struct group *g, uint32_t i, int64_t now_ns)
{
    cluster_timed(&g->spec, g->server[i], 0, 1000 * (1 + i % 7), now_ns);
    server_leave(g->server[i]);
    if (g->spec.bounded_percent > 0)
        cluster_end(g->server[i]);
    cluster_note(&g->spec, g->server[i], i, 0, &g->view);
}

static void request(struct group *g, enum what what, int64_t now_ns)
{
    static const char DIGIT[] = "0123456789abcdef";
    const uint64_t r = rng_next(&g->rng);
    char path[24] = "/item/";
    for (int i = 0; i < 16; i++)
        path[6 + i] = DIGIT[r >> (4 * i) & 15];
    g->facts.path = (struct slice){path, 22};
    memcpy(&g->facts.src.byte[12], &r, 4);
    uint32_t *flying = &g->flying[rng_below(&g->rng, g->n_flying)];
    if (*flying != UINT32_MAX && what != NOTHING)
        ends(g, *flying, now_ns);
    const uint32_t i = what == CHOICE ? chosen(g, now_ns) : rng_below(&g->rng, g->spec.n_servers);
    if (what == NOTHING)
        return;
    *flying = i;
    const bool entered = server_enter(g->server[i]),
               counted = cluster_begin(&g->spec, g->server[i]);
    ASSERT(entered);
    cluster_note(&g->spec, g->server[i], i, 0, &g->view);
    ASSERT(counted == (g->spec.bounded_percent > 0));
}

/* Of this thread alone: others may want the processor too. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* First until it is warm. */
static double measured(struct group *g, enum what what, int64_t *now_ns)
{
    int64_t begun = 0;
    for (uint32_t i = 0; i < PICKS + g->spec.n_servers; i++) {
        if (i == g->spec.n_servers)
            begun = cpu_ns();
        request(g, what, *now_ns += 10000);
    }
    return (double)(cpu_ns() - begun) / PICKS;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

/* What every worker pays once when a server comes, goes or gets another weight. */
static void lay_out(struct group *g, int64_t now_ns)
{
    double us[11];
    for (size_t i = 0; i < COUNT_OF(us); i++) {
        cluster_changed(g->live);
        const int64_t begun = cpu_ns();
        request(g, CHOICE, now_ns);
        us[i] = (double)(cpu_ns() - begun) / 1000;
    }
    qsort(us, COUNT_OF(us), sizeof(us[0]), by_value);
    g->laid_us = us[COUNT_OF(us) / 2];
}

static const char *title(int way)
{
    return way < BALANCE_COUNT ? table_balance_name((enum table_balance)way)
                               : "consistent, bounded 125%";
}

static void table(struct group group[WAYS][N_SIZES], const char *says, enum what what,
                  enum what without)
{
    printf("%-25s", says);
    for (size_t s = 0; s < N_SIZES; s++)
        printf("%10u", SIZES[s]);
    for (int w = 0; w < WAYS; w++) {
        printf("\n%-25s", title(w));
        for (size_t s = 0; s < N_SIZES; s++)
            printf("%10.0f", median(group[w][s].ns[what]) - median(group[w][s].ns[without]));
    }
    printf("\n\n");
}

static void report(struct group group[WAYS][N_SIZES])
{
    table(group, "a choice, ns; of servers:", CHOICE, CHANCE);
    table(group, "beginning and end, ns", CHANCE, NOTHING);
    printf("a view made anew, us");
    for (int w = 0; w < WAYS; w++) {
        printf("\n%-25s", title(w));
        for (size_t s = 0; s < N_SIZES; s++)
            printf("%10.0f", group[w][s].laid_us);
    }
    printf("\n");
}

static void done(struct group *g)
{
    cluster_view_done(&g->view);
    for (uint32_t i = 0; i < g->spec.n_servers; i++)
        server_unpin(g->server[i]);
    cluster_unpin(g->live);
    free(g->server);
    free(g->server_spec);
    free(g->flying);
}

int main(void)
{
    struct group(*group)[N_SIZES] = must_calloc(WAYS, sizeof(*group));
    int64_t now_ns = 2 * NS_PER_S;
    for (int w = 0; w < WAYS; w++)
        for (size_t s = 0; s < N_SIZES; s++) {
            struct group *g = &group[w][s];
            prepared(g, SIZES[s], w);
            for (uint32_t k = 0; k < 3 * g->n_flying; k++)
                request(g, CHOICE, now_ns += 10000);
            lay_out(g, now_ns);
        }
    for (int round = 0; round < ROUNDS; round++)
        for (int w = 0; w < WAYS; w++)
            for (size_t s = 0; s < N_SIZES; s++)
                for (enum what what = 0; what < WHATS; what++)
                    group[w][s].ns[what][round] = measured(&group[w][s], what, &now_ns);
    report(group);
    for (int w = 0; w < WAYS; w++)
        for (size_t s = 0; s < N_SIZES; s++)
            done(&group[w][s]);
    free(group);
    return 0;
}
