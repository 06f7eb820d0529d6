#include "runtime/upstream/retry.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

#define PAUSE_MAX_NS (60 * NS_PER_S)

/* The silent death of a connection that had been idle is no failure of the server: it is asked once
 * more on a new one (RFC 9112 9.3.1), whatever the rule says. */
static bool is_free(const struct retry_case *c)
{
    return c->cause == RETRY_STALE && c->idempotent && c->repeatable;
}

bool retry_is_counted(const struct table_retry *rule, const struct retry_case *c)
{
    return rule->given && !is_free(c);
}

static bool is_sent(const struct retry_case *c)
{
    return c->cause != RETRY_CONNECT && c->cause != RETRY_REFUSED;
}

bool retry_names_status(const struct table_retry *rule, uint16_t status)
{
    for (uint32_t i = 0; i < rule->n_statuses; i++)
        if (status >= rule->status[i].first && status <= rule->status[i].last)
            return true;
    return false;
}

static bool is_asked(const struct table_retry *rule, const struct retry_case *c)
{
    if (!rule->given)
        return !is_sent(c);
    switch (c->cause) {
    case RETRY_CONNECT: return rule->connect_failure || (c->timed_out && rule->timeout);
    case RETRY_REFUSED: return rule->connect_failure;
    case RETRY_STALE:
    case RETRY_RESET: return rule->reset;
    case RETRY_TIMEOUT: return rule->timeout;
    case RETRY_STATUS: return retry_names_status(rule, c->status);
    case RETRY_BROKEN: return false;
    }
    ASSERT(!"every case above returns");
    return false;
}

static bool names_method(const struct table_retry *rule, struct slice method)
{
    for (uint32_t i = 0; i < rule->n_methods; i++)
        if (slice_eq(rule->method[i], method))
            return true;
    return false;
}

static bool allows_method(const struct table_retry *rule, const struct retry_case *c)
{
    return rule->n_methods > 0 ? names_method(rule, c->method) : c->idempotent;
}

bool retry_may_hedge(const struct table_retry *rule, struct slice method)
{
    static const struct slice SAFE[] = {SLICE_INIT("GET"), SLICE_INIT("HEAD"),
                                        SLICE_INIT("OPTIONS"), SLICE_INIT("TRACE")};
    if (rule->n_methods > 0)
        return names_method(rule, method);
    for (size_t i = 0; i < COUNT_OF(SAFE); i++)
        if (slice_eq(SAFE[i], method))
            return true;
    return false;
}

enum retry_verdict retry_decide(const struct table_retry *rule, const struct retry_case *c)
{
    const uint32_t made = rule->given ? c->retries + 1 : c->tries;
    const uint32_t most = rule->given ? rule->more + 1 : RETRY_TRIES_DEFAULT;
    if (is_free(c))
        return RETRY_AGAIN;
    if (!is_asked(rule, c))
        return RETRY_NOT_ASKED;
    if (is_sent(c) && !allows_method(rule, c))
        return RETRY_METHOD;
    if (!c->repeatable)
        return RETRY_BODY;
    return made < most ? RETRY_AGAIN : RETRY_TRIES;
}

int64_t retry_pause_ns(int64_t backoff_ns, uint32_t nth, uint64_t random)
{
    ASSERT(nth >= 1);
    int64_t mean = backoff_ns;
    for (uint32_t i = 1; i < nth && mean < PAUSE_MAX_NS; i++)
        mean *= 2;
    if (mean > PAUSE_MAX_NS)
        mean = PAUSE_MAX_NS;
    return mean / 8 * (4 + (int64_t)(random % 9));
}

const char *retry_cause_text(enum retry_cause cause)
{
    switch (cause) {
    case RETRY_CONNECT: return "connect-failure";
    case RETRY_REFUSED: return "refused";
    case RETRY_STALE: return "stale-connection";
    case RETRY_RESET: return "reset";
    case RETRY_TIMEOUT: return "timeout";
    case RETRY_STATUS: return "status";
    case RETRY_BROKEN: return "broken-response";
    }
    ASSERT(!"every case above returns");
    return "";
}

const char *retry_verdict_text(enum retry_verdict verdict)
{
    switch (verdict) {
    case RETRY_AGAIN: return NULL;
    case RETRY_NOT_ASKED: return "not-asked-for";
    case RETRY_METHOD: return "method";
    case RETRY_BODY: return "body";
    case RETRY_TRIES: return "tries";
    case RETRY_BUDGET: return "budget";
    case RETRY_BREAKER: return "circuit-breaker";
    }
    ASSERT(!"every case above returns");
    return NULL;
}
