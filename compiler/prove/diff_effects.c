/*
 * Changes whose order nobody can see. Two that give different things another value, and do not read
 * what the other gives, may change places; so a sequence of changes is compared in one order of all
 * those it could stand in.
 */
#include "compiler/prove/diff_priv.h"

static bool reads(const struct table_template *by, const struct table_effect *e)
{
    for (uint32_t i = 0; i < by->n; i++)
        if (!by->part[i].literal.at && by->part[i].field != FIELD_COUNT &&
            table_effect_changes(e, by->part[i].field, by->part[i].key))
            return true;
    return false;
}

/* What it changes; two of one kind stay in their order. */
static bool gives_the_same_thing(const struct table_effect *e, const struct table_effect *f)
{
    const bool request = table_effect_is_header(e->kind, false);
    const bool response = table_effect_is_header(e->kind, true);
    if (request || response)
        return table_effect_is_header(f->kind, response) && slice_eq(e->name, f->name);
    return e->kind == f->kind ||
           (table_effect_is_target(e->kind) && table_effect_is_target(f->kind));
}

static bool may_move(const struct table_effect *e)
{
    return table_effect_is_header(e->kind, false) || table_effect_is_header(e->kind, true) ||
           table_effect_is_target(e->kind) || e->kind == EFFECT_TAG ||
           e->kind == EFFECT_TIMEOUT_READ || e->kind == EFFECT_COMPRESS ||
           e->kind == EFFECT_RETRY || e->kind == EFFECT_CORS;
}

static bool commute(const struct table_effect *e, const struct table_effect *f)
{
    return may_move(e) && may_move(f) && !gives_the_same_thing(e, f) && !reads(&e->value, f) &&
           !reads(&f->value, e);
}

bool diff_clauses_commute(const struct side *s, uint32_t a, uint32_t b)
{
    const struct subject_clause *x = &s->clause[a], *y = &s->clause[b];
    for (uint32_t i = x->first; i < x->first + x->n; i++)
        for (uint32_t k = y->first; k < y->first + y->n; k++)
            if (!commute(&s->table->effect[s->effect[i]], &s->table->effect[s->effect[k]]))
                return false;
    return true;
}

static int compare_written(const struct table *t, const struct table_effect *e,
                           const struct table_effect *f)
{
    struct text a = {0}, b = {0};
    table_effect_write(t, e, &a);
    table_effect_write(t, f, &b);
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = memcmp(a.at, b.at, n);
    const int longer = (a.len > b.len) - (a.len < b.len);
    text_done(&a);
    text_done(&b);
    return order != 0 ? order : longer;
}

/* Nothing that stands before it keeps it from being the first. */
static bool may_be_first(const diff_effects *e, uint32_t from, uint32_t at)
{
    for (uint32_t i = from; i < at; i++)
        if (!commute(e->at[i], e->at[at]))
            return false;
    return true;
}

/* Of those that may come first the least, then the same of the rest: the same for all orders that
 * come to the same (Anisimov and Knuth, "Inhomogeneous sorting", 1979). */
void diff_sort_effects(const struct table *t, diff_effects *e)
{
    for (uint32_t from = 0; from < e->n; from++) {
        uint32_t least = from;
        for (uint32_t i = from + 1; i < e->n; i++)
            if (may_be_first(e, from, i) && compare_written(t, e->at[i], e->at[least]) < 0)
                least = i;
        const struct table_effect *first = e->at[least];
        memmove(e->at + from + 1, e->at + from, (least - from) * sizeof(first));
        e->at[from] = first;
    }
}

void diff_add_effects(const struct side *s, uint32_t clause, const struct table_end *end,
                      diff_effects *out)
{
    const struct subject_clause *c = &s->clause[clause];
    for (uint32_t i = c->first; i < c->first + c->n; i++)
        if (!end || diff_shows(s, s->effect[i], end))
            VEC_ADD(out, &s->table->effect[s->effect[i]]);
}
