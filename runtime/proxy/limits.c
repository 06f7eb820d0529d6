/* Limits: what requests are counted by, and the refusal. */
#include "compiler/table/eval.h"
#include "runtime/base/hash.h"
#include "runtime/proxy/exchange_priv.h"

/* Clients of a network of their own are one. */
static uint64_t hash_address(const struct address *a, const struct table_limit *spec, uint64_t seed)
{
    struct address first = *a;
    const unsigned bits = address_is_v4(a) ? 96u + spec->v4_bits : spec->v6_bits;
    for (unsigned i = 0; i < sizeof(first.byte); i++) {
        const unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        if (kept < 8)
            first.byte[i] &= (uint8_t)(0xff00u >> kept);
    }
    return hash_bytes(first.byte, sizeof(first.byte), seed);
}

/* Where the decision leads to one. */
static struct slice cluster_of(const struct table *t, const struct verdict *v)
{
    if (!v)
        return SLICE_NONE;
    switch (t->end[v->end].kind) {
    case END_FORWARD:
    case END_SPLIT:
    case END_MAP: return t->cluster[v->cluster].name;
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT:
    case END_TARPIT:
    case END_DROP:
    case END_PASS: break;
    }
    return SLICE_NONE;
}

/* Each field's hash begins with that of the one before. What is absent is a value of its own. */
static uint64_t hash_key(const struct table *t, const struct facts *f,
                         const struct table_limit *spec, const struct verdict *so_far,
                         uint64_t seed)
{
    uint64_t hash = seed;
    for (uint32_t i = 0; i < spec->n_keys; i++) {
        const struct table_limit_key *k = &spec->key[i];
        struct slice cluster;
        uint64_t next;
        if (k->field == FIELD_SRC)
            hash = hash_address(&f->src, spec, hash);
        else if (k->field == FIELD_CLUSTER && (cluster = cluster_of(t, so_far)).at)
            hash = hash_slice(cluster, hash);
        else if (eval_hash_seeded(t, k->field, k->key, f, so_far, hash, &next))
            hash = next;
        else
            hash = hash_bytes(&seed, sizeof(seed), ~hash);
    }
    return hash;
}

/* One that an exchange or a connection is in flight at. An exchange's generation keeps the limiter;
 * a tunnel and a connection pin it. */
struct limit_hold {
    struct limit_hold *next;
    struct limiter *limiter;
    _Atomic int64_t *held;
};

size_t exchange_hold_bytes(void)
{
    return sizeof(struct limit_hold);
}

/* Where memory is out, it is not counted: the limit lets through one more. */
static void hold(struct worker *w, struct limit_hold **all, struct limiter *l,
                 _Atomic int64_t *held)
{
    struct limit_hold *h = pool_take(&w->holds);
    if (!h) {
        limiter_let_go(l, held);
        return;
    }
    *h = (struct limit_hold){*all, l, held};
    *all = h;
}

static void end_holds(struct worker *w, struct limit_hold **all, bool pinned)
{
    for (struct limit_hold *h = *all, *next; h; h = next) {
        next = h->next;
        limiter_let_go(h->limiter, h->held);
        if (pinned)
            limiter_unpin(h->limiter);
        pool_give(&w->holds, h);
    }
    *all = NULL;
}

void exchange_end_holds(struct exchange *x)
{
    end_holds(x->worker, &x->holds, !x->generation);
}

void limits_end_holds(struct worker *w, struct limit_hold **all)
{
    end_holds(w, all, true);
}

void exchange_keep_holds(struct exchange *x)
{
    for (const struct limit_hold *h = x->holds; h; h = h->next)
        (void)limiter_pin(h->limiter);
}

static enum outcome refuse_limited(struct exchange *x, const struct table_limit *spec,
                                   const struct limiter_answer *answer)
{
    METRIC_ADD(x->worker->metrics->requests_limited, 1);
    x->limited = spec;
    x->limited_by = answer->rate;
    x->retry_after_s = (uint32_t)((answer->wait_ns + NS_PER_S - 1) / NS_PER_S);
    return refuse(x, spec->status, ACCESS_LIMITED,
                  answer->rate < spec->n_rates ? "There were too many requests like this."
                                               : "There are too many requests like this now.");
}

/* What each connection has for itself. While it is open, no other is at its place in memory; and
 * one that comes there later is hardly by the same port. */
static uint64_t hash_connection(const struct exchange *x, uint64_t seed)
{
    const struct session *s = x->session->parent ? x->session->parent : x->session;
    const uint64_t who[] = {(uint64_t)(uintptr_t)s, s->peer.port};
    return hash_bytes(who, sizeof(who), seed);
}

/* It takes part; nothing is refused. */
static void throttle(struct exchange *x, uint32_t limit, const struct verdict *so_far)
{
    const struct table_limit *spec = &x->generation->table->limit[limit];
    const uint64_t seed = x->generation->limiter[limit]->seed;
    exchange_throttle(x, limit,
                      spec->per == PER_CONNECTION
                          ? hash_connection(x, seed)
                          : hash_key(x->generation->table, &x->facts, spec, so_far, seed));
}

/* By the clock itself: a worker whose loop began its turn earlier would refuse what there is room
 * for. */
static bool counts(struct exchange *x, uint32_t limit, const struct verdict *so_far, bool *beyond,
                   enum outcome *out)
{
    const struct table_limit *spec = &x->generation->table->limit[limit];
    struct limiter *l = x->generation->limiter[limit];
    if (spec->bytes) {
        throttle(x, limit, so_far);
        return true;
    }
    const uint64_t hash = hash_key(x->generation->table, &x->facts, spec, so_far, l->seed);
    const struct limiter_answer answer =
        limiter_ask(l, spec, hash, x->worker->index, clock_now_ns());
    if (answer.held)
        hold(x->worker, &x->holds, l, answer.held);
    if (answer.untold)
        METRIC_ADD(x->worker->metrics->shared_untold, 1);
    if (!answer.admitted)
        *out = refuse_limited(x, spec, &answer);
    *beyond = answer.beyond;
    return answer.admitted;
}

/* Those of a listener that x->beyond has room for; further ones are asked anew. */
#define LISTENER_LIMITS_NOTED 64u

/* What the listener's limits have found of this request is known; with `mode observe` it goes on.
 */
static bool find_out(const struct exchange *x, uint32_t limit, bool *exceeded)
{
    const struct table_listener *l = x->listener;
    for (uint32_t i = 0; l && i < l->n_limits && i < LISTENER_LIMITS_NOTED; i++)
        if (l->limit[i] == limit) {
            *exceeded = x->beyond >> i & 1;
            return true;
        }
    return false;
}

bool exchange_limit_exceeded(const void *live, struct slice name)
{
    const struct exchange *x = live;
    const struct generation *g = x->generation;
    const uint32_t limit = table_find_limit(g->table, name);
    bool exceeded;
    if (limit == UINT32_MAX)
        return false;
    if (find_out(x, limit, &exceeded))
        return exceeded;
    const struct table_limit *spec = &g->table->limit[limit];
    const struct limiter *l = g->limiter[limit];
    return limiter_is_exceeded(l, spec, hash_key(g->table, &x->facts, spec, NULL, l->seed),
                               clock_now_ns());
}

static bool names(const uint32_t *limit, uint32_t n, uint32_t which)
{
    while (n > 0 && limit[n - 1] != which)
        n--;
    return n > 0;
}

bool limits_count_before(const struct table *t, const struct verdict *v, uint32_t n, uint32_t which)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct table_effect *e = &t->effect[v->effect[i]];
        if (e->kind == EFFECT_LIMIT && e->number == which)
            return true;
    }
    return false;
}

/* Does the listener, or one of the verdict's first `n` changes? */
static bool was_met(const struct exchange *x, uint32_t n, uint32_t which)
{
    return limits_count_before(x->generation->table, &x->verdict, n, which) ||
           names(x->listener->limit, x->listener->n_limits, which);
}

bool exchange_counts(struct exchange *x, const uint32_t *limit, uint32_t n,
                     const struct verdict *so_far, enum outcome *out)
{
    for (uint32_t i = 0; i < n; i++) {
        const bool met =
            names(limit, i, limit[i]) || (so_far && was_met(x, so_far->n_effects, limit[i]));
        bool beyond = false;
        if (!met && !counts(x, limit[i], so_far, &beyond, out))
            return false;
        if (!so_far && beyond && i < LISTENER_LIMITS_NOTED)
            x->beyond |= UINT64_C(1) << i;
    }
    return true;
}

bool exchange_counts_clause(struct exchange *x, uint32_t i, enum outcome *out)
{
    const struct table_effect *e = &x->generation->table->effect[x->verdict.effect[i]];
    bool beyond;
    return was_met(x, i, (uint32_t)e->number) ||
           counts(x, (uint32_t)e->number, &x->verdict, &beyond, out);
}

bool limits_admit(struct worker *w, uint32_t limit, const struct facts *f, struct limit_hold **all)
{
    const struct table *t = w->current->table;
    struct limiter *l = w->current->limiter[limit];
    const uint64_t hash = hash_key(t, f, &t->limit[limit], NULL, l->seed);
    const struct limiter_answer answer =
        limiter_ask(l, &t->limit[limit], hash, w->index, clock_now_ns());
    if (answer.untold)
        METRIC_ADD(w->metrics->shared_untold, 1);
    const struct limit_hold *before = *all;
    if (answer.held)
        hold(w, all, l, answer.held);
    if (*all != before)
        (void)limiter_pin(l);
    return answer.admitted;
}
