#include "compiler/sema/scope.h"

#include "runtime/base/arena.h"
#include "runtime/base/hash.h"
#include "runtime/base/nearest.h"

/* The kinds that share a name space have one number here. */
static enum def_kind space(enum def_kind kind)
{
    return kind == DEF_ENV ? DEF_CONST : kind;
}

static struct definition **slot_of(const struct scope *s, enum def_kind kind, struct slice name)
{
    return &s->slot[hash_slice(name, space(kind)) & (s->n_slots - 1)];
}

void scope_init(struct scope *s, uint32_t n, struct arena *arena)
{
    *s = (struct scope){.n_slots = 16};
    while (s->n_slots / 2 < n)
        s->n_slots *= 2;
    s->slot = ARENA_ARRAY(arena, struct definition *, s->n_slots);
}

void scope_done(struct scope *s)
{
    VEC_DONE(&s->all);
    VEC_DONE(&s->broken);
}

struct definition *scope_add(struct scope *s, struct definition *d)
{
    struct definition *earlier = scope_find(s, d->kind, d->name);
    if (earlier)
        return earlier;
    struct definition **slot = slot_of(s, d->kind, d->name);
    d->next_in_slot = *slot;
    *slot = d;
    VEC_ADD(&s->all, d);
    return NULL;
}

struct definition *scope_find(const struct scope *s, enum def_kind kind, struct slice name)
{
    for (struct definition *d = *slot_of(s, kind, name); d; d = d->next_in_slot)
        if (space(d->kind) == space(kind) && slice_eq(d->name, name))
            return d;
    return NULL;
}

const struct definition *scope_find_other(const struct scope *s, enum def_kind kind,
                                          struct slice name)
{
    for (enum def_kind k = DEF_CONST; k < DEF_KIND_COUNT; k++) {
        const struct definition *d = k != kind ? scope_find(s, k, name) : NULL;
        if (d)
            return d;
    }
    return NULL;
}

struct definition *scope_suggest(const struct scope *s, enum def_kind kind, struct slice name)
{
    struct nearest nearest = {.wanted = name};
    for (uint32_t i = 0; i < s->all.n; i++)
        if (space(s->all.at[i]->kind) == space(kind))
            nearest_offer(&nearest, s->all.at[i]->name);
    return nearest.best.at ? scope_find(s, kind, nearest.best) : NULL;
}

bool scope_is_broken(const struct scope *s, struct slice name)
{
    for (uint32_t i = 0; i < s->broken.n; i++)
        if (slice_eq(s->broken.at[i], name))
            return true;
    return false;
}

const char *def_kind_article(enum def_kind kind)
{
    switch (kind) {
    case DEF_CONST: return "a const";
    case DEF_ENV: return "an env";
    case DEF_SET: return "a set";
    case DEF_ACL: return "an acl";
    case DEF_CLUSTER: return "a cluster";
    case DEF_ROUTE: return "a route";
    case DEF_LISTENER: return "a listener";
    case DEF_MAP: return "a map";
    case DEF_SECRET: return "a secret";
    case DEF_LIMIT: return "a limit";
    case DEF_TLS: return "a tls";
    case DEF_LOG: return "a log";
    case DEF_NOTIFY: return "a notify";
    case DEF_ALERT: return "an alert";
    case DEF_RESOLVER: return "a resolver";
    case DEF_SHARED: return "a shared";
    case DEF_TEMPLATE: return "a template";
    case DEF_KIND_COUNT: break;
    }
    return "?";
}

const char *def_kind_name(enum def_kind kind)
{
    return strchr(def_kind_article(kind), ' ') + 1;
}
