#include "stats/push/sample.h"

#include "runtime/base/clock.h"

static const char *keep_text(struct sample *s, const char *text)
{
    return text ? arena_copy(&s->arena, slice_of(text)).at : NULL;
}

static void count(void *to, const struct control_server *from)
{
    struct sample *s = to;
    (void)from;
    s->n_servers++;
}

static void keep_server(void *to, const struct control_server *from)
{
    struct sample *s = to;
    struct control_server *server = &s->server[s->n_servers++];
    *server = *from;
    server->cluster = arena_copy(&s->arena, from->cluster);
    server->name = arena_copy(&s->arena, from->name);
    server->last_check = keep_text(s, from->last_check);
    server->connect_reason = keep_text(s, from->connect_reason);
}

static void keep_cluster(void *to, const struct control_cluster *from)
{
    struct sample *s = to;
    struct control_cluster *cluster = &s->cluster[s->n_clusters++];
    *cluster = *from;
    cluster->name = arena_copy(&s->arena, from->name);
}

struct sample *sample_take(const struct control *c)
{
    struct sample *s = MUST_NEW(struct sample);
    s->at_ns = clock_now_ns();
    s->wall_ns = clock_wall_ns();
    control_info(c, &s->info);
    s->metric = ARENA_ARRAY(&s->arena, int64_t, metric_count);
    for (size_t i = 0; i < metric_count; i++)
        s->metric[i] = metrics_sum(s->info.metrics, s->info.n_metrics, &metric_info[i]);
    s->info.metrics = NULL;
    s->info.version = keep_text(s, s->info.version);
    s->info.file = keep_text(s, s->info.file);
    s->cluster = ARENA_ARRAY(&s->arena, struct control_cluster, s->info.clusters);
    control_clusters(c, keep_cluster, s);
    control_servers(c, count, s);
    s->server = ARENA_ARRAY(&s->arena, struct control_server, s->n_servers);
    s->n_servers = 0;
    control_servers(c, keep_server, s);
    return s;
}

void sample_free(struct sample *s)
{
    if (!s)
        return;
    arena_free(&s->arena);
    free(s);
}

int64_t sample_metric(const struct sample *s, size_t offset)
{
    size_t i = 0;
    while (metric_info[i].offset != offset) {
        i++;
        ASSERT(i < metric_count);
    }
    return s->metric[i];
}
