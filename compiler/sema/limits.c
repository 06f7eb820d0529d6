/* Limits: what counts by windows, and who counts by cluster. */
#include "compiler/sema/settings_read.h"

bool program_rate_by_windows(const struct program_settings *given, const struct program_value *rate)
{
    if (rate->last < TABLE_RATE_LONG_NS)
        return false;
    bool some_short = false;
    for (uint32_t i = 0; i < given->n; i++)
        some_short |= given->at[i].id == SETTING_LIMIT_RATE &&
                      given->at[i].value[0].last < TABLE_RATE_LONG_NS;
    return some_short || !setting_given(given, SETTING_LIMIT_BURST);
}

bool limit_windows_fit(struct sema *s, const struct program_settings *given)
{
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        if (a->id != SETTING_LIMIT_RATE || a->value[0].number <= TABLE_WINDOW_MAX ||
            !program_rate_by_windows(given, a->value))
            continue;
        const char *per = a->value[0].last > TABLE_RATE_LONG_NS ? "d" : "h";
        const struct slice most = arena_format(s->arena, "%u/%s", TABLE_WINDOW_MAX, per);
        diag(s->diags, DIAG_OUT_OF_RANGE, a->value[0].span, "a rate by the hour or day",
             SLICE_ARG(arena_format(s->arena, "1/%s", per)), SLICE_ARG(most));
        diag_note(s->diags, "more than that is said by the second or minute, or with a `burst`");
        return false;
    }
    return true;
}

static const struct program_setting *counts_by_cluster(const struct program *p, struct slice limit)
{
    for (uint32_t i = 0; i < p->n_objects[OBJECT_LIMIT]; i++) {
        const struct program_object *o = &p->object[OBJECT_LIMIT][i];
        const struct program_setting *key = setting_given(&o->settings, SETTING_LIMIT_KEY);
        for (uint32_t k = 0; key && slice_eq(o->name, limit) && k < key->n_values; k++)
            if (key->value[k].field == FIELD_CLUSTER)
                return key;
    }
    return NULL;
}

static bool check(struct sema *s, const struct program *p, struct slice limit, struct span where,
                  const char *what)
{
    const struct program_setting *key = counts_by_cluster(p, limit);
    if (!key)
        return true;
    diag(s->diags, DIAG_NOT_KNOWN_YET, where, what, "cluster");
    diag_also(s->diags, key->span, "this limit counts by it");
    diag_note(s->diags,
              "a clause that leads to a cluster can name the limit, or the cluster itself");
    return false;
}

bool limits_check(struct sema *s, const struct program *p)
{
    bool ok = true;
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        const struct program_settings *given = &p->listener[i].settings;
        for (uint32_t k = 0; k < given->n; k++)
            if (given->at[k].id == SETTING_LISTENER_LIMIT)
                ok &= check(s, p, given->at[k].value[0].text, given->at[k].span,
                            "a limit of a listener");
    }
    for (uint32_t i = 0; i < s->exceeded.n; i++)
        ok &= check(s, p, s->exceeded.at[i].name, s->exceeded.at[i].span, "a condition on a limit");
    return ok;
}
