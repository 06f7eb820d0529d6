/* Limits: what counts requests and what bytes, what counts by windows, and who by cluster. */
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

const struct program_setting *limit_of_bytes(const struct program_settings *given)
{
    const struct program_setting *down = setting_given(given, SETTING_LIMIT_DOWNLOAD);
    return down ? down : setting_given(given, SETTING_LIMIT_UPLOAD);
}

/* What goes with the one kind of limit only, or with one way to tell keys apart; and why. */
struct unfit {
    enum setting_id id;
    const char *why;
};

static const struct unfit OF_REQUESTS[] = {
    {SETTING_LIMIT_RATE, "`rate` is of requests"},
    {SETTING_LIMIT_BURST, "this `burst` is of requests"},
    {SETTING_LIMIT_CONCURRENT, "`concurrent` is of requests"},
    {SETTING_LIMIT_STATUS, "refuses nothing: what is beyond it waits"},
    {SETTING_LIMIT_MODE, "refuses nothing: what is beyond it waits"},
    {SETTING_LIMIT_SHARED, "other processes do not hear of them"}};
static const struct unfit OF_BYTES[] = {{SETTING_LIMIT_PER, "`per` is of limits that count bytes"}};
static const struct unfit WITHOUT_PER[] = {{SETTING_LIMIT_KEY, "has a `key` beside its `per`"},
                                           {SETTING_LIMIT_PREFIX, "has no `key` to cut short"}};

static bool has_none(struct sema *s, const struct program_object *o, const struct unfit *unfit,
                     size_t n, const char *counts)
{
    for (size_t i = 0; i < n; i++) {
        const struct program_setting *a = setting_given(&o->settings, unfit[i].id);
        if (!a)
            continue;
        diag(s->diags, DIAG_OTHER_LIMIT, a->span, SLICE_ARG(o->name), counts, unfit[i].why);
        return false;
    }
    return true;
}

bool limit_is_of_one_kind(struct sema *s, const struct program_object *o)
{
    if (!limit_of_bytes(&o->settings))
        return has_none(s, o, OF_BYTES, COUNT_OF(OF_BYTES), "requests");
    if (!has_none(s, o, OF_REQUESTS, COUNT_OF(OF_REQUESTS), "bytes")) {
        diag_also(s->diags, limit_of_bytes(&o->settings)->span, "here it counts bytes");
        diag_note(s->diags, "a second limit can count requests: whoever names one can name both");
        return false;
    }
    return !setting_given(&o->settings, SETTING_LIMIT_PER) ||
           has_none(s, o, WITHOUT_PER, COUNT_OF(WITHOUT_PER), "bytes");
}

const struct program_object *limit_named(const struct program *p, struct slice name)
{
    for (uint32_t i = 0; i < p->n_objects[OBJECT_LIMIT]; i++)
        if (slice_eq(p->object[OBJECT_LIMIT][i].name, name))
            return &p->object[OBJECT_LIMIT][i];
    return NULL;
}

bool limit_named_of_requests(struct sema *s, const struct program *p, struct slice name,
                             struct span where, const char *why)
{
    const struct program_object *o = limit_named(p, name);
    const struct program_setting *bytes = o ? limit_of_bytes(&o->settings) : NULL;
    if (!bytes)
        return true;
    diag(s->diags, DIAG_OTHER_LIMIT, where, SLICE_ARG(o->name), "bytes", why);
    diag_also(s->diags, bytes->span, "here it does");
    return false;
}

static const struct program_setting *counts_by_cluster(const struct program *p, struct slice limit)
{
    const struct program_object *o = limit_named(p, limit);
    const struct program_setting *key = o ? setting_given(&o->settings, SETTING_LIMIT_KEY) : NULL;
    for (uint32_t k = 0; key && k < key->n_values; k++)
        if (key->value[k].field == FIELD_CLUSTER)
            return key;
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
    for (uint32_t i = 0; i < s->exceeded.n; i++) {
        const struct asked_limit *a = &s->exceeded.at[i];
        ok &= check(s, p, a->name, a->span, "a condition on a limit") &&
              limit_named_of_requests(s, p, a->name, a->span, "nobody is ever above it");
    }
    return ok;
}
