/* `admin`: where it is bound, and who could get in. */
#include "compiler/sema/settings_read.h"

/* A Unix socket's file says itself who may connect. */
static bool is_of_this_machine(const struct endpoint *e)
{
    return e->path[0] || address_is_loopback(&e->address);
}

/* What only listeners do with a bind. */
static void note_unserved(struct sema *s, const struct program_setting *a)
{
    static const enum setting_id LATER[] = {SETTING_BIND_TLS, SETTING_BIND_PROXY_PROTOCOL,
                                            SETTING_BIND_DEFER_ACCEPT};
    for (size_t i = 0; i < COUNT_OF(LATER); i++) {
        const struct program_setting *own = setting_own(a, LATER[i]);
        if (own)
            not_served(s, own->word);
    }
}

static bool is_guarded(struct sema *s, const struct program_settings *given,
                       const struct program_setting *a)
{
    if (is_of_this_machine(a->value[0].endpoint) ||
        setting_given(given, SETTING_ADMIN_ALLOW_FROM) || setting_given(given, SETTING_ADMIN_TOKEN))
        return true;
    char text[ENDPOINT_TEXT_MAX];
    const size_t len = endpoint_format(a->value[0].endpoint, text);
    diag(s->diags, DIAG_ADMIN_OPEN, a->span, (int)len, text);
    return false;
}

static bool binds_read(struct sema *s, const struct program_settings *given, struct program *p)
{
    struct table_bind *bind = ARENA_ARRAY(s->arena, struct table_bind, given->n);
    bool ok = true;
    p->admin_bind = bind;
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        if (a->id != SETTING_ADMIN_BIND || a->n_values == 0 || !a->value[0].endpoint)
            continue;
        note_unserved(s, a);
        if (!setting_own(a, SETTING_BIND_PROXY_PROTOCOL)) /* it asks for a listener's settings */
            ok &= bind_read(s, given, a, &bind[p->n_admin_binds]);
        ok &= bound_first(s, a, a->value[0].endpoint) && is_guarded(s, given, a);
        p->n_admin_binds++;
    }
    return ok;
}

bool admin_read(struct sema *s, struct program *p)
{
    const struct program_object *o = p->object[OBJECT_ADMIN];
    if (p->n_objects[OBJECT_ADMIN] == 0)
        return true;
    for (uint32_t i = 1; i < p->n_objects[OBJECT_ADMIN]; i++) {
        diag(s->diags, DIAG_SETTING_TWICE, o[i].span, "admin");
        diag_also(s->diags, o[0].span, "first given here");
    }
    return binds_read(s, &o->settings, p) && p->n_objects[OBJECT_ADMIN] == 1;
}
