#include "compiler/lsp/schema.h"

/* The blocks that stand at the top of a file, by their first word. */
static enum setting_block top_block(struct slice word)
{
    static const struct {
        struct slice word;
        enum setting_block block;
    } tops[] = {
        {SLICE_INIT("listener"), BLOCK_LISTENER}, {SLICE_INIT("cluster"), BLOCK_CLUSTER},
        {SLICE_INIT("limit"), BLOCK_LIMIT},       {SLICE_INIT("tls"), BLOCK_TLS},
        {SLICE_INIT("admin"), BLOCK_ADMIN},       {SLICE_INIT("log"), BLOCK_LOG},
        {SLICE_INIT("notify"), BLOCK_NOTIFY},     {SLICE_INIT("alert"), BLOCK_ALERT},
        {SLICE_INIT("resolver"), BLOCK_RESOLVER}, {SLICE_INIT("shared"), BLOCK_SHARED},
    };
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
        if (slice_eq(tops[i].word, word))
            return tops[i].block;
    return BLOCK_NONE;
}

static enum setting_block block_at(const struct context *c)
{
    if (c->depth == 0)
        return BLOCK_NONE;
    enum setting_block block = top_block(context_block(c, c->depth - 1, 0));
    for (uint32_t level = c->depth - 1; level > 0 && block != BLOCK_NONE; level--) {
        const enum setting_id id = setting_find(block, context_block(c, level - 1, 0));
        block = id < SETTING_COUNT ? setting_info(id)->own : BLOCK_NONE;
    }
    return block;
}

/* Operand number `i` of a shape: "name endpoint", "gzip|br,". The last one repeats where it ends
 * with a comma. Empty behind the last. */
static struct slice operand(const char *shape, uint32_t i)
{
    struct slice rest = slice_of(shape), one = SLICE("");
    bool more = slice_split(&rest, ' ', &one);
    for (uint32_t n = 0; n < i && more; n++)
        more = slice_split(&rest, ' ', &one);
    return more ? one : SLICE("");
}

static bool may_be_missing(struct slice operand)
{
    return operand.len == 0 || slice_ends(operand, SLICE("?"));
}

struct schema_place schema_at(const struct context *c)
{
    struct schema_place p = {.block = block_at(c), .setting = SETTING_COUNT};
    if (slice_eq(context_word(c, 0), SLICE("request")) && c->depth > 0 &&
        slice_eq(context_block(c, 0, 0), SLICE("test")))
        p.block = BLOCK_REQUEST;
    uint32_t given = 0;
    for (uint32_t i = c->begin; i < c->at && p.block != BLOCK_NONE; i++) {
        const struct slice word = c->tokens->at[i].text;
        if (word.len == 0)
            continue;
        if (slice_eq(word, SLICE(","))) {
            given -= given > 0;
            continue;
        }
        enum setting_id next = SETTING_COUNT;
        if (p.setting == SETTING_COUNT || p.complete) {
            next = setting_find(p.inner, word);
            if (next == SETTING_COUNT)
                next = setting_find(p.block, word);
        }
        if (next < SETTING_COUNT) {
            /* What follows on the line of one with settings of its own belongs to that. */
            const enum setting_block own = setting_info(next)->own;
            if (p.setting == SETTING_COUNT || own != BLOCK_NONE)
                p.inner = own;
            p.setting = next;
            given = 0;
        } else {
            given++;
        }
        p.shape =
            p.setting < SETTING_COUNT ? operand(setting_info(p.setting)->shape, given) : SLICE("");
        p.complete = p.setting < SETTING_COUNT && may_be_missing(p.shape);
    }
    if (p.setting < SETTING_COUNT) {
        p.shape = operand(setting_info(p.setting)->shape, given);
        p.complete = may_be_missing(p.shape);
    }
    return p;
}

enum setting_id schema_word(const struct context *c)
{
    const struct slice word = c->tokens->at[c->at].text;
    const struct schema_place p = schema_at(c);
    if (p.block == BLOCK_NONE || (p.setting < SETTING_COUNT && !p.complete))
        return SETTING_COUNT;
    const enum setting_id inner = setting_find(p.inner, word);
    return inner < SETTING_COUNT ? inner : setting_find(p.block, word);
}
