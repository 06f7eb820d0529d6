#include "runtime/daemon/sim.h"

#include <string.h>

#include "compiler/cli/cli.h"
#include "runtime/balance/balance.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"
#include "runtime/base/rng.h"
#include "runtime/base/text.h"

enum { OPTION_REQUESTS, OPTION_SEED, OPTION_CLUSTER, OPTION_JSON };

#define REQUESTS_MAX     100000000u
#define REQUESTS_DEFAULT 100000u
#define IN_FLIGHT        8u /* requests a server has at a time, on average */
#define MS               INT64_C(1000000)

static const struct cli_option options[] = {
    [OPTION_REQUESTS] = {"--requests", "N", "how many a cluster gets (default: 100000)"},
    [OPTION_SEED] = {"--seed", "N", "what chance begins with (default: 1)"},
    [OPTION_CLUSTER] = {"--cluster", "NAME", "only of this cluster"},
    [OPTION_JSON] = {"--json", NULL, "for programs"},
    {0},
};

static const struct cli_command sim = {
    .name = "sim",
    .arguments = "FILE",
    .what =
        "Shows, for each cluster, the share of the requests that its balance gives each server,\n"
        "beside the share that is due by weight; and of the ways to balance that keep a client\n"
        "at its server, which part of all clients moves when that one server leaves. Nothing\n"
        "is sent: it is the same code that balances, all servers are up, each request is of\n"
        "another client and takes as long as all others, and eight of them are in flight for\n"
        "each server. The same seed gives the same numbers.",
    .option = options,
    .more = "What is wrong with the configuration is said as lbc check says it. Backups take no\n"
            "part where there are others.",
};

/* One cluster while it is tried. */
struct trial {
    const struct table *table;
    const struct table_cluster *spec;
    const struct balance_policy *policy;
    uint32_t n, requests;
    uint32_t *server_of; /* a candidate's index in the table */
    struct balance_candidate *candidate;
    struct balance_load *load;
    uint32_t *picked;
    uint32_t *who; /* per request */
    struct balance_plan plan;
    struct balance_in in;
    struct rng rng;
};

static struct balance_load look(const void *of, uint32_t i)
{
    return ((const struct trial *)of)->load[i];
}

static void add_servers(struct trial *t, bool backup)
{
    for (uint32_t k = 0; k < t->spec->n_servers; k++) {
        const struct table_server *s = &t->table->server[t->spec->first_server + k];
        if (s->backup != backup || s->state != STATE_READY)
            continue;
        const uint32_t whole = (t->policy->ignores_weight ? 1 : s->weight) * BALANCE_UNIT;
        t->server_of[t->n] = t->spec->first_server + k;
        t->candidate[t->n++] =
            (struct balance_candidate){hash_slice(s->name, 0), .whole = whole, .share = whole};
    }
}

/* All requests, one after the other; each ends when IN_FLIGHT times as many have come as there are
 * servers. */
static void run(struct trial *t, uint64_t seed, uint32_t *who)
{
    const uint32_t in_flight = IN_FLIGHT * t->n;
    memset(t->load, 0, t->n * sizeof(t->load[0]));
    t->in = (struct balance_in){.load = look, .of = t, .bounded_percent = t->spec->bounded_percent};
    t->rng.state = seed;
    balance_lay(t->policy, &t->plan, &t->in);
    for (uint32_t k = 0; k < t->requests; k++) {
        if (k >= in_flight) {
            const uint32_t done = who[k - in_flight];
            t->load[done].in_flight--;
            t->in.in_flight--;
            response_time_note(&t->load[done].time, 10 * MS, (k + 1) * MS);
            if (t->policy->note)
                t->policy->note(&t->plan, done, t->load[done]);
        }
        t->in.tick = k;
        t->in.key = rng_next(&t->rng);
        t->in.random = rng_next(&t->rng);
        who[k] = t->policy->pick(&t->plan, &t->in);
        ASSERT(who[k] < t->n);
        t->load[who[k]].in_flight++;
        t->in.in_flight++;
    }
}

/* Which part of all clients is elsewhere when candidate `i` has left the file. */
static double moved_without(struct trial *t, uint32_t i, uint64_t seed, uint32_t *after)
{
    const struct balance_candidate gone = t->candidate[i], last = t->candidate[t->n - 1];
    t->candidate[i] = last;
    t->plan.n = t->plan.n_all = --t->n;
    run(t, seed, after);
    uint32_t moved = 0;
    for (uint32_t k = 0; k < t->requests; k++)
        moved += t->who[k] != (after[k] == i ? t->n : after[k]);
    t->candidate[i] = gone;
    t->candidate[t->n] = last;
    t->plan.n = t->plan.n_all = ++t->n;
    return moved / (double)t->requests;
}

/* As many as a person looks at: each is a trial of its own. */
#define LEAVING_MAX 32u

struct row {
    double share, due, moved; /* moved: below 0 where it is not known */
};

static void try(struct trial *t, uint64_t seed, struct row *row)
{
    uint32_t *after = MUST_ARRAY(uint32_t, t->requests);
    run(t, seed, t->who);
    for (uint32_t k = 0; k < t->requests; k++)
        t->picked[t->who[k]]++;
    const bool first_only = t->spec->balance == BALANCE_FIRST;
    const double share = (double)t->plan.share;
    for (uint32_t i = 0; i < t->n; i++) {
        row[i].share = t->picked[i] / (double)t->requests;
        row[i].due = first_only ? i == 0 : t->candidate[i].share / share;
        row[i].moved = -1;
    }
    for (uint32_t i = 0; t->policy->reads_key && t->n > 1 && i < t->n && i < LEAVING_MAX; i++)
        row[i].moved = moved_without(t, i, seed, after);
    free(after);
}

static void write_human(const struct trial *t, const struct row *row, struct text *out)
{
    text_addf(out, "cluster " SLICE_FMT ", balance %s", SLICE_ARG(t->spec->name),
              table_balance_name(t->spec->balance));
    if (t->spec->field != FIELD_COUNT) {
        text_addc(out, ' ');
        table_field_write(t->spec->field, t->spec->key, '"', out);
    }
    if (t->spec->bounded_percent)
        text_addf(out, " bounded %u%%", t->spec->bounded_percent);
    text_addf(out, "\n  %-20s %8s %9s %9s%s\n", "server", "requests", "share", "due",
              row[0].moved >= 0 ? "  moves when it leaves" : "");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct slice name = t->table->server[t->server_of[i]].name;
        text_addf(out, "  %-20.*s %8u %8.2f%% %8.2f%%", (int)name.len, name.at, t->picked[i],
                  100 * row[i].share, 100 * row[i].due);
        if (row[i].moved >= 0)
            text_addf(out, " %20.2f%%", 100 * row[i].moved);
        text_addc(out, '\n');
    }
    text_addc(out, '\n');
}

static void write_json(const struct trial *t, const struct row *row, struct text *out)
{
    if (out->at[out->len - 1] != '[')
        text_addc(out, ',');
    text_adds(out, "{\"cluster\":");
    text_add_json(out, t->spec->name);
    text_addf(out, ",\"balance\":\"%s\",\"requests\":%u,\"servers\":[",
              table_balance_name(t->spec->balance), t->requests);
    for (uint32_t i = 0; i < t->n; i++) {
        text_adds(out, i ? ",{\"server\":" : "{\"server\":");
        text_add_json(out, t->table->server[t->server_of[i]].name);
        text_addf(out, ",\"requests\":%u,\"share\":%.6f,\"due\":%.6f,\"moved\":", t->picked[i],
                  row[i].share, row[i].due);
        if (row[i].moved >= 0)
            text_addf(out, "%.6f}", row[i].moved);
        else
            text_adds(out, "null}");
    }
    text_adds(out, "]}");
}

struct wish {
    uint32_t requests;
    uint64_t seed;
    const char *cluster;
    bool json;
};

static void simulate(const struct table *table, const struct table_cluster *spec,
                     const struct wish *w, struct text *out)
{
    struct trial t = {.table = table,
                      .spec = spec,
                      .policy = balance_policy(spec->balance),
                      .requests = w->requests,
                      .server_of = MUST_ARRAY(uint32_t, spec->n_servers),
                      .candidate = MUST_ARRAY(struct balance_candidate, spec->n_servers),
                      .load = MUST_ARRAY(struct balance_load, spec->n_servers),
                      .picked = MUST_ARRAY(uint32_t, spec->n_servers),
                      .who = MUST_ARRAY(uint32_t, w->requests)};
    add_servers(&t, false);
    if (t.n == 0)
        add_servers(&t, true);
    t.plan.candidate = t.candidate;
    t.plan.n = t.plan.n_all = t.n;
    struct row *row = MUST_ARRAY(struct row, t.n);
    if (t.n > 0)
        try(&t, w->seed, row);
    if (w->json)
        write_json(&t, row, out);
    else if (t.n > 0)
        write_human(&t, row, out);
    else
        text_addf(out, "cluster " SLICE_FMT ": no server is ready\n\n", SLICE_ARG(spec->name));
    if (!w->json && spec->n_sources > 0)
        text_addf(out,
                  "  and those of " SLICE_FMT " that `servers` lists, which only lbc run knows\n\n",
                  SLICE_ARG(spec->name));
    free(row);
    balance_plan_done(&t.plan);
    free(t.server_of);
    free(t.candidate);
    free(t.load);
    free(t.picked);
    free(t.who);
}

static int simulate_all(const struct table *table, const struct wish *w)
{
    struct text out = {0};
    bool any = false;
    text_adds(&out, w->json ? "[" : "");
    for (uint32_t i = 0; i < table->n_clusters; i++) {
        if (w->cluster && !slice_eq(table->cluster[i].name, slice_of(w->cluster)))
            continue;
        any = true;
        simulate(table, &table->cluster[i], w, &out);
    }
    text_adds(&out, w->json ? "]\n" : "");
    if (w->cluster && !any) {
        text_done(&out);
        char why[100];
        snprintf(why, sizeof(why), "there is no cluster \"%.60s\"", w->cluster);
        return cli_usage(&sim, why);
    }
    cli_print(&out);
    return EXIT_CLEAN;
}

int sim_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&sim, argc, argv, value);
    if (n < 0)
        return -1 - n;
    if (n != 1)
        return cli_usage(&sim, n ? "one file at a time" : "which file?");
    uint64_t requests = REQUESTS_DEFAULT;
    struct wish w = {.seed = 1, .cluster = value[OPTION_CLUSTER], .json = value[OPTION_JSON]};
    if (value[OPTION_REQUESTS] &&
        (!number_parse(slice_of(value[OPTION_REQUESTS]), REQUESTS_MAX, &requests) || requests == 0))
        return cli_usage(&sim, "--requests is 1 to 100000000");
    if (value[OPTION_SEED] && !number_parse(slice_of(value[OPTION_SEED]), UINT64_MAX, &w.seed))
        return cli_usage(&sim, "--seed is a number");
    w.requests = (uint32_t)requests;

    struct loaded l;
    int code = load(argv[1], &l);
    if (code == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    else if (code == EXIT_CLEAN)
        code = simulate_all(l.table, &w);
    loaded_done(&l);
    return code;
}
