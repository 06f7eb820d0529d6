/* The commands that show something: for people in columns, for programs as one line of JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "runtime/log/stamp.h"
#include "stats/export/prometheus.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

static void add_metric(struct columns *table, const struct metric_info *m, int64_t value)
{
    char bytes[BYTES_TEXT_MAX];
    columns_add(table, "%s", m->name);
    if (strcmp(m->unit, "bytes") == 0) {
        bytes_format((uint64_t)value, bytes);
        columns_add(table, "%s", bytes);
    } else {
        columns_add(table, "%lld", (long long)value);
    }
    columns_add(table, "%s", m->help);
}

static void left_as_text(struct text *out, const char *label, const struct control_left *left)
{
    text_addf(out,
              "%-11s connections %" PRId64 ", requests %" PRId64 ", tunnels %" PRId64
              ", closed in %.0f s\n",
              label, left->connections, left->requests, left->tunnels,
              (double)left->for_ns / (double)NS_PER_S);
}

static void left_as_json(struct text *out, const char *name, int64_t pid,
                         const struct control_left *left)
{
    text_addf(out, ",\"%s\":{", name);
    if (pid != 0)
        text_addf(out, "\"pid\":%" PRId64 ",", pid);
    text_addf(out,
              "\"connections\":%" PRId64 ",\"requests\":%" PRId64 ",\"tunnels\":%" PRId64
              ",\"left_s\":%.3f}",
              left->connections, left->requests, left->tunnels,
              (double)left->for_ns / (double)NS_PER_S);
}

static void info_as_text(struct text *out, const struct control_info *i)
{
    char uptime[DURATION_TEXT_MAX];
    duration_format(i->uptime_ns, uptime);
    text_addf(out, "version     %s\n", i->version);
    text_addf(out, "file        %s\n", i->file);
    if (i->successor != 0)
        text_addf(out, "state       draining; process %lld serves\n", (long long)i->successor);
    else
        text_addf(out, "state       %s\n", i->draining ? "shutting down" : "serving");
    if (i->draining)
        left_as_text(out, "draining", &i->left);
    if (i->before != 0)
        left_as_text(out, "before us", &i->before_left);
    text_addf(out, "generation  %llu\n", (unsigned long long)i->generation);
    if (i->reloads > 0) {
        char ago[DURATION_TEXT_MAX];
        duration_format(clock_wall_ns() - i->reload_wall_ns, ago);
        text_addf(out, "reloads     %llu, of them refused %llu; the last one %s %s ago\n",
                  (unsigned long long)i->reloads, (unsigned long long)i->reloads_refused,
                  i->reload_refused ? "was refused" : "was served", ago);
        text_addf(out, "            a worker's loop was held up %.3f ms at most\n",
                  (double)i->swap_longest_ns / (double)NS_PER_MS);
    }
    if (i->trial_left_ns > 0) {
        char left[DURATION_TEXT_MAX];
        duration_format(i->trial_left_ns, left);
        text_addf(out, "on trial    %s more, unless it is confirmed\n", left);
    }
    if (i->canary_part > 0)
        text_addf(out, "canary      %.10g%% of the clients\n",
                  i->canary_part / (CONTROL_CANARY_WHOLE / 100.0));
    text_addf(out, "process     %lld\n", (long long)i->pid);
    text_addf(out, "uptime      %s\n", uptime);
    text_addf(out, "workers     %u\n", i->workers);
    text_addf(out, "listeners   %u\n", i->listeners);
    text_addf(out, "clusters    %u\n", i->clusters);
    text_addf(out, "servers     %u of %u usable\n\n", i->servers_usable, i->servers);

    if (i->probes > 0)
        text_addf(out, "checks      %llu, of them late %llu\n\n", (unsigned long long)i->probes,
                  (unsigned long long)i->probes_late);
    if (i->certificates > 0) {
        char date[STAMP_SIZE];
        stamp_format(i->certificate_expiry_s * NS_PER_S, date);
        text_addf(out, "certificates %u, the first expires %.10s\n\n", i->certificates, date);
    }

    struct columns table = {.n = 3, .to_the_right = 1u << 1};
    for (size_t m = 0; m < metric_count; m++)
        add_metric(&table, &metric_info[m], metrics_sum(i->metrics, i->n_metrics, &metric_info[m]));
    columns_finish(&table, out);
}

static void info_as_json(struct text *out, const struct control_info *i)
{
    text_adds(out, "{\"version\":");
    text_add_json(out, slice_of(i->version));
    text_adds(out, ",\"file\":");
    text_add_json(out, slice_of(i->file));
    text_addf(out, ",\"serving\":%s", i->serving ? "true" : "false");
    text_addf(out, ",\"draining\":%s,\"generation\":%llu,\"uptime_s\":%.3f,\"workers\":%u",
              i->draining ? "true" : "false", (unsigned long long)i->generation,
              (double)i->uptime_ns / (double)NS_PER_S, i->workers);
    text_addf(out, ",\"pid\":%lld", (long long)i->pid);
    if (i->draining)
        left_as_json(out, "drain", 0, &i->left);
    if (i->successor != 0)
        text_addf(out, ",\"successor\":%" PRId64, i->successor);
    if (i->before != 0)
        left_as_json(out, "before", i->before, &i->before_left);
    text_addf(out, ",\"listeners\":%u,\"clusters\":%u,\"servers\":%u,\"servers_usable\":%u",
              i->listeners, i->clusters, i->servers, i->servers_usable);
    text_addf(out, ",\"reloads\":%llu,\"reloads_refused\":%llu,\"last_reload\":\"%s\"",
              (unsigned long long)i->reloads, (unsigned long long)i->reloads_refused,
              i->reloads == 0     ? "none"
              : i->reload_refused ? "refused"
                                  : "served");
    text_addf(out, ",\"swap_longest_ms\":%.3f", (double)i->swap_longest_ns / (double)NS_PER_MS);
    if (i->trial_left_ns > 0)
        text_addf(out, ",\"trial_left_s\":%.3f", (double)i->trial_left_ns / (double)NS_PER_S);
    if (i->canary_part > 0)
        text_addf(out, ",\"canary_percent\":%.10g",
                  i->canary_part / (CONTROL_CANARY_WHOLE / 100.0));
    text_addf(out, ",\"probes\":%llu,\"probes_late\":%llu", (unsigned long long)i->probes,
              (unsigned long long)i->probes_late);
    if (i->certificates > 0)
        text_addf(out, ",\"certificates\":%u,\"certificate_expires_in_s\":%lld", i->certificates,
                  (long long)(i->certificate_expiry_s - clock_wall_ns() / NS_PER_S));
    text_adds(out, ",\"metrics\":{");
    for (size_t m = 0; m < metric_count; m++)
        text_addf(out, "%s\"%s\":%lld", m > 0 ? "," : "", metric_info[m].name,
                  (long long)metrics_sum(i->metrics, i->n_metrics, &metric_info[m]));
    text_adds(out, "}}\n");
}

enum command_end command_show_metrics(struct command *c)
{
    prometheus_write(c->control, c->out);
    return COMMAND_DONE;
}

enum command_end command_show_info(struct command *c)
{
    struct control_info info;
    control_info(c->control, &info);
    if (c->json)
        info_as_json(c->out, &info);
    else
        info_as_text(c->out, &info);
    return COMMAND_DONE;
}

/* A server without health checks that nobody has drained is simply used. */
static const char *health_text(const struct control_server *s)
{
    return s->checked ? health_name(s->health) : "unchecked";
}

static const char *admin_text(enum server_admin admin)
{
    switch (admin) {
    case SERVER_READY: return "ready";
    case SERVER_DRAIN: return "drain";
    case SERVER_MAINTENANCE: return "maintenance";
    }
    ASSERT(!"every administrative state has a name");
    return "";
}

/* The columns, and whether there is one more: why servers are ejected, where some are. */
struct server_table {
    struct columns columns;
    bool says_why;
};

static void look_for_ejected(void *to, const struct control_server *s)
{
    struct server_table *table = to;
    table->says_why |= s->ejected_for_ns > 0;
}

static void add_state(struct columns *table, const struct control_server *s)
{
    char left[DURATION_TEXT_MAX];
    if (s->ejected_for_ns == 0) {
        columns_add(table, "%s", admin_text(s->admin));
        return;
    }
    duration_format(s->ejected_for_ns, left);
    columns_add(table, "%s%sejected for %s", s->admin == SERVER_READY ? "" : admin_text(s->admin),
                s->admin == SERVER_READY ? "" : ", ", left);
}

static void add_why(struct columns *table, const struct control_server *s)
{
    struct text why = {0};
    if (s->ejected_for_ns > 0) {
        outlier_write(&s->ejected_why, &why);
        text_addf(&why, "; times: %u", s->ejected_times);
    }
    columns_add(table, SLICE_FMT, SLICE_ARG(text_slice(&why)));
    text_done(&why);
}

/* "4", "4/200": of what may be. */
void show_use(struct columns *table, uint64_t now, uint32_t most)
{
    if (most > 0)
        columns_add(table, "%llu/%u", (unsigned long long)now, most);
    else
        columns_add(table, "%llu", (unsigned long long)now);
}

void show_group(struct columns *table, uint32_t n, uint32_t priority, bool backup)
{
    char said[32] = "";
    if (priority > 0)
        snprintf(said, sizeof(said), " priority %u", priority);
    columns_add(table, "%u%s%s", n, said, backup ? " backup" : "");
}

static void server_as_row(void *to, const struct control_server *s)
{
    struct server_table *servers = to;
    struct columns *table = &servers->columns;
    columns_add(table, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(s->cluster), SLICE_ARG(s->name));
    columns_add(table, "%s", s->endpoint);
    columns_add(table, "%s", health_text(s));
    add_state(table, s);
    show_group(table, s->weight, s->priority, s->backup);
    show_use(table, (uint64_t)s->in_flight, s->max_connections);
    columns_add(table, "%u", s->idle);
    columns_add(table, "%llu", (unsigned long long)s->requests);
    columns_add(table, "%llu", (unsigned long long)s->connect_errors + s->response_errors);
    columns_add(table, "%llu", (unsigned long long)s->statuses.of_class[5]);
    if (servers->says_why)
        add_why(table, s);
}

static void servers_as_text(const struct control *control, struct text *out)
{
    static const char *const title[] = {"server", "endpoint", "health",     "state",
                                        "weight", "active",   "idle",       "requests",
                                        "errors", "5xx",      "ejected for"};
    struct server_table table = {.columns = {.to_the_right = 0x3f0}};
    control_servers(control, look_for_ejected, &table);
    table.columns.n = COUNT_OF(title) - !table.says_why;
    for (size_t i = 0; i < table.columns.n; i++)
        columns_add(&table.columns, "%s", title[i]);
    control_servers(control, server_as_row, &table);
    columns_finish(&table.columns, out);
}

void show_separate(struct text *out)
{
    if (out->at[out->len - 1] != '[')
        text_addc(out, ',');
}

void show_statuses(struct text *out, const char *what, const struct statuses_sum *n)
{
    for (unsigned i = 1; i < STATUS_CLASSES; i++)
        text_addf(out, ",\"%s_%s\":%llu", what, status_class_name(i),
                  (unsigned long long)n->of_class[i]);
}

static void server_as_json(void *to, const struct control_server *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"cluster\":");
    text_add_json(out, s->cluster);
    text_adds(out, ",\"server\":");
    text_add_json(out, s->name);
    text_adds(out, ",\"endpoint\":");
    text_add_json(out, slice_of(s->endpoint));
    text_addf(out, ",\"health\":\"%s\",\"state\":\"%s\",\"weight\":%u,\"backup\":%s",
              health_text(s), admin_text(s->admin), s->weight, s->backup ? "true" : "false");
    text_addf(out, ",\"priority\":%u,\"standby\":%s", s->priority, s->standby ? "true" : "false");
    text_addf(out, ",\"in_flight\":%lld,\"max_connections\":%u,\"idle\":%u,\"requests\":%llu",
              (long long)s->in_flight, s->max_connections, s->idle,
              (unsigned long long)s->requests);
    text_addf(out, ",\"connect_errors\":%llu,\"response_errors\":%llu",
              (unsigned long long)s->connect_errors, (unsigned long long)s->response_errors);
    show_statuses(out, "responses", &s->statuses);
    text_addf(out, ",\"received_bytes\":%llu,\"sent_bytes\":%llu",
              (unsigned long long)s->received_bytes, (unsigned long long)s->sent_bytes);
    text_addf(out, ",\"responses\":%llu,\"first_byte_sum_s\":%.6f,\"since_s\":%lld",
              (unsigned long long)s->answers, (double)s->answers_ns / (double)NS_PER_S,
              (long long)(s->since_wall_ns / NS_PER_S));
    text_addf(out, ",\"ejections\":%llu", (unsigned long long)s->ejections);
    if (s->ejected_for_ns > 0) {
        text_addf(out, ",\"ejected\":{\"for_s\":%.3f,\"times\":%u,\"reason\":\"",
                  (double)s->ejected_for_ns / (double)NS_PER_S, s->ejected_times);
        outlier_write(&s->ejected_why, out);
        text_adds(out, "\"}");
    }
    if (s->checked && s->last_check[0]) {
        text_adds(out, ",\"last_check\":");
        text_add_json(out, slice_of(s->last_check));
    }
    if (s->connect_reason) {
        text_adds(out, ",\"connect_reason\":");
        text_add_json(out, slice_of(s->connect_reason));
    }
    text_addc(out, '}');
}

enum command_end command_show_servers(struct command *c)
{
    if (!c->json) {
        servers_as_text(c->control, c->out);
        return COMMAND_DONE;
    }
    text_addc(c->out, '[');
    control_servers(c->control, server_as_json, c->out);
    text_adds(c->out, "]\n");
    return COMMAND_DONE;
}

static void source_as_row(void *to, const struct control_source *s)
{
    struct columns *table = to;
    char ago[DURATION_TEXT_MAX] = "never", next[DURATION_TEXT_MAX];
    if (s->answered_ago_ns >= 0)
        duration_format(s->answered_ago_ns, ago);
    duration_format(s->next_in_ns, next);
    columns_add(table, SLICE_FMT, SLICE_ARG(s->cluster));
    columns_add(table, "%s", s->kind);
    columns_add(table, SLICE_FMT, SLICE_ARG(s->name));
    columns_add(table, "%u", s->servers);
    columns_add(table, "%u", s->missing);
    columns_add(table, "%s", ago);
    columns_add(table, "%s", next);
    columns_add(table, "%llu", (unsigned long long)s->failures);
    columns_add(table, "%s", s->reason ? s->reason : "");
}

static void source_as_json(void *to, const struct control_source *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"cluster\":");
    text_add_json(out, s->cluster);
    text_addf(out, ",\"kind\":\"%s\",\"name\":", s->kind);
    text_add_json(out, s->name);
    text_addf(out, ",\"servers\":%u,\"missing\":%u,\"left_out\":%llu", s->servers, s->missing,
              (unsigned long long)s->left_out);
    text_addf(out, ",\"answers\":%llu,\"failures\":%llu,\"next_in_s\":%.3f",
              (unsigned long long)s->answers, (unsigned long long)s->failures,
              (double)s->next_in_ns / (double)NS_PER_S);
    if (s->answered_ago_ns >= 0)
        text_addf(out, ",\"answered_ago_s\":%.3f", (double)s->answered_ago_ns / (double)NS_PER_S);
    if (s->reason) {
        text_adds(out, ",\"reason\":");
        text_add_json(out, slice_of(s->reason));
    }
    text_addc(out, '}');
}

enum command_end command_show_sources(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_sources(c->control, source_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"cluster", "kind", "name",     "servers", "missing",
                                        "asked",   "next", "failures", ""};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0xf8};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_sources(c->control, source_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

typedef unsigned long long ull;

static const char *limit_mode(const struct control_limit *l)
{
    return l->bytes ? "delay" : l->observe ? "observe" : "enforce";
}

/* What it is not for is not 0. */
static void add_count(struct columns *table, bool any, uint64_t n)
{
    if (any)
        columns_add(table, "%llu", (ull)n);
    else
        columns_add(table, "-");
}

static void limit_as_row(void *to, const struct control_limit *l)
{
    struct columns *table = to;
    columns_add(table, SLICE_FMT, SLICE_ARG(l->name));
    columns_add(table, "%s", limit_mode(l));
    columns_add(table, "%llu", (ull)l->admitted);
    add_count(table, !l->bytes, l->refused);
    add_count(table, !l->bytes, l->observed);
    add_count(table, l->bytes, l->delayed);
    add_count(table, l->bytes, l->moved_bytes);
    add_count(table, l->concurrent > 0, l->in_flight);
    columns_add(table, "%llu", (ull)l->keys);
    columns_add(table, "%u", l->entries);
    columns_add(table, "%llu", (ull)l->evicted);
}

static void limit_as_json(void *to, const struct control_limit *l)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"limit\":");
    text_add_json(out, l->name);
    text_addf(out, ",\"mode\":\"%s\",\"admitted\":%llu,\"refused\":%llu,\"observed\":%llu",
              limit_mode(l), (ull)l->admitted, (ull)l->refused, (ull)l->observed);
    if (l->bytes)
        text_addf(out, ",\"delayed\":%llu,\"bytes\":%llu,\"delayed_bytes\":%llu,\"delayed_s\":%.3f",
                  (ull)l->delayed, (ull)l->moved_bytes, (ull)l->delayed_bytes,
                  (double)l->delayed_ns / (double)NS_PER_S);
    if (l->concurrent > 0)
        text_addf(out, ",\"in_flight\":%llu", (ull)l->in_flight);
    text_addf(out, ",\"keys\":%llu,\"entries\":%u,\"evicted\":%llu}", (ull)l->keys, l->entries,
              (ull)l->evicted);
}

enum command_end command_show_limits(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_limits(c->control, limit_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"limit",    "mode",    "admitted", "refused",
                                        "observed", "delayed", "bytes",    "in flight",
                                        "keys",     "entries", "evicted"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x7fc};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_limits(c->control, limit_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

static void certificate_as_row(void *to, const struct control_certificate *s)
{
    struct columns *table = to;
    char date[STAMP_SIZE], left[DURATION_TEXT_MAX];
    const int64_t left_ns = s->not_after_s * NS_PER_S - clock_wall_ns();
    stamp_format(s->not_after_s * NS_PER_S, date);
    duration_format(left_ns > 0 ? left_ns : 0, left);
    columns_add(table, SLICE_FMT "%s", SLICE_ARG(s->name), s->n_names > 1 ? " …" : "");
    columns_add(table, "%.10s", date);
    columns_add(table, "%s", left_ns > 0 ? left : "expired");
    columns_add(table, "%s", s->file);
}

static void certificate_as_json(void *to, const struct control_certificate *s)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"name\":");
    text_add_json(out, s->name);
    text_addf(out, ",\"names\":%u,\"not_after_s\":%lld,\"expires_in_s\":%lld,\"file\":", s->n_names,
              (long long)s->not_after_s, (long long)(s->not_after_s - clock_wall_ns() / NS_PER_S));
    text_add_json(out, slice_of(s->file));
    text_addc(out, '}');
}

enum command_end command_show_certificates(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_certificates(c->control, certificate_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"name", "not after", "left", "file"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x4};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_certificates(c->control, certificate_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}

static void generation_as_row(void *to, const struct control_generation *g)
{
    struct columns *table = to;
    char age[DURATION_TEXT_MAX], bytes[BYTES_TEXT_MAX];
    duration_format(g->age_ns, age);
    bytes_format(g->bytes, bytes);
    columns_add(table, "%llu", (unsigned long long)g->id);
    columns_add(table, "%s", g->current ? "current" : g->canary ? "canary" : "finishing");
    columns_add(table, "%s", age);
    columns_add(table, "%llu", (unsigned long long)g->pins);
    columns_add(table, "%s", bytes);
}

static void generation_as_json(void *to, const struct control_generation *g)
{
    struct text *out = to;
    show_separate(out);
    text_addf(out,
              "{\"generation\":%llu,\"current\":%s,\"age_s\":%.3f,\"pins\":%llu,\"bytes\":%zu}",
              (unsigned long long)g->id, g->current ? "true" : "false",
              (double)g->age_ns / (double)NS_PER_S, (unsigned long long)g->pins, g->bytes);
}

enum command_end command_show_generations(struct command *c)
{
    if (c->json) {
        text_addc(c->out, '[');
        control_generations(c->control, generation_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"generation", "state", "age", "pins", "table"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x1d};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    control_generations(c->control, generation_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}
