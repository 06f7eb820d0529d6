#include "grammar/ast.h"

#include "grammar/parse_priv.h"
#include "runtime/base/arena.h"

static struct ast *bad(struct parse *p, struct span span)
{
    struct ast *a = ARENA_NEW(p->arena, struct ast);
    a->kind = AST_BAD;
    a->depth = 1;
    a->span = span;
    return a;
}

/* Puts a finished node above its children, unless that would make the tree too deep. */
static struct ast *checked(struct parse *p, struct ast *a)
{
    if (a->depth <= AST_DEPTH_MAX)
        return a;
    parse_too_deep(p, a->span);
    return bad(p, a->span);
}

static void adopt(struct ast *a, struct ast *children)
{
    a->first = children;
    for (const struct ast *c = children; c; c = c->next) {
        a->span = span_join(a->span, c->span);
        if (c->depth >= a->depth)
            a->depth = c->depth + 1;
    }
}

struct ast *ast_leaf(struct parse *p, enum ast_kind kind, struct token t)
{
    return ast_new(p, kind, t, &t, NULL, NULL);
}

struct ast *ast_new(struct parse *p, enum ast_kind kind, struct token from,
                    const struct token *name, struct ast *children, const struct token *to)
{
    struct ast *a = ARENA_NEW(p->arena, struct ast);
    a->kind = kind;
    a->depth = 1;
    a->span = from.span;
    if (name) {
        a->name = name->text;
        a->name_span = name->span;
        a->span = span_join(a->span, name->span);
    }
    adopt(a, children);
    if (to)
        a->span = span_join(a->span, to->span);
    return checked(p, a);
}

struct ast *ast_test(struct parse *p, enum ast_kind kind, struct ast *field, struct ast *value,
                     const struct token *to)
{
    struct ast *a = ARENA_NEW(p->arena, struct ast);
    a->kind = kind;
    a->depth = 1;
    a->span = field->span;
    adopt(a, ast_append(field, value));
    if (to)
        a->span = span_join(a->span, to->span);
    return checked(p, a);
}

struct ast *ast_pair(struct parse *p, struct token sign, struct ast *left, struct ast *right)
{
    return ast_new(p, AST_PAIR, sign, NULL, ast_append(left, right), NULL);
}

struct ast *ast_both(struct parse *p, enum ast_kind kind, struct ast *left, struct ast *right)
{
    if (left->kind == kind && !left->closed) {
        left->first = ast_append(left->first, right);
        left->span = span_join(left->span, right->span);
        if (right->depth >= left->depth)
            left->depth = right->depth + 1;
        return checked(p, left);
    }
    return ast_test(p, kind, left, right, NULL);
}

struct ast *ast_broken(struct parse *p)
{
    struct ast *a = bad(p, p->previous.span);
    a->name = p->broken.text;
    a->name_span = p->broken.span;
    return a;
}

struct ast *ast_close(struct ast *condition)
{
    condition->closed = true;
    return condition;
}

struct ast *ast_append(struct ast *list, struct ast *item)
{
    if (!item)
        return list;
    struct ast *last = item->tail ? item->tail : item;
    item->tail = NULL;
    if (!list) {
        item->tail = last;
        return item;
    }
    (list->tail ? list->tail : list)->next = item;
    list->tail = last;
    return list;
}

const char *ast_kind_name(enum ast_kind kind)
{
    static const char *const name[] = {
#define NODE(id, holds) #id,
#include "grammar/ast.def"
#undef NODE
    };
    ASSERT(kind < AST_KIND_COUNT);
    return name[kind];
}
