/* What listeners and clusters have in common: timeouts, and settings that are given once. */
#include "compiler/sema/sema_priv.h"
#include "runtime/base/nearest.h"

static const struct {
    enum timeout_scope scope;
    struct slice spelling;
    int64_t default_ms;
} timeouts[TIMEOUT_COUNT] = {
#define TIMEOUT(scope, id, spelling, default_ms, help)                                             \
    {SCOPE_##scope, SLICE_INIT(spelling), default_ms},
#include "compiler/table/timeouts.def"
#undef TIMEOUT
};

void timeouts_default(int64_t timeout_ns[TIMEOUT_COUNT], enum timeout_scope scope)
{
    for (uint32_t i = 0; i < TIMEOUT_COUNT; i++)
        timeout_ns[i] = timeouts[i].scope == scope ? timeouts[i].default_ms * 1000000 : 0;
}

bool first_given(struct sema *s, const struct ast *a, const struct ast **given, const char *what)
{
    if (!*given) {
        *given = a;
        return true;
    }
    diag(s->diags, DIAG_SETTING_TWICE, a->span, what);
    diag_also(s->diags, (*given)->span, "first given here");
    return false;
}

static bool find_timeout(struct sema *s, const struct ast *a, enum timeout_scope scope,
                         uint32_t *out)
{
    struct nearest nearest = {.wanted = a->name};
    for (uint32_t i = 0; i < TIMEOUT_COUNT; i++) {
        if (timeouts[i].scope != scope)
            continue;
        *out = i;
        if (slice_eq(timeouts[i].spelling, a->name))
            return true;
        nearest_offer(&nearest, timeouts[i].spelling);
    }
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span,
         scope == SCOPE_LISTENER ? "listener timeout" : "cluster timeout", SLICE_ARG(a->name));
    suggest_fix(s, a->name_span, nearest.best);
    if (!nearest.best.at)
        diag_note(s->diags, scope == SCOPE_LISTENER
                                ? "a listener has the timeouts header, idle, read, write and tunnel"
                                : "a cluster has the timeouts connect, read, write and idle");
    return false;
}

bool timeout_read(struct sema *s, const struct ast *a, enum timeout_scope scope,
                  int64_t timeout_ns[TIMEOUT_COUNT], const struct ast *given[TIMEOUT_COUNT])
{
    uint32_t i;
    const bool known = find_timeout(s, a, scope, &i);
    int64_t ns;
    const bool good = value_duration(s, a->first, &ns);
    if (!known || !good)
        return false;
    char what[32];
    snprintf(what, sizeof(what), "timeout " SLICE_FMT, SLICE_ARG(a->name));
    if (!first_given(s, a, &given[i], what))
        return false;
    timeout_ns[i] = ns;
    return true;
}
