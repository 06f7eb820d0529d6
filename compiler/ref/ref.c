#include "compiler/ref/ref.h"

#include "compiler/ref/ref_priv.h"

/* Everything one decision needs. */
struct decision {
    const struct program *program;
    const struct facts *facts;
    struct arena *arena;
    struct ref_verdict *verdict;
    size_t text_bytes;
};

/* Bit by bit, as a network is defined. */
static bool network_has(const struct network *n, const struct address *a)
{
    for (unsigned bit = 0; bit < n->bits; bit++) {
        const unsigned shift = 7 - bit % 8;
        if ((n->first.byte[bit / 8] >> shift & 1) != (a->byte[bit / 8] >> shift & 1))
            return false;
    }
    return true;
}

/* The path itself, or anything behind it and a slash. */
static bool is_under(struct slice path, struct slice above)
{
    if (path.len < above.len || strncmp(path.at, above.at, above.len) != 0)
        return false;
    if (path.len == above.len || (above.len > 0 && above.at[above.len - 1] == '/'))
        return true;
    return path.at[above.len] == '/';
}

static bool value_passes(const struct cond *c, struct slice value)
{
    const struct slice s = c->string;
    switch (c->compare) {
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL: return value.len == s.len && memcmp(value.at, s.at, s.len) == 0;
    case COMPARE_IN:
        for (uint32_t i = 0; i < c->set->n_strings; i++)
            if (slice_eq(c->set->string[i], value))
                return true;
        return false;
    case COMPARE_UNDER: return is_under(value, s);
    case COMPARE_STARTS_WITH: return value.len >= s.len && memcmp(value.at, s.at, s.len) == 0;
    case COMPARE_ENDS_WITH:
        return value.len >= s.len && memcmp(value.at + (value.len - s.len), s.at, s.len) == 0;
    case COMPARE_EXISTS: return true;
    }
    return false;
}

static bool atom_holds(const struct decision *d, const struct cond *c)
{
    if (c->field == FIELD_SRC && c->compare == COMPARE_IN) {
        for (uint32_t i = 0; i < c->set->n_networks; i++)
            if (network_has(&c->set->network[i], &d->facts->src))
                return true;
        return false;
    }
    const struct ref_values values = ref_values(d->facts, d->verdict, d->arena, c->field, c->key);
    bool any = false;
    for (uint32_t i = 0; i < values.n; i++)
        any = any || value_passes(c, values.at[i]);
    return c->compare == COMPARE_NOT_EQUAL ? values.n > 0 && !any : any;
}

/* Conditions have no effects, so the right side may be asked first: it keeps long chains, which
 * lean to the left, off the stack. */
static bool holds(const struct decision *d, const struct cond *c)
{
    for (;;) {
        switch (c->kind) {
        case COND_TRUE: return true;
        case COND_ATOM: return atom_holds(d, c);
        case COND_NOT: return !holds(d, c->left);
        case COND_ACL: return holds(d, c->left);
        case COND_AND:
            if (!holds(d, c->right))
                return false;
            break;
        case COND_OR:
            if (holds(d, c->right))
                return true;
            break;
        }
        c = c->left;
    }
}

/* A query value's control characters are written as escapes; no other value can have any that could
 * end a header. */
static struct slice without_controls(struct arena *arena, struct slice value)
{
    struct slice out = SLICE("");
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.at[i];
        out = arena_format(arena, c < 0x20 || c == 0x7f ? SLICE_FMT "%%%02X" : SLICE_FMT "%c",
                           SLICE_ARG(out), c);
    }
    return out;
}

static struct slice joined(struct arena *arena, struct slice a, struct slice b)
{
    char *both = ARENA_ARRAY(arena, char, a.len + b.len + 1);
    memcpy(both, a.at, a.len);
    memcpy(both + a.len, b.at, b.len);
    return (struct slice){both, a.len + b.len};
}

/* Literals as they are, fields by their first value, or empty. *names_field says whether there is
 * one. */
static struct slice rendered(const struct decision *d, const struct table_template *template,
                             bool *names_field)
{
    struct slice out = SLICE("");
    *names_field = false;
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (part->literal.at) {
            out = joined(d->arena, out, part->literal);
            continue;
        }
        *names_field = true;
        const struct ref_values values =
            ref_values(d->facts, d->verdict, d->arena, part->field, part->key);
        if (values.n == 0)
            continue;
        struct slice first = values.at[0];
        if (part->field == FIELD_QUERY_KEY)
            first = without_controls(d->arena, first);
        out = joined(d->arena, out, first);
    }
    return out;
}

static void change(struct decision *d, const struct action *a)
{
    struct ref_verdict *v = d->verdict;
    bool names_field = false;
    struct slice value = SLICE("");
    if (a->kind != ACTION_REMOVE_HEADER)
        value = rendered(d, &a->value, &names_field);
    if (names_field)
        d->text_bytes += value.len;
    if (d->text_bytes > REF_TEXT_BYTES_MAX)
        v->too_long = true;
    ASSERT(v->n_effects < REF_ACTIONS_MAX); /* sema refuses routes that could make more */
    v->value[v->n_effects] = value;
    v->effect[v->n_effects++] = a;
}

/* Returns false when the next clause is to be asked. */
static bool act(struct decision *d, const struct clause *c)
{
    for (uint32_t i = 0; i < c->n_actions && !d->verdict->too_long; i++) {
        const struct action *a = &c->action[i];
        switch (a->kind) {
        case ACTION_SET_HEADER:
        case ACTION_ADD_HEADER:
        case ACTION_REMOVE_HEADER: change(d, a); break;
        case ACTION_CONTINUE: return false;
        case ACTION_REDIRECT: {
            bool names_field;
            d->verdict->location = rendered(d, &a->value, &names_field);
            d->verdict->end = a;
            return true;
        }
        case ACTION_FORWARD:
        case ACTION_DENY:
        case ACTION_RESPOND: d->verdict->end = a; return true;
        }
    }
    return d->verdict->too_long;
}

void ref_eval(const struct program *p, uint32_t route, const struct facts *f, struct arena *arena,
              struct ref_verdict *out)
{
    *out = (struct ref_verdict){0};
    struct decision d = {.program = p, .facts = f, .arena = arena, .verdict = out};
    const struct route *r = &p->route[route];
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        out->clause = i;
        if (holds(&d, r->clause[i].when) && act(&d, &r->clause[i]))
            return;
    }
    const bool decided = false; /* but a route's last clause is `otherwise` and terminal */
    ASSERT(decided);
}
