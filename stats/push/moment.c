#include "stats/push/moment.h"

#include <unistd.h>

#include "runtime/base/clock.h"

typedef unsigned long long ull;

/* How far a server may have moved from one generation to the next and still be found. */
#define MOVED_MAX 64u

static const char CLUSTER_COLUMNS[] =
    "[\"servers\",\"usable\",\"in_use\",\"backup\",\"in_flight\",\"waiting\",\"breaker_open\","
    "\"rate\",\"error_rate\",\"first_byte_p50_ms\",\"first_byte_p99_ms\"]";
static const char SERVER_COLUMNS[] =
    "[\"state\",\"why\",\"since\",\"weight\",\"in_flight\",\"max_connections\",\"rate\","
    "\"error_rate\",\"latency_ms\",\"requests\"]";

double moment_rate(uint64_t now, uint64_t before, int64_t between_ns)
{
    if (now < before || between_ns <= 0)
        return -1;
    return (double)(now - before) * (double)NS_PER_S / (double)between_ns;
}

/* Three digits are enough to look at, and do not change all the time. */
static void write_number(struct text *out, double value)
{
    if (value < 0)
        text_adds(out, "null");
    else if (value == 0)
        text_addc(out, '0');
    else
        text_addf(out, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
}

static void add_number(struct text *out, double value)
{
    text_addc(out, ',');
    write_number(out, value);
}

static uint64_t errors_of(const struct control_server *s)
{
    return s->connect_errors + s->response_errors + s->statuses.of_class[5];
}

/* What one word can say of it: what keeps requests away, the most deliberate first. */
static const char *state_of(const struct control_server *s)
{
    if (s->admin != SERVER_READY)
        return s->admin == SERVER_DRAIN ? "drain" : "maintenance";
    if (s->checked && s->health == HEALTH_DOWN)
        return "down";
    if (s->checked && s->health == HEALTH_UNKNOWN)
        return "checking";
    if (s->ejected_for_ns > 0)
        return "ejected";
    return s->standby ? "standby" : s->checked ? "up" : "unchecked";
}

static void add_why(struct text *out, const struct control_server *s)
{
    struct text why = {0};
    if (s->ejected_for_ns > 0)
        outlier_write(&s->ejected_why, &why);
    else if (s->checked && s->last_check)
        text_adds(&why, s->last_check);
    text_addc(out, ',');
    text_add_json(out, text_slice(&why));
    text_done(&why);
}

static void server_row(struct text *out, const struct control_server *s,
                       const struct control_server *before, int64_t between_ns)
{
    text_addf(out, "[\"%s\"", state_of(s));
    add_why(out, s);
    text_addf(out, ",%lld,%u,%lld,%u", (long long)(s->since_wall_ns / NS_PER_S), s->weight,
              (long long)s->in_flight, s->max_connections);
    add_number(out, before ? moment_rate(s->requests, before->requests, between_ns) : -1);
    add_number(out, before ? moment_rate(errors_of(s), errors_of(before), between_ns) : -1);
    const bool timed = before && s->answers > before->answers;
    add_number(out, timed ? (double)(s->answers_ns - before->answers_ns) /
                                (double)(s->answers - before->answers) / (double)NS_PER_MS
                          : -1);
    text_addf(out, ",%llu]", (ull)s->requests);
}

/* What its servers have together. */
struct sums {
    double rate, errors;
};

static bool is_open(const struct control_use *u)
{
    return u->most > 0 && u->now >= u->most;
}

static double quantile_ms(const struct histogram_sum *h, double part)
{
    const double ns = histogram_quantile(h, part);
    return ns < 0 ? -1 : ns / (double)NS_PER_MS;
}

/* Of those of the same name; the clusters of a generation are few, or as they were. */
static struct histogram_sum times_since(const struct sample *now, uint32_t i,
                                        const struct sample *before)
{
    const struct control_cluster *c = &now->cluster[i];
    for (uint32_t k = 0; before && k < before->n_clusters; k++) {
        const struct control_cluster *was = &before->cluster[(i + k) % before->n_clusters];
        if (slice_eq(was->name, c->name))
            return histogram_since(&c->first_byte, &was->first_byte);
    }
    return (struct histogram_sum){.sum_ns = 0};
}

static void cluster_row(struct text *out, const struct control_cluster *c, const struct sums *sums,
                        const struct histogram_sum *times)
{
    text_addf(out, "[%u,%u,%u,%s,%lld,%u,%s", c->servers, c->usable, c->in_use,
              c->backup ? "true" : "false", (long long)c->in_flight, c->waiting.now,
              is_open(&c->connections) || is_open(&c->pending) ? "true" : "false");
    add_number(out, sums->rate);
    add_number(out, sums->errors);
    add_number(out, quantile_ms(times, 0.5));
    add_number(out, quantile_ms(times, 0.99));
    text_addc(out, ']');
}

static bool is_same(const struct control_server *a, const struct control_server *b)
{
    return slice_eq(a->cluster, b->cluster) && slice_eq(a->name, b->name) &&
           strcmp(a->endpoint, b->endpoint) == 0;
}

/* Where it was in the sample before: at *at, or a little behind it, which *at becomes then. */
static const struct control_server *find_before(const struct sample *before, uint32_t *at,
                                                const struct control_server *s)
{
    for (uint32_t i = *at; before && i < before->n_servers && i < *at + MOVED_MAX; i++) {
        if (!is_same(&before->server[i], s))
            continue;
        *at = i + 1;
        return &before->server[i];
    }
    return NULL;
}

static void add_up(struct sums *to, const struct control_server *s,
                   const struct control_server *before, int64_t between_ns)
{
    if (!before || s->requests < before->requests || errors_of(s) < errors_of(before))
        return;
    to->rate =
        (to->rate < 0 ? 0 : to->rate) + moment_rate(s->requests, before->requests, between_ns);
    to->errors = (to->errors < 0 ? 0 : to->errors) +
                 moment_rate(errors_of(s), errors_of(before), between_ns);
}

static void add_row(struct moment *s, const struct text *row)
{
    text_add(&s->rows, text_slice(row));
    VEC_ADD(&s->row_end, s->rows.len);
}

/* The servers' rows are written first, for the clusters add them up. */
static void write_rows(struct moment *s, const struct sample *before)
{
    const struct sample *now = s->now;
    const int64_t between_ns = before ? now->at_ns - before->at_ns : 0;
    struct text servers = {0}, row = {0};
    size_t *end = MUST_ARRAY(size_t, now->n_servers);
    uint32_t at = 0, i = 0;
    for (uint32_t c = 0; c < now->n_clusters; c++) {
        struct sums sums = {-1, -1};
        for (; i < now->n_servers && slice_eq(now->server[i].cluster, now->cluster[c].name); i++) {
            const struct control_server *was = find_before(before, &at, &now->server[i]);
            server_row(&servers, &now->server[i], was, between_ns);
            add_up(&sums, &now->server[i], was, between_ns);
            end[i] = servers.len;
        }
        const struct histogram_sum times = times_since(now, c, before);
        histogram_join(&s->times, &times);
        text_clear(&row);
        cluster_row(&row, &now->cluster[c], &sums, &times);
        add_row(s, &row);
    }
    for (uint32_t k = 0; k < i; k++)
        VEC_ADD(&s->row_end, s->rows.len + end[k]);
    text_add(&s->rows, text_slice(&servers));
    text_done(&servers);
    text_done(&row);
    free(end);
}

static void add_rate(struct text *out, const char *name, const struct sample *now,
                     const struct sample *before, size_t offset)
{
    text_addf(out, ",\"%s\":", name);
    write_number(out, before ? moment_rate((uint64_t)sample_metric(now, offset),
                                           (uint64_t)sample_metric(before, offset),
                                           now->at_ns - before->at_ns)
                             : -1);
}

static void write_totals(struct moment *s, const struct sample *before)
{
    const struct sample *now = s->now;
    const struct control_info *i = &now->info;
    struct text *out = &s->totals;
    text_addf(out, "{\"at\":%.3f,\"uptime_s\":%lld,\"serving\":%s,\"draining\":%s",
              (double)now->wall_ns / (double)NS_PER_S, (long long)(i->uptime_ns / NS_PER_S),
              i->serving ? "true" : "false", i->draining ? "true" : "false");
    text_addf(out, ",\"reloads\":%llu,\"reload_refused\":%s,\"reload_at\":%lld", (ull)i->reloads,
              i->reload_refused ? "true" : "false", (long long)(i->reload_wall_ns / NS_PER_S));
    text_addf(out, ",\"trial_left_s\":%lld",
              (long long)((i->trial_left_ns + NS_PER_S - 1) / NS_PER_S));
    text_addf(out, ",\"canary_percent\":%.10g", i->canary_part / (CONTROL_CANARY_WHOLE / 100.0));
    text_addf(out, ",\"connections\":%lld,\"in_flight\":%lld",
              (long long)SAMPLE_METRIC(now, connections_open),
              (long long)SAMPLE_METRIC(now, requests_in_flight));
#define RATE(name, metric) add_rate(out, name, now, before, offsetof(struct metrics, metric))
    RATE("requests_s", requests_total);
    RATE("responses_2xx_s", responses_2xx);
    RATE("responses_3xx_s", responses_3xx);
    RATE("responses_4xx_s", responses_4xx);
    RATE("responses_5xx_s", responses_5xx);
    RATE("sent_bytes_s", client_sent_bytes);
    RATE("received_bytes_s", client_received_bytes);
#undef RATE
    text_adds(out, ",\"first_byte_p50_ms\":");
    write_number(out, quantile_ms(&s->times, 0.5));
    text_adds(out, ",\"first_byte_p99_ms\":");
    write_number(out, quantile_ms(&s->times, 0.99));
    text_addc(out, '}');
}

struct moment *moment_new(struct sample *now, const struct sample *before)
{
    struct moment *s = MUST_NEW(struct moment);
    s->now = now;
    write_rows(s, before);
    write_totals(s, before);
    return s;
}

void moment_free(struct moment *s)
{
    if (!s)
        return;
    sample_free(s->now);
    text_done(&s->rows);
    text_done(&s->totals);
    VEC_DONE(&s->row_end);
    free(s);
}

static struct slice row_of(const struct moment *s, uint32_t i)
{
    const size_t from = i > 0 ? s->row_end.at[i - 1] : 0;
    return (struct slice){s->rows.at + from, s->row_end.at[i] - from};
}

static void write_process(const struct moment *s, struct text *out)
{
    const struct control_info *i = &s->now->info;
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    text_adds(out, "{\"host\":");
    text_add_json(out, slice_of(host));
    text_adds(out, ",\"version\":");
    text_add_json(out, slice_of(i->version));
    text_adds(out, ",\"file\":");
    text_add_json(out, slice_of(i->file));
    text_addf(out, ",\"generation\":%llu,\"workers\":%u,\"totals\":", (ull)i->generation,
              i->workers);
    text_add(out, text_slice(&s->totals));
}

void moment_write(const struct moment *s, struct text *out)
{
    const struct sample *now = s->now;
    write_process(s, out);
    text_addf(out, ",\"cluster_columns\":%s,\"clusters\":[", CLUSTER_COLUMNS);
    for (uint32_t c = 0; c < now->n_clusters; c++) {
        text_addf(out, "%s{\"name\":", c > 0 ? "," : "");
        text_add_json(out, now->cluster[c].name);
        text_addf(out, ",\"balance\":\"%s\",\"row\":", now->cluster[c].balance);
        text_add(out, row_of(s, c));
        text_addc(out, '}');
    }
    text_addf(out, "],\"server_columns\":%s,\"servers\":[", SERVER_COLUMNS);
    uint32_t c = 0;
    for (uint32_t i = 0; i < now->n_servers; i++) {
        const struct control_server *server = &now->server[i];
        while (!slice_eq(now->cluster[c].name, server->cluster))
            c++;
        text_addf(out, "%s{\"cluster\":%u,\"name\":", i > 0 ? "," : "", c);
        text_add_json(out, server->name);
        text_adds(out, ",\"endpoint\":");
        text_add_json(out, slice_of(server->endpoint));
        text_addf(out, ",\"backup\":%s,\"priority\":%u,\"row\":", server->backup ? "true" : "false",
                  server->priority);
        text_add(out, row_of(s, now->n_clusters + i));
        text_addc(out, '}');
    }
    text_adds(out, "]}");
}

/* "3":[...], of those whose rows are others. */
static void write_changed(const struct moment *s, const struct moment *before, uint32_t first,
                          uint32_t n, struct text *out)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct slice row = row_of(s, first + i);
        if (slice_eq(row, row_of(before, first + i)))
            continue;
        text_addf(out, "%s\"%u\":", any ? "," : "", i);
        text_add(out, row);
        any = true;
    }
}

void moment_write_changes(const struct moment *s, const struct moment *before, struct text *out)
{
    const struct sample *now = s->now, *was = before->now;
    if (now->info.generation != was->info.generation || now->n_servers != was->n_servers ||
        now->n_clusters != was->n_clusters)
        return;
    text_adds(out, "{\"totals\":");
    text_add(out, text_slice(&s->totals));
    text_adds(out, ",\"clusters\":{");
    write_changed(s, before, 0, now->n_clusters, out);
    text_adds(out, "},\"servers\":{");
    write_changed(s, before, now->n_clusters, now->n_servers, out);
    text_adds(out, "}}");
}
