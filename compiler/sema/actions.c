/* Actions: header changes and decisions. */
#include "compiler/sema/sema_priv.h"

bool action_decides(enum action_kind kind)
{
    switch (kind) {
    case ACTION_SET_HEADER:
    case ACTION_ADD_HEADER:
    case ACTION_REMOVE_HEADER:
    case ACTION_CONTINUE: return false;
    case ACTION_FORWARD:
    case ACTION_DENY:
    case ACTION_RESPOND:
    case ACTION_REDIRECT: return true;
    }
    return false;
}

/* Why configuration may not touch a header, or NULL. */
static const char *why_protected(struct slice name, enum action_kind kind)
{
    static const char *const own = "the proxy sets it for each connection itself";
    static const char *const framing = "it says where a message ends";
    static const struct {
        struct slice name;
        const char *const *why;
    } headers[] = {
        {SLICE_INIT("connection"), &own},
        {SLICE_INIT("keep-alive"), &own},
        {SLICE_INIT("proxy-connection"), &own},
        {SLICE_INIT("te"), &own},
        {SLICE_INIT("upgrade"), &own},
        {SLICE_INIT("trailer"), &framing},
        {SLICE_INIT("content-length"), &framing},
        {SLICE_INIT("transfer-encoding"), &framing},
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        if (slice_eq(headers[i].name, name))
            return *headers[i].why;
    if (slice_eq(name, SLICE("host")) && kind != ACTION_SET_HEADER)
        return "a request has exactly one; it can be set";
    return NULL;
}

static bool changed_header(struct sema *s, const struct ast *name, struct action *out)
{
    struct slice text;
    if (!string_value(s, name, &text) || !header_name(s, text, name->span, &out->name))
        return false;
    const char *why = why_protected(out->name, out->kind);
    if (!why)
        return true;
    diag(s->diags, DIAG_PROTECTED_HEADER, name->span, SLICE_ARG(out->name), why);
    return false;
}

static bool clean(struct sema *s, const struct ast *at, const struct table_template *t,
                  const char *what)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (!t->part[i].literal.at || !has_control(t->part[i].literal, "\t"))
            continue;
        diag(s->diags, DIAG_CONTROL_CHARACTER, at->span, what);
        return false;
    }
    return true;
}

static bool header_change(struct sema *s, const struct ast *a, struct action *out)
{
    const bool name = changed_header(s, a->first, out);
    if (out->kind == ACTION_REMOVE_HEADER)
        return name;
    const struct ast *value = a->first->next;
    return template_read(s, value, &out->value) && clean(s, value, &out->value, "a header") && name;
}

static bool status_read(struct sema *s, const struct ast *at, uint16_t *out)
{
    uint64_t status;
    if (!value_number(s, at, "a status", 200, 599, &status))
        return false;
    *out = (uint16_t)status;
    return true;
}

static bool body_read(struct sema *s, const struct ast *at, uint16_t status, struct slice *out)
{
    if (!string_value(s, at, out))
        return false;
    if (has_control(*out, "\t\r\n")) {
        diag(s->diags, DIAG_CONTROL_CHARACTER, at->span, "a text");
        return false;
    }
    if (out->len == 0 || (status != 204 && status != 205 && status != 304))
        return true;
    diag(s->diags, DIAG_NO_BODY_ALLOWED, at->span, status);
    diag_fix(s->diags, at->span, SLICE("\"\""), "leave it empty: `\"\"`");
    return false;
}

static bool forward(struct sema *s, const struct ast *a, struct action *out)
{
    const struct definition *d = resolve(s, DEF_CLUSTER, a->name, a->name_span);
    if (!d)
        return false;
    out->cluster = d->index;
    return true;
}

static bool deny(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *at = a->first;
    out->status = 403;
    out->body = SLICE("");
    if (at && at->kind != AST_WITH) {
        if (!status_read(s, at, &out->status))
            return false;
        if (out->status < 400) {
            diag(s->diags, DIAG_BAD_STATUS, at->span, "a refusal has a status from 400 to 599");
            return false;
        }
        at = at->next;
    }
    return !at || body_read(s, at->first, out->status, &out->body);
}

static bool respond(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *status = a->first, *second = status->next;
    const struct ast *third = second ? second->next : NULL;
    if (!second || (third && third->next)) {
        diag(s->diags, DIAG_BAD_RESPOND, a->span);
        return false;
    }
    out->type = SLICE("text/plain; charset=utf-8");
    if (third && !string_value(s, second, &out->type))
        return false;
    if (third && (out->type.len == 0 || has_control(out->type, ""))) {
        diag(s->diags, DIAG_CONTROL_CHARACTER, second->span, "a content type");
        return false;
    }
    return status_read(s, status, &out->status) &&
           body_read(s, third ? third : second, out->status, &out->body);
}

static bool redirect(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *status = a->first, *location = status->next;
    uint64_t number;
    if (!value_number(s, status, "a status", 0, 999, &number))
        return false;
    if (number != 301 && number != 302 && number != 303 && number != 307 && number != 308) {
        diag(s->diags, DIAG_BAD_STATUS, status->span,
             "a redirection has the status 301, 302, 303, 307 or 308");
        return false;
    }
    out->status = (uint16_t)number;
    if (!template_read(s, location, &out->value) || !clean(s, location, &out->value, "a location"))
        return false;
    if (out->value.n > 0)
        return true;
    diag(s->diags, DIAG_EMPTY_LOCATION, location->span);
    return false;
}

static bool kind_of(enum ast_kind kind, enum action_kind *out)
{
    static const struct {
        enum ast_kind node;
        enum action_kind action;
    } kinds[] = {{AST_SET_HEADER, ACTION_SET_HEADER},
                 {AST_ADD_HEADER, ACTION_ADD_HEADER},
                 {AST_REMOVE_HEADER, ACTION_REMOVE_HEADER},
                 {AST_CONTINUE, ACTION_CONTINUE},
                 {AST_FORWARD, ACTION_FORWARD},
                 {AST_DENY, ACTION_DENY},
                 {AST_RESPOND, ACTION_RESPOND},
                 {AST_REDIRECT, ACTION_REDIRECT}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].node != kind)
            continue;
        *out = kinds[i].action;
        return true;
    }
    return false;
}

bool action_read(struct sema *s, const struct ast *a, struct action *out)
{
    *out = (struct action){.span = a->span};
    if (!kind_of(a->kind, &out->kind))
        return false; /* BAD: reported already */
    switch (out->kind) {
    case ACTION_SET_HEADER:
    case ACTION_ADD_HEADER:
    case ACTION_REMOVE_HEADER: return header_change(s, a, out);
    case ACTION_CONTINUE: return true;
    case ACTION_FORWARD: return forward(s, a, out);
    case ACTION_DENY: return deny(s, a, out);
    case ACTION_RESPOND: return respond(s, a, out);
    case ACTION_REDIRECT: return redirect(s, a, out);
    }
    return false;
}
