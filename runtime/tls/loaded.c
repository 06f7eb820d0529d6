#include "runtime/tls/loaded.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"

/* --- what there was before, by path ---------------------------------------------------------- */

struct index {
    uint32_t *slot; /* 1 + index, 0 where free */
    uint32_t mask;
};

static uint64_t key_of(struct slice chain, bool staple)
{
    return hash_slice(chain, staple);
}

static struct index index_new(const struct tls_loaded *l)
{
    const uint32_t n = l ? l->n_certificates : 0;
    uint32_t slots = 8;
    while (slots < 2 * n)
        slots *= 2;
    struct index x = {.slot = MUST_ARRAY(uint32_t, slots), .mask = slots - 1};
    for (uint32_t i = 0; i < n; i++) {
        const struct certificate *c = l->certificate[i];
        uint64_t at = key_of(slice_of(c->chain_path), c->staple_path != NULL);
        while (x.slot[at & x.mask])
            at++;
        x.slot[at & x.mask] = i + 1;
    }
    return x;
}

static struct certificate *find(const struct index *x, const struct tls_loaded *before,
                                const struct table_certificate *from, bool staple)
{
    for (uint64_t at = key_of(from->chain, staple); x->slot[at & x->mask]; at++) {
        struct certificate *c = before->certificate[x->slot[at & x->mask] - 1];
        if (certificate_is_current(c, from, staple))
            return c;
    }
    return NULL;
}

/* --- loading --------------------------------------------------------------------------------- */

struct loading {
    struct tls_loaded *l;
    const struct tls_loaded *before;
    struct index index;
    int64_t now_s;
    struct text *warnings, *why;
};

static void complain(struct text *to, const struct table_tls *t, struct slice what)
{
    text_addf(to, SLICE_FMT ":%u: tls " SLICE_FMT ": " SLICE_FMT "\n", SLICE_ARG(t->place.file),
              t->place.line, SLICE_ARG(t->name), SLICE_ARG(what));
}

static void look_at_time(const struct loading *x, const struct table_tls *t,
                         const struct certificate *c)
{
    const bool early = x->now_s < c->not_before_s;
    if (!early && x->now_s <= c->not_after_s)
        return;
    char date[CERTIFICATE_DATE_BYTES];
    certificate_date(early ? c->not_before_s : c->not_after_s, date);
    struct text what = {0};
    text_addf(&what, "%s %s %s", c->chain_path,
              early ? "is not valid before" : "has expired:", date);
    complain(x->warnings, t, text_slice(&what));
    text_done(&what);
}

/* The one from before, or a new one; pinned. NULL after a complaint. */
static struct certificate *load_one(const struct loading *x, const struct table_tls *t, uint32_t i)
{
    const struct table_certificate *from = &t->certificate[i];
    struct certificate *c = x->before ? find(&x->index, x->before, from, t->stapling) : NULL;
    if (c) {
        certificate_pin(c);
    } else {
        struct text why = {0};
        c = certificate_load(from, t->stapling, &why);
        if (!c)
            complain(x->why, t, text_slice(&why));
        text_done(&why);
    }
    if (c)
        look_at_time(x, t, c);
    return c;
}

static bool load_block(const struct loading *x, const struct table_tls *t)
{
    struct tls_loaded *l = x->l;
    struct certificate **first = l->certificate + l->n_certificates;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_certificates; i++) {
        struct certificate *c = load_one(x, t, i);
        ok &= c != NULL;
        if (c)
            l->certificate[l->n_certificates++] = c;
    }
    if (!ok)
        return false;
    struct text why = {0};
    struct tls_context *c = tls_context_new(t, first, l->tickets, &why);
    if (c)
        l->context[l->n_contexts++] = c;
    else
        complain(x->why, t, text_slice(&why));
    text_done(&why);
    return c != NULL;
}

static bool has_key(const struct tls_client *c, const uint8_t key[32])
{
    return c && memcmp(c->key, key, sizeof(c->key)) == 0;
}

/* One that was made from the same, here or by the one before. */
static struct tls_client *find_client(const struct tls_loaded *l, const uint8_t key[32])
{
    for (uint32_t i = 0; l && i < l->n_clusters; i++) {
        if (has_key(l->client[i], key))
            return l->client[i];
        if (has_key(l->prober[i], key))
            return l->prober[i];
    }
    return NULL;
}

static bool load_client(const struct loading *x, const struct table_cluster *cluster,
                        const struct table_upstream_tls *from, struct tls_client **out)
{
    if (!from->on)
        return true;
    uint8_t key[32];
    tls_client_key(from, key);
    struct tls_client *c = find_client(x->before, key);
    c = c ? c : find_client(x->l, key);
    struct text why = {0};
    c = c ? tls_client_pin(c) : tls_client_new(from, &why);
    *out = c;
    if (!c)
        text_addf(x->why, SLICE_FMT ":%u: cluster " SLICE_FMT ": " SLICE_FMT "\n",
                  SLICE_ARG(cluster->place.file), cluster->place.line, SLICE_ARG(cluster->name),
                  SLICE_ARG(text_slice(&why)));
    text_done(&why);
    return c != NULL;
}

/* The longest life that a session may have anywhere. */
static void set_ticket_life(struct tls_loaded *l, const struct table *t)
{
    int64_t life_ns = 0;
    for (uint32_t i = 0; i < t->n_tls; i++)
        if (t->tls[i].session_ttl_ns > life_ns)
            life_ns = t->tls[i].session_ttl_ns;
    if (life_ns > 0)
        tickets_set_life(l->tickets, life_ns);
}

static bool same_rule(const struct tls_context *a, const struct tls_context *b)
{
    ASSERT(a && b);
    return memcmp(a->client_rule, b->client_rule, sizeof(a->client_rule)) == 0;
}

static bool any_differs(const struct tls_loaded *l)
{
    for (uint32_t i = 1; i < l->n_contexts; i++)
        if (!same_rule(l->context[i], l->context[0]))
            return true;
    return false;
}

struct tls_loaded *tls_loaded_new(const struct table *t, const struct tls_loaded *before,
                                  int64_t now_s, struct text *warnings, struct text *why)
{
    struct tls_loaded *l = MUST_NEW(struct tls_loaded);
    atomic_init(&l->pins, 1);
    l->tickets = before ? tickets_pin(before->tickets) : tickets_new();
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_tls; i++)
        n += t->tls[i].n_certificates;
    l->certificate = MUST_ARRAY(struct certificate *, n);
    l->context = MUST_ARRAY(struct tls_context *, t->n_tls);
    const struct loading x = {l, before, index_new(before), now_s, warnings, why};
    bool ok = true;
    for (uint32_t i = 0; i < t->n_tls; i++)
        ok &= load_block(&x, &t->tls[i]);
    l->n_clusters = t->n_clusters;
    l->client = MUST_ARRAY(struct tls_client *, t->n_clusters);
    l->prober = MUST_ARRAY(struct tls_client *, t->n_clusters);
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        const struct table_cluster *c = &t->cluster[i];
        ok &= load_client(&x, c, &c->tls, &l->client[i]) &&
              load_client(&x, c, &c->health.tls, &l->prober[i]);
    }
    free(x.index.slot);
    if (!ok) {
        tls_loaded_unpin(l);
        return NULL;
    }
    l->differ = any_differs(l);
    set_ticket_life(l, t);
    return l;
}

struct tls_loaded *tls_loaded_pin(struct tls_loaded *l)
{
    atomic_fetch_add_explicit(&l->pins, 1, memory_order_relaxed);
    return l;
}

void tls_loaded_unpin(struct tls_loaded *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->pins, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < l->n_contexts; i++)
        tls_context_unpin(l->context[i]);
    for (uint32_t i = 0; i < l->n_certificates; i++)
        certificate_unpin(l->certificate[i]);
    for (uint32_t i = 0; i < l->n_clusters; i++) {
        tls_client_unpin(l->client[i]);
        tls_client_unpin(l->prober[i]);
    }
    free(l->prober);
    free(l->client);
    free(l->context);
    free(l->certificate);
    tickets_unpin(l->tickets);
    free(l);
}

int64_t tls_loaded_soonest(const struct tls_loaded *l)
{
    int64_t soonest = INT64_MAX;
    for (uint32_t i = 0; l && i < l->n_certificates; i++)
        if (l->certificate[i]->not_after_s < soonest)
            soonest = l->certificate[i]->not_after_s;
    return soonest;
}

bool tls_loaded_misdirected(const struct tls_loaded *l, const struct tls_context *came_by,
                            struct slice host)
{
    if (!l->differ || names_has(came_by->names, host))
        return false;
    for (uint32_t i = 0; i < l->n_contexts; i++)
        if (!same_rule(l->context[i], came_by) && names_has(l->context[i]->names, host))
            return true;
    return false;
}
