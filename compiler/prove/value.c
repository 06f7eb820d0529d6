#include "compiler/prove/value_priv.h"

#include "compiler/table/match.h"

/* The `present` column of fields.def. */
enum present { ALWAYS, MAYBE, ANY };

static enum present present_of(enum table_field field)
{
    static const enum present PRESENT[] = {
#define FIELD(id, spelling, type, keyed, present, phase, served, help) [FIELD_##id] = (present),
#include "compiler/table/fields.def"
#undef FIELD
    };
    return PRESENT[field];
}

bool value_may_repeat(enum table_field field)
{
    return present_of(field) == ANY;
}

bool value_may_be_absent(enum table_field field)
{
    return present_of(field) != ALWAYS;
}

bool value_passes(const struct table *t, const struct table_atom *atom,
                  const struct found_value *value)
{
    switch (atom->op) {
    case OP_EXISTS: return true;
    case OP_IN_NETWORKS: return network_set_has(&t->network_set[atom->set], &value->address);
    case OP_IN_NUMBERS: return number_set_has(&t->number_set[atom->set], value->number);
    case OP_EQUAL:
    case OP_IN_STRINGS:
    case OP_IN_DOMAINS:
    case OP_UNDER:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_CONTAINS:
    case OP_MATCHES:
    case OP_COUNT: break;
    }
    return match_value(t, atom, value->text);
}

/* May something else made up for the same demands fare otherwise? Of members of sets not all are
 * looked at, of expressions none. */
static bool is_accident(const struct demand *d)
{
    return d->atom->op == OP_MATCHES ||
           (!d->holds && (d->atom->op == OP_IN_STRINGS || d->atom->op == OP_IN_DOMAINS) &&
            d->table->string_set[d->atom->set].n > VALUE_MEMBERS_SEEN);
}

bool value_try(struct finder *f, const struct found_value *value)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (value_passes(d->table, d->atom, value) == d->holds)
            continue;
        f->doubtful |= is_accident(d);
        return false;
    }
    *f->out = *value;
    return true;
}

static unsigned path_rules(const struct finder *f)
{
    unsigned rules = 0;
    for (uint32_t i = 0; i < f->n; i++)
        rules |= f->demand[i].table ? f->demand[i].table->path_rules : 0;
    return rules;
}

bool value_try_text(struct finder *f, struct slice text)
{
    const struct found_value value = {.text = text};
    const struct found_value before = *f->out;
    if (!value_try(f, &value))
        return false;
    if (value_is_possible(f->field, path_rules(f), text))
        return true;
    *f->out = before;
    f->doubtful = true;
    return false;
}

static enum value_found look_for(struct finder *f)
{
    if (table_field_is_address(f->field))
        return value_find_address(f);
    return table_field_is_number(f->field) ? value_find_number(f) : value_find_text(f);
}

/* Do the demands that are no accident contradict each other already? */
static bool contradict(struct finder *f)
{
    struct demand *plain = ARENA_ARRAY(f->arena, struct demand, f->n);
    struct finder fewer = *f;
    fewer.demand = plain;
    fewer.n = 0;
    fewer.doubtful = false;
    for (uint32_t i = 0; i < f->n; i++)
        if (!is_accident(&f->demand[i]))
            plain[fewer.n++] = f->demand[i];
    return fewer.n > 0 && fewer.n < f->n && look_for(&fewer) == VALUE_NONE;
}

enum value_found value_find(const struct demand *demand, uint32_t n, enum table_field field,
                            struct value_names listeners, struct arena *arena,
                            struct found_value *out)
{
    struct finder f = {.demand = demand,
                       .n = n,
                       .field = field,
                       .listeners = listeners,
                       .arena = arena,
                       .out = out};
    const enum value_found found = look_for(&f);
    return found == VALUE_MAYBE && (contradict(&f) || value_never_matches(&f)) ? VALUE_NONE : found;
}
