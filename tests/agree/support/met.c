#include "tests/agree/support/met.h"

#include "runtime/base/text.h"

static void met_cond(struct met *m, const struct cond *c)
{
    m->cond[c->kind]++;
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM:
        m->compare[c->compare]++;
        m->field[c->field]++;
        m->all += c->all;
        return;
    case COND_AND:
    case COND_OR:
        met_cond(m, c->left);
        met_cond(m, c->right);
        return;
    case COND_NOT:
    case COND_ACL: met_cond(m, c->left); return;
    }
}

void met_add(struct met *m, const struct program *p)
{
    m->programs++;
    for (uint32_t i = 0; i < program_n_routes(p); i++) {
        const struct route *r = program_route(p, i);
        for (uint32_t k = 0; k < r->n_clauses; k++) {
            const struct clause *c = &r->clause[k];
            m->clause[r->phase]++;
            met_cond(m, c->when);
            for (uint32_t j = 0; j < c->n_actions; j++)
                m->action[c->action[j].kind]++;
        }
    }
}

/* What `lbc run` refuses needs no agreement yet; and where requests are sent, nobody has a
 * password or a token, or is asked about: whether a `require` is met is seen by the changes that
 * are counted. */
static bool is_served(enum action_kind kind)
{
    return (kind < ACTION_MIRROR || kind > ACTION_CACHE) && kind != ACTION_REQUIRE_BASIC &&
           kind != ACTION_REQUIRE_JWT && kind != ACTION_REQUIRE_AUTH;
}

static void miss(struct text *why, const char *what, uint64_t number, uint64_t met)
{
    text_addf(why, "%s %llu was met %llu times only\n", what, (unsigned long long)number,
              (unsigned long long)met);
}

void met_missing(const struct met *m, uint64_t least, bool (*asked)(enum table_field field),
                 enum table_phase last, struct text *why)
{
    for (uint32_t i = 0; i < MET_ACTIONS; i++)
        if (is_served((enum action_kind)i) && m->action[i] < least)
            miss(why, "enum action_kind", i, m->action[i]);
    for (uint32_t i = 0; i < MET_COMPARES; i++)
        if (m->compare[i] < least)
            miss(why, "enum compare", i, m->compare[i]);
    for (uint32_t i = 0; i < MET_CONDS; i++)
        if (m->cond[i] < least)
            miss(why, "enum cond_kind", i, m->cond[i]);
    for (uint32_t i = 0; i < MET_PHASES; i++)
        if (i <= last && m->clause[i] < least)
            miss(why, "a clause of enum table_phase", i, m->clause[i]);
    for (uint32_t i = 0; i < FIELD_COUNT; i++)
        if (asked((enum table_field)i) && m->field[i] < least)
            text_addf(why, "the field %s was met %llu times only\n",
                      table_field_name((enum table_field)i), (unsigned long long)m->field[i]);
    if (m->all < least)
        miss(why, "`all`", 1, m->all);
}
