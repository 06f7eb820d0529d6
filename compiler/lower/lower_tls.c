/* `tls` blocks, and what clusters say about it. The schema's choices are in the order of the
 * table's enums. */
#include "compiler/lower/lower_priv.h"
#include "runtime/base/clock.h"

const struct program_setting *lower_given(const struct program_setting *at, uint32_t n,
                                          enum setting_id id)
{
    for (uint32_t i = 0; i < n; i++)
        if (at[i].id == id)
            return &at[i];
    return NULL;
}

/* Of the words that may be chosen from, the number of the one that was, or of the default. */
static uint32_t choice(const struct program_setting *at, uint32_t n, enum setting_id id,
                       uint32_t otherwise)
{
    const struct program_setting *a = lower_given(at, n, id);
    return a ? (uint32_t)a->value[0].number : otherwise;
}

static struct table_certificate certificate(struct lowering *l, const struct program_setting *a)
{
    const struct slice chain = program_path(l->program, l->arena, &a->value[0]);
    return (struct table_certificate){
        chain, a->n_values > 1 ? program_path(l->program, l->arena, &a->value[1]) : chain};
}

static const struct slice *paths(struct lowering *l, const struct program_setting *a, uint32_t *n)
{
    *n = a ? a->n_values : 0;
    struct slice *path = ARENA_ARRAY(l->arena, struct slice, *n);
    for (uint32_t i = 0; i < *n; i++)
        path[i] = program_path(l->program, l->arena, &a->value[i]);
    return path;
}

static void lower_certificates(struct lowering *l, const struct program_settings *s,
                               struct table_tls *to)
{
    struct table_certificate *c = ARENA_ARRAY(l->arena, struct table_certificate, s->n);
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].id == SETTING_TLS_CERTIFICATE)
            c[to->n_certificates++] = certificate(l, &s->at[i]);
    to->certificate = c;
}

static void lower_words(struct lowering *l, const struct program_settings *s, struct table_tls *to)
{
    const struct program_setting *alpn = lower_given(s->at, s->n, SETTING_TLS_ALPN);
    const struct program_setting *ciphers = lower_given(s->at, s->n, SETTING_TLS_CIPHERS);
    to->n_alpn = alpn ? alpn->n_values : 0;
    struct slice *protocol = ARENA_ARRAY(l->arena, struct slice, to->n_alpn);
    for (uint32_t i = 0; i < to->n_alpn; i++)
        protocol[i] = lower_string(l, alpn->value[i].text);
    to->alpn = protocol;
    for (uint32_t i = 0; ciphers && i < ciphers->n_values; i++)
        to->ciphers = arena_format(l->arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(to->ciphers),
                                   i > 0 ? ":" : "", SLICE_ARG(ciphers->value[i].text));
}

static void lower_block(struct lowering *l, const struct program_object *from, struct table_tls *to)
{
    enum { V1_0, V1_1, V1_2, V1_3 };
    enum { ON, OFF };
    const struct program_settings *s = &from->settings;
    const struct program_setting *ttl = lower_given(s->at, s->n, SETTING_TLS_SESSION_TTL);
    *to = (struct table_tls){
        .name = lower_string(l, from->name),
        .place = lower_place(l, from->span),
        .min_version = (uint8_t)(10 + choice(s->at, s->n, SETTING_TLS_MIN_VERSION, V1_2)),
        .max_version = (uint8_t)(10 + choice(s->at, s->n, SETTING_TLS_MAX_VERSION, V1_3)),
        .ciphers = SLICE_INIT(""),
        .client_verify = (enum table_client_verify)choice(s->at, s->n, SETTING_TLS_CLIENT_VERIFY,
                                                          CLIENT_VERIFY_OFF),
        .tickets = choice(s->at, s->n, SETTING_TLS_SESSION_TICKETS, ON) == ON,
        .stapling = choice(s->at, s->n, SETTING_TLS_OCSP_STAPLING, OFF) == ON,
        .session_ttl_ns = ttl ? (int64_t)ttl->value[0].number : INT64_C(12) * 3600 * NS_PER_S};
    lower_certificates(l, s, to);
    lower_words(l, s, to);
    to->client_ca = paths(l, lower_given(s->at, s->n, SETTING_TLS_CLIENT_CA), &to->n_client_ca);
}

void lower_tls(struct lowering *l)
{
    const uint32_t n = l->program->n_objects[OBJECT_TLS];
    struct table_tls *tls = ARENA_ARRAY(l->arena, struct table_tls, n);
    for (uint32_t i = 0; i < n; i++)
        lower_block(l, &l->program->object[OBJECT_TLS][i], &tls[i]);
    l->table->tls = tls;
    l->table->n_tls = n;
}

void lower_upstream_tls(struct lowering *l, const struct program_cluster *cluster,
                        struct table_upstream_tls *to)
{
    const struct program_settings *all = &cluster->settings;
    const struct program_setting *tls = lower_given(all->at, all->n, SETTING_CLUSTER_TLS);
    *to = (struct table_upstream_tls){
        .on = tls != NULL, .sni = SLICE_INIT(""), .h2 = tls && cluster->h2};
    if (!tls)
        return;
    const struct program_setting *own = tls->own;
    const uint32_t n = tls->n_own;
    const struct program_setting *sni = lower_given(own, n, SETTING_UPSTREAM_TLS_SNI);
    const struct program_setting *cert = lower_given(own, n, SETTING_UPSTREAM_TLS_CERTIFICATE);
    to->ca = paths(l, lower_given(own, n, SETTING_UPSTREAM_TLS_CA), &to->n_ca);
    to->verify = (enum table_verify)choice(own, n, SETTING_UPSTREAM_TLS_VERIFY, VERIFY_FULL);
    to->sni = lower_string(l, sni ? sni->value[0].text : SLICE_NONE);
    if (cert)
        to->certificate = certificate(l, cert);
    to->min_version = (uint8_t)(10 + choice(own, n, SETTING_UPSTREAM_TLS_MIN_VERSION, 2));
}

/* As the cluster's, but for the name that the check says. One that only shakes hands does so with
 * servers of clusters without `tls` too, of which nobody has said whom to trust. */
void lower_health_tls(struct lowering *l, const struct program_cluster *cluster,
                      const struct table_upstream_tls *tls, struct table_health *to)
{
    const struct program_settings *all = &cluster->settings;
    const struct program_setting *health = lower_given(all->at, all->n, SETTING_CLUSTER_HEALTH);
    const struct program_setting *sni =
        health ? lower_given(health->own, health->n_own, SETTING_HEALTH_SNI) : NULL;
    to->tls = (struct table_upstream_tls){.sni = SLICE_INIT("")};
    if (to->kind == HEALTH_NONE || to->kind == HEALTH_TCP)
        return;
    to->tls = *tls;
    if (to->kind == HEALTH_TLS && !tls->on)
        to->tls = (struct table_upstream_tls){
            .on = true, .sni = SLICE_INIT(""), .verify = VERIFY_NONE, .min_version = 12};
    if (sni)
        to->tls.sni = lower_string(l, sni->value[0].text);
    to->tls.h2 = to->tls.on && to->h2;
}
