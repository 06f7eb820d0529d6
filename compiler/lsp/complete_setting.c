/* Settings, and what stands behind them, from the schema. */
#include "compiler/lsp/complete.h"
#include "compiler/lsp/describe.h"
#include "compiler/lsp/schema.h"

/* "30s": a duration or a size(1KiB..1MiB): the type's name is what is before the parenthesis. */
static struct slice type_word(struct slice shape)
{
    const char *paren = memchr(shape.at, '(', shape.len);
    if (paren)
        shape.len = (size_t)(paren - shape.at);
    return shape;
}

static void offer_setting(struct offer *o, enum setting_id id)
{
    const struct setting_info *info = setting_info(id);
    struct text detail = {0}, snippet = {0};
    text_adds(&detail, info->shape);
    if (info->fallback[0])
        text_addf(&detail, "  (%s)", info->fallback);
    text_addf(&snippet, SLICE_FMT "%s", SLICE_ARG(info->word), info->shape[0] ? " $0" : "");
    offer_add(o, ITEM_PROPERTY, info->word, detail.at, info->help, snippet.at);
    text_done(&detail);
    text_done(&snippet);
}

static void offer_block(struct offer *o, enum setting_block block)
{
    for (enum setting_id id = 0; id < SETTING_COUNT && block != BLOCK_NONE; id++)
        if (setting_info(id)->block == block)
            offer_setting(o, id);
}

static void offer_timeouts(struct offer *o, enum setting_block block)
{
    enum { SCOPE_LISTENER, SCOPE_CLUSTER };
    static const struct {
        int scope;
        struct slice word;
        int64_t ms;
        const char *help;
    } timeouts[] = {
#define TIMEOUT(scope, id, spelling, default_ms, help)                                             \
    {SCOPE_##scope, SLICE_INIT(spelling), default_ms, help},
#include "compiler/table/timeouts.def"
#undef TIMEOUT
    };
    const int scope = block == BLOCK_LISTENER ? SCOPE_LISTENER : SCOPE_CLUSTER;
    for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
        if (timeouts[i].scope != scope)
            continue;
        struct text detail = {0};
        const struct value fallback = {.type = TYPE_DURATION,
                                       .number = (uint64_t)timeouts[i].ms * 1000000};
        describe_value(&fallback, &detail);
        offer_add(o, ITEM_ENUM, timeouts[i].word, detail.at, timeouts[i].help, NULL);
        text_done(&detail);
    }
}

static void offer_balance(struct offer *o)
{
    static const struct {
        struct slice word;
        const char *help;
    } ways[] = {
#define BALANCE(id, spelling, function, takes, help) {SLICE_INIT(spelling), help},
#include "compiler/table/balance.def"
#undef BALANCE
    };
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        offer_add(o, ITEM_ENUM, ways[i].word, NULL, ways[i].help, NULL);
}

/* One of the words of a shape "a|b|c", or what a type's values may be. */
static void offer_choice(struct offer *o, struct slice choice, const struct schema_place *p)
{
    const enum type type = type_find(type_word(choice));
    if (slice_starts(choice, SLICE("@"))) {
        struct text kind = {0};
        text_add(&kind, slice_from(choice, 1));
        offer_names(o, kind.at, TYPE_COUNT);
        text_done(&kind);
    } else if (slice_eq(choice, SLICE("field"))) {
        offer_fields(o);
    } else if (slice_eq(choice, SLICE("networks"))) {
        offer_names(o, "set", TYPE_NETWORK);
    } else if (slice_eq(choice, SLICE("word"))) {
        if (p->setting == SETTING_CLUSTER_BALANCE)
            offer_balance(o);
        else
            offer_timeouts(o, p->block);
    } else if (type < TYPE_COUNT) {
        offer_values(o, type);
    } else if (slice_starts(choice, SLICE("'")) && choice.len > 2) {
        offer_add(o, ITEM_ENUM, (struct slice){choice.at + 1, choice.len - 2}, NULL, NULL, NULL);
    } else if (!slice_eq(choice, SLICE("name")) && !slice_eq(choice, SLICE("bytes"))) {
        offer_add(o, ITEM_ENUM, choice, NULL, NULL, NULL);
    }
}

static void offer_operands(struct offer *o, const struct schema_place *p)
{
    struct slice rest = p->shape, choice;
    while (rest.len > 0 && (rest.at[rest.len - 1] == ',' || rest.at[rest.len - 1] == '?'))
        rest.len--;
    if (!memchr(rest.at, '|', rest.len)) {
        offer_choice(o, rest, p);
        return;
    }
    while (slice_split(&rest, '|', &choice)) /* words, be they a type's name too */
        if (!slice_eq(choice, SLICE("statuses")) && !slice_eq(choice, SLICE("bytes")))
            offer_add(o, ITEM_ENUM, choice, NULL, NULL, NULL);
}

/* The port of an endpoint may be a name: 0.0.0.0:PORT. */
static bool offer_ports(struct offer *o)
{
    const struct slice text = project_text(o->a->p, (struct span){o->replaced.from, o->a->at});
    const char *colon = memrchr(text.at, ':', text.len);
    if (!colon)
        return false;
    o->replaced.from += (uint32_t)(colon + 1 - text.at);
    offer_names(o, "const", TYPE_PORT);
    return true;
}

void offer_settings(struct offer *o)
{
    const struct schema_place p = schema_at(o->c);
    if (p.block == BLOCK_NONE || offer_ports(o))
        return;
    if (p.setting == SETTING_COUNT) {
        offer_block(o, p.block);
        if (p.block == BLOCK_LISTENER)
            offer_add(o, ITEM_KEYWORD, SLICE("on"), "connect or response",
                      "clauses for connections, or for responses", "on ${1:response} {\n\t$0\n}");
        return;
    }
    offer_operands(o, &p);
    if (!p.complete)
        return;
    offer_block(o, p.inner);
    const bool one_line = o->c->depth > 1; /* in a small block several may stand on a line */
    if (one_line && p.inner == BLOCK_NONE)
        offer_block(o, p.block);
}
