/* What is counted of a request beside the worker's own metrics: for its listener, the clauses that
 * decided or changed it, its cluster and its server. Plain additions to what this worker alone
 * writes. */
#include "runtime/proxy/exchange_priv.h"

void exchange_count_answer(struct exchange *x, uint16_t status)
{
    statuses_add(&x->server->worker[x->worker->index]->statuses, status);
}

/* What a clause changed stands together in the verdict. */
void clauses_count(const struct generation *g, const struct verdict *v, bool decided,
                   uint16_t status, uint32_t worker)
{
    const uint32_t deciding = decided ? v->clause : TABLE_NO_CLAUSE;
    uint32_t last = deciding;
    if (decided)
        statuses_add(&g->tally[deciding]->worker[worker].statuses, status);
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const uint32_t clause = g->table->effect[v->effect[i]].clause;
        if (clause != last && clause != deciding)
            METRIC_ADD(g->tally[clause]->worker[worker].continued, 1);
        last = clause;
    }
}

void exchange_count_retry(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->retries, 1);
    METRIC_ADD(exchange_seen(x)->retries, 1);
    if (x->server)
        METRIC_ADD(x->server->worker[x->worker->index]->retries, 1);
}

void exchange_count_outcome(struct exchange *x)
{
    const uint32_t w = x->worker->index;
    if (!x->decided && !x->status)
        return; /* nothing was asked */
    statuses_add(&x->session->gate->worker[w].statuses, x->status);
    if (x->decided)
        clauses_count(x->generation, &x->verdict, true, x->status, w);
    if (x->cluster)
        statuses_add(&exchange_seen(x)->statuses, x->status);
}

void exchange_count_bytes(struct exchange *x)
{
    struct gate_worker *gate = &x->session->gate->worker[x->worker->index];
    METRIC_ADD(gate->received_bytes, exchange_received(x));
    METRIC_ADD(gate->sent_bytes, x->down.sent_bytes);
    if (x->decided && x->generation)
        METRIC_ADD(x->generation->tally[x->verdict.clause]->worker[x->worker->index].sent_bytes,
                   x->down.sent_bytes);
    if (x->server)
        METRIC_ADD(x->server->worker[x->worker->index]->sent_bytes, x->up.sent_bytes);
}
