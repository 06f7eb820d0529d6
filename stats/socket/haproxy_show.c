/* What HAProxy's tools are shown: a cluster is a backend, all that listens one frontend. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/vec.h"
#include "runtime/log/stamp.h"
#include "stats/socket/haproxy_priv.h"

#define FIRST_BACKEND 2u    /* the frontend is 1 */
#define NAME          "lbc" /* of the only frontend */

/* What would be two words or fields is one. */
static void add_name(struct text *out, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const unsigned char c = (unsigned char)name.at[i];
        text_addc(out, c > ' ' && c != ',' && c != '"' ? (char)c : '_');
    }
}

/* --- show stat ------------------------------------------------------------------------------- */

enum stat {
#define STAT(name) STAT_##name,
#include "stats/socket/haproxy_stat.def"
#undef STAT
    N_STATS
};

_Static_assert(N_STATS <= 64, "known is a bit each");

enum kind { FRONTEND = 0, BACKEND = 1, SERVER = 2 };

/* A line of the table. */
struct row {
    struct slice proxy, service;
    const char *status;
    uint64_t known;
    int64_t number[N_STATS];
};

static void set(struct row *r, enum stat s, int64_t n)
{
    r->known |= UINT64_C(1) << s;
    r->number[s] = n;
}

/* A limit of 0 is none. */
static void set_limit(struct row *r, enum stat s, int64_t n)
{
    if (n > 0)
        set(r, s, n);
}

static void add_row(struct text *out, const struct row *r)
{
    for (enum stat s = 0; s < N_STATS; s++) {
        if (s == STAT_pxname)
            add_name(out, r->proxy);
        else if (s == STAT_svname)
            add_name(out, r->service);
        else if (s == STAT_status)
            text_adds(out, r->status);
        else if (r->known >> s & 1)
            text_addf(out, "%lld", (long long)r->number[s]);
        text_addc(out, ',');
    }
    text_addc(out, '\n');
}

/* What is asked for: "show stat IID TYPE SID", each -1 for all, or a name instead of the first; and
 * the rows so far. */
struct stat_table {
    struct text *out;
    struct slice name;
    bool only_up, no_maintenance; /* of servers */
    int64_t id, types, service;   /* types: a bit for each kind */
    int64_t proxy, server;        /* numbers of the last ones */
    VEC(struct control_cluster) cluster;
    uint32_t at; /* whose servers come now */
    struct row sum;
};

static bool is_asked_for(const struct stat_table *t, const struct row *r)
{
    return (t->name.len == 0 || slice_eq(t->name, r->proxy)) &&
           (t->id < 0 || t->id == r->number[STAT_iid]) &&
           (t->types < 0 || t->types >> r->number[STAT_type] & 1) &&
           (t->service < 0 || t->service == r->number[STAT_sid]);
}

static struct row begin_row(const struct stat_table *t, enum kind kind, struct slice proxy,
                            struct slice service)
{
    struct row r = {.proxy = proxy, .service = service, .status = ""};
    set(&r, STAT_pid, 1);
    set(&r, STAT_iid, t->proxy);
    set(&r, STAT_sid, kind == SERVER ? t->server : 0);
    set(&r, STAT_type, kind);
    return r;
}

static void end_row(const struct stat_table *t, const struct row *r)
{
    if (is_asked_for(t, r))
        add_row(t->out, r);
}

static int64_t total(const struct control_info *i, size_t offset)
{
    const struct metric_info which = {.offset = offset};
    return metrics_sum(i->metrics, i->n_metrics, &which);
}

#define TOTAL(info, name) total(info, offsetof(struct metrics, name))

static void add_frontend(struct stat_table *t, const struct control *c)
{
    struct control_info i;
    control_info(c, &i);
    t->proxy = FIRST_BACKEND - 1;
    struct row r = begin_row(t, FRONTEND, SLICE(NAME), SLICE("FRONTEND"));
    r.status = i.draining ? "STOP" : "OPEN";
    set(&r, STAT_scur, TOTAL(&i, connections_open));
    set(&r, STAT_stot, TOTAL(&i, connections_accepted));
    set(&r, STAT_bin, TOTAL(&i, client_received_bytes));
    set(&r, STAT_bout, TOTAL(&i, client_sent_bytes));
    set(&r, STAT_dreq, TOTAL(&i, requests_limited) + TOTAL(&i, requests_unauthorized));
    set(&r, STAT_ereq, TOTAL(&i, requests_malformed));
    set(&r, STAT_hrsp_1xx, TOTAL(&i, responses_1xx));
    set(&r, STAT_hrsp_2xx, TOTAL(&i, responses_2xx));
    set(&r, STAT_hrsp_3xx, TOTAL(&i, responses_3xx));
    set(&r, STAT_hrsp_4xx, TOTAL(&i, responses_4xx));
    set(&r, STAT_hrsp_5xx, TOTAL(&i, responses_5xx));
    set(&r, STAT_req_tot, TOTAL(&i, requests_total));
    set(&r, STAT_cli_abrt, TOTAL(&i, requests_aborted));
    end_row(t, &r);
}

static bool is_up(const struct control_server *s)
{
    return (!s->checked || s->health == HEALTH_UP) && s->ejected_for_ns == 0;
}

static const char *status_of(const struct control_server *s)
{
    switch (s->admin) {
    case SERVER_MAINTENANCE: return "MAINT";
    case SERVER_DRAIN: return "DRAIN";
    case SERVER_READY: break;
    }
    return !is_up(s) ? "DOWN" : s->checked ? "UP" : "no check";
}

static void note_cluster(void *to, const struct control_cluster *k)
{
    struct stat_table *t = to;
    VEC_ADD(&t->cluster, *k);
}

static void begin_backend(struct stat_table *t)
{
    if (t->at == t->cluster.n)
        return;
    const struct control_cluster *k = &t->cluster.at[t->at];
    t->proxy++;
    t->server = 0;
    t->sum = begin_row(t, BACKEND, k->name, SLICE("BACKEND"));
    t->sum.status = k->usable > 0 ? "UP" : "DOWN";
    set(&t->sum, STAT_qcur, k->waiting.now);
    set_limit(&t->sum, STAT_qlimit, k->waiting.most);
    set(&t->sum, STAT_scur, k->in_flight);
}

/* Its own row comes behind those of its servers. */
static void end_backend(struct stat_table *t)
{
    end_row(t, &t->sum);
    t->at++;
    begin_backend(t);
}

/* Who gets nothing has no weight in its backend. */
static void add_to_sum(struct row *sum, const struct row *r, bool gets_requests)
{
    static const enum stat summed[] = {STAT_stot,     STAT_econ,     STAT_eresp,    STAT_lbtot,
                                       STAT_hrsp_1xx, STAT_hrsp_2xx, STAT_hrsp_3xx, STAT_hrsp_4xx,
                                       STAT_hrsp_5xx, STAT_bin,      STAT_bout},
                           usable[] = {STAT_weight, STAT_act, STAT_bck};
    for (size_t i = 0; i < COUNT_OF(summed); i++)
        set(sum, summed[i], sum->number[summed[i]] + r->number[summed[i]]);
    for (size_t i = 0; i < COUNT_OF(usable); i++)
        set(sum, usable[i], sum->number[usable[i]] + (gets_requests ? r->number[usable[i]] : 0));
}

/* They come in the order of their clusters. */
static void add_server(void *to, const struct control_server *s)
{
    struct stat_table *t = to;
    while (t->at < t->cluster.n && !slice_eq(t->cluster.at[t->at].name, s->cluster))
        end_backend(t);
    t->server++;
    struct row r = begin_row(t, SERVER, s->cluster, s->name);
    r.status = status_of(s);
    set(&r, STAT_scur, s->in_flight);
    set_limit(&r, STAT_slim, s->max_connections);
    set(&r, STAT_stot, (int64_t)s->requests);
    set(&r, STAT_econ, (int64_t)s->connect_errors);
    set(&r, STAT_eresp, (int64_t)s->response_errors);
    set(&r, STAT_weight, s->weight);
    set(&r, STAT_act, !s->backup);
    set(&r, STAT_bck, s->backup);
    set(&r, STAT_lbtot, (int64_t)s->requests);
    for (unsigned i = 1; i < STATUS_CLASSES; i++)
        set(&r, STAT_hrsp_1xx + i - 1, (int64_t)s->statuses.of_class[i]);
    set(&r, STAT_bin, (int64_t)s->sent_bytes); /* as HAProxy has it: what comes in by the client */
    set(&r, STAT_bout, (int64_t)s->received_bytes);
    const bool left_out =
        (t->only_up && !is_up(s)) || (t->no_maintenance && s->admin == SERVER_MAINTENANCE);
    if (!left_out)
        end_row(t, &r);
    add_to_sum(&t->sum, &r, control_server_is_used(s));
}

static int64_t number_or_all(struct slice s)
{
    uint64_t n;
    return number_parse(s, INT32_MAX, &n) ? (int64_t)n : -1;
}

/* "typed" and "json" are other tables. */
static bool is_only_csv(const struct asked *a, uint32_t from)
{
    struct slice word;
    for (; (word = asked_word(a, from)).len > 0; from++)
        if (slice_eq(word, SLICE("typed")) || slice_eq(word, SLICE("json"))) {
            text_addf(a->out, "'" SLICE_FMT "' is not spoken here.\n", SLICE_ARG(word));
            return false;
        }
    return true;
}

static bool has_word(const struct asked *a, uint32_t from, struct slice wanted)
{
    struct slice word;
    for (; (word = asked_word(a, from)).len > 0; from++)
        if (slice_eq(word, wanted))
            return true;
    return false;
}

/* Neither a number nor one of the words that say which servers. */
static struct slice name_or_none(struct slice word)
{
    static const struct slice WORD[] = {SLICE_INIT("up"), SLICE_INIT("no-maint"),
                                        SLICE_INIT("desc")};
    for (size_t i = 0; i < COUNT_OF(WORD); i++)
        if (slice_eq(word, WORD[i]))
            return SLICE_NONE;
    const bool number =
        word.len > 0 && (word.at[0] == '-' || (word.at[0] >= '0' && word.at[0] <= '9'));
    return number ? SLICE_NONE : word;
}

void haproxy_show_stat(const struct asked *a)
{
    if (!is_only_csv(a, 2))
        return;
    text_adds(a->out, "# "
#define STAT(name) #name ","
#include "stats/socket/haproxy_stat.def"
#undef STAT
                      "\n");
    struct stat_table t = {.out = a->out,
                           .name = name_or_none(asked_word(a, 2)),
                           .only_up = has_word(a, 2, SLICE("up")),
                           .no_maintenance = has_word(a, 2, SLICE("no-maint")),
                           .id = number_or_all(asked_word(a, 2)),
                           .types = number_or_all(asked_word(a, 3)),
                           .service = number_or_all(asked_word(a, 4))};
    add_frontend(&t, a->control);
    control_clusters(a->control, note_cluster, &t);
    begin_backend(&t);
    control_servers(a->control, add_server, &t);
    while (t.at < t.cluster.n)
        end_backend(&t);
    VEC_DONE(&t.cluster);
}

/* --- the other shows ------------------------------------------------------------------------- */

void haproxy_show_info(const struct asked *a)
{
    struct control_info i;
    char host[256] = "", uptime[64];
    if (!is_only_csv(a, 2))
        return;
    control_info(a->control, &i);
    (void)gethostname(host, sizeof(host) - 1);
    const long long up_s = i.uptime_ns / NS_PER_S;
    snprintf(uptime, sizeof(uptime), "%lldd %lldh%02lldm%02llds", up_s / 86400, up_s / 3600 % 24,
             up_s / 60 % 60, up_s % 60);
    text_addf(a->out, "Name: lbc\nVersion: %s\nRelease_date: -\nNbthread: %u\nNbproc: 1\n",
              i.version, i.workers);
    text_addf(a->out, "Process_num: 1\nPid: %d\nUptime: %s\nUptime_sec: %lld\n", (int)getpid(),
              uptime, (long long)(i.uptime_ns / NS_PER_S));
    text_addf(a->out, "Maxconn: 0\nCurrConns: %lld\nCumConns: %lld\nCumReq: %lld\n",
              (long long)TOTAL(&i, connections_open), (long long)TOTAL(&i, connections_accepted),
              (long long)TOTAL(&i, requests_total));
    text_addf(a->out, "Maxpipes: 0\nPipesUsed: 0\nTasks: %lld\nRun_queue: 0\nStopping: %d\n",
              (long long)TOTAL(&i, requests_in_flight), i.draining);
    text_addf(a->out, "node: %s\n", host);
}

struct state_table {
    struct text *out;
    struct slice only;
    VEC(struct slice) cluster;
    uint32_t at; /* whose servers come now */
    int64_t server, now_s;
};

static void note_name(void *to, const struct control_cluster *k)
{
    struct state_table *t = to;
    VEC_ADD(&t->cluster, k->name);
}

/* "[::1]:80" without its brackets. */
static void split_endpoint(const char *endpoint, struct slice *host, const char **port)
{
    const struct slice at = slice_of(endpoint);
    const char *colon = at.at[0] == '/' ? NULL : memrchr(at.at, ':', at.len);
    *host = (struct slice){at.at, colon ? (size_t)(colon - at.at) : at.len};
    *port = colon ? colon + 1 : "0";
    if (host->len > 2 && host->at[0] == '[')
        *host = (struct slice){host->at + 1, host->len - 2};
}

/* srv_op_state: 0 down, 2 up. srv_admin_state: 1 maintenance, 8 drain. srv_check_result: 1 nothing
 * yet, 2 failed, 3 passed. */
static void add_state(void *to, const struct control_server *s)
{
    static const int admin[] = {[SERVER_READY] = 0, [SERVER_DRAIN] = 8, [SERVER_MAINTENANCE] = 1};
    struct state_table *t = to;
    struct slice host;
    const char *port;
    for (; !slice_eq(s->cluster, t->cluster.at[t->at]); t->at++)
        t->server = 0;
    t->server++;
    if (t->only.len > 0 && !slice_eq(t->only, s->cluster))
        return;
    split_endpoint(s->endpoint, &host, &port);
    const int64_t since_s = s->since_wall_ns > 0 ? t->now_s - s->since_wall_ns / NS_PER_S : 0;
    text_addf(t->out, "%u ", t->at + FIRST_BACKEND);
    add_name(t->out, s->cluster);
    text_addf(t->out, " %lld ", (long long)t->server);
    add_name(t->out, s->name);
    text_addf(t->out, " " SLICE_FMT " %d %d %u %u %lld %d %d 0 0 0 0 0 - %s - 0 0 - - 0\n",
              SLICE_ARG(host), is_up(s) ? 2 : 0, admin[s->admin], s->weight, s->file_weight,
              (long long)since_s, s->checked ? 6 : 1,
              s->health == HEALTH_UP     ? 3
              : s->health == HEALTH_DOWN ? 2
                                         : 1,
              port);
}

static bool is_known(const struct state_table *t)
{
    for (uint32_t i = 0; i < t->cluster.n; i++)
        if (slice_eq(t->cluster.at[i], t->only))
            return true;
    return false;
}

void haproxy_show_servers_state(const struct asked *a)
{
    struct state_table t = {
        .out = a->out, .only = asked_word(a, 3), .now_s = clock_wall_ns() / NS_PER_S};
    control_clusters(a->control, note_name, &t);
    if (t.only.len > 0 && !is_known(&t)) {
        text_adds(a->out, "Can't find backend.\n");
        VEC_DONE(&t.cluster);
        return;
    }
    text_adds(
        a->out,
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
        "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
        "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
        "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
        "srv_agent_addr srv_agent_port\n");
    control_servers(a->control, add_state, &t);
    VEC_DONE(&t.cluster);
}

/* HAProxy keeps the last malformed request of each proxy; lbc writes them into its log. */
void haproxy_show_errors(const struct asked *a)
{
    char now[STAMP_SIZE];
    stamp_format(clock_wall_ns(), now);
    text_addf(a->out, "Total events captured on [%s] : 0\n", now);
}

void haproxy_show_version(const struct asked *a)
{
    struct control_info i;
    control_info(a->control, &i);
    text_addf(a->out, "lbc %s\n", i.version);
}
