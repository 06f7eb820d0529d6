#include "runtime/daemon/environment.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "compiler/sema/program.h"
#include "compiler/table/memory.h"
#include "runtime/base/clock.h"
#include "runtime/net/listener.h"
#include "runtime/proxy/footprint.h"
#include "runtime/tls/certificate.h"

struct looking {
    const struct program *program;
    struct diags *diags;
    struct arena arena;
};

static void look_at_bind(struct looking *l, const struct program_value *v)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    const int rc = listener_probe(v->endpoint);
    endpoint_format(v->endpoint, endpoint);
    if (rc < 0)
        diag(l->diags, DIAG_ENV_BIND, v->span, endpoint, strerror(-rc));
}

static bool look_at_file(struct looking *l, const struct program_value *v, const char **path)
{
    *path = program_path(l->program, &l->arena, v).at;
    if (access(*path, R_OK) == 0)
        return true;
    diag(l->diags, DIAG_ENV_FILE, v->span, *path, strerror(errno));
    return false;
}

/* What was good once, or will be. */
static void look_at_time(const struct certificate *c, struct text *why)
{
    const int64_t now_s = clock_wall_ns() / NS_PER_S;
    const bool early = now_s < c->not_before_s;
    if (!early && now_s <= c->not_after_s)
        return;
    char date[CERTIFICATE_DATE_BYTES];
    certificate_date(early ? c->not_before_s : c->not_after_s, date);
    text_addf(why, "%s: it %s %s", c->chain_path, early ? "is not valid before" : "expired on",
              date);
}

/* A chain, and its key in the same file or in another. */
static void look_at_certificate(struct looking *l, const struct program_setting *s)
{
    const char *chain, *key;
    bool ok = look_at_file(l, &s->value[0], &chain);
    key = chain;
    if (s->n_values > 1)
        ok &= look_at_file(l, &s->value[1], &key);
    if (!ok)
        return;
    struct text why = {0};
    const struct table_certificate files = {slice_of(chain), slice_of(key)};
    struct certificate *c = certificate_load(&files, false, &why);
    if (c)
        look_at_time(c, &why);
    if (why.len > 0)
        diag(l->diags, DIAG_ENV_CERTIFICATE, s->value[0].span, why.at);
    certificate_unpin(c);
    text_done(&why);
}

static void look_at(struct looking *l, const struct program_settings *settings)
{
    for (uint32_t i = 0; i < settings->n; i++) {
        const struct program_setting *s = &settings->at[i];
        const bool authorities = s->id == SETTING_TLS_CLIENT_CA || s->id == SETTING_UPSTREAM_TLS_CA;
        const char *path;
        if (s->id == SETTING_LISTENER_BIND || s->id == SETTING_ADMIN_BIND)
            look_at_bind(l, &s->value[0]);
        else if (s->id == SETTING_TLS_CERTIFICATE || s->id == SETTING_UPSTREAM_TLS_CERTIFICATE)
            look_at_certificate(l, s);
        for (uint32_t k = 0; authorities && k < s->n_values; k++)
            (void)look_at_file(l, &s->value[k], &path);
        look_at(l, &(struct program_settings){s->own, s->n_own});
    }
}

static void environment(const struct program *p, struct diags *d)
{
    struct looking l = {.program = p, .diags = d};
    for (uint32_t i = 0; i < p->n_listeners; i++)
        look_at(&l, &p->listener[i].settings);
    for (uint32_t i = 0; i < p->n_clusters; i++)
        look_at(&l, &p->cluster[i].settings);
    for (enum object_kind kind = 0; kind < OBJECT_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < p->n_objects[kind]; i++)
            look_at(&l, &p->object[kind][i].settings);
    arena_free(&l.arena);
}

int check_main(int argc, char **argv)
{
    struct memory_costs costs;
    footprint(&costs);
    return check_with(argc, argv, environment, &costs);
}
