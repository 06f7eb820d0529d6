/* The timeouts of listeners and clusters. */
#include "compiler/sema/settings_read.h"
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

static bool find_timeout(struct sema *s, const struct program_value *name, enum timeout_scope scope,
                         uint32_t *out)
{
    struct nearest nearest = {.wanted = name->text};
    for (uint32_t i = 0; i < TIMEOUT_COUNT; i++) {
        if (timeouts[i].scope != scope)
            continue;
        *out = i;
        if (slice_eq(timeouts[i].spelling, name->text))
            return true;
        nearest_offer(&nearest, timeouts[i].spelling);
    }
    diag(s->diags, DIAG_UNKNOWN_WORD, name->span,
         scope == SCOPE_LISTENER ? "listener timeout" : "cluster timeout", SLICE_ARG(name->text));
    suggest_fix(s, name->span, nearest.best);
    if (!nearest.best.at)
        diag_note(
            s->diags,
            scope == SCOPE_LISTENER
                ? "a listener has the timeouts header, idle, read, write, request, tunnel and drain"
                : "a cluster has the timeouts connect, read, write, idle and queue");
    return false;
}

bool timeouts_read(struct sema *s, const struct program_settings *given, enum setting_id id,
                   enum timeout_scope scope, int64_t timeout_ns[TIMEOUT_COUNT])
{
    const struct program_setting *first[TIMEOUT_COUNT] = {0};
    bool ok = true;
    timeouts_default(timeout_ns, scope);
    for (uint32_t k = 0; k < given->n; k++) {
        const struct program_setting *a = &given->at[k];
        uint32_t i;
        if (a->id != id || a->n_values == 0)
            continue;
        if (!find_timeout(s, &a->value[0], scope, &i) || a->wrong) {
            ok = false;
        } else if (first[i]) {
            const struct slice what =
                arena_format(s->arena, "timeout " SLICE_FMT, SLICE_ARG(timeouts[i].spelling));
            diag(s->diags, DIAG_SETTING_TWICE, a->span, what.at);
            diag_also(s->diags, first[i]->span, "first given here");
            ok = false;
        } else {
            first[i] = a;
            timeout_ns[i] = (int64_t)a->value[1].number;
        }
    }
    return ok;
}
