/* The `admin` block. */
#include "compiler/lower/lower_priv.h"

static bool is_on(const struct program_settings *s, enum setting_id id)
{
    enum { ON, OFF };
    const struct program_setting *a = lower_given(s->at, s->n, id);
    return !a || a->value[0].number == ON;
}

void lower_admin(struct lowering *l)
{
    const struct program *p = l->program;
    if (p->n_objects[OBJECT_ADMIN] == 0)
        return;
    const struct program_object *from = &p->object[OBJECT_ADMIN][0];
    const struct program_settings *s = &from->settings;
    const struct program_setting *allow = lower_given(s->at, s->n, SETTING_ADMIN_ALLOW_FROM);
    const struct program_setting *token = lower_given(s->at, s->n, SETTING_ADMIN_TOKEN);
    struct table_bind *bind = ARENA_ARRAY(l->arena, struct table_bind, p->n_admin_binds);
    memcpy(bind, p->admin_bind, p->n_admin_binds * sizeof(*bind));
    struct table_admin *to = &l->table->admin;
    *to = (struct table_admin){.place = lower_place(l, from->span),
                               .bind = bind,
                               .n_binds = p->n_admin_binds,
                               .everybody = !allow,
                               .token = token ? (uint32_t)token->value[0].number : TABLE_NO_SECRET,
                               .metrics = is_on(s, SETTING_ADMIN_METRICS),
                               .pages = is_on(s, SETTING_ADMIN_PAGES)};
    if (allow)
        to->allowed =
            lower_networks(l->arena, allow->value[0].network, (uint32_t)allow->value[0].number);
}
