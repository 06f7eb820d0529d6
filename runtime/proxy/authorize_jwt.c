/* `require jwt`: is the token that came with the request one that lets it in? It is verified on the
 * loop: a signature takes less than a TLS handshake does, and is looked at once while it is
 * remembered. What the token claims is looked at each time. */
#include "runtime/auth/verified.h"
#include "runtime/proxy/exchange_priv.h"

static enum jwt_answer check_signature(struct exchange *x, const struct jwt_keys *keys)
{
    struct worker *w = x->worker;
    struct verified_key key;
    verified_token_key(w->verified_tokens, keys->fingerprint, x->bearer->token, &key);
    if (verified_has(w->verified_tokens, &key, w->now_ns)) {
        METRIC_ADD(w->metrics->token_cache_hits, 1);
        return JWT_GOOD;
    }
    METRIC_ADD(w->metrics->token_checks, 1);
    const enum jwt_answer found = jwt_check_signature(keys, x->bearer);
    if (found == JWT_GOOD)
        verified_add(w->verified_tokens, &key, w->now_ns);
    return found;
}

static enum jwt_answer check(struct exchange *x, const struct table_jwt *rule)
{
    if (!x->bearer)
        return JWT_ABSENT;
    const enum jwt_answer claims = jwt_check_claims(rule, x->bearer, clock_wall_ns() / NS_PER_S);
    return claims == JWT_GOOD ? check_signature(x, realms_keys(x->generation->realms, rule->secret))
                              : claims;
}

bool exchange_token_holds(struct exchange *x, const struct table_effect *e, enum outcome *out)
{
    if (x->token_unread) {
        x->retry_after_s = 1;
        *out = refuse(x, 503, ACCESS_OVERLOAD, "There is no room to look at a token now.");
        return false;
    }
    x->token = check(x, &x->generation->table->jwt_rule[e->number]);
    if (x->token == JWT_GOOD)
        return true;
    METRIC_ADD(x->worker->metrics->requests_unauthorized, 1);
    x->realm = e;
    x->reason = jwt_answer_log(x->token);
    *out = refuse(x, 401, ACCESS_UNAUTHORIZED, "This needs a token that holds here.");
    return false;
}
