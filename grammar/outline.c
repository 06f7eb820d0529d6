#include "grammar/outline.h"

#include "grammar/blocks.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"
#include "runtime/base/utf8.h"

struct builder {
    struct piece *piece;
    struct arena *arena;
    uint32_t i;
};

/* Does piece i begin a setting of `block`, behind the one that begins with piece `from`? Where it
 * would belong to that one as well, it does. */
static bool begins_setting(const struct builder *b, int block, uint32_t from, uint32_t i)
{
    if (!block_find(block, b->piece[i].text) || b->piece[i - 1].kind == TK_COMMA)
        return false;
    const struct block_word *first = block_find(block, b->piece[from].text);
    if (!first || (i < from + 2 && !first->is_alone))
        return false;
    return !block_find(first->own, b->piece[i].text);
}

/* The number of the piece behind the words of the statement that begins at `from`. */
static uint32_t words_end(struct builder *b, int block, uint32_t from)
{
    int lists = 0;
    for (uint32_t i = from + 1;; i++) {
        struct piece *p = &b->piece[i];
        lists += p->kind == TK_LSET || p->kind == TK_LPAREN;
        lists -= p->kind == TK_RSET || p->kind == TK_RPAREN;
        if (lists == 0 && begins_setting(b, block, from, i))
            p->starts = true;
        if (p->starts || p->kind == TK_LBRACE || p->kind == TK_RBRACE || p->kind == 0)
            return i;
    }
}

/* The block that a statement opens, where there is a schema for it. */
static int block_below(const struct builder *b, int block, const struct statement *s)
{
    const struct slice word = b->piece[s->from].text;
    if (!s->parent)
        return block_of(word);
    const struct block_word *found = block_find(block, word);
    return found ? found->own : 0;
}

static struct statement *statements(struct builder *b, struct statement *parent, int block)
{
    struct statement *first = NULL, **last = &first;
    while (b->piece[b->i].kind != 0 && b->piece[b->i].kind != TK_RBRACE) {
        struct statement *s = ARENA_NEW(b->arena, struct statement);
        s->parent = parent;
        s->from = b->i;
        b->i = s->to = words_end(b, block, s->from);
        if (b->piece[b->i].kind == TK_LBRACE) {
            s->open = b->i++;
            s->first = statements(b, s, block_below(b, block, s));
            s->close = b->i;
            b->i += b->piece[b->i].kind == TK_RBRACE;
        }
        *last = s;
        last = &s->next;
    }
    return first;
}

struct outline outline_of(struct piece *piece, uint32_t n, struct arena *arena)
{
    struct builder b = {piece, arena, 0};
    return (struct outline){.piece = piece, .n = n, .first = statements(&b, NULL, 0)};
}

struct outline outline(const struct tree *tree, struct slice text, struct arena *arena)
{
    const struct tokens *t = &tree->tokens;
    struct piece *piece = ARENA_ARRAY(arena, struct piece, t->n + 1);
    const uint32_t first = tree->root->span.from;
    uint32_t n = 0, at = first;
    bool starts = true;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct token *k = &t->at[i];
        if (k->kind == TK_SEP) {
            starts = true;
            continue;
        }
        piece[n++] = (struct piece){
            .kind = k->kind,
            .starts = starts && k->kind != TK_RBRACE,
            .span = k->span,
            .text = k->text,
            .gap = {text.at + (at - first), k->span.from - at},
        };
        at = k->span.to;
        starts = k->kind == TK_LBRACE;
    }
    struct outline o = outline_of(piece, n > 0 ? n - 1 : 0, arena);
    o.source = text;
    return o;
}

bool gap_next(struct slice *gap, struct gap_comment *comment, uint32_t *newlines)
{
    *newlines = 0;
    for (size_t i = 0; i < gap->len; i++) {
        if (gap->at[i] == '\n')
            ++*newlines;
        if (gap->at[i] != '#')
            continue;
        struct slice text = slice_from(*gap, i);
        const char *end = memchr(text.at, '\n', text.len);
        if (end)
            text.len = (size_t)(end - text.at);
        *gap = slice_from(*gap, i + text.len);
        while (text.len > 0 && memchr(" \t\r", text.at[text.len - 1], 3))
            text.len--;
        *comment = (struct gap_comment){text, *newlines};
        return true;
    }
    *gap = slice_from(*gap, gap->len);
    return false;
}

bool gap_has_newline(struct slice gap)
{
    return gap.len > 0 && memchr(gap.at, '\n', gap.len);
}

bool gap_has_comment(struct slice gap)
{
    return gap.len > 0 && memchr(gap.at, '#', gap.len);
}

bool gap_is_wide(struct slice gap)
{
    if (gap_has_newline(gap))
        return false;
    return gap.len > 1 || (gap.len == 1 && gap.at[0] == '\t');
}

uint32_t text_columns(struct slice s)
{
    uint32_t n = 0;
    for (; s.len > 0; n++) {
        const size_t bytes = utf8_next(s);
        s = slice_from(s, bytes ? bytes : 1);
    }
    return n;
}
