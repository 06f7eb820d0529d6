/* Outcomes: what an `expect` or an `assert` says is to become of a request. */
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"

static const struct slice words[] = {
    [OUTCOME_FORWARD] = SLICE_INIT("forward"), [OUTCOME_DENY] = SLICE_INIT("deny"),
    [OUTCOME_RESPOND] = SLICE_INIT("respond"), [OUTCOME_REDIRECT] = SLICE_INIT("redirect"),
    [OUTCOME_TARPIT] = SLICE_INIT("tarpit"),   [OUTCOME_DROP] = SLICE_INIT("drop"),
};

static bool say_missing(struct sema *s, struct span where)
{
    diag(s->diags, DIAG_INCOMPLETE, (struct span){where.to, where.to});
    diag_label(s->diags, "expected forward, deny, respond, redirect, tarpit or drop");
    return false;
}

static bool kind_read(struct sema *s, const struct ast *a, enum program_outcome_kind *out)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        *out = (enum program_outcome_kind)i;
        if (a->kind == AST_WORD && slice_eq(words[i], a->name))
            return true;
    }
    diag(s->diags, DIAG_UNKNOWN_WORD, a->span, "outcome", SLICE_ARG(a->name));
    const struct slice near = suggest_nearest(a->name, words, COUNT_OF(words));
    suggest_fix(s, a->span, near);
    if (!near.at)
        diag_note(s->diags,
                  "a request is forwarded, denied, answered (respond), redirected, held up "
                  "(tarpit) or dropped");
    return false;
}

static bool say_unexpected(struct sema *s, const struct ast *a)
{
    diag(s->diags, DIAG_UNEXPECTED, a->span, SLICE_ARG(a->name));
    return false;
}

static bool is_text(const struct ast *a)
{
    return a->kind == AST_STRING || a->kind == AST_RAW;
}

/* [STATUS] [["type"] "text"] */
static bool answer_read(struct sema *s, const struct ast *a, struct program_outcome *out)
{
    uint64_t status;
    if (a && !is_text(a) && !slice_eq(a->name, SLICE("with"))) {
        if (!value_number(s, a, "a status", 200, 599, &status))
            return false;
        out->status = (uint32_t)status;
        a = a->next;
    }
    if (a && a->kind == AST_WORD && slice_eq(a->name, SLICE("with")))
        a = a->next;
    if (!a)
        return true;
    if (!string_value(s, a, &out->text))
        return false;
    return !a->next || say_unexpected(s, a->next);
}

static bool forward_read(struct sema *s, const struct ast *a, struct program_outcome *out)
{
    if (!a)
        return true;
    if (a->kind != AST_WORD)
        return say_unexpected(s, a);
    const struct definition *d = resolve(s, DEF_CLUSTER, a->name, a->span);
    if (!d)
        return false;
    out->cluster = d->index;
    return !a->next || say_unexpected(s, a->next);
}

bool outcome_read(struct sema *s, const struct ast *from, struct span where,
                  struct program_outcome *out)
{
    *out = (struct program_outcome){
        .span = where, .cluster = OUTCOME_ANY, .status = OUTCOME_ANY, .text = SLICE_NONE};
    if (!from)
        return say_missing(s, where);
    if (!kind_read(s, from, &out->kind))
        return false;
    const struct ast *rest = from->next;
    if (out->kind == OUTCOME_FORWARD)
        return forward_read(s, rest, out);
    if (out->kind == OUTCOME_TARPIT || out->kind == OUTCOME_DROP)
        return !rest || say_unexpected(s, rest);
    return answer_read(s, rest, out);
}
