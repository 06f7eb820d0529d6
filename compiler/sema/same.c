/*
 * Two conditions are the same when they are written alike: same shape, fields and values. That
 * finds what copying and pasting makes; what several clauses swallow together needs the diagram.
 */
#include "compiler/sema/same.h"

#include "runtime/base/hash.h"

static uint64_t mix(uint64_t h, uint64_t x)
{
    return hash_bytes(&x, sizeof(x), h);
}

static uint64_t hash_set(const struct program_set *set)
{
    uint64_t h = set->n_strings * 2 + set->n_networks;
    for (uint32_t i = 0; i < set->n_strings; i++)
        h = hash_slice(set->string[i], h);
    for (uint32_t i = 0; i < set->n_networks; i++)
        h = hash_bytes(set->network[i].first.byte, 16, h + set->network[i].bits);
    return h;
}

static uint64_t hash_cond(const struct cond *c)
{
    uint64_t h = mix(1, (uint64_t)c->kind);
    switch (c->kind) {
    case COND_TRUE: return h;
    case COND_ACL: return hash_slice(c->acl, h);
    case COND_NOT: return mix(h, hash_cond(c->left));
    case COND_AND:
    case COND_OR: return mix(mix(h, hash_cond(c->left)), hash_cond(c->right));
    case COND_ATOM: break;
    }
    h = mix(mix(h, (uint64_t)c->field), (uint64_t)c->compare);
    h = hash_slice(c->string, hash_slice(c->key, h));
    return c->compare == COMPARE_IN ? mix(h, hash_set(c->set)) : h;
}

static bool same_set(const struct program_set *a, const struct program_set *b)
{
    if (a->n_strings != b->n_strings || a->n_networks != b->n_networks)
        return false;
    for (uint32_t i = 0; i < a->n_strings; i++)
        if (!slice_eq(a->string[i], b->string[i]))
            return false;
    for (uint32_t i = 0; i < a->n_networks; i++)
        if (a->network[i].bits != b->network[i].bits ||
            address_compare(&a->network[i].first, &b->network[i].first) != 0)
            return false;
    return true;
}

static bool same_cond(const struct cond *a, const struct cond *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case COND_TRUE: return true;
    case COND_ACL: return slice_eq(a->acl, b->acl);
    case COND_NOT: return same_cond(a->left, b->left);
    case COND_AND:
    case COND_OR: return same_cond(a->left, b->left) && same_cond(a->right, b->right);
    case COND_ATOM: break;
    }
    return a->field == b->field && a->compare == b->compare && slice_eq(a->key, b->key) &&
           slice_eq(a->string, b->string) && (a->compare != COMPARE_IN || same_set(a->set, b->set));
}

/* Can a header change between two clauses change what it says? Cookies and the host are headers. An
 * acl may ask anything. */
static bool may_change(const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE: return false;
    case COND_ACL:
    case COND_NOT: return may_change(c->left);
    case COND_AND:
    case COND_OR: return may_change(c->left) || may_change(c->right);
    case COND_ATOM: break;
    }
    return c->field == FIELD_HEADER || c->field == FIELD_COOKIE || c->field == FIELD_HOST;
}

struct seen {
    uint64_t hash;
    const struct clause *clause;
    uint32_t changes; /* clauses before it that go on */
};

static bool goes_on(const struct clause *c)
{
    return c->action[c->n_actions - 1].kind == ACTION_CONTINUE;
}

static const struct seen *find(const struct seen *slot, uint32_t mask, const struct seen *wanted)
{
    for (uint32_t i = (uint32_t)wanted->hash & mask;; i = (i + 1) & mask) {
        const struct seen *other = &slot[i];
        if (!other->clause ||
            (other->hash == wanted->hash && same_cond(other->clause->when, wanted->clause->when) &&
             (other->changes == wanted->changes || !may_change(wanted->clause->when))))
            return other;
    }
}

bool same_conditions(struct sema *s, const struct route *r)
{
    uint32_t mask = 15;
    while (mask / 2 < r->n_clauses)
        mask = mask * 2 + 1;
    struct seen *slot = MUST_ARRAY(struct seen, mask + 1);
    uint32_t changes = 0;
    bool ok = true;
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const struct clause *c = &r->clause[i];
        const struct seen wanted = {hash_cond(c->when), c, changes};
        struct seen *found = &slot[find(slot, mask, &wanted) - slot];
        if (found->clause && !c->otherwise) {
            diag(s->diags, DIAG_UNREACHABLE, c->when->span);
            diag_label(s->diags, "the same again");
            diag_also(s->diags, found->clause->when->span, "everything that meets this ends here");
            ok = false;
        } else if (!goes_on(c)) {
            *found = wanted;
        }
        changes += goes_on(c);
    }
    free(slot);
    return ok;
}
