#include "stats/socket/haproxy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/vec.h"
#include "runtime/control/control.h"
#include "runtime/log/stamp.h"

#define WORDS_MAX     6u
#define FIRST_BACKEND 2u    /* the frontend is 1 */
#define NAME          "lbc" /* of the only frontend */

/* Answers of HAProxy 2.6 that its tools look for. */
#define UNKNOWN   "Unknown command: '"
#define NO_SERVER "No such server."
#define PERCENT   100u

typedef unsigned long long ull; /* what %llu wants */

struct asked {
    struct control *control;
    struct haproxy_session *session;
    struct slice word[WORDS_MAX];
    uint32_t n;
    struct text *out;
};

static struct slice argument(const struct asked *a, uint32_t i)
{
    return i < a->n ? a->word[i] : SLICE("");
}

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

/* What is asked for: "show stat IID TYPE SID", each -1 for all; and the rows so far. */
struct stat_table {
    struct text *out;
    int64_t id, types, service; /* types: a bit for each kind */
    int64_t proxy, server;      /* numbers of the last ones */
    VEC(struct control_cluster) cluster;
    uint32_t at; /* whose servers come now */
    struct row sum;
};

static bool is_asked_for(const struct stat_table *t, const struct row *r)
{
    return (t->id < 0 || t->id == r->number[STAT_iid]) &&
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

static void add_to_sum(struct row *sum, const struct row *r)
{
    static const enum stat summed[] = {STAT_stot,     STAT_econ,     STAT_eresp,    STAT_weight,
                                       STAT_act,      STAT_bck,      STAT_lbtot,    STAT_hrsp_1xx,
                                       STAT_hrsp_2xx, STAT_hrsp_3xx, STAT_hrsp_4xx, STAT_hrsp_5xx,
                                       STAT_bin,      STAT_bout};
    for (size_t i = 0; i < COUNT_OF(summed); i++)
        set(sum, summed[i], sum->number[summed[i]] + r->number[summed[i]]);
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
    end_row(t, &r);
    add_to_sum(&t->sum, &r);
}

static int64_t number_or_all(struct slice s)
{
    uint64_t n;
    return number_parse(s, INT32_MAX, &n) ? (int64_t)n : -1;
}

static void show_stat(const struct asked *a)
{
    text_adds(a->out, "# "
#define STAT(name) #name ","
#include "stats/socket/haproxy_stat.def"
#undef STAT
                      "\n");
    struct stat_table t = {.out = a->out,
                           .id = number_or_all(argument(a, 2)),
                           .types = number_or_all(argument(a, 3)),
                           .service = number_or_all(argument(a, 4))};
    add_frontend(&t, a->control);
    control_clusters(a->control, note_cluster, &t);
    begin_backend(&t);
    control_servers(a->control, add_server, &t);
    while (t.at < t.cluster.n)
        end_backend(&t);
    VEC_DONE(&t.cluster);
}

/* --- the other shows ------------------------------------------------------------------------- */

static void show_info(const struct asked *a)
{
    struct control_info i;
    char host[256] = "", uptime[DURATION_TEXT_MAX];
    control_info(a->control, &i);
    (void)gethostname(host, sizeof(host) - 1);
    duration_format(i.uptime_ns, uptime);
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
    int64_t server;
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

/* srv_op_state: 0 down, 2 up. srv_admin_state: 1 maintenance, 8 drain. */
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
    text_addf(t->out, "%u ", t->at + FIRST_BACKEND);
    add_name(t->out, s->cluster);
    text_addf(t->out, " %lld ", (long long)t->server);
    add_name(t->out, s->name);
    text_addf(t->out, " " SLICE_FMT " %d %d %u %u 0 %d 3 0 0 0 0 0 - %s - 0 0 - - 0\n",
              SLICE_ARG(host), is_up(s) ? 2 : 0, admin[s->admin], s->weight, s->file_weight,
              s->checked ? 6 : 1, port);
}

static void show_servers_state(const struct asked *a)
{
    struct state_table t = {.out = a->out, .only = argument(a, 3)};
    text_adds(
        a->out,
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
        "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
        "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
        "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
        "srv_agent_addr srv_agent_port\n");
    control_clusters(a->control, note_name, &t);
    control_servers(a->control, add_state, &t);
    VEC_DONE(&t.cluster);
}

/* HAProxy keeps the last malformed request of each proxy; lbc writes them into its log. */
static void show_errors(const struct asked *a)
{
    char now[STAMP_SIZE];
    stamp_format(clock_wall_ns(), now);
    text_addf(a->out, "Total events captured on [%s] : 0\n", now);
}

static void show_version(const struct asked *a)
{
    struct control_info i;
    control_info(a->control, &i);
    text_addf(a->out, "lbc %s\n", i.version);
}

/* --- what changes ---------------------------------------------------------------------------- */

/* Whom it is about, and the weight that the file gives it: for percents. */
struct wanted_weight {
    struct slice server;
    uint32_t now, file;
    enum server_admin admin;
    bool found;
};

/* Weight 0 is a drain here, which another weight ends, and no other drain: it is known by its why.
 */
#define ZERO "its weight is 0"

struct wanted_zero {
    struct slice server;
    bool found;
};

static void look_for_zero(void *to, const struct control_change *g)
{
    struct wanted_zero *w = to;
    struct slice server = g->sentence, verb;
    w->found |= g->server && slice_split(&server, ' ', &verb) && slice_eq(verb, SLICE("drain")) &&
                slice_eq(server, w->server) && slice_eq(g->why, SLICE(ZERO));
}

static bool is_at_zero(const struct asked *a, struct slice server)
{
    struct wanted_zero w = {.server = server};
    control_changes(a->control, look_for_zero, &w);
    return w.found;
}

static void look_for_weight(void *to, const struct control_server *s)
{
    struct wanted_weight *w = to;
    struct slice name = w->server, cluster;
    if (slice_split(&name, '/', &cluster) && slice_eq(cluster, s->cluster) &&
        slice_eq(name, s->name)) {
        w->now = s->weight;
        w->file = s->file_weight;
        w->admin = s->admin;
        w->found = true;
    }
}

/* Of one that is there; else that is said, in HAProxy's words. */
static struct wanted_weight weight_of(const struct asked *a, struct slice server)
{
    struct wanted_weight w = {.server = server};
    control_servers(a->control, look_for_weight, &w);
    if (!w.found)
        text_adds(a->out, NO_SERVER "\n");
    return w;
}

/* It is so at once; that it is kept is not waited for. */
static void override(const struct asked *a, struct control_override o)
{
    struct text why = {0};
    const struct control_asker asker = {.who = a->session->who, .why = &why};
    if (!control_override(a->control, &o, &asker))
        text_addf(a->out, SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
    text_done(&why);
}

static void set_admin(const struct asked *a, struct slice server, enum server_admin admin)
{
    if (weight_of(a, server).found)
        override(a, (struct control_override){.server = server, .admin = admin});
}

/* "50%" is of what the file says. */
static bool read_weight(struct slice weight, uint32_t file, uint64_t *out)
{
    if (!slice_ends(weight, SLICE("%")))
        return number_parse(weight, CONTROL_WEIGHT_MAX, out);
    weight.len--;
    const bool ok = number_parse(weight, 100 * CONTROL_WEIGHT_MAX, out);
    *out = ok ? (*out * file + 99) / 100 : 0;
    *out = *out < CONTROL_WEIGHT_MAX ? *out : CONTROL_WEIGHT_MAX;
    return ok;
}

/* Who gets nothing anyway stays as it is. */
static void set_to_zero(const struct asked *a, const struct wanted_weight *w)
{
    if (w->admin == SERVER_READY)
        override(a, (struct control_override){
                        .server = w->server, .admin = SERVER_DRAIN, .why = SLICE(ZERO)});
    else if (w->admin == SERVER_MAINTENANCE)
        text_adds(a->out, "The server is in maintenance, and gets nothing until it is ready.\n");
}

static void set_weight(const struct asked *a, struct slice server, struct slice weight)
{
    const struct wanted_weight w = weight_of(a, server);
    uint64_t n = 0;
    if (!w.found)
        return;
    if (!read_weight(weight, w.file, &n))
        text_addf(a->out, "A weight is 0 to %u, or a part of the file's, as 50%%.\n",
                  CONTROL_WEIGHT_MAX);
    else if (n == 0)
        set_to_zero(a, &w);
    else
        override(a, (struct control_override){.server = server, .weight = (uint32_t)n});
    if (n > 0 && w.admin == SERVER_DRAIN && is_at_zero(a, server))
        override(a, (struct control_override){.server = server, .admin = SERVER_READY});
}

static void set_weight_command(const struct asked *a)
{
    set_weight(a, argument(a, 2), argument(a, 3));
}

static void get_weight(const struct asked *a)
{
    const struct wanted_weight w = weight_of(a, argument(a, 2));
    if (w.found)
        text_addf(a->out, "%u (initial %u)\n", is_at_zero(a, w.server) ? 0 : w.now, w.file);
}

static void set_server(const struct asked *a)
{
    static const struct {
        struct slice name;
        enum server_admin admin;
    } STATE[] = {{SLICE_INIT("ready"), SERVER_READY},
                 {SLICE_INIT("drain"), SERVER_DRAIN},
                 {SLICE_INIT("maint"), SERVER_MAINTENANCE}};
    const struct slice what = argument(a, 3), value = argument(a, 4);
    if (slice_eq(what, SLICE("weight"))) {
        set_weight(a, argument(a, 2), value);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(STATE) && slice_eq(what, SLICE("state")); i++)
        if (slice_eq(value, STATE[i].name)) {
            set_admin(a, argument(a, 2), STATE[i].admin);
            return;
        }
    text_adds(a->out, "'set server <backend>/<server>' takes 'state' with 'ready', 'drain' or "
                      "'maint', and 'weight' with a number.\n");
}

static void enable_server(const struct asked *a)
{
    set_admin(a, argument(a, 2), SERVER_READY);
}

static void disable_server(const struct asked *a)
{
    set_admin(a, argument(a, 2), SERVER_MAINTENANCE);
}

/* --- the session ----------------------------------------------------------------------------- */

static void prompt(const struct asked *a)
{
    a->session->prompts = true;
}

static void quit(const struct asked *a)
{
    a->session->quits = true;
}

static void nothing(const struct asked *a)
{
    (void)a;
}

static void help(const struct asked *a);

static const struct {
    const char *words, *help;
    void (*run)(const struct asked *a);
    enum stats_level level;
} COMMAND[] = {
    {"show stat", "[<iid> <type> <sid>] : counters of each proxy and server, as CSV", show_stat},
    {"show info", ": about the process", show_info},
    {"show servers state", "[<backend>] : state and weight of each server", show_servers_state},
    {"show errors", ": malformed requests; lbc has them in its log", show_errors},
    {"show version", ": which lbc this is", show_version},
    {"set server", "<backend>/<server> state|weight <value>", set_server, STATS_OPERATOR},
    {"set weight", "<backend>/<server> <weight>", set_weight_command, STATS_OPERATOR},
    {"get weight", "<backend>/<server>", get_weight},
    {"enable server", "<backend>/<server> : it is ready", enable_server, STATS_OPERATOR},
    {"disable server", "<backend>/<server> : it is in maintenance", disable_server, STATS_OPERATOR},
    {"set timeout cli", "<delay> : taken, and not needed", nothing},
    {"prompt", ": stay connected", prompt},
    {"quit", ": leave", quit},
    {"help", ": this", help},
};

static void help(const struct asked *a)
{
    text_adds(a->out, "What lbc knows of HAProxy's commands; `lbc ctl help` has its own.\n");
    for (size_t i = 0; i < COUNT_OF(COMMAND); i++)
        if (COMMAND[i].level <= a->session->level)
            text_addf(a->out, "  %s %s\n", COMMAND[i].words, COMMAND[i].help);
}

/* Does it begin with these words? */
static bool begins(const struct asked *a, const char *words)
{
    struct slice rest = slice_of(words), word;
    uint32_t n = 0;
    while (slice_split(&rest, ' ', &word))
        if (n >= a->n || !slice_eq(a->word[n++], word))
            return false;
    return true;
}

static void add_echo(struct text *out, struct slice typed)
{
    for (size_t i = 0; i < typed.len && i < 64; i++)
        text_addc(out, typed.at[i] >= 0x20 && typed.at[i] < 0x7f ? typed.at[i] : '?');
}

/* It begins as HAProxy's own answer does. */
static void refuse_level(const struct asked *a, enum stats_level needs)
{
    text_addf(a->out, "Permission denied: it needs the level %s, and this socket has %s.\n",
              stats_level_name(needs), stats_level_name(a->session->level));
}

static void run_command(struct asked *a, struct slice command)
{
    struct slice rest = command, word;
    a->n = 0;
    while (a->n < WORDS_MAX && slice_split(&rest, ' ', &word))
        if (word.len > 0)
            a->word[a->n++] = word;
    if (a->n == 0)
        return;
    for (size_t i = 0; i < COUNT_OF(COMMAND); i++)
        if (begins(a, COMMAND[i].words)) {
            if (COMMAND[i].level > a->session->level)
                refuse_level(a, COMMAND[i].level);
            else
                COMMAND[i].run(a);
            text_addc(a->out, '\n');
            return;
        }
    text_adds(a->out, UNKNOWN);
    add_echo(a->out, command);
    text_adds(a->out, "', but maybe one of the following ones is a better match:\n");
    help(a);
    text_addc(a->out, '\n');
}

void haproxy_line(struct control *c, struct slice line, struct haproxy_session *s, struct text *out)
{
    struct asked a = {.control = c, .session = s, .out = out};
    struct slice command;
    while (!s->quits && slice_split(&line, ';', &command))
        run_command(&a, slice_trim(command));
    if (s->prompts && !s->quits)
        text_adds(out, "> ");
}
