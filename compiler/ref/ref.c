#include "compiler/ref/ref.h"

#include "compiler/ref/ref_priv.h"
#include "compiler/regex/regex.h"
#include "runtime/base/hash.h"

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

/* "*.example.com" is whatever ends with the rest of it; of hosts only. */
static bool is_wildcard(const struct cond *c, struct slice s)
{
    return (c->field == FIELD_HOST || c->field == FIELD_TLS_SNI) && s.len >= 2 && s.at[0] == '*' &&
           s.at[1] == '.';
}

static bool is_text(const struct cond *c, struct slice s, struct slice value)
{
    if (!is_wildcard(c, s))
        return value.len == s.len && memcmp(value.at, s.at, s.len) == 0;
    return value.len >= s.len - 1 &&
           memcmp(value.at + (value.len - (s.len - 1)), s.at + 1, s.len - 1) == 0;
}

static bool has_in_it(struct slice value, struct slice part)
{
    for (size_t i = 0; i + part.len <= value.len; i++)
        if (strncmp(value.at + i, part.at, part.len) == 0)
            return true;
    return false;
}

/* By the program that finds, which is another machine than the automaton that is run. */
static bool is_matched(const struct cond *c, struct slice value)
{
    struct arena scratch = {0};
    struct regex_error error;
    struct regex_program program;
    struct slice group[REGEX_GROUPS_MAX + 1];
    const struct regex *re = regex_parse(&scratch, c->string, c->flags, &error);
    const bool matched = re && regex_compile_program(re, &scratch, &program, &error) &&
                         regex_search(&program, value, group);
    arena_free(&scratch);
    return matched;
}

static bool value_passes(const struct cond *c, struct slice value)
{
    const struct slice s = c->string;
    switch (c->compare) {
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL: return is_text(c, s, value);
    case COMPARE_IN:
        for (uint32_t i = 0; i < c->set->n_strings; i++)
            if (is_text(c, c->set->string[i], value))
                return true;
        return false;
    case COMPARE_CONTAINS: return has_in_it(value, s);
    case COMPARE_UNDER: return is_under(value, s);
    case COMPARE_STARTS_WITH: return value.len >= s.len && memcmp(value.at, s.at, s.len) == 0;
    case COMPARE_ENDS_WITH:
        return value.len >= s.len && memcmp(value.at + (value.len - s.len), s.at, s.len) == 0;
    case COMPARE_MATCHES: return is_matched(c, value);
    case COMPARE_LESS:
    case COMPARE_LESS_EQUAL:
    case COMPARE_GREATER:
    case COMPARE_GREATER_EQUAL: return false; /* numbers have their own */
    case COMPARE_EXISTS: return true;
    }
    return false;
}

static bool number_passes(const struct cond *c, uint64_t number)
{
    switch (c->compare) {
    case COMPARE_EQUAL: return number == c->number;
    case COMPARE_NOT_EQUAL: return number != c->number;
    case COMPARE_LESS: return number < c->number;
    case COMPARE_LESS_EQUAL: return number <= c->number;
    case COMPARE_GREATER: return number > c->number;
    case COMPARE_GREATER_EQUAL: return number >= c->number;
    case COMPARE_IN:
        for (uint32_t i = 0; i < c->set->n_ranges; i++)
            if (number >= c->set->range[i].first && number <= c->set->range[i].last)
                return true;
        return false;
    case COMPARE_EXISTS: return true;
    case COMPARE_UNDER:
    case COMPARE_STARTS_WITH:
    case COMPARE_ENDS_WITH:
    case COMPARE_CONTAINS:
    case COMPARE_MATCHES: break;
    }
    return false;
}

static bool address_passes(const struct cond *c, const struct address *a)
{
    for (uint32_t i = 0; i < c->set->n_networks; i++)
        if (network_has(&c->set->network[i], a))
            return true;
    return false;
}

static bool atom_holds(const struct decision *d, const struct cond *c)
{
    const bool address = c->field == FIELD_SRC || c->field == FIELD_DST;
    if (address && c->compare == COMPARE_IN)
        return address_passes(c, c->field == FIELD_SRC ? &d->facts->src : &d->facts->dst);
    uint64_t number;
    bool present;
    if (ref_number(d->facts, c->field, c->key, &number, &present))
        return present && number_passes(c, number);
    const struct ref_values values = ref_values(d->facts, d->verdict, d->arena, c->field, c->key);
    uint32_t passed = 0;
    for (uint32_t i = 0; i < values.n; i++)
        passed += value_passes(c, values.at[i]);
    if (c->compare == COMPARE_NOT_EQUAL)
        return values.n > 0 && passed == 0;
    return c->all ? values.n > 0 && passed == values.n : passed > 0;
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
        if (part->field == FIELD_COUNT)
            continue; /* a group: see ref_target.c */
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

static bool changes_target(enum action_kind kind)
{
    return kind == ACTION_REWRITE_PATH || kind == ACTION_REPLACE_PREFIX ||
           kind == ACTION_REPLACE_PATH || kind == ACTION_SET_QUERY || kind == ACTION_REMOVE_QUERY;
}

static bool has_value(enum action_kind kind)
{
    return kind == ACTION_SET_HEADER || kind == ACTION_ADD_HEADER ||
           kind == ACTION_SET_RESPONSE_HEADER || kind == ACTION_ADD_RESPONSE_HEADER ||
           kind == ACTION_SET_QUERY || kind == ACTION_REPLACE_PREFIX;
}

static void change(struct decision *d, const struct action *a)
{
    struct ref_verdict *v = d->verdict;
    bool names_field = false;
    struct slice value = SLICE("");
    if (has_value(a->kind))
        value = rendered(d, &a->value, &names_field);
    if (names_field)
        d->text_bytes += value.len;
    if (d->text_bytes > REF_TEXT_BYTES_MAX)
        v->too_long = true;
    if (changes_target(a->kind)) {
        bool ignored;
        const struct slice path =
            a->kind == ACTION_REWRITE_PATH ? rendered(d, &a->value, &ignored) : value;
        ref_retarget(d->facts, v, d->arena, a, path);
    }
    ASSERT(v->n_effects < REF_ACTIONS_MAX); /* sema refuses routes that could make more */
    v->value[v->n_effects] = value;
    v->effect[v->n_effects++] = a;
}

/* Percent by percent: which choice has this one? */
static uint32_t choice_of(const struct action *a, uint32_t percent)
{
    uint32_t i = 0;
    for (uint32_t left = percent; left >= a->choice[i].percent; i++)
        left -= a->choice[i].percent;
    return a->choice[i].cluster;
}

/* What splits and maps go by is looked at this far. */
static struct slice cut(struct slice value)
{
    return (struct slice){value.at, value.len < 1024 ? value.len : 1024};
}

static uint32_t split(const struct decision *d, const struct action *a)
{
    uint32_t percent = (uint32_t)((double)d->facts->chance / 4294967296.0 * 100.0);
    if (a->field != FIELD_COUNT) {
        const struct ref_values values =
            ref_values(d->facts, d->verdict, d->arena, a->field, a->key);
        if (values.n > 0)
            percent = (uint32_t)((hash_slice(cut(values.at[0]), 0) >> 32) * 100 >> 32);
    }
    return choice_of(a, percent);
}

static uint32_t mapped(const struct decision *d, const struct action *a)
{
    const struct ref_values values = ref_values(d->facts, d->verdict, d->arena, a->field, a->key);
    for (uint32_t i = 0; i < values.n; i++)
        for (uint32_t k = 0; k < a->map->n; k++)
            if (slice_eq(a->map->key[k], cut(values.at[i])))
                return a->map->cluster[k];
    return a->cluster;
}

static void end(struct decision *d, const struct action *a)
{
    struct ref_verdict *v = d->verdict;
    bool names_field;
    v->end = a;
    if (a->kind == ACTION_REDIRECT)
        v->location = rendered(d, &a->value, &names_field);
    if (a->kind == ACTION_FORWARD)
        v->cluster = a->cluster;
    if (a->kind == ACTION_SPLIT)
        v->cluster = split(d, a);
    if (a->kind == ACTION_FORWARD_MAP)
        v->cluster = mapped(d, a);
}

static bool unusable(const struct decision *d)
{
    return d->verdict->too_long || d->verdict->bad_target;
}

/* What becomes of the walk after a clause. */
enum then { THEN_NEXT, THEN_OVER, THEN_GOTO };

static enum then act(struct decision *d, const struct clause *c, uint32_t *route)
{
    for (uint32_t i = 0; i < c->n_actions && !unusable(d); i++) {
        const struct action *a = &c->action[i];
        if (a->kind < ACTION_CONTINUE) {
            change(d, a);
        } else if (a->kind == ACTION_CONTINUE) {
            return THEN_NEXT;
        } else if (a->kind == ACTION_GOTO) {
            *route = a->route;
            if (d->verdict->n_led < REF_LED_MAX)
                d->verdict->led[d->verdict->n_led++] = a;
            return THEN_GOTO;
        } else {
            end(d, a);
            return THEN_OVER;
        }
    }
    return unusable(d) ? THEN_OVER : THEN_NEXT;
}

/* The clauses of one route, in order. */
static enum then walk(struct decision *d, uint32_t *route)
{
    const struct route *r = program_route(d->program, *route);
    d->verdict->route = *route;
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        d->verdict->clause = i;
        const enum then then =
            holds(d, r->clause[i].when) ? act(d, &r->clause[i], route) : THEN_NEXT;
        if (then != THEN_NEXT)
            return then;
    }
    d->verdict->clause = r->n_clauses; /* nothing decided: proofs ask for this */
    d->verdict->passed = true;
    return THEN_OVER;
}

bool ref_holds(const struct cond *c, const struct facts *f, struct arena *arena)
{
    struct ref_verdict none = {0};
    const struct decision d = {.facts = f, .arena = arena, .verdict = &none};
    return holds(&d, c);
}

void ref_eval(const struct program *p, uint32_t route, const struct facts *f, struct arena *arena,
              struct ref_verdict *out)
{
    *out = (struct ref_verdict){0};
    struct decision d = {.program = p, .facts = f, .arena = arena, .verdict = out};
    while (walk(&d, &route) == THEN_GOTO)
        ; /* no rings: sema has seen to it */
}
