#include "grammar/parse.h"

#include <stdlib.h>

#include "grammar/layout.h"
#include "grammar/parse_priv.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"
#include "runtime/base/utf8.h"

/* The number of the token that ends the statement which token `i` belongs to: a SEP at its own
 * depth, so blocks on the way are skipped whole. layout.c has seen to it that there is one. */
static uint32_t statement_end(const struct tokens *t, uint32_t i)
{
    uint32_t depth = 0;
    for (; t->at[i].kind != 0; i++) {
        const int kind = t->at[i].kind;
        if (kind == TK_SEP && depth == 0)
            break;
        if (kind == TK_LBRACE)
            depth++;
        else if (kind == TK_RBRACE && depth > 0)
            depth--;
    }
    return i;
}

static bool separates(int kind)
{
    return kind == TK_SEP || kind == TK_LBRACE || kind == TK_RBRACE;
}

/* Its second token is what a statement is about: `cluster NAME ...`. */
static struct token name_of(const struct tokens *t, uint32_t begin)
{
    if (begin + 1 < t->n && !separates(t->at[begin].kind) && !separates(t->at[begin + 1].kind))
        return t->at[begin + 1];
    return (struct token){0};
}

/* Feeds token `i` and returns the number of the next one to feed. */
static uint32_t feed(struct parse *p, const struct tokens *tokens, uint32_t i)
{
    struct token t = tokens->at[i];
    if (t.kind == TK_EXTRA)
        return i + 1;
    const bool fits = parser_takes(p->parser, t.kind) || repair(p, &t);
    p->failed = false;
    parser_(p->parser, t.kind, t, p);
    if (fits) {
        ASSERT(!p->failed);
        p->previous = t;
    } else {
        parser_forgive(p->parser);
        /* Only now: the call above may have finished the last statement that was left out. */
        p->broken = name_of(tokens, p->begin);
    }
    if (fits || t.kind == TK_SEP || t.kind == 0) {
        if (separates(t.kind))
            p->begin = i + 1;
        return i + 1; /* where a SEP does not fit, it ends the statement that is left out */
    }
    return statement_end(tokens, i);
}

static struct ast *new_node(struct arena *arena, enum ast_kind kind, struct span span)
{
    struct ast *a = ARENA_NEW(arena, struct ast);
    a->kind = kind;
    a->depth = 1;
    a->span = span;
    return a;
}

bool parse_readable(struct slice text, uint32_t first, struct diags *d)
{
    if (text.len > PARSE_BYTES_MAX) {
        diag(d, DIAG_TOO_LONG, (struct span){first, first}, PARSE_BYTES_MAX >> 20);
        return false;
    }
    const size_t valid = utf8_valid_bytes(text);
    if (valid == text.len)
        return true;
    const uint32_t at = first + (uint32_t)valid;
    diag(d, DIAG_NOT_UTF8, (struct span){at, at + 1}, (unsigned char)text.at[valid]);
    return false;
}

struct tree parse_tokens(const struct tokens *tokens, struct span whole, struct arena *arena,
                         struct diags *d)
{
    struct tree tree = {.root = new_node(arena, AST_FILE, whole)};
    if (!tokens) {
        tree.root->first = new_node(arena, AST_BAD, whole);
        return tree;
    }
    tree.tokens = *tokens;
    struct parse p = {.arena = arena, .diags = d, .parser = parser_Alloc(malloc)};
    if (!p.parser)
        die_out_of_memory(1, 1);
    p.previous.span = (struct span){whole.from, whole.from};
    for (uint32_t i = 0; i < tree.tokens.n;)
        i = feed(&p, &tree.tokens, i);
    parser_Free(p.parser, free);
    tree.root->first = p.root;
    return tree;
}

struct tree parse(const struct sources *sources, int index, struct arena *arena, struct diags *d)
{
    uint32_t first;
    const struct slice text = sources_text(sources, index, &first);
    const struct span whole = {first, first + (uint32_t)text.len};
    if (!parse_readable(text, first, d))
        return parse_tokens(NULL, whole, arena, d);
    const struct tokens tokens = layout(text, first, arena, d);
    return parse_tokens(&tokens, whole, arena, d);
}

void parse_too_deep(struct parse *p, struct span where)
{
    if (!p->too_deep) {
        diag(p->diags, DIAG_NESTED_TOO_DEEP, where, AST_DEPTH_MAX);
        diag_note(p->diags, "name a part of it with an acl");
    }
    p->too_deep = true;
}

uint32_t parse_kinds(void)
{
    return (uint32_t)parser_kinds();
}

bool parse_expected(const struct tokens *tokens, uint32_t i, bool *fits)
{
    struct arena arena = {0};
    struct sources *none = sources_new();
    struct diags *unheard = diags_new(none, 1);
    struct parse p = {.arena = &arena, .diags = unheard, .parser = parser_Alloc(malloc)};
    if (!p.parser)
        die_out_of_memory(1, 1);
    uint32_t at = 0;
    while (at < i)
        at = feed(&p, tokens, at);
    for (int kind = 0; kind < parser_kinds(); kind++)
        fits[kind] = at == i && kind > 0 && parser_accepts(p.parser, kind);
    parser_Free(p.parser, free);
    diags_free(unheard);
    sources_free(none);
    arena_free(&arena);
    return at == i;
}
