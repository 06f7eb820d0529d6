#include "runtime/auth/realms.h"

#include <stdatomic.h>

struct realms {
    atomic_uint pins;
    uint32_t n;
    struct users **users; /* parallel to table.secret; NULL where nobody asks for them */
};

static bool read_users(const struct table_secret *of, struct slice value, struct users **out,
                       struct text *why)
{
    struct text wrong = {0};
    *out = users_new(value, &wrong);
    if (!*out)
        text_addf(why, SLICE_FMT ":%u: secret " SLICE_FMT ": " SLICE_FMT "\n",
                  SLICE_ARG(of->place.file), of->place.line, SLICE_ARG(of->name),
                  SLICE_ARG(text_slice(&wrong)));
    text_done(&wrong);
    return *out != NULL;
}

struct realms *realms_new(const struct table *t, const struct secrets *secrets, struct text *why)
{
    struct realms *r = MUST_NEW(struct realms);
    atomic_init(&r->pins, 1);
    r->n = t->n_secrets;
    r->users = MUST_ARRAY(struct users *, r->n);
    bool *asked = MUST_ARRAY(bool, r->n);
    bool ok = true;
    for (uint32_t i = 0; i < t->n_effects; i++)
        if (t->effect[i].kind == EFFECT_REQUIRE_BASIC)
            asked[t->effect[i].number] = true;
    for (uint32_t i = 0; i < r->n; i++)
        if (asked[i])
            ok &= read_users(&t->secret[i], secret_value(secrets, i), &r->users[i], why);
    free(asked);
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
    for (uint32_t i = 0; i < r->n; i++)
        users_free(r->users[i]);
    free(r->users);
    free(r);
}

const struct users *realms_users(const struct realms *r, uint32_t index)
{
    ASSERT(index < r->n && r->users[index]);
    return r->users[index];
}
