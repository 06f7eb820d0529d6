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

static bool is_used(const struct control_server *s)
{
    return (s->health == HEALTH_UP || !s->checked) && s->admin == SERVER_READY &&
           s->ejected_for_ns == 0;
}

static void add_server(const struct family *f, const struct control_server *s, int64_t value)
{
    text_addf(f->out, "lbc_%s{", f->name);
    add_label(f->out, "", "cluster", s->cluster);
    add_label(f->out, ",", "server", s->name);
    add_value(f->out, value);
}

static void add_named(const struct family *f, const char *label, struct slice name, int64_t value)
{
    text_addf(f->out, "lbc_%s{", f->name);
    add_label(f->out, "", label, name);
    add_value(f->out, value);
}

/* Two may be for the same name; never from the same file. */
static void add_certificate(const struct family *f, const struct control_certificate *s,
                            int64_t value)
{
    text_addf(f->out, "lbc_%s{", f->name);
    add_label(f->out, "", "name", s->name);
    add_label(f->out, ",", "file", slice_of(s->file));
    add_value(f->out, value);
}

/* Cumulative, as Prometheus wants them. */
static void add_times(const struct family *f, struct slice cluster, const struct histogram_sum *h)
{
    uint64_t so_far = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        char le[32] = "+Inf";
        if (histogram_end(i) != UINT64_MAX)
            snprintf(le, sizeof(le), "%.9g", (double)histogram_end(i) / (double)NS_PER_S);
        so_far += h->bucket[i];
        text_addf(f->out, "lbc_%s_bucket{", f->name);
        add_label(f->out, "", "cluster", cluster);
        add_label(f->out, ",", "le", slice_of(le));
        add_value(f->out, (int64_t)so_far);
    }
    text_addf(f->out, "lbc_%s_sum{", f->name);
    add_label(f->out, "", "cluster", cluster);
    text_addf(f->out, "} %.9f\n", (double)h->sum_ns / (double)NS_PER_S);
    text_addf(f->out, "lbc_%s_count{", f->name);
    add_label(f->out, "", "cluster", cluster);
    add_value(f->out, (int64_t)so_far);
}

#define SERVER(family, kind, help, value)                                                          \
    static void tell_##family(void *to, const struct control_server *s)                            \
    {                                                                                              \
        add_server(to, s, (int64_t)(value));                                                       \
    }
#define CLUSTER(family, kind, help, value)                                                         \
    static void tell_##family(void *to, const struct control_cluster *s)                           \
    {                                                                                              \
        add_named(to, "cluster", s->name, (int64_t)(value));                                       \
    }
#define TIMES(family, help, value)                                                                 \
    static void tell_##family(void *to, const struct control_cluster *s)                           \
    {                                                                                              \
        add_times(to, s->name, value);                                                             \
    }
#define LIMIT(family, kind, help, value)                                                           \
    static void tell_##family(void *to, const struct control_limit *s)                             \
    {                                                                                              \
        add_named(to, "limit", s->name, (int64_t)(value));                                         \
    }
#define CERTIFICATE(family, kind, help, value)                                                     \
    static void tell_##family(void *to, const struct control_certificate *s)                       \
    {                                                                                              \
        add_certificate(to, s, (int64_t)(value));                                                  \
    }
#include "stats/export/families.def"
#undef SERVER
#undef CLUSTER
#undef TIMES
#undef LIMIT
#undef CERTIFICATE

static void write_families(const struct control *c, struct text *out)
{
#define TELL(each, name, kind, help)                                                               \
    begin(out, #name, #kind, help);                                                                \
    each(c, tell_##name, &(struct family){out, #name});
#define SERVER(name, kind, help, value)      TELL(control_servers, name, kind, help)
#define CLUSTER(name, kind, help, value)     TELL(control_clusters, name, kind, help)
#define TIMES(name, help, value)             TELL(control_clusters, name, histogram, help)
#define LIMIT(name, kind, help, value)       TELL(control_limits, name, kind, help)
#define CERTIFICATE(name, kind, help, value) TELL(control_certificates, name, kind, help)
#include "stats/export/families.def"
#undef SERVER
#undef CLUSTER
#undef TIMES
#undef LIMIT
#undef CERTIFICATE
#undef TELL
}

static void add_number(struct text *out, const char *name, const char *kind, const char *help,
                       int64_t value)
{
    begin(out, name, kind, help);
    text_addf(out, "lbc_%s %lld\n", name, (long long)value);
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
    add_number(out, "health_checks_total", "counter", "Health checks begun", (int64_t)i->probes);
    add_number(out, "health_checks_late_total", "counter",
               "Of them, those that began more than a tenth of their interval late",
               (int64_t)i->probes_late);
}

void prometheus_write(const struct control *c, struct text *out)
{
    struct control_info info;
    control_info(c, &info);
    write_process(&info, out);
    for (size_t i = 0; i < metric_count; i++)
        write_metric(&info, &metric_info[i], out);
    write_families(c, out);
}
