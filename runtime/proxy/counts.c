/* What is counted of a request beside the worker's own metrics: for its listener, the clause that
 * decided, its cluster and its server. Plain additions to what this worker alone writes. */
#include "runtime/proxy/exchange_priv.h"

void exchange_count_answer(struct exchange *x, uint16_t status)
{
    statuses_add(&x->server->worker[x->worker->index]->statuses, status);
}

void exchange_count_outcome(struct exchange *x)
{
    const uint32_t w = x->worker->index;
    if (!x->decided && !x->status)
        return; /* nothing was asked */
    statuses_add(&x->session->gate->worker[w].statuses, x->status);
    if (x->decided)
        statuses_add(&x->generation->tally[x->verdict.clause]->worker[w].statuses, x->status);
    if (x->cluster)
        statuses_add(&exchange_seen(x)->statuses, x->status);
}

void exchange_count_bytes(struct exchange *x)
{
    struct gate_worker *gate = &x->session->gate->worker[x->worker->index];
    METRIC_ADD(gate->received_bytes, exchange_received(x));
    METRIC_ADD(gate->sent_bytes, x->down.sent_bytes);
    if (x->server)
        METRIC_ADD(x->server->worker[x->worker->index]->sent_bytes, x->up.sent_bytes);
}
