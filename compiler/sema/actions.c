/* Actions: changes and decisions. */
#include "compiler/sema/settings_read.h"
#include "grammar/suggest.h"

bool action_decides(enum action_kind kind)
{
    return kind > ACTION_CONTINUE;
}

bool action_changes(enum action_kind kind)
{
    return kind < ACTION_CONTINUE;
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
    if (at && (at->kind == AST_STRING || at->kind == AST_RAW)) {
        const struct span before = {at->span.from, at->span.from};
        diag(s->diags, DIAG_UNEXPECTED, at->span, SLICE_ARG(at->name));
        diag_fix(s->diags, before, SLICE("with "), "a text stands behind `with`");
        return false;
    }
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
    if (!template_read(s, location, &out->value) ||
        !template_clean(s, location, &out->value, "a location"))
        return false;
    if (out->value.n > 0)
        return true;
    diag(s->diags, DIAG_EMPTY_LOCATION, location->span);
    return false;
}

/* A literal path, as a prefix goes by whole segments. */
static bool prefix_read(struct sema *s, const struct ast *at, struct slice *out)
{
    struct value v;
    if (!value_read(s, at, TYPE_PATH, &v))
        return false;
    *out = v.text;
    if (out->len < 2 || !slice_ends(*out, SLICE("/")))
        return true;
    diag(s->diags, DIAG_BAD_PATH, at->span, SLICE_ARG(*out),
         "a prefix goes by whole segments and wants no slash at the end");
    fix_quoted(s, at->span, (struct slice){out->at, out->len - 1});
    return false;
}

static void set_literal(struct sema *s, struct table_template *t, struct slice text)
{
    struct table_part *part = ARENA_NEW(s->arena, struct table_part);
    part->literal = text;
    *t = (struct table_template){part, 1};
}

static bool strip(struct sema *s, const struct ast *a, struct action *out)
{
    set_literal(s, &out->value, SLICE("/"));
    return prefix_read(s, a->first, &out->name);
}

static bool replace_prefix(struct sema *s, const struct ast *a, struct action *out)
{
    struct slice by;
    const bool ok = prefix_read(s, a->first, &out->name);
    if (!prefix_read(s, a->first->next, &by))
        return false;
    set_literal(s, &out->value, by);
    return ok;
}

/* A path that a template makes: its literals have no query, and no escape that is none. */
static bool path_template(struct sema *s, const struct ast *at, const struct table_template *t)
{
    if (!template_clean(s, at, t, "a path"))
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct slice text = t->part[i].literal;
        if (!text.at ||
            (text.len > 0 && !memchr(text.at, '?', text.len) && !memchr(text.at, '#', text.len)))
            continue;
        diag(s->diags, DIAG_BAD_PATH, at->span, SLICE_ARG(text),
             "the query is not part of the path; `set query` changes it");
        return false;
    }
    if (t->n > 0 && t->part[0].literal.at && t->part[0].literal.at[0] != '/') {
        diag(s->diags, DIAG_BAD_PATH, at->span, SLICE_ARG(t->part[0].literal),
             "it does not begin with a slash");
        return false;
    }
    return true;
}

static bool rewrite(struct sema *s, const struct ast *a, struct action *out)
{
    return template_read(s, a->first, &out->value) && path_template(s, a->first, &out->value);
}

static bool replace_path(struct sema *s, const struct ast *a, struct action *out)
{
    uint32_t groups = 0;
    const struct ast *by = a->first->next;
    return regex_literal(s, a->first, &out->pattern, &out->flags, &groups) &&
           replacement_read(s, by, groups, &out->value) &&
           template_clean(s, by, &out->value, "a path");
}

static bool query_change(struct sema *s, const struct ast *a, struct action *out)
{
    if (!string_value(s, a->first, &out->name))
        return false;
    return out->kind == ACTION_REMOVE_QUERY || template_read(s, a->first->next, &out->value);
}

static bool tag(struct sema *s, const struct ast *a, struct action *out)
{
    if (!string_value(s, a->first, &out->name))
        return false;
    if (out->name.len > 0 && out->name.len <= 64 && !has_control(out->name, ""))
        return true;
    diag(s->diags, DIAG_BAD_VALUE, a->first->span, SLICE_ARG(out->name), "tag");
    diag_note(s->diags, "a tag has 1 to 64 bytes and no control characters");
    return false;
}

static bool timed(struct sema *s, const struct ast *at, struct action *out, int64_t most)
{
    int64_t ns;
    if (!value_duration(s, at, &ns))
        return false;
    out->number = (uint64_t)ns;
    if (ns <= most)
        return true;
    diag(s->diags, DIAG_BAD_VALUE, at->span, SLICE_ARG(at->name), "duration here");
    diag_note(s->diags, "a client is held for a minute at most");
    return false;
}

static bool timeout(struct sema *s, const struct ast *a, struct action *out)
{
    if (slice_eq(a->name, SLICE("read")))
        return timed(s, a->first, out, DURATION_NS_MAX);
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "timeout of a clause", SLICE_ARG(a->name));
    diag_note(s->diags, "a clause can set `timeout read`; the others are the cluster's");
    return false;
}

static bool retry(struct sema *s, const struct ast *a, struct action *out)
{
    return value_number(s, a->first, "the number of retries", 0, 10, &out->number);
}

static bool mirror(struct sema *s, const struct ast *a, struct action *out)
{
    struct value v = {.number = 100};
    const bool known = forward(s, a, out);
    if (a->first && !value_read(s, a->first, TYPE_PERCENT, &v))
        return false;
    out->number = v.number;
    return known;
}

static bool limit(struct sema *s, const struct ast *a, struct action *out)
{
    out->name = a->name;
    return resolve(s, DEF_LIMIT, a->name, a->name_span) != NULL;
}

static bool require(struct sema *s, const struct ast *a, struct action *out)
{
    if (slice_eq(a->name, SLICE("auth")))
        return auth_read(s, a, out);
    const struct ast *by = a->first;
    if (slice_eq(a->name, SLICE("jwt")))
        return jwt_read(s, a, out);
    out->name = by->name;
    if (slice_eq(a->name, SLICE("basic"))) {
        const struct definition *d = resolve(s, DEF_SECRET, by->name, by->span);
        out->number = d ? d->index : 0;
        return d != NULL && settings_none(s, by->next);
    }
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "way to ask who a client is",
         SLICE_ARG(a->name));
    static const struct slice ways[] = {SLICE_INIT("auth"), SLICE_INIT("basic"), SLICE_INIT("jwt")};
    suggest_fix(s, a->name_span, suggest_nearest(a->name, ways, COUNT_OF(ways)));
    return false;
}

static bool choice_read(struct sema *s, const struct ast *a, struct split_choice *out)
{
    struct value v;
    const struct ast *to = a->first->next;
    const struct definition *d = resolve(s, DEF_CLUSTER, to->name, to->span);
    if (!value_read(s, a->first, TYPE_PERCENT, &v) || !d)
        return false;
    *out = (struct split_choice){(uint32_t)v.number, d->index};
    if (v.number > 0)
        return true;
    diag(s->diags, DIAG_BAD_SPLIT, a->first->span, "nothing would go there");
    return false;
}

static bool comes_to_all(struct sema *s, const struct ast *a, const struct action *out)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < out->n_choices; i++)
        sum += out->choice[i].percent;
    if (sum == 100)
        return true;
    struct text why = {0};
    text_addf(&why, "its shares come to %u%%, and have to come to 100%%", sum);
    diag(s->diags, DIAG_BAD_SPLIT, a->span, why.at);
    text_done(&why);
    return false;
}

static bool split(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *at = a->first;
    bool ok = true;
    out->field = FIELD_COUNT;
    if (at && at->kind == AST_FIELD) {
        ok = field_read(s, at, &out->field, &out->key);
        at = at->next;
    }
    uint32_t n = 0;
    for (const struct ast *c = at; c; c = c->next)
        n++;
    struct split_choice *choice = ARENA_ARRAY(s->arena, struct split_choice, n + 1);
    for (const struct ast *c = at; c; c = c->next)
        ok &= c->kind == AST_CHOICE && choice_read(s, c, &choice[out->n_choices++]);
    out->choice = choice;
    return ok && comes_to_all(s, a, out);
}

static bool forward_map(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *field = a->first, *otherwise = field->next;
    struct definition *d = resolve(s, DEF_MAP, a->name, a->name_span);
    const struct definition *cluster = resolve(s, DEF_CLUSTER, otherwise->name, otherwise->span);
    if (!field_read(s, field, &out->field, &out->key) || !d || !cluster)
        return false;
    out->cluster = cluster->index;
    return map_of(s, d, &out->map);
}

static bool goto_route(struct sema *s, const struct ast *a, struct action *out)
{
    const struct definition *d = resolve(s, DEF_ROUTE, a->name, a->name_span);
    if (!d)
        return false;
    out->route = d->index;
    return true;
}

static bool nothing(struct sema *s, const struct ast *a, struct action *out)
{
    (void)s, (void)a, (void)out;
    return true;
}

static bool tarpit(struct sema *s, const struct ast *a, struct action *out)
{
    return timed(s, a->first, out, TABLE_TARPIT_NS_MAX);
}

static bool cache(struct sema *s, const struct ast *a, struct action *out)
{
    return timed(s, a->first, out, DURATION_NS_MAX);
}

/* What each shape is, where it may stand, and who reads it. */
enum where { CONNECTING = 1, REQUESTING = 2, RESPONDING = 4 };

/* What is LATER is checked, and without effect in this version. */
enum served { LATER, SERVED };

static const struct reader {
    enum ast_kind node;
    enum action_kind action;
    unsigned where;
    enum served served;
    bool (*read)(struct sema *s, const struct ast *a, struct action *out);
} readers[] = {
    {AST_SET_HEADER, ACTION_SET_HEADER, REQUESTING | RESPONDING, SERVED, header_change_read},
    {AST_ADD_HEADER, ACTION_ADD_HEADER, REQUESTING | RESPONDING, SERVED, header_change_read},
    {AST_REMOVE_HEADER, ACTION_REMOVE_HEADER, REQUESTING | RESPONDING, SERVED, header_change_read},
    {AST_SET_RESPONSE_HEADER, ACTION_SET_RESPONSE_HEADER, REQUESTING | RESPONDING, SERVED,
     header_change_read},
    {AST_ADD_RESPONSE_HEADER, ACTION_ADD_RESPONSE_HEADER, REQUESTING | RESPONDING, SERVED,
     header_change_read},
    {AST_REMOVE_RESPONSE_HEADER, ACTION_REMOVE_RESPONSE_HEADER, REQUESTING | RESPONDING, SERVED,
     header_change_read},
    {AST_SET_HOST, ACTION_SET_HEADER, REQUESTING, SERVED, set_host_read},
    {AST_REWRITE_PATH, ACTION_REWRITE_PATH, REQUESTING, SERVED, rewrite},
    {AST_STRIP_PREFIX, ACTION_REPLACE_PREFIX, REQUESTING, SERVED, strip},
    {AST_REPLACE_PREFIX, ACTION_REPLACE_PREFIX, REQUESTING, SERVED, replace_prefix},
    {AST_REPLACE_PATH, ACTION_REPLACE_PATH, REQUESTING, SERVED, replace_path},
    {AST_SET_QUERY, ACTION_SET_QUERY, REQUESTING, SERVED, query_change},
    {AST_REMOVE_QUERY, ACTION_REMOVE_QUERY, REQUESTING, SERVED, query_change},
    {AST_TAG, ACTION_TAG, REQUESTING, SERVED, tag},
    {AST_CLAUSE_TIMEOUT, ACTION_TIMEOUT_READ, REQUESTING, SERVED, timeout},
    {AST_RETRY, ACTION_RETRY, REQUESTING, SERVED, retry},
    {AST_MIRROR, ACTION_MIRROR, REQUESTING, LATER, mirror},
    {AST_APPLY_LIMIT, ACTION_LIMIT, CONNECTING | REQUESTING, SERVED, limit},
    {AST_REQUIRE, ACTION_REQUIRE_BASIC, REQUESTING, SERVED, require},
    {AST_COMPRESS, ACTION_COMPRESS, REQUESTING, SERVED, nothing},
    {AST_CACHE, ACTION_CACHE, REQUESTING, LATER, cache},
    {AST_CORS, ACTION_CORS, REQUESTING, SERVED, cors_read},
    {AST_CONTINUE, ACTION_CONTINUE, CONNECTING | REQUESTING | RESPONDING, SERVED, nothing},
    {AST_FORWARD, ACTION_FORWARD, REQUESTING, SERVED, forward},
    {AST_FORWARD_MAP, ACTION_FORWARD_MAP, REQUESTING, SERVED, forward_map},
    {AST_SPLIT, ACTION_SPLIT, REQUESTING, SERVED, split},
    {AST_DENY, ACTION_DENY, REQUESTING, SERVED, deny},
    {AST_RESPOND, ACTION_RESPOND, REQUESTING, SERVED, respond},
    {AST_REDIRECT, ACTION_REDIRECT, REQUESTING, SERVED, redirect},
    {AST_DROP, ACTION_DROP, CONNECTING | REQUESTING, SERVED, nothing},
    {AST_TARPIT, ACTION_TARPIT, REQUESTING, SERVED, tarpit},
    {AST_GOTO, ACTION_GOTO, REQUESTING, SERVED, goto_route},
};

static const struct reader *reader_of(enum ast_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (readers[i].node == kind)
            return &readers[i];
    return NULL;
}

static bool stands_well(struct sema *s, const struct ast *a, unsigned where)
{
    static const char *const BLOCK[] = {"on connect", "a route", "on response"};
    static const char *const ALLOWED[] = {
        "it can count the connection by a `limit`, `drop` it, or `continue`", "",
        "it can set, add and remove headers of the response, and `continue`"};
    if (where & (1u << s->phase))
        return true;
    diag(s->diags, DIAG_WRONG_PHASE, a->span, BLOCK[s->phase]);
    diag_note(s->diags, "%s", ALLOWED[s->phase]);
    return false;
}

/* In `on response`, a header is the response's. */
static enum action_kind header_side(const struct sema *s, enum action_kind kind)
{
    if (!s->responding || kind > ACTION_REMOVE_HEADER)
        return kind;
    return (enum action_kind)(kind - ACTION_SET_HEADER + ACTION_SET_RESPONSE_HEADER);
}

bool action_read(struct sema *s, const struct ast *a, struct action *out)
{
    *out = (struct action){.span = a->span};
    const struct reader *r = reader_of(a->kind);
    if (!r)
        return false; /* BAD: reported already */
    out->kind = header_side(s, r->action);
    const bool well = stands_well(s, a, r->where);
    if (r->served == LATER)
        not_served(s, a->span);
    return r->read(s, a, out) && well;
}
