/* Tests beside the rules, and asserts about all requests. */
#include "compiler/sema/settings_read.h"
#include "grammar/suggest.h"

static bool is_text(const struct ast *a)
{
    return a && (a->kind == AST_STRING || a->kind == AST_RAW);
}

static bool say_missing(struct sema *s, struct span behind, const char *what)
{
    diag(s->diags, DIAG_INCOMPLETE, (struct span){behind.to, behind.to});
    diag_label(s->diags, "expected %s", what);
    return false;
}

/* Which listener, when the test does not say so: the only one there is. */
static bool only_listener(struct sema *s, struct program_request *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->scope->all.n; i++)
        n += s->scope->all.at[i]->kind == DEF_LISTENER;
    out->listener = 0;
    if (n <= 1)
        return true;
    diag(s->diags, DIAG_WHICH_LISTENER, out->span);
    diag_note(s->diags, "such as: request GET \"/\" listener NAME");
    return false;
}

static bool headers_read(struct sema *s, const struct program_settings *given,
                         struct program_request *out)
{
    struct program_header *header = ARENA_ARRAY(s->arena, struct program_header, given->n);
    bool ok = true;
    out->header = header;
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        if (a->id != SETTING_REQUEST_HEADER)
            continue;
        struct slice lower;
        ok &= header_name(s, a->value[0].text, a->value[0].span, &lower);
        header[out->n_headers++] = (struct program_header){a->value[0].text, a->value[1].text};
    }
    return ok;
}

static void claims_read(struct sema *s, const struct program_settings *given,
                        struct program_request *out)
{
    struct program_header *claim = ARENA_ARRAY(s->arena, struct program_header, given->n);
    out->claim = claim;
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        if (a->id == SETTING_REQUEST_CLAIM)
            claim[out->n_claims++] = (struct program_header){a->value[0].text, a->value[1].text};
    }
}

static void exceeded_read(struct sema *s, const struct program_settings *given,
                          struct program_request *out)
{
    const struct program_setting *a = setting_given(given, SETTING_REQUEST_EXCEEDS);
    out->n_exceeded = a ? a->n_values : 0;
    struct slice *limit = ARENA_ARRAY(s->arena, struct slice, out->n_exceeded);
    for (uint32_t i = 0; i < out->n_exceeded; i++)
        limit[i] = a->value[i].text;
    out->exceeded = limit;
}

/* METHOD "url" [from ADDRESS] [header "n" "v"]... [claim "n" "v"]... [listener NAME] [exceeds
 * LIMIT, ...] */
static bool request_read(struct sema *s, const struct ast *a, struct program_request *out)
{
    *out = (struct program_request){.span = a->span,
                                    .src = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}}};
    const struct ast *method = a->first, *url = method ? method->next : NULL;
    if (!method)
        return say_missing(s, a->span, "a method and a url");
    struct value v;
    if (!value_read(s, method, TYPE_METHOD, &v))
        return false;
    out->method = v.text;
    if (!is_text(url))
        return say_missing(s, method->span, "the url in quotes");
    if (!string_read(s, url, &out->url))
        return false;
    out->url_span = url->span;
    const struct ast *rest = url->next;
    struct program_settings given;
    if (!settings_inline(s, BLOCK_REQUEST, &rest, &given))
        return false;
    const struct program_setting *from = setting_given(&given, SETTING_REQUEST_FROM);
    const struct program_setting *listener = setting_given(&given, SETTING_REQUEST_LISTENER);
    if (from)
        out->src = from->value[0].network->first;
    if (listener)
        out->listener = (uint32_t)listener->value[0].number;
    claims_read(s, &given, out);
    exceeded_read(s, &given, out);
    return headers_read(s, &given, out) && (listener || only_listener(s, out));
}

static bool expect_read(struct sema *s, const struct ast *a, struct program_expect *out)
{
    *out = (struct program_expect){.span = a->span};
    if (a->kind == AST_EXPECT_REQUEST) {
        struct built b = {0};
        const bool ok = condition(s, a->first, &b);
        if (ok)
            out->request = b.cond;
        return ok;
    }
    struct program_outcome *outcome = ARENA_NEW(s->arena, struct program_outcome);
    out->outcome = outcome;
    return outcome_read(s, a->first, a->span, outcome);
}

static uint32_t count(const struct ast *list, bool requests)
{
    uint32_t n = 0;
    for (const struct ast *a = list; a; a = a->next)
        n += (a->kind == AST_ASKED) == requests;
    return n;
}

static bool say_no_request(struct sema *s, struct span where)
{
    diag(s->diags, DIAG_BAD_TEST, where, "a test begins with a request");
    diag_note(s->diags, "such as: request GET \"https://example.com/\"");
    return false;
}

bool test_block_read(struct sema *s, const struct ast *a, struct program_test *out)
{
    const struct ast *list = a->first->next;
    struct program_request *request =
        ARENA_ARRAY(s->arena, struct program_request, count(list, true));
    struct program_expect *expect =
        ARENA_ARRAY(s->arena, struct program_expect, count(list, false));
    *out = (struct program_test){.span = a->first->span, .request = request};
    bool ok = string_read(s, a->first, &out->name);
    for (const struct ast *at = list; at; at = at->next) {
        if (at->kind == AST_BAD)
            return false;
        if (at->kind == AST_ASKED) {
            ok &= request_read(s, at, &request[out->n_requests]);
            request[out->n_requests++].expect = expect;
            continue;
        }
        if (out->n_requests == 0)
            return say_no_request(s, at->span);
        request[out->n_requests - 1].n_expects++;
        ok &= expect_read(s, at, expect++);
    }
    if (!list)
        return say_no_request(s, a->first->span);
    for (uint32_t i = 0; ok && i < out->n_requests; i++) {
        if (request[i].n_expects > 0)
            continue;
        diag(s->diags, DIAG_BAD_TEST, request[i].span, "nothing is expected of this request");
        diag_note(s->diags, "such as: expect forward CLUSTER");
        ok = false;
    }
    return ok;
}

bool assert_read(struct sema *s, const struct ast *a, struct program_assert *out)
{
    static const struct slice words[] = {SLICE_INIT("never"), SLICE_INIT("always")};
    *out = (struct program_assert){.span = a->span, .always = slice_eq(a->name, words[1])};
    if (!out->always && !slice_eq(a->name, words[0])) {
        diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "assert", SLICE_ARG(a->name));
        suggest_fix(s, a->name_span, suggest_nearest(a->name, words, COUNT_OF(words)));
        return false;
    }
    /* The outcome's words, and then, perhaps, the condition. */
    struct ast *first = NULL, *last = NULL;
    struct cond *always = ARENA_NEW(s->arena, struct cond);
    *always = (struct cond){.kind = COND_TRUE, .span = a->span};
    struct built when = {always, 1, 0, 0};
    struct span where = a->name_span;
    bool ok = true;
    for (const struct ast *at = a->first; at; at = at->next) {
        if (is_condition(at)) {
            ok &= condition(s, at, &when);
            continue;
        }
        if (at->kind == AST_BAD)
            return false;
        struct ast *copy = ARENA_NEW(s->arena, struct ast);
        *copy = *at;
        copy->next = NULL;
        where = last ? span_join(where, at->span) : at->span;
        if (last)
            last->next = copy;
        else
            first = copy;
        last = copy;
    }
    struct program_outcome *outcome = ARENA_NEW(s->arena, struct program_outcome);
    out->outcome = outcome;
    ok &= outcome_read(s, first, where, outcome);
    out->when = when.cond;
    s->tests += when.size;
    return ok;
}
