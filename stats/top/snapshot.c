#include "stats/top/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "runtime/base/clock.h"

static char *copy_string(const cJSON *of, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(of, name));
    char *copy = strdup(text ? text : "");
    if (!copy)
        die_out_of_memory(1, 1);
    return copy;
}

/* A number that is missing, or none, is 0. */
static double number(const cJSON *of, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static uint64_t counter(const cJSON *of, const char *name)
{
    const double n = number(of, name);
    return n > 0 && n < 9e18 ? (uint64_t)n : 0;
}

static int64_t gauge(const cJSON *of, const char *name)
{
    const double n = number(of, name);
    return n > -9e18 && n < 9e18 ? (int64_t)n : 0;
}

static uint32_t small(const cJSON *of, const char *name)
{
    const uint64_t n = counter(of, name);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static bool flag(const cJSON *of, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(of, name));
}

static void read_totals(const cJSON *metrics, struct top_totals *out)
{
    *out = (struct top_totals){.requests = counter(metrics, "requests_total"),
                               .class = {[1] = counter(metrics, "responses_1xx"),
                                         counter(metrics, "responses_2xx"),
                                         counter(metrics, "responses_3xx"),
                                         counter(metrics, "responses_4xx"),
                                         counter(metrics, "responses_5xx")},
                               .received_bytes = counter(metrics, "client_received_bytes"),
                               .sent_bytes = counter(metrics, "client_sent_bytes"),
                               .connections = gauge(metrics, "connections_open"),
                               .active = gauge(metrics, "requests_in_flight")};
}

static void read_info(const cJSON *info, struct snapshot *out)
{
    out->version = copy_string(info, "version");
    out->file = copy_string(info, "file");
    out->generation = counter(info, "generation");
    out->uptime_s = number(info, "uptime_s");
    out->draining = flag(info, "draining");
    out->on_trial = number(info, "trial_left_s") > 0;
    out->canary_percent = number(info, "canary_percent");
    read_totals(cJSON_GetObjectItemCaseSensitive(info, "metrics"), &out->totals);
}

static void read_cluster(const cJSON *c, struct snapshot *out)
{
    VEC_ADD(&out->cluster, ((struct top_cluster){.name = copy_string(c, "cluster"),
                                                 .balance = copy_string(c, "balance"),
                                                 .servers = small(c, "servers"),
                                                 .usable = small(c, "usable"),
                                                 .active = gauge(c, "in_flight"),
                                                 .waiting = gauge(c, "waiting")}));
}

/* Of several reasons the one that keeps it away. */
static char *read_why(const cJSON *s, const cJSON *ejected)
{
    static const char *const reason[] = {"last_check", "connect_reason"};
    if (ejected)
        return copy_string(ejected, "reason");
    for (size_t i = 0; i < COUNT_OF(reason); i++)
        if (cJSON_GetObjectItemCaseSensitive(s, reason[i]))
            return copy_string(s, reason[i]);
    return NULL;
}

static void read_server(const cJSON *s, struct snapshot *out)
{
    const cJSON *ejected = cJSON_GetObjectItemCaseSensitive(s, "ejected");
    VEC_ADD(&out->server, ((struct top_server){.cluster = copy_string(s, "cluster"),
                                               .name = copy_string(s, "server"),
                                               .endpoint = copy_string(s, "endpoint"),
                                               .health = copy_string(s, "health"),
                                               .state = copy_string(s, "state"),
                                               .why = read_why(s, ejected),
                                               .ejected = ejected != NULL,
                                               .weight = small(s, "weight"),
                                               .active = gauge(s, "in_flight"),
                                               .requests = counter(s, "requests"),
                                               .errors = counter(s, "connect_errors") +
                                                         counter(s, "response_errors"),
                                               .failed = counter(s, "responses_5xx"),
                                               .answers = counter(s, "responses"),
                                               .answers_s = number(s, "first_byte_sum_s")}));
}

static bool read_all(const cJSON *info, const cJSON *clusters, const cJSON *servers,
                     struct snapshot *out)
{
    const cJSON *item;
    if (!cJSON_IsObject(info) || !cJSON_IsArray(clusters) || !cJSON_IsArray(servers))
        return false;
    read_info(info, out);
    cJSON_ArrayForEach(item, clusters) read_cluster(item, out);
    cJSON_ArrayForEach(item, servers) read_server(item, out);
    return true;
}

bool snapshot_read(struct slice info, struct slice clusters, struct slice servers, int64_t at_ns,
                   struct snapshot *out)
{
    cJSON *i = cJSON_ParseWithLength(info.at, info.len);
    cJSON *c = cJSON_ParseWithLength(clusters.at, clusters.len);
    cJSON *s = cJSON_ParseWithLength(servers.at, servers.len);
    *out = (struct snapshot){.at_ns = at_ns};
    const bool ok = read_all(i, c, s, out);
    cJSON_Delete(i);
    cJSON_Delete(c);
    cJSON_Delete(s);
    return ok;
}

void snapshot_done(struct snapshot *s)
{
    for (uint32_t i = 0; i < s->cluster.n; i++) {
        free(s->cluster.at[i].name);
        free(s->cluster.at[i].balance);
    }
    for (uint32_t i = 0; i < s->server.n; i++) {
        const struct top_server *server = &s->server.at[i];
        char *const owned[] = {server->cluster, server->name,  server->endpoint,
                               server->health,  server->state, server->why};
        for (size_t k = 0; k < COUNT_OF(owned); k++)
            free(owned[k]);
    }
    VEC_DONE(&s->cluster);
    VEC_DONE(&s->server);
    free(s->version);
    free(s->file);
    *s = (struct snapshot){0};
}

static bool is_the_same(const struct top_server *a, const struct top_server *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->cluster, b->cluster) == 0;
}

const struct top_server *snapshot_server(const struct snapshot *s, uint32_t at,
                                         const struct top_server *like)
{
    if (at < s->server.n && is_the_same(&s->server.at[at], like))
        return &s->server.at[at];
    for (uint32_t i = 0; i < s->server.n; i++)
        if (is_the_same(&s->server.at[i], like))
            return &s->server.at[i];
    return NULL;
}

double snapshot_latency(const struct top_server *before, const struct top_server *now)
{
    if (now->answers <= before->answers || now->answers_s < before->answers_s)
        return -1;
    return 1000 * (now->answers_s - before->answers_s) / (double)(now->answers - before->answers);
}

double snapshot_rate(uint64_t before, uint64_t now, int64_t between_ns)
{
    if (now < before || between_ns <= 0)
        return -1;
    return (double)(now - before) * (double)NS_PER_S / (double)between_ns;
}
