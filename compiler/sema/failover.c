/* Retries, the queue, the circuit breaker: what becomes of a request that a server has no room or
 * no answer for. */
#include "compiler/sema/settings_read.h"

#define QUEUE_DEFAULT 1000u

static uint64_t number_of(const struct program_setting *a, uint64_t otherwise)
{
    return a ? a->value[0].number : otherwise;
}

/* connect-failure, reset, timeout, and statuses, in any order. */
static void causes_read(struct sema *s, const struct program_setting *on, struct table_retry *out)
{
    enum { CONNECT_FAILURE, RESET, TIMEOUT };
    struct table_statuses *status = ARENA_ARRAY(s->arena, struct table_statuses, on->n_values);
    for (uint32_t i = 0; i < on->n_values; i++) {
        const struct program_value *v = &on->value[i];
        if (v->number == CONNECT_FAILURE)
            out->connect_failure = true;
        else if (v->number == RESET)
            out->reset = true;
        else if (v->number == TIMEOUT)
            out->timeout = true;
        else
            status[out->n_statuses++] =
                (struct table_statuses){(uint16_t)v->number, (uint16_t)v->last};
    }
    out->status = status;
}

static void methods_read(struct sema *s, const struct program_setting *methods,
                         struct table_retry *out)
{
    struct slice *method = ARENA_ARRAY(s->arena, struct slice, methods->n_values);
    for (uint32_t i = 0; i < methods->n_values; i++)
        method[out->n_methods++] = methods->value[i].text;
    out->method = method;
}

static void retry_read(struct sema *s, const struct program_setting *given, struct table_retry *out)
{
    const struct program_setting *on = setting_own(given, SETTING_RETRY_ON);
    const struct program_setting *methods = setting_own(given, SETTING_RETRY_METHODS);
    const struct program_setting *hedge = setting_own(given, SETTING_RETRY_HEDGE);
    *out = (struct table_retry){
        .given = true,
        .more = (uint32_t)given->value[0].number,
        .connect_failure = !on,
        .budget_percent =
            (uint32_t)number_of(setting_own(given, SETTING_RETRY_BUDGET), TABLE_RETRY_BUDGET),
        .backoff_ns = (int64_t)number_of(setting_own(given, SETTING_RETRY_BACKOFF), 0),
        .timeout_ns = (int64_t)number_of(setting_own(given, SETTING_RETRY_TIMEOUT), 0),
        .hedge_ns = hedge ? (int64_t)hedge->value[1].number : 0,
        .buffer_bytes = (uint32_t)number_of(setting_own(given, SETTING_RETRY_BUFFER), 0)};
    if (on)
        causes_read(s, on, out);
    if (methods)
        methods_read(s, methods, out);
}

/* `queue N { timeout 2s }` and `timeout queue 2s` say the same. */
static bool queue_timeout_read(struct sema *s, const struct program_setting *timeout,
                               struct program_cluster *out)
{
    for (uint32_t i = 0; i < out->settings.n; i++) {
        const struct program_setting *a = &out->settings.at[i];
        if (a->id != SETTING_CLUSTER_TIMEOUT || !slice_eq(a->value[0].text, SLICE("queue")) ||
            a->value[1].number == timeout->value[0].number)
            continue;
        diag(s->diags, DIAG_SETTING_TWICE, timeout->span, "timeout queue");
        diag_also(s->diags, a->span, "first given here");
        return false;
    }
    out->timeout_ns[TIMEOUT_CLUSTER_QUEUE] = (int64_t)timeout->value[0].number;
    return true;
}

static void breaker_read(const struct program_setting *given, struct table_breaker *out)
{
    *out = (struct table_breaker){
        .connections =
            (uint32_t)number_of(setting_own(given, SETTING_CIRCUIT_BREAKER_CONNECTIONS), 0),
        .pending = (uint32_t)number_of(setting_own(given, SETTING_CIRCUIT_BREAKER_PENDING), 0),
        .retries = (uint32_t)number_of(setting_own(given, SETTING_CIRCUIT_BREAKER_RETRIES), 0)};
}

bool failover_read(struct sema *s, struct program_cluster *out)
{
    const struct program_settings *given = &out->settings;
    const struct program_setting *retry = setting_given(given, SETTING_CLUSTER_RETRY);
    const struct program_setting *queue = setting_given(given, SETTING_CLUSTER_QUEUE);
    const struct program_setting *breaker = setting_given(given, SETTING_CLUSTER_CIRCUIT_BREAKER);
    out->queue_max = (uint32_t)number_of(queue && !queue->wrong ? queue : NULL, QUEUE_DEFAULT);
    if (retry && !retry->wrong)
        retry_read(s, retry, &out->retry);
    if (breaker && !breaker->wrong)
        breaker_read(breaker, &out->breaker);
    const struct program_setting *timeout =
        queue && !queue->wrong ? setting_own(queue, SETTING_QUEUE_TIMEOUT) : NULL;
    return !timeout || queue_timeout_read(s, timeout, out);
}
