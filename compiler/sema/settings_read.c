/*
 * Reading a block of settings along the schema.
 *
 * The grammar knows words and operands only: which operands belong to which word, and that the next
 * word on a line is a setting again, is found here.
 */
#include "compiler/sema/settings_read.h"

#include "grammar/foreign.h"
#include "runtime/base/nearest.h"

/* The operands of a line that are still to be read. */
struct line {
    const struct ast *at;
    enum setting_block block; /* whose settings they are */
    enum setting_block outer; /* whose settings may follow on the line too; NONE */
};

static bool line_read(struct sema *s, struct line *line, struct gathering *g);

static bool has_word(enum setting_block block, const struct ast *a)
{
    return a->kind == AST_WORD && setting_find(block, a->name) < SETTING_COUNT;
}

static void offer_words(struct nearest *near, enum setting_block block)
{
    for (enum setting_id id = 0; id < SETTING_COUNT; id++)
        if (setting_info(id)->block == block)
            nearest_offer(near, setting_info(id)->word);
}

static void note_words(struct sema *s, enum setting_block block)
{
    struct text t = {0};
    for (enum setting_id id = 0; id < SETTING_COUNT; id++)
        if (setting_info(id)->block == block)
            text_addf(&t, "%s" SLICE_FMT, t.len ? ", " : "", SLICE_ARG(setting_info(id)->word));
    if (t.len > 0)
        diag_note(s->diags, "%s has: " SLICE_FMT, setting_block_name(block),
                  SLICE_ARG(text_slice(&t)));
    text_done(&t);
}

static enum setting_id find_in(const struct line *line, struct slice word)
{
    const enum setting_id id = setting_find(line->block, word);
    return id < SETTING_COUNT ? id : setting_find(line->outer, word);
}

/* The word that another load balancer has for it. */
static bool say_foreign(struct sema *s, const struct line *line, struct slice word,
                        struct span where, enum setting_id *meant)
{
    const struct foreign *f = foreign_find(word);
    if (!f)
        return false;
    /* With advice, what is written behind the word is not what ours takes. */
    *meant = f->advice ? SETTING_COUNT : find_in(line, f->meant);
    if (*meant == SETTING_COUNT && !f->advice)
        return false;
    diag(s->diags, DIAG_WORD_OF_OTHERS, where, SLICE_ARG(word));
    if (*meant < SETTING_COUNT)
        diag_fix(s->diags, where, f->meant, "write `" SLICE_FMT "`", SLICE_ARG(f->meant));
    else
        diag_note(s->diags, "%s", f->advice);
    return true;
}

/* Says that there is no such setting. Returns what was meant, or SETTING_COUNT. */
static enum setting_id say_unknown(struct sema *s, const struct line *line, struct slice word,
                                   struct span where)
{
    enum setting_id meant = SETTING_COUNT;
    if (say_foreign(s, line, word, where, &meant))
        return meant;
    struct nearest near = {.wanted = word};
    offer_words(&near, line->block);
    offer_words(&near, line->outer);
    diag(s->diags, DIAG_MISSPELT, where, SLICE_ARG(word));
    suggest_fix(s, where, near.best);
    if (near.best.at)
        return find_in(line, near.best);
    note_words(s, line->block);
    note_words(s, line->outer);
    return SETTING_COUNT;
}

static bool is_first(struct sema *s, struct gathering *g, const struct program_setting *given)
{
    const struct setting_info *info = setting_info(given->id);
    if (info->times == TIMES_MANY)
        return true;
    for (uint32_t i = 0; i < g->once.n; i++) {
        if (g->once.at[i].id != given->id)
            continue;
        diag(s->diags, DIAG_SETTING_TWICE, given->span, info->word.at);
        diag_also(s->diags, g->once.at[i].span, "first given here");
        return false;
    }
    VEC_ADD(&g->once, *given);
    return true;
}

static struct program_settings keep(struct sema *s, struct gathering *g)
{
    const uint32_t n = g->list.n;
    struct program_setting *copy = ARENA_ARRAY(s->arena, struct program_setting, n);
    if (n > 0)
        memcpy(copy, g->list.at, n * sizeof(*copy));
    VEC_DONE(&g->list);
    VEC_DONE(&g->once);
    return (struct program_settings){copy, n};
}

static bool block_read(struct sema *s, enum setting_block block, const struct ast *first,
                       struct gathering *g)
{
    bool ok = true;
    for (const struct ast *a = first; a; a = a->next) {
        if (a->kind != AST_SETTING) {
            ok = false; /* BAD: reported already */
            continue;
        }
        /* The word and its operands make one list. */
        struct ast word = {
            .kind = AST_WORD, .name = a->name, .name_span = a->name_span, .span = a->name_span};
        word.next = a->first;
        struct line line = {&word, block, BLOCK_NONE};
        ok &= line_read(s, &line, g);
    }
    return ok;
}

/* The settings of a setting: behind it on the line, and in braces. */
static bool own_settings(struct sema *s, enum setting_block own, struct line *line,
                         struct program_setting *out)
{
    struct gathering g = {0};
    struct line inner = {line->at, own, line->block};
    bool ok = line_read(s, &inner, &g);
    const struct ast *a = inner.at;
    if (a && a->kind == AST_BLOCK) {
        out->span = span_join(out->span, a->span);
        ok &= block_read(s, own, a->first, &g);
        a = a->next;
    }
    line->at = a;
    if (g.list.n > 0)
        out->span = span_join(out->span, g.list.at[g.list.n - 1].span);
    const struct program_settings settings = keep(s, &g);
    out->own = settings.at;
    out->n_own = settings.n;
    return ok;
}

/* The setting `id`, whose word stood at `word`; its operands are at the head of the line. */
static bool setting_read(struct sema *s, enum setting_id id, struct span word, struct line *line,
                         struct program_setting *out)
{
    const struct setting_info *info = setting_info(id);
    *out = (struct program_setting){.id = id, .span = word, .word = word};
    bool ok = shape_read(s, info, word, &line->at, line->block, out);
    if (out->n_values > 0)
        out->span = span_join(out->span, out->value[out->n_values - 1].span);
    const uint32_t unserved = s->unserved.n;
    if (info->own != BLOCK_NONE)
        ok &= own_settings(s, info->own, line, out);
    if (!info->served) {
        s->unserved.n = unserved; /* what is in it goes without saying */
        not_served(s, word);
    }
    return ok;
}

static void say_unexpected(struct sema *s, const struct ast *a)
{
    const bool block = a->kind == AST_BLOCK;
    const struct span where = {a->span.from, block ? a->span.from + 1 : a->span.to};
    diag(s->diags, DIAG_UNEXPECTED, where, SLICE_ARG(block ? SLICE("{") : a->name));
    if (block)
        diag_label(s->diags, "this has no settings of its own");
}

/*
 * One setting after another, until the line ends, or what follows is the outer block's or no word.
 * On return `at` is what was not read: NULL when nothing is left, or nobody could tell.
 */
static bool line_read(struct sema *s, struct line *line, struct gathering *g)
{
    bool ok = true;
    while (line->at) {
        const struct ast *a = line->at;
        const bool outer = line->outer != BLOCK_NONE;
        if (outer && (a->kind == AST_BLOCK || has_word(line->outer, a)) &&
            !has_word(line->block, a))
            return ok;
        if (a->kind != AST_WORD) {
            say_unexpected(s, a);
            line->at = NULL;
            return false;
        }
        enum setting_id id = setting_find(line->block, a->name);
        if (id == SETTING_COUNT) {
            ok = false;
            id = say_unknown(s, line, a->name, a->span);
            if (id == SETTING_COUNT || setting_info(id)->block != line->block) {
                line->at = NULL;
                return false;
            }
        }
        line->at = a->next;
        struct program_setting one;
        const bool good = setting_read(s, id, a->span, line, &one);
        ok &= is_first(s, g, &one) && good;
        one.wrong = !good;
        VEC_ADD(&g->list, one);
    }
    return ok;
}

bool settings_none(struct sema *s, const struct ast *block)
{
    if (block)
        say_unexpected(s, block);
    return !block;
}

bool settings_read(struct sema *s, enum setting_block block, const struct ast *first,
                   struct program_settings *out)
{
    struct gathering g = {0};
    const bool ok = block_read(s, block, first, &g);
    *out = keep(s, &g);
    return ok;
}

bool settings_inline(struct sema *s, enum setting_block block, const struct ast **at,
                     struct program_settings *out)
{
    struct gathering g = {0};
    struct line line = {*at, block, BLOCK_NONE};
    const bool ok = line_read(s, &line, &g);
    *at = line.at;
    *out = keep(s, &g);
    return ok;
}

const struct program_setting *setting_given(const struct program_settings *list, enum setting_id id)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].id == id)
            return &list->at[i];
    return NULL;
}

const struct program_setting *setting_own(const struct program_setting *of, enum setting_id id)
{
    const struct program_settings own = {of->own, of->n_own};
    return setting_given(&own, id);
}
