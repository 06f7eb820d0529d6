/* What is counted of a request beside the worker's own metrics: for its listener, the clause that
 * decided, its cluster and its server. Plain additions to what this worker alone writes. */
#include "runtime/proxy/exchange_priv.h"

void exchange_count_answer(struct exchange *x, uint16_t status)
{
    statuses_add(&x->server->worker[x->worker->index]->statuses, status);
}

static struct tally_worker *decided_by(const struct exchange *x)
{
    return &x->generation->tally[x->verdict.clause]->worker[x->worker->index];
}

/* What a clause changed stands together in the verdict. */
static void count_clauses(const struct exchange *x, uint32_t w)
{
    struct tally *const *tally = x->generation->tally;
    const struct table_effect *effect = x->generation->table->effect;
    uint32_t last = x->verdict.clause;
    statuses_add(&decided_by(x)->statuses, x->status);
    for (uint32_t i = 0; i < x->verdict.n_effects; i++) {
        const uint32_t clause = effect[x->verdict.effect[i]].clause;
        if (clause != last && clause != x->verdict.clause)
            METRIC_ADD(tally[clause]->worker[w].continued, 1);
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
        count_clauses(x, w);
    if (x->cluster)
        statuses_add(&exchange_seen(x)->statuses, x->status);
}

void exchange_count_bytes(struct exchange *x)
{
    struct gate_worker *gate = &x->session->gate->worker[x->worker->index];
    METRIC_ADD(gate->received_bytes, exchange_received(x));
    METRIC_ADD(gate->sent_bytes, x->down.sent_bytes);
    if (x->decided && x->generation)
        METRIC_ADD(decided_by(x)->sent_bytes, x->down.sent_bytes);
    if (x->server)
        METRIC_ADD(x->server->worker[x->worker->index]->sent_bytes, x->up.sent_bytes);
}
