#include "runtime/daemon/sim.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "runtime/balance/balance.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"
#include "runtime/base/rng.h"
#include "runtime/base/text.h"
#include "runtime/upstream/discoveries.h"
#include "runtime/upstream/server_file.h"

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
    .more =
        "Servers of another priority, and backups, are tried by themselves: they take part once\n"
        "all before them are down. Of `servers`, a file is read; what dns and srv list is\n"
        "found at run time, and not here. What is wrong with the configuration is said as\n"
        "lbc check says it.",
};

/* One cluster while it is tried: one group of its servers after the other. */
struct trial {
    const struct table_cluster *spec;
    const struct balance_policy *policy;
    struct table_server *server; /* the cluster's, and those that its files list */
    uint32_t n_servers;
    uint32_t group;
    uint32_t n, requests;
    uint32_t *server_of; /* a candidate's index among the servers */
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

/* --- its servers ------------------------------------------------------------------------------ */

/* What a file lists now; with a sentence in `out` when it can't be read. */
static void add_listed(struct trial *t, const struct table_source *source, struct text *out)
{
    struct text why = {0};
    struct discover_found *found = MUST_ARRAY(struct discover_found, DISCOVER_MEMBERS_MAX);
    char path[PATH_MAX];
    snprintf(path, sizeof(path), SLICE_FMT, SLICE_ARG(source->name));
    const int n = server_file_load(path, found, &why);
    for (int i = 0; i < n; i++) {
        struct table_server *s = &t->server[t->n_servers++];
        char *name = must_calloc(ENDPOINT_TEXT_MAX, 1);
        *s = source_server(source, &found[i], 0, 0);
        s->name = (struct slice){name, endpoint_format(&s->endpoint, name)};
    }
    if (n < 0)
        text_addf(out, SLICE_FMT ": %s\n", SLICE_ARG(source->name), why.at);
    text_done(&why);
    free(found);
}

static void add_servers(struct trial *t, const struct table *table, struct text *notes)
{
    const struct table_cluster *spec = t->spec;
    t->server = MUST_ARRAY(struct table_server,
                           spec->n_servers + (size_t)spec->n_sources * DISCOVER_MEMBERS_MAX);
    for (uint32_t i = 0; i < spec->n_servers; i++)
        t->server[t->n_servers++] = table->server[spec->first_server + i];
    for (uint32_t i = 0; i < spec->n_sources; i++) {
        const struct table_source *source = &table->source[spec->first_source + i];
        if (source->kind == SOURCE_FILE)
            add_listed(t, source, notes);
        else
            text_addf(notes,
                      "those that `servers %s \"" SLICE_FMT "\"` lists are found at run time\n",
                      source->kind == SOURCE_SRV ? "srv" : "dns", SLICE_ARG(source->name));
    }
}

/* The lowest group that is not below `from` and has a server that is ready; or UINT32_MAX. */
static uint32_t next_group(const struct trial *t, uint32_t from)
{
    uint32_t next = UINT32_MAX;
    for (uint32_t i = 0; i < t->n_servers; i++) {
        const uint32_t group = table_server_group(&t->server[i]);
        if (t->server[i].state == STATE_READY && group >= from && group < next)
            next = group;
    }
    return next;
}

static void choose_group(struct trial *t, uint32_t group)
{
    t->group = group;
    t->n = 0;
    for (uint32_t i = 0; i < t->n_servers; i++) {
        const struct table_server *s = &t->server[i];
        if (table_server_group(s) != group || s->state != STATE_READY)
            continue;
        const uint32_t whole = (t->policy->ignores_weight ? 1 : s->weight) * BALANCE_UNIT;
        t->server_of[t->n] = i;
        t->candidate[t->n++] =
            (struct balance_candidate){hash_slice(s->name, 0), .whole = whole, .share = whole};
    }
    memset(t->picked, 0, t->n_servers * sizeof(t->picked[0]));
    t->plan.candidate = t->candidate;
    t->plan.n = t->plan.n_all = t->n;
}

/* --- its requests ----------------------------------------------------------------------------- */

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

/* --- what came of it -------------------------------------------------------------------------- */

static void write_title(const struct trial *t, struct text *out)
{
    text_addf(out, "cluster " SLICE_FMT ", balance %s", SLICE_ARG(t->spec->name),
              table_balance_name(t->spec->balance));
    if (t->spec->field != FIELD_COUNT) {
        text_addc(out, ' ');
        table_field_write(t->spec->field, t->spec->key, '"', out);
    }
    if (t->spec->bounded_percent)
        text_addf(out, " bounded %u%%", t->spec->bounded_percent);
    text_addc(out, '\n');
}

static void write_human(const struct trial *t, bool first, const struct row *row, struct text *out)
{
    const struct table_server *one = &t->server[t->server_of[0]];
    if (!first)
        text_addf(out, "\n  once all of these are down, %s%s", one->backup ? "backups" : "",
                  one->backup && one->priority > 0 ? " of " : "");
    if (!first && (!one->backup || one->priority > 0))
        text_addf(out, "priority %u", one->priority);
    text_addf(out, "%s  %-20s %8s %9s %9s%s\n", first ? "" : "\n", "server", "requests", "share",
              "due", row[0].moved >= 0 ? "  moves when it leaves" : "");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct slice name = t->server[t->server_of[i]].name;
        text_addf(out, "  %-20.*s %8u %8.2f%% %8.2f%%", (int)name.len, name.at, t->picked[i],
                  100 * row[i].share, 100 * row[i].due);
        if (row[i].moved >= 0)
            text_addf(out, " %20.2f%%", 100 * row[i].moved);
        text_addc(out, '\n');
    }
}

static void write_servers(const struct trial *t, const struct row *row, struct text *out)
{
    text_adds(out, "\"servers\":[");
    for (uint32_t i = 0; i < t->n; i++) {
        text_adds(out, i ? ",{\"server\":" : "{\"server\":");
        text_add_json(out, t->server[t->server_of[i]].name);
        text_addf(out, ",\"requests\":%u,\"share\":%.6f,\"due\":%.6f,\"moved\":", t->picked[i],
                  row[i].share, row[i].due);
        if (row[i].moved >= 0)
            text_addf(out, "%.6f}", row[i].moved);
        else
            text_adds(out, "null}");
    }
    text_addc(out, ']');
}

/* `standby`: the groups that are used once those before them are down. */
static void write_json(const struct trial *t, unsigned nth, const struct row *row, struct text *out)
{
    const struct table_server *one = &t->server[t->server_of[0]];
    if (nth > 0)
        text_addf(out, "%s{\"priority\":%u,\"backup\":%s,", nth == 1 ? ",\"standby\":[" : ",",
                  one->priority, one->backup ? "true" : "false");
    write_servers(t, row, out);
    text_adds(out, nth > 0 ? "}" : "");
}

struct wish {
    uint32_t requests;
    uint64_t seed;
    const char *cluster;
    bool json;
};

static void begin_json(const struct trial *t, struct text *out)
{
    if (out->at[out->len - 1] != '[')
        text_addc(out, ',');
    text_adds(out, "{\"cluster\":");
    text_add_json(out, t->spec->name);
    text_addf(out, ",\"balance\":\"%s\",\"requests\":%u,", table_balance_name(t->spec->balance),
              t->requests);
}

/* Each group by itself, as if those before it were down. How many there were. */
static unsigned try_groups(struct trial *t, const struct wish *w, struct text *out)
{
    unsigned nth = 0;
    struct row *row = MUST_ARRAY(struct row, t->n_servers);
    for (uint32_t group = 0; (group = next_group(t, group)) != UINT32_MAX; group++, nth++) {
        choose_group(t, group);
        try(t, w->seed, row);
        if (w->json)
            write_json(t, nth, row, out);
        else
            write_human(t, nth == 0, row, out);
        balance_plan_done(&t->plan);
        t->plan = (struct balance_plan){0};
    }
    free(row);
    return nth;
}

static void trial_done(struct trial *t)
{
    for (uint32_t i = t->spec->n_servers; i < t->n_servers; i++)
        free((char *)(uintptr_t)t->server[i].name.at);
    free(t->server);
    free(t->server_of);
    free(t->candidate);
    free(t->load);
    free(t->picked);
    free(t->who);
}

static void write_notes(struct slice notes, struct text *out)
{
    for (struct slice line; slice_split(&notes, '\n', &line);)
        if (line.len > 0)
            text_addf(out, "  " SLICE_FMT "\n", SLICE_ARG(line));
}

static void write_notes_json(struct slice notes, struct text *out)
{
    bool first = true;
    text_adds(out, ",\"notes\":[");
    for (struct slice line; slice_split(&notes, '\n', &line);) {
        if (line.len == 0)
            continue;
        text_adds(out, first ? "" : ",");
        text_add_json(out, line);
        first = false;
    }
    text_adds(out, "]}");
}

static void simulate(const struct table *table, const struct table_cluster *spec,
                     const struct wish *w, struct text *out)
{
    struct trial t = {
        .spec = spec, .policy = balance_policy(spec->balance), .requests = w->requests};
    struct text notes = {0};
    add_servers(&t, table, &notes);
    t.server_of = MUST_ARRAY(uint32_t, t.n_servers);
    t.candidate = MUST_ARRAY(struct balance_candidate, t.n_servers);
    t.load = MUST_ARRAY(struct balance_load, t.n_servers);
    t.picked = MUST_ARRAY(uint32_t, t.n_servers);
    t.who = MUST_ARRAY(uint32_t, t.requests);
    if (w->json)
        begin_json(&t, out);
    else
        write_title(&t, out);
    const unsigned groups = try_groups(&t, w, out);
    if (w->json) {
        text_adds(out, groups == 0 ? "\"servers\":[]" : groups > 1 ? "]" : "");
        write_notes_json(text_slice(&notes), out);
    } else {
        text_adds(out, groups == 0 ? "  no server is ready\n" : notes.len > 0 ? "\n" : "");
        write_notes(text_slice(&notes), out);
        text_addc(out, '\n');
    }
    text_done(&notes);
    trial_done(&t);
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
