#include "runtime/auth/realms.h"

#include <stdatomic.h>

struct realm {
    struct users *users;   /* NULL: no `require basic` asks for them */
    struct jwt_keys *keys; /* NULL: no `require jwt` asks for them */
};

struct realms {
    atomic_uint pins;
    uint32_t n;
    struct realm *realm; /* parallel to table.secret */
};

static bool says(const struct table_secret *of, bool ok, struct text *wrong, struct text *why)
{
    if (!ok)
        text_addf(why, SLICE_FMT ":%u: secret " SLICE_FMT ": " SLICE_FMT "\n",
                  SLICE_ARG(of->place.file), of->place.line, SLICE_ARG(of->name),
                  SLICE_ARG(text_slice(wrong)));
    text_done(wrong);
    return ok;
}

static bool read_users(const struct table_secret *of, struct slice value, struct users **out,
                       struct text *why)
{
    struct text wrong = {0};
    *out = users_new(value, &wrong);
    return says(of, *out != NULL, &wrong, why);
}

static bool read_keys(const struct table_secret *of, struct slice value, struct jwt_keys **out,
                      struct text *why)
{
    struct text wrong = {0};
    *out = jwt_keys_new(value, &wrong);
    return says(of, *out != NULL, &wrong, why);
}

/* Once for each secret, however many ask for it. */
static bool read_asked(struct realms *r, const struct table *t, const struct secrets *secrets,
                       const struct table_effect *e, struct text *why)
{
    if (e->kind == EFFECT_REQUIRE_BASIC) {
        const uint32_t i = (uint32_t)e->number;
        struct users **users = &r->realm[i].users;
        return *users || read_users(&t->secret[i], secret_value(secrets, i), users, why);
    }
    if (e->kind == EFFECT_REQUIRE_JWT) {
        const uint32_t i = t->jwt_rule[e->number].secret;
        struct jwt_keys **keys = &r->realm[i].keys;
        return *keys || read_keys(&t->secret[i], secret_value(secrets, i), keys, why);
    }
    return true;
}

struct realms *realms_new(const struct table *t, const struct secrets *secrets, struct text *why)
{
    struct realms *r = MUST_NEW(struct realms);
    atomic_init(&r->pins, 1);
    r->n = t->n_secrets;
    r->realm = MUST_ARRAY(struct realm, r->n);
    bool ok = true;
    for (uint32_t i = 0; i < t->n_effects; i++)
        ok &= read_asked(r, t, secrets, &t->effect[i], why);
    if (ok)
        return r;
    realms_unpin(r);
    return NULL;
}

struct realms *realms_pin(struct realms *r)
{
    atomic_fetch_add_explicit(&r->pins, 1, memory_order_relaxed);
    return r;
}

void realms_unpin(struct realms *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->pins, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < r->n; i++) {
        users_free(r->realm[i].users);
        jwt_keys_free(r->realm[i].keys);
    }
    free(r->realm);
    free(r);
}

const struct users *realms_users(const struct realms *r, uint32_t index)
{
    ASSERT(index < r->n && r->realm[index].users);
    return r->realm[index].users;
}

const struct jwt_keys *realms_keys(const struct realms *r, uint32_t index)
{
    ASSERT(index < r->n && r->realm[index].keys);
    return r->realm[index].keys;
}
