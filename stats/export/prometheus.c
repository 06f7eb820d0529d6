#include "stats/export/prometheus.h"

#include "runtime/base/clock.h"
#include "runtime/control/control.h"

/* Where the samples of a family go, and what it is called. */
struct family {
    struct text *out;
    const char *name;
};

static void begin(struct text *out, const char *name, const char *kind, const char *help)
{
    text_addf(out, "# HELP lbc_%s %s\n# TYPE lbc_%s %s\n", name, help, name, kind);
}

/* Backslashes, quotes and line ends are escaped. */
static void add_label(struct text *out, const char *separator, const char *name, struct slice value)
{
    text_addf(out, "%s%s=\"", separator, name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\n')
            text_adds(out, "\\n");
        else if (value.at[i] == '"' || value.at[i] == '\\')
            text_addf(out, "\\%c", value.at[i]);
        else
            text_addc(out, value.at[i]);
    }
    text_addc(out, '"');
}

static void add_value(struct text *out, int64_t value)
{
    text_addf(out, "} %lld\n", (long long)value);
}

/* --- what each is called: its labels ---------------------------------------------------------- */

static void label_listener(struct text *out, const struct control_listener *s)
{
    add_label(out, "{", "listener", s->name);
}

static void label_cluster(struct text *out, const struct control_cluster *s)
{
    add_label(out, "{", "cluster", s->name);
}

static void label_server(struct text *out, const struct control_server *s)
{
    add_label(out, "{", "cluster", s->cluster);
    add_label(out, ",", "server", s->name);
}

static void label_limit(struct text *out, const struct control_limit *s)
{
    add_label(out, "{", "limit", s->name);
}

/* Two may be for the same name; never from the same file. */
static void label_certificate(struct text *out, const struct control_certificate *s)
{
    add_label(out, "{", "name", s->name);
    add_label(out, ",", "file", slice_of(s->file));
}

/* --- families --------------------------------------------------------------------------------- */

static void add_statuses(const struct family *f, struct slice labels, const struct statuses_sum *n)
{
    for (unsigned i = 0; i < STATUS_CLASSES; i++) {
        text_addf(f->out, "lbc_%s" SLICE_FMT, f->name, SLICE_ARG(labels));
        add_label(f->out, ",", "code", slice_of(status_class_name(i)));
        add_value(f->out, (int64_t)n->of_class[i]);
    }
}

/* Cumulative, as Prometheus wants them. */
static void add_times(const struct family *f, struct slice labels, const struct histogram_sum *h)
{
    uint64_t so_far = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        char le[32] = "+Inf";
        if (histogram_end(i) != UINT64_MAX)
            snprintf(le, sizeof(le), "%.9g", (double)histogram_end(i) / (double)NS_PER_S);
        so_far += h->bucket[i];
        text_addf(f->out, "lbc_%s_bucket" SLICE_FMT, f->name, SLICE_ARG(labels));
        add_label(f->out, ",", "le", slice_of(le));
        add_value(f->out, (int64_t)so_far);
    }
    text_addf(f->out, "lbc_%s_sum" SLICE_FMT "} %.9f\n", f->name, SLICE_ARG(labels),
              (double)h->sum_ns / (double)NS_PER_S);
    text_addf(f->out, "lbc_%s_count" SLICE_FMT, f->name, SLICE_ARG(labels));
    add_value(f->out, (int64_t)so_far);
}

#define FAMILY(of, name_, kind, help, value)                                                       \
    static void tell_##name_(void *to, const struct control_##of *s)                               \
    {                                                                                              \
        const struct family *f = to;                                                               \
        text_addf(f->out, "lbc_%s", f->name);                                                      \
        label_##of(f->out, s);                                                                     \
        add_value(f->out, (int64_t)(value));                                                       \
    }
#define WITH_LABELS(of, family, add, value)                                                        \
    static void tell_##family(void *to, const struct control_##of *s)                              \
    {                                                                                              \
        struct text labels = {0};                                                                  \
        label_##of(&labels, s);                                                                    \
        add(to, text_slice(&labels), value);                                                       \
        text_done(&labels);                                                                        \
    }
#define STATUSES(of, family, help, value) WITH_LABELS(of, family, add_statuses, value)
#define TIMES(of, family, help, value)    WITH_LABELS(of, family, add_times, value)
#include "stats/export/families.def"
#undef FAMILY
#undef WITH_LABELS
#undef STATUSES
#undef TIMES

static void write_families(const struct control *c, struct text *out)
{
#define TELL(of, name, kind, help)                                                                 \
    begin(out, #name, kind, help);                                                                 \
    control_##of##s(c, tell_##name, &(struct family){out, #name});
#define FAMILY(of, name, kind, help, value) TELL(of, name, #kind, help)
#define STATUSES(of, name, help, value)     TELL(of, name, "counter", help)
#define TIMES(of, name, help, value)        TELL(of, name, "histogram", help)
#include "stats/export/families.def"
#undef FAMILY
#undef STATUSES
#undef TIMES
#undef TELL
}

static void add_number(struct text *out, const char *name, const char *kind, const char *help,
                       int64_t value)
{
    begin(out, name, kind, help);
    text_addf(out, "lbc_%s %lld\n", name, (long long)value);
}

/* --- clauses ---------------------------------------------------------------------------------- */

struct clauses {
    struct text *out;
    uint32_t all, used, counted, continued;
};

/* With what is written there as `id`: a clause that takes another's number is another series. */
static void label_clause(struct text *out, const struct control_clause *s)
{
    add_label(out, "{", "route", s->route);
    text_addf(out, ",clause=\"%u\",line=\"%u\",id=\"%08x\"", s->number, s->line, (uint32_t)s->text);
}

/* There may be ten thousands: only those that have decided something are told, and of each only
 * the statuses that there were. */
static void tell_clause(void *to, const struct control_clause *s)
{
    struct clauses *told = to;
    if (!s->decides)
        return;
    told->all++;
    if (statuses_count(&s->statuses) == 0 || told->used++ >= PROMETHEUS_CLAUSES_MAX)
        return;
    for (unsigned i = 0; i < STATUS_CLASSES; i++) {
        if (s->statuses.of_class[i] == 0)
            continue;
        text_adds(told->out, "lbc_clause_requests_total");
        label_clause(told->out, s);
        add_label(told->out, ",", "code", slice_of(status_class_name(i)));
        add_value(told->out, (int64_t)s->statuses.of_class[i]);
    }
}

/* The same clauses. */
static void tell_clause_bytes(void *to, const struct control_clause *s)
{
    struct clauses *told = to;
    if (statuses_count(&s->statuses) == 0 || told->counted++ >= PROMETHEUS_CLAUSES_MAX)
        return;
    text_adds(told->out, "lbc_clause_response_bytes_total");
    label_clause(told->out, s);
    add_value(told->out, (int64_t)s->sent_bytes);
}

static void tell_continued(void *to, const struct control_clause *s)
{
    struct clauses *told = to;
    if (s->continued == 0 || told->continued++ >= PROMETHEUS_CLAUSES_MAX)
        return;
    text_adds(told->out, "lbc_clause_continued_total");
    label_clause(told->out, s);
    add_value(told->out, (int64_t)s->continued);
}

static void write_clauses(const struct control *c, struct text *out)
{
    struct clauses told = {.out = out};
    begin(out, "clause_requests_total", "counter",
          "Requests and TCP connections that the clause decided, by the status that clients got");
    control_clauses(c, tell_clause, &told);
    begin(out, "clause_response_bytes_total", "counter",
          "Bytes of responses to requests that the clause decided; tunnels not among them");
    control_clauses(c, tell_clause_bytes, &told);
    begin(out, "clause_continued_total", "counter",
          "Requests, connections and responses that the clause changed and let go on");
    control_clauses(c, tell_continued, &told);
    const uint32_t most = PROMETHEUS_CLAUSES_MAX;
    add_number(out, "clauses", "gauge", "Clauses that decide, of all routes", told.all);
    add_number(out, "clauses_unused", "gauge", "Of them, those that have decided nothing yet",
               told.all - told.used);
    add_number(out, "clauses_not_told", "gauge",
               "Of them, those that have, and are not told: there are too many",
               (told.used > most ? told.used - most : 0) +
                   (told.continued > most ? told.continued - most : 0));
}

/* Counters end in _total, whatever metrics.def calls them. */
static void write_metric(const struct control_info *i, const struct metric_info *m,
                         struct text *out)
{
    const bool counter = m->kind == METRIC_COUNTER;
    const bool ends = slice_ends(slice_of(m->name), SLICE("_total"));
    char name[64];
    snprintf(name, sizeof(name), "%s%s", m->name, counter && !ends ? "_total" : "");
    add_number(out, name, counter ? "counter" : "gauge", m->help,
               metrics_sum(i->metrics, i->n_metrics, m));
}

static void write_process(const struct control_info *i, struct text *out)
{
    begin(out, "build_info", "gauge", "The version that runs");
    text_adds(out, "lbc_build_info{");
    add_label(out, "", "version", slice_of(i->version));
    add_value(out, 1);
    add_number(out, "uptime_seconds", "gauge", "How long the process has run",
               i->uptime_ns / NS_PER_S);
    add_number(out, "workers", "gauge", "Threads that serve traffic", i->workers);
    add_number(out, "draining", "gauge", "Has a shutdown begun", i->draining);
    add_number(out, "generation", "gauge", "The number of the configuration that is served",
               (int64_t)i->generation);
    add_number(out, "reloads_total", "counter", "Configurations that were loaded, or refused",
               (int64_t)i->reloads);
    add_number(out, "reloads_refused_total", "counter", "Of them, those that were refused",
               (int64_t)i->reloads_refused);
    add_number(out, "last_reload_successful", "gauge",
               "Was the last one served; 1 before the first", !i->reload_refused);
    add_number(out, "last_reload_timestamp_seconds", "gauge",
               "When that was, in seconds since 1970; 0 before the first",
               i->reload_wall_ns / NS_PER_S);
    add_number(out, "on_trial", "gauge", "Is a configuration on trial", i->trial_left_ns > 0);
    begin(out, "canary_share", "gauge", "The part of the clients that a canary serves, 0 to 1");
    text_addf(out, "lbc_canary_share %.10g\n", (double)i->canary_part / CONTROL_CANARY_WHOLE);
    add_number(out, "shadow", "gauge", "Does a candidate decide each request too", i->shadow);
    add_number(out, "health_checks_total", "counter", "Health checks begun", (int64_t)i->probes);
    add_number(out, "health_checks_late_total", "counter",
               "Of them, those that began more than a tenth of their interval late",
               (int64_t)i->probes_late);
}

/* Of the process, under the names that Prometheus' own libraries use; what can't be had is left
 * out. */
static void add_usage(struct text *out, const char *name, const char *kind, const char *help,
                      double value)
{
    if (value >= 0)
        text_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.15g\n", name, help,
                  name, kind, name, value);
}

static void write_usage(const struct control *c, struct text *out)
{
    struct control_usage u;
    control_usage(c, &u);
    add_usage(out, "cpu_seconds_total", "counter", "CPU time of all its threads",
              (double)u.cpu_ns / (double)NS_PER_S);
    add_usage(out, "resident_memory_bytes", "gauge", "Memory that it has",
              (double)u.resident_bytes);
    add_usage(out, "virtual_memory_bytes", "gauge", "Addresses that it has",
              (double)u.virtual_bytes);
    add_usage(out, "open_fds", "gauge", "File descriptors that are open", (double)u.descriptors);
    add_usage(out, "max_fds", "gauge", "How many may be", (double)u.descriptors_max);
    add_usage(out, "start_time_seconds", "gauge", "When it began, in seconds since 1970",
              (double)u.begun_wall_ns / (double)NS_PER_S);
}

void prometheus_write(const struct control *c, struct text *out)
{
    struct control_info info;
    control_info(c, &info);
    write_usage(c, out);
    write_process(&info, out);
    for (size_t i = 0; i < metric_count; i++)
        write_metric(&info, &metric_info[i], out);
    write_families(c, out);
    write_clauses(c, out);
}
