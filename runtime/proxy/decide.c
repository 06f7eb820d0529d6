/* DECIDE: from the request's head to the verdict of the table. */
#include "compiler/table/eval.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/tls/transport.h"

/* Closes without a word. */
static enum outcome drop(struct exchange *x)
{
    METRIC_ADD(x->worker->metrics->requests_dropped, 1);
    x->end = ACCESS_DROPPED;
    x->fate = FATE_CLOSE;
    return go(x, EXCHANGE_FINISH);
}

/* The cluster's rule for retries, with the number that a clause has said. */
static const struct table_retry *retry_of(struct exchange *x)
{
    const struct table_retry *rule = &x->cluster->retry;
    if (!x->says_retries)
        return rule;
    x->own_retry = rule->given ? *rule
                               : (struct table_retry){.given = true,
                                                      .connect_failure = true,
                                                      .budget_percent = TABLE_RETRY_BUDGET};
    x->own_retry.more = x->retries_more;
    return &x->own_retry;
}

static enum outcome forward_to(struct exchange *x)
{
    enum outcome refused;
    x->cluster = &x->generation->table->cluster[x->verdict.cluster];
    x->retry = retry_of(x);
    if (!exchange_counts(x, x->cluster->limit, x->cluster->n_limits, &x->verdict, &refused))
        return refused;
    return go(x, EXCHANGE_PICK);
}

/* A browser asks whether a page may ask: answered here, for what it would ask goes to servers that
 * may know nothing of it. */
static enum outcome preflight(struct exchange *x)
{
    if (!table_cors_allows(x->cors, table_cors_origin(&x->facts)))
        return refuse(x, 403, ACCESS_PREFLIGHT, "Pages of this origin may not ask here.");
    x->status = 204;
    x->end = ACCESS_PREFLIGHT;
    return go(x, EXCHANGE_ANSWER);
}

bool exchange_is_preflight(const struct exchange *x)
{
    const enum table_end_kind kind = x->generation->table->end[x->verdict.end].kind;
    return x->cors && (kind == END_FORWARD || kind == END_SPLIT || kind == END_MAP) &&
           table_cors_is_preflight(&x->facts);
}

enum outcome exchange_follow(struct exchange *x)
{
    const struct table *t = x->generation->table;
    const struct table_end *end = &t->end[x->verdict.end];
    switch (end->kind) {
    case END_FORWARD:
    case END_SPLIT:
    case END_MAP: return exchange_is_preflight(x) ? preflight(x) : forward_to(x);
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT:
        x->status = end->status;
        x->end = ACCESS_ANSWERED;
        return go(x, EXCHANGE_ANSWER);
    case END_TARPIT:
        if (x->worker->tarpitted >= TARPITTED_MAX)
            return drop(x);
        x->worker->tarpitted++;
        x->tarpitted = true;
        return go(x, EXCHANGE_TARPIT);
    case END_DROP: return drop(x);
    case END_PASS: break; /* only connections and responses pass: table_verify() */
    }
    ASSERT(!"every case above returns");
    return OVER;
}

/* What the decision says about how the request is served. */
static void note_settings(struct exchange *x)
{
    const struct table *t = x->generation->table;
    x->compress = &x->listener->compress;
    for (uint32_t i = 0; i < x->verdict.n_effects; i++) {
        const struct table_effect *e = &t->effect[x->verdict.effect[i]];
        if (e->kind == EFFECT_TIMEOUT_READ)
            x->read_timeout_ns = (int64_t)e->number;
        if (e->kind == EFFECT_RETRY) {
            x->says_retries = true;
            x->retries_more = (uint32_t)e->number;
        }
        if (e->kind == EFFECT_CORS)
            x->cors = &t->cors_rule[e->number];
        if (e->kind == EFFECT_COMPRESS && x->compress->n_codings == 0)
            x->compress = &t->compress;
    }
}

static enum outcome refuse_target(struct exchange *x, enum uri_result r)
{
    METRIC_ADD(x->worker->metrics->requests_malformed, 1);
    x->fate = FATE_LINGER;
    const enum outcome out = refuse(x, 400, ACCESS_MALFORMED, uri_result_text(r));
    x->lead = "Refused: the request's target or host ";
    return out;
}

/* Does the host's certificate go with other rules for clients than this connection was made by? */
static bool is_misdirected(const struct exchange *x)
{
    const struct tls_peer *peer = tls_peer(session_wire(x->session));
    return peer && x->generation->tls &&
           tls_loaded_misdirected(x->generation->tls, peer->context, x->facts.host);
}

enum outcome exchange_decide(struct exchange *x)
{
    const enum uri_result r = exchange_fill_facts(x);
    if (r != URI_OK)
        return refuse_target(x, r);
    if (is_misdirected(x))
        return refuse(x, 421, ACCESS_MALFORMED,
                      "This connection was not made for that host; ask again on a new one.");
    if (x->info.framing == FRAMING_LENGTH && x->info.content_length > x->listener->max_body_bytes)
        return exchange_too_large(x);
    enum outcome refused;
    if (!exchange_counts(x, x->listener->limit, x->listener->n_limits, NULL, &refused))
        return refused;
    eval(x->generation->table, x->listener->route, &x->facts, &x->verdict, NULL);
    if (x->verdict.overflow)
        return refuse(x, 431, ACCESS_MALFORMED, "The request's header fields are too large.");
    if (x->verdict.bad_target)
        return refuse(x, 400, ACCESS_MALFORMED, "The request's path cannot be rewritten.");
    x->decided = true;
    note_settings(x);
    return x->verdict.n_effects > 0 ? exchange_permit(x) : exchange_follow(x);
}

/* Held until its deadline, then closed without a word. Whether the client leaves before is not
 * looked at: it would cost it nothing. */
enum outcome exchange_tarpit(struct exchange *x)
{
    if (!x->late)
        return WAIT;
    return drop(x);
}
