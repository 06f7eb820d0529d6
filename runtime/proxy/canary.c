#include "runtime/proxy/canary.h"

#include "runtime/base/hash.h"
#include "runtime/proxy/exchange_priv.h"

bool canary_gets(const struct canary_share *s, const struct address *client)
{
    const size_t bytes = address_is_v4(client) ? sizeof(client->byte) : 8;
    const uint64_t hash = hash_bytes(client->byte, bytes, s->seed);
    return (uint32_t)((hash >> 32) * CANARY_WHOLE >> 32) < s->part;
}

void exchange_take_side(struct exchange *x)
{
    struct worker *w = x->worker;
    if (x->generation != w->current) { /* it began before; or by a listener that is new */
        x->side = x->generation == w->canary ? CANARY_NEW : CANARY_NO_SIDE;
        return;
    }
    x->side = CANARY_STABLE;
    if (!x->tcp)
        exchange_find_client(x);
    const struct table_listener *l = canary_gets(&w->canary_share, &x->client)
                                         ? generation_listener(w->canary, x->session->gate)
                                         : NULL;
    if (!l || l->tcp != x->tcp)
        return;
    generation_pin(w->canary, w->index);
    generation_unpin(x->generation, w->index);
    x->generation = w->canary;
    x->listener = l;
    x->side = CANARY_NEW;
}

void exchange_count_side(const struct exchange *x)
{
    struct canary_counts *c = &x->worker->canary_counts.side[x->side];
    statuses_add(&c->statuses, x->status);
    if (x->generation && x->status >= 200)
        histogram_add(&c->took, x->worker->now_ns - x->begun_ns);
}
