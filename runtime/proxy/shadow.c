#include "runtime/proxy/shadow.h"

#include "compiler/table/eval.h"
#include "runtime/proxy/exchange_priv.h"

static void add_one(_Atomic uint64_t *count)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

struct shadow *shadow_new(const struct table *against, const struct table *candidate,
                          uint32_t n_workers, struct mailbox *owner,
                          void (*retired)(struct message *m))
{
    struct shadow *s = MUST_NEW(struct shadow);
    s->against = against;
    s->candidate = candidate;
    s->n_workers = n_workers;
    s->owner = owner;
    s->retired.run = retired;
    s->worker = MUST_ARRAY(struct shadow_worker *, n_workers);
    for (uint32_t i = 0; i < n_workers; i++)
        s->worker[i] = MUST_NEW(struct shadow_worker);
    atomic_init(&s->workers_left, n_workers);
    return s;
}

void shadow_free(struct shadow *s)
{
    for (uint32_t i = 0; i < s->n_workers; i++)
        free(s->worker[i]);
    free(s->worker);
    free(s);
}

void shadow_unpin(struct shadow *s)
{
    if (s && atomic_fetch_sub_explicit(&s->workers_left, 1, memory_order_acq_rel) == 1)
        mailbox_post(s->owner, &s->retired);
}

bool shadow_same_kind(const struct shadow_pair *a, const struct shadow_pair *b)
{
    return a->what == b->what && a->before.clause == b->before.clause &&
           a->after.clause == b->after.clause;
}

struct shadow_kind *shadow_count(struct shadow_worker *w, struct shadow_pair pair)
{
    if (pair.what == DIFFERENCE_NONE) {
        add_one(&w->agreed);
        return NULL;
    }
    add_one(&w->differ[pair.what]);
    const uint32_t n = atomic_load_explicit(&w->n_kinds, memory_order_relaxed);
    uint32_t i = 0;
    while (i < n && !shadow_same_kind(&w->kind[i].pair, &pair))
        i++;
    if (i == SHADOW_KINDS_MAX) {
        add_one(&w->others);
        return NULL;
    }
    add_one(&w->kind[i].count);
    if (i < n)
        return NULL;
    w->kind[i].pair = pair;
    return &w->kind[i];
}

void shadow_told(struct shadow_worker *w)
{
    const uint32_t n = atomic_load_explicit(&w->n_kinds, memory_order_relaxed);
    atomic_store_explicit(&w->n_kinds, n + 1, memory_order_release);
}

static const struct table_listener *listener_of(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (slice_eq(t->listener[i].name, name))
            return &t->listener[i];
    return NULL;
}

static struct shadow_decision decision_of(const struct verdict *v)
{
    return (struct shadow_decision){v->clause, v->end, v->cluster};
}

bool shadow_requires(const struct shadow *s)
{
    return s->against->requires || s->candidate->requires;
}

bool shadow_requires_jwt(const struct shadow *s)
{
    return s->against->requires_jwt || s->candidate->requires_jwt;
}

void exchange_shadow(struct exchange *x)
{
    const struct shadow *s = x->worker->shadow;
    struct shadow_worker *w = s->worker[x->worker->index];
    const struct table *here = x->generation->table;
    if (here != s->against && here != s->candidate)
        return; /* it began before, or is not of the generation that this is about */
    const struct table *there = here == s->against ? s->candidate : s->against;
    const struct table_listener *by = listener_of(there, x->listener->name);
    if (!by || by->tcp != x->tcp) {
        add_one(&w->unlistened);
        return;
    }
    session_local_facts(x->session, there, &x->facts);
    eval(there, by->route, &x->facts, &w->verdict, NULL);
    const struct verdict *old = here == s->against ? &x->verdict : &w->verdict;
    const struct verdict *new = here == s->against ? &w->verdict : &x->verdict;
    const enum verdict_difference what = verdict_compare(
        (struct compared){s->against, old}, (struct compared){s->candidate, new}, &x->facts);
    struct shadow_kind *k =
        shadow_count(w, (struct shadow_pair){what, decision_of(old), decision_of(new)});
    if (!k)
        return;
    shadow_write_witness(x, k->witness);
    shadow_told(w);
}
