/* What a cluster or a limit is told, and cannot keep or does not need. */
#include "compiler/lint/lint.h"
#include "compiler/lint/lint_priv.h"

static bool is_idempotent(struct slice method)
{
    static const struct slice methods[] = {SLICE_INIT("GET"),     SLICE_INIT("HEAD"),
                                           SLICE_INIT("PUT"),     SLICE_INIT("DELETE"),
                                           SLICE_INIT("OPTIONS"), SLICE_INIT("TRACE")};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_eq(methods[i], method))
            return true;
    return false;
}

static void retry(const struct program_cluster *c, const struct program_setting *a, struct diags *d)
{
    const struct program_setting *methods = lint_own(a, SETTING_RETRY_METHODS);
    const struct program_setting *timeout = lint_own(a, SETTING_RETRY_TIMEOUT);
    for (uint32_t i = 0; methods && i < methods->n_values; i++)
        if (!is_idempotent(methods->value[i].text))
            diag(d, DIAG_RETRY_UNSAFE, methods->value[i].span, SLICE_ARG(methods->value[i].text));
    const int64_t read_ns = c->timeout_ns[TIMEOUT_CLUSTER_READ];
    if (!timeout || (int64_t)timeout->value[0].number <= read_ns)
        return;
    diag(d, DIAG_TIMEOUT_OUTLIVES, timeout->span);
    const struct program_setting *read = lint_timeout(&c->settings, SLICE("read"));
    if (read)
        diag_also(d, read->span, "the cluster gives up after this");
}

/* With one server alone there is no other to go to, whether it is up or not. */
static void health(const struct program_cluster *c, struct diags *d)
{
    if (lint_given(&c->settings, SETTING_CLUSTER_HEALTH) ||
        lint_given(&c->settings, SETTING_CLUSTER_OUTLIER))
        return;
    if (c->n_servers > 1 || lint_given(&c->settings, SETTING_CLUSTER_SERVERS))
        diag(d, DIAG_NO_HEALTH, c->span, SLICE_ARG(c->name));
}

static void cluster(const struct program_cluster *c, struct diags *d)
{
    const struct program_setting *sticky = lint_given(&c->settings, SETTING_CLUSTER_STICKY);
    const struct program_setting *balance = lint_given(&c->settings, SETTING_CLUSTER_BALANCE);
    const struct program_setting *tries = lint_given(&c->settings, SETTING_CLUSTER_RETRY);
    if (sticky && balance &&
        (slice_ends(balance->value[0].text, SLICE("hash")) ||
         slice_eq(balance->value[0].text, SLICE("consistent")))) {
        diag(d, DIAG_STICKY_AND_HASH, sticky->span);
        diag_also(d, balance->span, "this keeps a client at its server already");
    }
    if (tries)
        retry(c, tries, d);
    health(c, d);
}

/* Does the rate `a`, kept, keep `b` too? In b's time, a lets through at most so many. */
static bool implies(const struct program_value *a, const struct program_value *b)
{
    const uint64_t times = (b->last + a->last - 1) / a->last;
    return b->number >= a->number * times;
}

/* Who is delayed looks again at the worker's next tick, so what may go at once is what goes from
 * one to the next; twice that leaves room for a late one. */
#define BURST_TICKS_PER_S 25u

static void bandwidth(const struct program_setting *a, struct diags *d)
{
    const struct program_setting *burst = a ? lint_own(a, SETTING_BANDWIDTH_BURST) : NULL;
    if (burst && burst->value[0].number < a->value[0].number / BURST_TICKS_PER_S)
        diag(d, DIAG_BURST_SHORT, burst->span);
}

static void limit(const struct program_object *o, struct diags *d)
{
    const struct program_settings *given = &o->settings;
    bandwidth(lint_given(given, SETTING_LIMIT_DOWNLOAD), d);
    bandwidth(lint_given(given, SETTING_LIMIT_UPLOAD), d);
    if (lint_given(given, SETTING_LIMIT_BURST))
        return; /* more than the rate for a while: the longer one may bite after all */
    for (uint32_t i = 0; i < given->n; i++) {
        for (uint32_t k = 0; k < given->n; k++) {
            const struct program_setting *a = &given->at[i], *b = &given->at[k];
            if (i == k || a->id != SETTING_LIMIT_RATE || b->id != SETTING_LIMIT_RATE ||
                !implies(a->value, b->value) || (implies(b->value, a->value) && i > k))
                continue;
            diag(d, DIAG_LIMIT_NEVER_BITES, b->span);
            diag_also(d, a->span, "this one is always met first");
            return;
        }
    }
}

void lint_capacity(const struct program *p, struct diags *d)
{
    for (uint32_t i = 0; i < p->n_clusters; i++)
        cluster(&p->cluster[i], d);
    for (uint32_t i = 0; i < p->n_objects[OBJECT_LIMIT]; i++)
        limit(&p->object[OBJECT_LIMIT][i], d);
}
