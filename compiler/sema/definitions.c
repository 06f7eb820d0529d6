/* Definitions: collecting their names, and working out const, env and set when they are asked for.
 */
#include "compiler/sema/lists.h"
#include "grammar/foreign.h"
#include "runtime/base/hash.h"
#include "runtime/base/utf8.h"

static bool kind_of(const struct ast *a, enum def_kind *out)
{
    static const struct {
        enum ast_kind node;
        enum def_kind kind;
    } kinds[] = {
        {AST_CONST, DEF_CONST},       {AST_ENV, DEF_ENV},          {AST_SET, DEF_SET},
        {AST_ACL, DEF_ACL},           {AST_CLUSTER, DEF_CLUSTER},  {AST_ROUTE, DEF_ROUTE},
        {AST_LISTENER, DEF_LISTENER}, {AST_MAP, DEF_MAP},          {AST_SECRET, DEF_SECRET},
        {AST_LIMIT, DEF_LIMIT},       {AST_TLS, DEF_TLS},          {AST_LOG, DEF_LOG},
        {AST_NOTIFY, DEF_NOTIFY},     {AST_ALERT, DEF_ALERT},      {AST_RESOLVER, DEF_RESOLVER},
        {AST_SHARED, DEF_SHARED},     {AST_TEMPLATE, DEF_TEMPLATE}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].node != a->kind)
            continue;
        *out = kinds[i].kind;
        return true;
    }
    return false;
}

/* Lower case and dashes; constants may be upper case with underscores too. */
static bool is_good_name(struct slice name, bool constant)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.at[i];
        const bool lower = c >= 'a' && c <= 'z';
        const bool upper = constant && ((c >= 'A' && c <= 'Z') || (i > 0 && c == '_'));
        if (!lower && !upper && (i == 0 || (!(c >= '0' && c <= '9') && c != '-')))
            return false;
    }
    return name.len > 0;
}

void name_check(struct sema *s, struct slice name, struct span where, bool constant)
{
    if (!is_good_name(name, constant))
        diag(s->diags, DIAG_BAD_NAME, where, SLICE_ARG(name));
}

static void define(struct sema *s, const struct ast *a, enum def_kind kind)
{
    struct definition *d = ARENA_NEW(s->arena, struct definition);
    d->kind = kind;
    d->name = a->name;
    d->span = a->name_span;
    d->node = a;
    const struct definition *earlier = scope_add(s->scope, d);
    uses_add(s->in->uses, d->span, earlier ? earlier : d);
    if (!earlier) {
        name_check(s, a->name, a->name_span, kind == DEF_CONST || kind == DEF_ENV);
        return;
    }
    diag(s->diags, DIAG_REDEFINED, a->name_span, def_kind_name(kind), SLICE_ARG(a->name));
    diag_label(s->diags, "again here");
    diag_also(s->diags, earlier->span, "first defined here");
}

void define_all(struct sema *s)
{
    uint32_t n = 0;
    for (const struct ast *a = s->in->file->first; a; a = a->next)
        n++;
    scope_init(s->scope, n, s->arena);
    for (const struct ast *a = s->in->file->first; a; a = a->next) {
        enum def_kind kind;
        if (kind_of(a, &kind))
            define(s, a, kind);
        else if (a->kind == AST_BAD && a->name.len > 0)
            VEC_ADD(&s->scope->broken, a->name);
    }
}

static void note_types(struct sema *s)
{
    struct text all = {0};
    for (enum type t = 0; t < TYPE_COUNT; t++)
        text_addf(&all, "%s%s", t ? ", " : "", type_name(t));
    diag_note(s->diags, "there are " SLICE_FMT, SLICE_ARG(text_slice(&all)));
    text_done(&all);
}

bool type_named(struct sema *s, const struct ast *word, enum type *out)
{
    *out = type_find(word->name);
    if (*out < TYPE_COUNT)
        return true;
    diag(s->diags, DIAG_UNKNOWN_WORD, word->span, "type", SLICE_ARG(word->name));
    const struct foreign *f = foreign_find(word->name);
    const bool known = f && type_find(f->meant) < TYPE_COUNT;
    const struct slice near = known ? f->meant : type_suggest(word->name);
    suggest_fix(s, word->span, near);
    if (!near.at)
        note_types(s);
    return false;
}

/* What the variable says is read as if it stood in the text, but a mistake in it is told as one of
 * the environment, where the person can mend it. */
static bool from_environment(struct sema *s, struct definition *d, const char *text)
{
    struct diags *said = s->diags;
    struct diags *quiet = diags_new(s->in->sources, 1);
    s->diags = quiet;
    const struct slice value = slice_of(text);
    const bool ok = utf8_valid_bytes(value) == value.len &&
                    value_parse(s, d->type, arena_copy(s->arena, value), d->span, &d->value);
    s->diags = said;
    diags_free(quiet);
    if (ok)
        return true;
    const struct slice shown = {value.at, value.len < 80 ? value.len : 80};
    diag(s->diags, DIAG_ENV_VALUE, d->span, SLICE_ARG(d->name), SLICE_ARG(shown),
         type_name(d->type));
    diag_note(s->diags, "it looks like %s", type_example(d->type));
    return false;
}

static bool work_out_value(struct sema *s, struct definition *d)
{
    const struct ast *type = d->node->first, *value = type->next;
    if (!type_named(s, type, &d->type))
        return false;
    const bool good = !value || value_read(s, value, d->type, &d->value);
    if (d->kind == DEF_CONST || !good)
        return good;
    const char *text = NULL;
    if (s->in->env)
        text = s->in->env(s->in->env_from, arena_copy(s->arena, d->name).at);
    if (text)
        return from_environment(s, d, text);
    if (!value)
        diag(s->diags, DIAG_ENV_UNSET, d->span, SLICE_ARG(d->name));
    return value != NULL;
}

bool worked_out(struct sema *s, struct definition *d,
                bool (*work)(struct sema *, struct definition *))
{
    if (d->state == DEF_AT_WORK) {
        diag(s->diags, DIAG_CYCLE, d->span, def_kind_name(d->kind), SLICE_ARG(d->name));
        d->state = DEF_FAILED;
        return false;
    }
    if (d->state == DEF_UNTOUCHED) {
        d->state = DEF_AT_WORK;
        const bool ok = work(s, d);
        d->state = ok && d->state == DEF_AT_WORK ? DEF_READY : DEF_FAILED;
    }
    return d->state == DEF_READY;
}

bool definition_value(struct sema *s, struct definition *d)
{
    if (s->const_depth == CONST_DEPTH_MAX) {
        diag(s->diags, DIAG_TOO_LARGE, d->span,
             "nested too deep: more than 32 constants one in another");
        return false;
    }
    s->const_depth++;
    const bool ok = worked_out(s, d, work_out_value);
    s->const_depth--;
    return ok;
}

static uint64_t element_hash(const struct program_set *set, uint32_t i)
{
    if (set->n_strings > 0)
        return hash_slice(set->string[i], 0);
    if (set->n_ranges > 0)
        return hash_bytes(&set->range[i], sizeof(set->range[i]), 0);
    const struct network *n = &set->network[i];
    return hash_bytes(n->first.byte, sizeof(n->first.byte), n->bits);
}

static bool elements_equal(const struct program_set *set, uint32_t i, uint32_t j)
{
    if (set->n_strings > 0)
        return slice_eq(set->string[i], set->string[j]);
    if (set->n_ranges > 0)
        return set->range[i].first == set->range[j].first &&
               set->range[i].last == set->range[j].last;
    const struct network *a = &set->network[i], *b = &set->network[j];
    return a->bits == b->bits && address_compare(&a->first, &b->first) == 0;
}

/* Warns of elements that are there twice. */
static void find_repeated(struct sema *s, const struct ast *list, const struct program_set *set)
{
    const uint32_t n = set->n_strings + set->n_networks + set->n_ranges;
    uint32_t mask = 15;
    while (mask / 2 < n)
        mask = mask * 2 + 1;
    uint32_t *slot = MUST_ARRAY(uint32_t, mask + 1); /* 1 + an element's number */
    const struct ast *at = list->first;
    for (uint32_t i = 0; i < n; i++, at = at->next) {
        uint32_t h = (uint32_t)element_hash(set, i) & mask;
        while (slot[h] && !elements_equal(set, slot[h] - 1, i))
            h = (h + 1) & mask;
        if (slot[h])
            diag(s->diags, DIAG_SET_REPEATS, at->span, SLICE_ARG(at->name));
        else
            slot[h] = i + 1;
    }
    free(slot);
}

/* Room for a set's elements while they are read: one of the arrays. */
struct elements {
    struct table_number_range *range;
    struct network *network;
    struct slice *string;
};

static bool element_read(struct sema *s, const struct ast *at, enum type type, struct elements *to,
                         uint32_t i)
{
    struct value v;
    if (to->range)
        return value_range(s, at, type, &to->range[i]);
    if (!value_read(s, at, type, &v))
        return false;
    ASSERT((to->network == NULL) != (to->string == NULL));
    if (to->network)
        to->network[i] = v.network;
    else
        to->string[i] = v.text;
    return true;
}

/* One value where a set may stand is a set of one. */
static uint32_t count_elements(const struct ast *list)
{
    uint32_t n = 0;
    for (const struct ast *a = list->first; a; a = a->next)
        n++;
    return list->kind == AST_LIST ? n : 1;
}

bool set_read(struct sema *s, const struct ast *list, enum type type, struct program_set *out)
{
    const bool literal = list->kind == AST_LIST;
    const uint32_t n = count_elements(list);
    if (n == 0) {
        diag(s->diags, DIAG_NEVER_HOLDS, list->span, "the set is empty");
        return false;
    }
    struct elements to = {0};
    if (type == TYPE_NETWORK)
        to.network = ARENA_ARRAY(s->arena, struct network, n);
    else if (type_is_number(type))
        to.range = ARENA_ARRAY(s->arena, struct table_number_range, n);
    else
        to.string = ARENA_ARRAY(s->arena, struct slice, n);
    bool ok = true;
    const struct ast *at = literal ? list->first : list;
    for (uint32_t i = 0; i < n; i++, at = at->next)
        ok &= element_read(s, at, type, &to, i);
    *out = (struct program_set){.span = list->span,
                                .string = to.string,
                                .network = to.network,
                                .range = to.range,
                                .n_ranges = to.range ? n : 0,
                                .n_strings = to.string ? n : 0,
                                .n_networks = to.network ? n : 0};
    if (ok && literal)
        find_repeated(s, list, out);
    return ok;
}

static bool from_file(struct sema *s, const struct ast *from, enum type type,
                      struct program_set *out)
{
    if (slice_eq(from->name, SLICE("file")))
        return list_set(s, from, type, out);
    diag(s->diags, DIAG_UNEXPECTED, from->name_span, SLICE_ARG(from->name));
    diag_label(s->diags, "expected `file`");
    return false;
}

static bool work_out_set(struct sema *s, struct definition *d)
{
    const struct ast *type = d->node->first, *list = type->next;
    if (!type_named(s, type, &d->type))
        return false;
    if (!type_has_sets(d->type)) {
        diag(s->diags, DIAG_BAD_SET_TYPE, type->span, type_name(d->type));
        return false;
    }
    const bool ok = list->kind == AST_FROM ? from_file(s, list, d->type, &d->set)
                                           : set_read(s, list, d->type, &d->set);
    d->set.name = d->name;
    return ok;
}

bool definition_set(struct sema *s, struct definition *d)
{
    return worked_out(s, d, work_out_set);
}
