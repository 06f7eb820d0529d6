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

/* Each field's hash begins with that of the one before. What is absent is a value of its own. */
static uint64_t hash_key(const struct exchange *x, const struct table_limit *spec,
                         const struct verdict *so_far, uint64_t seed)
{
    const struct table *t = x->generation->table;
    uint64_t hash = seed;
    for (uint32_t i = 0; i < spec->n_keys; i++) {
        const struct table_limit_key *k = &spec->key[i];
        uint64_t next;
        if (k->field == FIELD_SRC)
            hash = hash_address(&x->facts.src, spec, hash);
        else if (eval_hash_seeded(t, k->field, k->key, &x->facts, so_far, hash, &next))
            hash = next;
        else
            hash = hash_bytes(&seed, sizeof(seed), ~hash);
    }
    return hash;
}

static enum outcome refuse_limited(struct exchange *x, const struct table_limit *spec,
                                   int64_t wait_ns)
{
    METRIC_ADD(x->worker->metrics->requests_limited, 1);
    x->limited = spec;
    x->retry_after_s = (uint32_t)((wait_ns + NS_PER_S - 1) / NS_PER_S);
    return refuse(x, spec->status, ACCESS_LIMITED, "There were too many requests like this.");
}

/* By the clock itself: a worker whose loop began its turn earlier would refuse what there is room
 * for. */
static bool counts(struct exchange *x, uint32_t limit, const struct verdict *so_far,
                   enum outcome *out)
{
    const struct table_limit *spec = &x->generation->table->limit[limit];
    struct limiter *l = x->generation->limiter[limit];
    const struct limiter_answer answer =
        limiter_ask(l, spec, hash_key(x, spec, so_far, l->seed), x->worker->index, clock_now_ns());
    if (!answer.admitted)
        *out = refuse_limited(x, spec, answer.wait_ns);
    return answer.admitted;
}

bool exchange_counts(struct exchange *x, const uint32_t *limit, uint32_t n,
                     const struct verdict *so_far, enum outcome *out)
{
    for (uint32_t i = 0; i < n; i++)
        if (!counts(x, limit[i], so_far, out))
            return false;
    return true;
}
