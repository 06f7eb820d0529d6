#include "compiler/lsp/help.h"

#include "compiler/lsp/schema.h"
#include "compiler/sema/types.h"

const struct statement_help statements[] = {
#define STATEMENT(place, word, snippet, help) {PLACE_##place, SLICE_INIT(word), snippet, help},
#include "compiler/lsp/statements.def"
#undef STATEMENT
};
const uint32_t n_statements = COUNT_OF(statements);

enum statement_place place_of(const struct context *c)
{
    const struct slice block = context_block(c, 0, 0);
    if (!block.at)
        return PLACE_FILE;
    if (slice_eq(block, SLICE("route")) || slice_eq(block, SLICE("on")))
        return PLACE_ROUTE;
    if (slice_eq(block, SLICE("test")))
        return PLACE_TEST;
    if (slice_eq(block, SLICE("template")))
        return PLACE_FILE;
    if (slice_eq(block, SLICE("when")) || slice_eq(block, SLICE("otherwise")))
        return PLACE_CLAUSE;
    return PLACE_SETTINGS;
}

static const char *const field_help[] = {
#define FIELD(id, spelling, type, keyed, present, phase, served, help) help,
#include "compiler/table/fields.def"
#undef FIELD
};

static const struct {
    struct slice spelling;
    const char *help;
} tests[] = {
#define OP(id, spelling, operand, meaning) {SLICE_INIT(spelling), meaning},
#include "compiler/table/ops.def"
#undef OP
    {SLICE_INIT("!="), "there is a value, and none is exactly this one"},
    {SLICE_INIT("and"), "both hold; binds more tightly than `or`"},
    {SLICE_INIT("or"), "one of the two holds, or both"},
    {SLICE_INIT("not"), "it does not hold; binds most tightly"},
};

void help_add_field(enum table_field f, struct text *out)
{
    static const char *const key[] = {[FIELD_PLAIN] = "",
                                      [FIELD_KEYED] = " \"name\"",
                                      [FIELD_ITEMS] = " \"name\" items",
                                      [FIELD_NAMED] = ""};
    ASSERT(f < FIELD_COUNT);
    text_addf(out, "`%s%s`: %s%s  \n%s", field_spelling(f), key[table_field_keyed(f)],
              type_name(field_type(f)), field_is_always_there(f) ? "" : ", may be absent",
              field_help[f]);
}

bool help_add_test(struct slice word, struct text *out)
{
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        if (!slice_eq(tests[i].spelling, word))
            continue;
        if (!found)
            text_addf(out, "`" SLICE_FMT "`", SLICE_ARG(word));
        text_addf(out, "  \n%s", tests[i].help);
        found = true;
    }
    return found;
}

static bool add_statement(enum statement_place place, struct slice word, struct text *out)
{
    for (uint32_t i = 0; i < n_statements; i++) {
        if (statements[i].place != place || !slice_eq(statements[i].word, word))
            continue;
        text_addf(out, "`" SLICE_FMT "`  \n%s", SLICE_ARG(word), statements[i].help);
        return true;
    }
    return false;
}

static bool add_word(struct slice word, struct slice of, struct text *out)
{
    static const struct {
        struct slice of, word;
        const char *help;
    } words[] = {
#define BALANCE(id, spelling, function, takes, help)                                               \
    {SLICE_INIT("balance"), SLICE_INIT(spelling), help},
#include "compiler/table/balance.def"
#undef BALANCE
#define TIMEOUT(scope, id, spelling, default_ms, help)                                             \
    {SLICE_INIT("timeout"), SLICE_INIT(spelling), #scope ": " help},
#include "compiler/table/timeouts.def"
#undef TIMEOUT
    };
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!slice_eq(words[i].word, word) || !slice_eq(words[i].of, of))
            continue;
        if (!found)
            text_addf(out, "`" SLICE_FMT "`", SLICE_ARG(word));
        text_addf(out, "  \n%s", words[i].help);
        found = true;
    }
    return found;
}

static bool add_setting(const struct context *c, struct text *out)
{
    const enum setting_id id = schema_word(c);
    if (id == SETTING_COUNT)
        return false;
    const struct setting_info *info = setting_info(id);
    text_addf(out, "`" SLICE_FMT "%s%s`, in %s  \n%s", SLICE_ARG(info->word),
              info->shape[0] ? " " : "", info->shape, setting_block_name(info->block), info->help);
    if (info->fallback[0])
        text_addf(out, "  \ndefault: `%s`", info->fallback);
    if (!info->served)
        text_adds(out, "  \nchecked, and not served by this version");
    return true;
}

enum table_field help_field(const struct context *c, uint32_t i)
{
    struct slice name;
    const struct token *at = c->tokens->at;
    const struct token *key = &at[i + 1 < c->tokens->n ? i + 1 : i];
    const bool keyed = key->text.len > 0 && (key->text.at[0] == '"' || key->text.at[0] == '\'');
    const bool items = keyed && i + 2 < c->tokens->n && slice_eq(at[i + 2].text, SLICE("items"));
    const enum table_keyed kind = items ? FIELD_ITEMS : keyed ? FIELD_KEYED : FIELD_PLAIN;
    const bool response = i > c->begin && slice_eq(at[i - 1].text, SLICE("response"));
    if (response && slice_eq(at[i].text, SLICE("header")))
        return field_find(SLICE("response header"), kind);
    const enum table_field f = field_find(at[i].text, kind);
    return f < FIELD_COUNT || keyed ? f : field_find_named(at[i].text, &name);
}

/* Is the word at hand in a condition? Behind `when` and `acl NAME =`. */
static bool in_condition(const struct context *c)
{
    const struct slice first = context_word(c, 0);
    return slice_eq(first, SLICE("when")) ||
           (slice_eq(first, SLICE("acl")) && context_word(c, 2).at);
}

void help_add(const struct context *c, struct text *out)
{
    const struct token *t = &c->tokens->at[c->at];
    if (t->text.len == 0 || help_add_test(t->text, out))
        return;
    if (in_condition(c)) {
        const enum table_field f = help_field(c, c->at);
        if (f < FIELD_COUNT)
            help_add_field(f, out);
        return;
    }
    if (add_setting(c, out) || add_word(t->text, context_before(c, 1), out))
        return;
    if (c->begin == c->at)
        (void)add_statement(place_of(c), t->text, out);
}
