#include "runtime/daemon/known.h"

#include <stdlib.h>

#include "compiler/cli/cli.h"
#include "compiler/table/table.h"
#include "runtime/base/vec.h"
#include "runtime/state/copies.h"

enum role { TEXT, VARIABLE, SECRET, CERTIFICATE, KEY, AUTHORITY, SERVERS, BOUND, PEER };

struct name {
    enum role role;
    char *at; /* owned */
};

struct known {
    const struct copies *texts;
    VEC(struct name) name;
};

static bool has(const struct known *k, enum role role, struct slice name)
{
    for (uint32_t i = 0; i < k->name.n; i++)
        if (k->name.at[i].role == role && slice_eq(slice_of(k->name.at[i].at), name))
            return true;
    return false;
}

static void note(struct known *k, enum role role, struct slice name)
{
    if (name.len == 0 || has(k, role, name))
        return;
    char *copy = must_calloc(name.len + 1, 1);
    memcpy(copy, name.at, name.len);
    VEC_ADD(&k->name, ((struct name){role, copy}));
}

/* --- what a table names ---------------------------------------------------------------------- */

typedef bool named(void *of, enum role role, struct slice name);

static bool each_certificate(const struct table_certificate *c, named *each, void *of)
{
    return each(of, CERTIFICATE, c->chain) && each(of, KEY, c->key);
}

static bool each_authority(const struct slice *path, uint32_t n, named *each, void *of)
{
    for (uint32_t i = 0; i < n; i++)
        if (!each(of, AUTHORITY, path[i]))
            return false;
    return true;
}

static bool each_of_tls(const struct table_tls *t, named *each, void *of)
{
    for (uint32_t i = 0; i < t->n_certificates; i++)
        if (!each_certificate(&t->certificate[i], each, of))
            return false;
    return each_authority(t->client_ca, t->n_client_ca, each, of);
}

static bool each_bind(const struct table_bind *b, uint32_t n, named *each, void *of)
{
    for (uint32_t i = 0; i < n; i++)
        if (!each(of, BOUND, slice_of(b[i].endpoint.path)))
            return false;
    return true;
}

/* Paths of Unix sockets: one that is bound is a file that comes, one that is spoken to may be
 * somebody's who trusts us. */
static bool each_socket(const struct table *t, named *each, void *of)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (!each_bind(t->listener[i].bind, t->listener[i].n_binds, each, of))
            return false;
    for (uint32_t i = 0; i < t->n_servers; i++)
        if (!each(of, PEER, slice_of(t->server[i].endpoint.path)))
            return false;
    for (uint32_t i = 0; i < t->n_shared; i++)
        if (!each(of, PEER, slice_of(t->shared[i].address.path)))
            return false;
    return each_bind(t->admin.bind, t->admin.n_binds, each, of);
}

static bool each_of_upstream(const struct table_upstream_tls *t, named *each, void *of)
{
    return each_certificate(&t->certificate, each, of) && each_authority(t->ca, t->n_ca, each, of);
}

/* Until one of them says no. */
static bool each_name(const struct table *t, named *each, void *of)
{
    if (!each_socket(t, each, of))
        return false;
    for (uint32_t i = 0; i < t->n_secrets; i++)
        if (!each(of, t->secret[i].from_env ? VARIABLE : SECRET, t->secret[i].source))
            return false;
    for (uint32_t i = 0; i < t->n_tls; i++)
        if (!each_of_tls(&t->tls[i], each, of))
            return false;
    for (uint32_t i = 0; i < t->n_clusters; i++)
        if (!each_of_upstream(&t->cluster[i].tls, each, of) ||
            !each_of_upstream(&t->cluster[i].health.tls, each, of))
            return false;
    for (uint32_t i = 0; i < t->n_sources; i++)
        if (t->source[i].kind == SOURCE_FILE && !each(of, SERVERS, t->source[i].name))
            return false;
    return true;
}

static bool note_each(void *of, enum role role, struct slice name)
{
    note(of, role, name);
    return true;
}

struct looking {
    const struct known *known;
    struct text *what;
};

static bool look_at(void *of, enum role role, struct slice name)
{
    const struct looking *l = of;
    if (name.len == 0 || has(l->known, role, name))
        return true;
    const bool socket = role == BOUND || role == PEER;
    text_addf(l->what, "it %s the %s " SLICE_FMT ", which is not used for that so far",
              socket ? "uses" : "reads",
              socket             ? "socket"
              : role == VARIABLE ? "variable"
                                 : "file",
              SLICE_ARG(name));
    return false;
}

bool known_is_all(const struct known *k, const struct table *t, struct text *what)
{
    struct looking l = {k, what};
    return each_name(t, look_at, &l);
}

/* --- what texts name ------------------------------------------------------------------------- */

static bool given(void *of, struct slice path, struct slice *text)
{
    struct known *k = of;
    note(k, TEXT, path);
    return !text || copies_text(k->texts, path, text);
}

static const char *variable(void *of, const char *name)
{
    note(of, VARIABLE, slice_of(name));
    return cli_compile.env(cli_compile.env_from, name);
}

struct known *known_new(const struct copies *texts, const char *path)
{
    struct known *k = MUST_NEW(struct known);
    struct compile_options options = cli_compile;
    struct loaded l = {.sources = sources_new()};
    k->texts = texts;
    options.to_run = options.without_proofs = true;
    options.env = variable;
    options.env_from = k;
    sources_ask(l.sources, given, k);
    sources_read(l.sources, SOURCES_NONE);
    const int index = sources_load(l.sources, path);
    l.diags = diags_new(l.sources, 0);
    if (index >= 0)
        l.table = compile(l.sources, &options, &l.arena, l.diags, &l.program);
    if (l.table)
        (void)each_name(l.table, note_each, k);
    loaded_done(&l);
    k->texts = NULL;
    return k;
}

void known_free(struct known *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->name.n; i++)
        free(k->name.at[i].at);
    VEC_DONE(&k->name);
    free(k);
}

bool known_text(const struct known *k, struct slice path)
{
    return has(k, TEXT, path);
}

bool known_variable(const struct known *k, struct slice name)
{
    return has(k, VARIABLE, name);
}
