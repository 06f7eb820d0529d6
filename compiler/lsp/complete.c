/* What may stand where the cursor is. */
#include "compiler/lsp/complete.h"

#include "compiler/lsp/describe.h"
#include "compiler/lsp/help.h"
#include "grammar/words.h"

void offer_add(struct offer *o, enum item_kind kind, struct slice label, const char *detail,
               const char *about, const char *snippet)
{
    const bool filled = snippet && o->a->s->snippets;
    text_adds(o->out, o->n++ ? ",{\"label\":" : "{\"label\":");
    text_add_json(o->out, label);
    text_addf(o->out, ",\"kind\":%d,\"textEdit\":{\"range\":", (int)kind);
    project_add_range(o->a->p, o->a->s->encoding, o->replaced, o->out);
    text_adds(o->out, ",\"newText\":");
    text_add_json(o->out, filled ? slice_of(snippet) : label);
    text_adds(o->out, filled ? "},\"insertTextFormat\":2" : "}");
    if (detail) {
        text_adds(o->out, ",\"detail\":");
        text_add_json(o->out, slice_of(detail));
    }
    if (about) {
        text_adds(o->out, ",\"documentation\":");
        text_add_json(o->out, slice_of(about));
    }
    text_addc(o->out, '}');
}

/* A const or env with its value; anything else with its kind. */
static void offer_definition(struct offer *o, const struct definition *d)
{
    struct text detail = {0};
    const bool value = (d->kind == DEF_CONST || d->kind == DEF_ENV) && d->state == DEF_READY;
    text_adds(&detail, def_kind_name(d->kind));
    if (value) {
        text_addf(&detail, " : %s = ", type_name(d->type));
        describe_value(&d->value, &detail);
    }
    offer_add(o, value ? ITEM_CONSTANT : ITEM_CLASS, d->name, detail.at, NULL, NULL);
    text_done(&detail);
}

void offer_names(struct offer *o, const char *kind, enum type type)
{
    const struct uses *u = &o->a->p->uses;
    for (uint32_t i = 0; i < u->all.n; i++) {
        const struct definition *d = u->all.at[i].of;
        const bool constant = d->kind == DEF_CONST || d->kind == DEF_ENV;
        const bool fits =
            constant ? strcmp(kind, "const") == 0 : strcmp(def_kind_name(d->kind), kind) == 0;
        const bool typed = type == TYPE_COUNT || d->state != DEF_READY || d->type == type;
        if (fits && typed && project_defines(o->a->p, &u->all.at[i]))
            offer_definition(o, d);
    }
}

/* limit.NAME.exceeded, for each name there is. */
static void offer_named_field(struct offer *o, enum table_field f)
{
    const struct slice spelling = slice_of(field_spelling(f));
    const char *dot = memchr(spelling.at, '.', spelling.len);
    const struct slice kind = {spelling.at, (size_t)(dot - spelling.at)};
    const struct slice rest = slice_of(strchr(dot + 1, '.'));
    const struct uses *u = &o->a->p->uses;
    for (uint32_t i = 0; i < u->all.n; i++) {
        const struct definition *d = u->all.at[i].of;
        if (!slice_eq(slice_of(def_kind_name(d->kind)), kind) ||
            !project_defines(o->a->p, &u->all.at[i]))
            continue;
        struct text label = {0};
        text_addf(&label, SLICE_FMT "." SLICE_FMT SLICE_FMT, SLICE_ARG(kind), SLICE_ARG(d->name),
                  SLICE_ARG(rest));
        offer_add(o, ITEM_FIELD, text_slice(&label), type_name(field_type(f)), NULL, NULL);
        text_done(&label);
    }
}

/* How much is known where the place is: of a connection, of a request, of a response. */
static enum table_phase phase_of(const struct context *c)
{
    for (uint32_t level = 0; level < c->depth; level++)
        if (slice_eq(context_block(c, level, 0), SLICE("on")))
            return slice_eq(context_block(c, level, 1), SLICE("connect")) ? PHASE_CONNECT
                                                                          : PHASE_RESPONSE;
    return c->depth > 0 ? PHASE_REQUEST : PHASE_RESPONSE;
}

void offer_fields(struct offer *o)
{
    for (enum table_field f = 0; f < FIELD_COUNT; f++) {
        const enum table_keyed keyed = table_field_keyed(f);
        if (table_field_phase(f) > phase_of(o->c) || keyed == FIELD_ITEMS)
            continue;
        if (keyed == FIELD_NAMED) {
            offer_named_field(o, f);
            continue;
        }
        struct text about = {0}, snippet = {0};
        help_add_field(f, &about);
        text_addf(&snippet, "%s \"${1:name}\"", field_spelling(f));
        offer_add(o, ITEM_FIELD, slice_of(field_spelling(f)), type_name(field_type(f)), about.at,
                  keyed == FIELD_KEYED ? snippet.at : NULL);
        text_done(&about);
        text_done(&snippet);
    }
}

void offer_types(struct offer *o, bool of_sets)
{
    for (enum type t = 0; t < TYPE_COUNT; t++)
        if (!of_sets || type_has_sets(t))
            offer_add(o, ITEM_TYPE, slice_of(type_name(t)), type_example(t), NULL, NULL);
}

void offer_values(struct offer *o, enum type type)
{
    static const struct {
        enum type type;
        struct slice word;
    } words[] = {
        {TYPE_METHOD, SLICE_INIT("GET")},        {TYPE_METHOD, SLICE_INIT("HEAD")},
        {TYPE_METHOD, SLICE_INIT("POST")},       {TYPE_METHOD, SLICE_INIT("PUT")},
        {TYPE_METHOD, SLICE_INIT("DELETE")},     {TYPE_METHOD, SLICE_INIT("PATCH")},
        {TYPE_METHOD, SLICE_INIT("OPTIONS")},    {TYPE_METHOD, SLICE_INIT("TRACE")},
        {TYPE_METHOD, SLICE_INIT("CONNECT")},    {TYPE_SCHEME, SLICE_INIT("http")},
        {TYPE_SCHEME, SLICE_INIT("https")},      {TYPE_PROTOCOL, SLICE_INIT("http/1.0")},
        {TYPE_PROTOCOL, SLICE_INIT("http/1.1")}, {TYPE_PROTOCOL, SLICE_INIT("h2")},
        {TYPE_PROTOCOL, SLICE_INIT("tcp")},      {TYPE_BOOLEAN, SLICE_INIT("true")},
        {TYPE_BOOLEAN, SLICE_INIT("false")},     {TYPE_TLS_VERSION, SLICE_INIT("1.0")},
        {TYPE_TLS_VERSION, SLICE_INIT("1.1")},   {TYPE_TLS_VERSION, SLICE_INIT("1.2")},
        {TYPE_TLS_VERSION, SLICE_INIT("1.3")},
    };
    offer_names(o, "const", type);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (words[i].type == type)
            offer_add(o, ITEM_ENUM, words[i].word, NULL, NULL, NULL);
}

static void offer_statements(struct offer *o, enum statement_place place)
{
    for (uint32_t i = 0; i < n_statements; i++) {
        const struct statement_help *s = &statements[i];
        if (s->place == place)
            offer_add(o, ITEM_KEYWORD, s->word, NULL, s->help, s->snippet);
    }
}

static bool is_quoted(struct slice s)
{
    return s.len > 0 && (s.at[0] == '"' || s.at[0] == '\'');
}

/* The field that ends `back` words before the place: its key may be the last word, or `items`.
 * FIELD_COUNT when none does. */
static enum table_field field_before(const struct context *c, uint32_t back)
{
    uint32_t i = c->at;
    while (back > 0 && i > c->begin) {
        i--;
        back -= c->tokens->at[i].text.len > 0;
    }
    if (back > 0)
        return FIELD_COUNT;
    i -= i > c->begin && slice_eq(c->tokens->at[i].text, SLICE("items"));
    i -= i > c->begin && is_quoted(c->tokens->at[i].text);
    return help_field(c, i);
}

static const struct slice starts_condition[] = {
    SLICE_INIT("when"), SLICE_INIT("and"), SLICE_INIT("or"),
    SLICE_INIT("not"),  SLICE_INIT("("),   SLICE_INIT("all"),
};

static bool is_one_of(struct slice word, const struct slice *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(list[i], word))
            return true;
    return false;
}

/* Does a condition begin here? */
static bool at_condition(const struct context *c)
{
    const struct slice before = context_before(c, 1), first = context_word(c, 0);
    if (slice_eq(first, SLICE("acl")))
        return slice_eq(before, SLICE("=")) || is_one_of(before, starts_condition + 1, 4);
    if (slice_eq(first, SLICE("expect")) && slice_eq(before, SLICE("request")))
        return true;
    const bool in_condition = slice_eq(first, SLICE("when")) || slice_eq(first, SLICE("assert")) ||
                              slice_eq(first, SLICE("expect"));
    return in_condition && is_one_of(before, starts_condition, COUNT_OF(starts_condition));
}

/* The comparison that is spelt so. */
static bool compare_find(struct slice spelling, enum compare *out)
{
    for (enum compare c = 0; c <= COMPARE_EXISTS; c++) {
        *out = c;
        if (slice_eq(slice_of(compare_name(c)), spelling))
            return true;
    }
    return false;
}

/* Keywords and operators that the grammar takes here, for a field those alone that its type allows.
 */
static void offer_expected(struct offer *o)
{
    bool *fits = MUST_ARRAY(bool, parse_kinds());
    const enum table_field field = field_before(o->c, 1);
    (void)parse_expected(o->c->tokens, o->c->at, fits);
    for (uint32_t kind = 1; kind < parse_kinds(); kind++) {
        const struct slice word = slice_of(words_name((int)kind));
        enum compare compare;
        const bool test = compare_find(word, &compare);
        const bool keyword = words_keyword(word) == (int)kind;
        if (!fits[kind] || (!test && !keyword) ||
            (test && field < FIELD_COUNT && !type_allows(field_type(field), compare)))
            continue;
        struct text about = {0};
        (void)help_add_test(word, &about);
        offer_add(o, test ? ITEM_OPERATOR : ITEM_KEYWORD, word, NULL, about.at, NULL);
        text_done(&about);
    }
    free(fits);
}

/* The words behind which a name stands, or one of a few words. */
static const struct {
    struct slice word;
    const char *kind;
} names_after[] = {
    {SLICE_INIT("forward"), "cluster"}, {SLICE_INIT("mirror"), "cluster"},
    {SLICE_INIT("else"), "cluster"},    {SLICE_INIT("->"), "cluster"},
    {SLICE_INIT("goto"), "route"},      {SLICE_INIT("limit"), "limit"},
    {SLICE_INIT("use"), "template"},    {SLICE_INIT("("), "map"},
    {SLICE_INIT("jwt"), "secret"},      {SLICE_INIT("basic"), "secret"},
};

static const struct {
    struct slice first, before, word;
    const char *about;
} words_after[] = {
    {SLICE_INIT("on"), SLICE_INIT("on"), SLICE_INIT("connect"), "before a connection is served"},
    {SLICE_INIT("on"), SLICE_INIT("on"), SLICE_INIT("response"), "when a response has begun"},
    {SLICE_INIT("allow"), SLICE_INIT("allow"), SLICE_INIT("shadowed"),
     "the clause may be unreachable"},
    {SLICE_INIT("assert"), SLICE_INIT("assert"), SLICE_INIT("never"), "over all requests"},
    {SLICE_INIT("assert"), SLICE_INIT("assert"), SLICE_INIT("always"), "over all requests"},
    {SLICE_INIT("set"), SLICE_INIT("from"), SLICE_INIT("file"), "one value a line"},
    {SLICE_INIT("map"), SLICE_INIT("from"), SLICE_INIT("file"), "a key and a value a line"},
    {SLICE_INIT("secret"), SLICE_INIT("from"), SLICE_INIT("env"), "an environment variable"},
    {SLICE_INIT("secret"), SLICE_INIT("from"), SLICE_INIT("file"), "what a file holds"},
    {SLICE_INIT("lbconf"), SLICE_INIT("lbconf"), SLICE_INIT("1"), "the version of the language"},
};

static void offer_after(struct offer *o)
{
    const struct slice before = context_before(o->c, 1), first = context_word(o->c, 0);
    const bool clause = place_of(o->c) == PLACE_CLAUSE;
    for (size_t i = 0; clause && i < COUNT_OF(names_after); i++)
        if (slice_eq(names_after[i].word, before))
            offer_names(o, names_after[i].kind, TYPE_COUNT);
    for (size_t i = 0; i < COUNT_OF(words_after); i++)
        if (slice_eq(words_after[i].first, first) && slice_eq(words_after[i].before, before))
            offer_add(o, ITEM_KEYWORD, words_after[i].word, NULL, words_after[i].about, NULL);
    const bool outcome = slice_eq(first, SLICE("expect")) || slice_eq(first, SLICE("assert"));
    if (outcome && slice_eq(before, SLICE("forward")))
        offer_names(o, "cluster", TYPE_COUNT);
    if (slice_eq(first, SLICE("use")) && slice_eq(before, first))
        offer_names(o, "template", TYPE_COUNT);
}

/* The value that a field is compared with. */
static void offer_operand(struct offer *o, enum table_field field, struct slice test)
{
    const enum type type = field_type(field);
    if (slice_eq(test, SLICE("in")))
        offer_names(o, "set", type == TYPE_ADDRESS ? TYPE_NETWORK : type);
    if (field == FIELD_LISTENER)
        return; /* it stands in quotes */
    offer_values(o, type);
}

/* The type behind `const NAME :`, or TYPE_COUNT. */
static enum type declared_type(const struct context *c)
{
    return slice_eq(context_word(c, 2), SLICE(":")) ? type_find(context_word(c, 3)) : TYPE_COUNT;
}

static void offer_in_definition(struct offer *o)
{
    const struct slice first = context_word(o->c, 0), before = context_before(o->c, 1);
    const bool set = slice_eq(first, SLICE("set")) || slice_eq(first, SLICE("map"));
    const enum type declared = declared_type(o->c);
    if (slice_eq(before, SLICE(":")) || (set && slice_eq(before, SLICE("->")) && !o->c->in_list))
        offer_types(o, slice_eq(first, SLICE("set")));
    else if (declared < TYPE_COUNT && (slice_eq(before, SLICE("=")) || o->c->in_list))
        offer_values(o, declared);
}

static struct slice tokens_text(const struct context *c)
{
    return c->tokens->at[c->at].text;
}

static void offer_here(struct offer *o)
{
    const struct context *c = o->c;
    const enum statement_place place = place_of(c);
    struct context outer = *c; /* where a set stands that the place is in */
    while (outer.in_list && outer.at > c->begin && !slice_eq(tokens_text(&outer), SLICE("{")))
        outer.at--;
    const enum table_field field = field_before(&outer, 2);
    enum compare compare;
    if (c->begin == c->at && !c->in_list && place != PLACE_SETTINGS) {
        offer_statements(o, place);
    } else if (slice_eq(context_block(c, 0, 0), SLICE("listener")) &&
               slice_eq(context_word(c, 0), SLICE("on"))) {
        offer_after(o);
    } else if (place == PLACE_SETTINGS || slice_eq(context_word(c, 0), SLICE("request"))) {
        offer_settings(o);
    } else if (at_condition(c)) {
        offer_fields(o);
        offer_names(o, "acl", TYPE_COUNT);
        offer_expected(o);
    } else if (field < FIELD_COUNT && compare_find(context_before(&outer, 1), &compare)) {
        offer_operand(o, field, context_before(&outer, 1));
    } else {
        if (place == PLACE_FILE || slice_eq(context_block(c, 0, 0), SLICE("template")))
            offer_in_definition(o);
        offer_after(o);
        offer_expected(o);
    }
}

/* Is the place behind a `#`? */
static bool in_comment(const struct ask *a, const struct context *c)
{
    const uint32_t from = c->at > 0 ? c->tokens->at[c->at - 1].span.to : a->p->file[a->file].first;
    if (from >= a->at)
        return false;
    const struct slice between = project_text(a->p, (struct span){from, a->at});
    const char *line = memrchr(between.at, '\n', between.len);
    const char *begin = line ? line : between.at;
    return memchr(begin, '#', (size_t)(between.at + between.len - begin)) != NULL;
}

/* Inside a string: the fields of a template, behind its brace. True when that is where it is. */
static bool in_string(struct offer *o)
{
    const uint32_t at = o->a->at;
    const struct token *t = &o->c->tokens->at[o->c->at];
    const struct token *open = o->c->at > 0 ? t - 1 : t;
    if (is_quoted(open->text) && open->span.to == at &&
        (open->text.len == 1 || open->text.at[open->text.len - 1] != open->text.at[0]))
        t = open; /* it does not end */
    if (!is_quoted(t->text) || t->span.from >= at || (t->span.to <= at && t != open))
        return false;
    const struct slice before = {t->text.at, at - t->span.from};
    const char *brace = memrchr(before.at, '{', before.len);
    if (t->text.at[0] == '"' && brace &&
        !memchr(brace, '}', (size_t)(before.at + before.len - brace))) {
        o->replaced.from = t->span.from + (uint32_t)(brace + 1 - t->text.at);
        offer_fields(o);
    }
    return true;
}

bool complete(struct ask *a, struct text *out)
{
    const struct tokens *tokens = &project_tree(a->p, a->file)->tokens;
    const struct json *context = json_get(a->params, "context");
    const struct slice typed = json_string(json_get(context, "triggerCharacter"));
    if (tokens->n == 0)
        return true; /* not text */
    struct context c = context_at(tokens, a->at, false);
    const struct token *t = &tokens->at[c.at];
    const bool partial = t->span.from < a->at && t->text.len > 0;
    while (!partial && c.at > c.begin && tokens->at[c.at - 1].text.len == 0)
        c.at--; /* ends that were put in, since nothing has been written yet */
    struct offer o = {.a = a, .c = &c, .out = out, .replaced = {a->at, a->at}};
    /* A blank that indents a line asks for nothing. */
    const bool asked = !slice_eq(typed, SLICE(" ")) || c.begin < c.at;
    text_addc(out, '[');
    if (asked && !in_comment(a, &c) && !in_string(&o)) {
        if (partial)
            o.replaced = t->span;
        offer_here(&o);
    }
    text_addc(out, ']');
    return true;
}
