/* Which server a client is remembered at: asked before the balance chooses, told after it has. */
#include "compiler/table/eval.h"
#include "runtime/base/hash.h"
#include "runtime/proxy/exchange_priv.h"

/* An IPv6 client changes its address within its network, so that is what it is known by. */
static uint64_t source_key(const struct address *a)
{
    return hash_bytes(a->byte, address_is_v4(a) ? sizeof(a->byte) : sizeof(a->byte) / 2, 0);
}

void exchange_stick_begin(struct exchange *x)
{
    const struct table_sticky *rule = &x->cluster->sticky;
    switch (rule->kind) {
    case STICKY_NONE: return;
    case STICKY_SRC:
        x->sticky_key = source_key(&x->facts.src);
        x->sticks = true;
        return;
    case STICKY_HEADER:
        x->sticks = eval_hash(x->generation->table, FIELD_HEADER, rule->header, &x->facts,
                              &x->verdict, &x->sticky_key);
        return;
    }
}

uint32_t exchange_stuck_at(struct exchange *x, const struct cluster_choice *choice,
                           struct cluster_view *view)
{
    x->remembers = false;
    if (!x->sticks)
        return BALANCE_NONE;
    const struct table_sticky *rule = &x->cluster->sticky;
    const uint64_t id =
        sticky_find(exchange_sticky(x), x->sticky_key, rule->ttl_ns, x->worker->now_ns);
    const uint32_t at = id ? cluster_find(choice, view, id) : BALANCE_NONE;
    if (at == BALANCE_NONE) {
        METRIC_ADD(x->worker->metrics->sticky_misses, 1);
        x->remembers = true;
        return BALANCE_NONE;
    }
    if (!cluster_keeps(choice, view, at)) {
        METRIC_ADD(x->worker->metrics->sticky_moved, 1);
        x->remembers = !rule->returns;
        return BALANCE_NONE;
    }
    return at;
}

void exchange_stick(struct exchange *x)
{
    if (!x->remembers)
        return;
    x->remembers = false;
    const uint64_t id = sticky_server_id(slice_of(x->server->name));
    if (sticky_note(exchange_sticky(x), x->sticky_key, id, x->cluster->sticky.ttl_ns,
                    x->worker->now_ns))
        METRIC_ADD(x->worker->metrics->sticky_evictions, 1);
}
