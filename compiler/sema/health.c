/* Health checks. */
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"
#include "runtime/base/clock.h"
#include "runtime/base/number.h"

#define COUNT_MAX 1000

struct given {
    const struct ast *every, *timeout, *rise, *fall, *host, *expect;
};

static bool say_bad_health(struct sema *s, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_HEALTH, where, why);
    return false;
}

static bool kind_read(struct sema *s, const struct ast *a, struct table_health *out)
{
    out->kind = slice_eq(a->name, SLICE("http"))  ? HEALTH_HTTP
                : slice_eq(a->name, SLICE("tcp")) ? HEALTH_TCP
                                                  : HEALTH_NONE;
    if (out->kind != HEALTH_NONE)
        return true;
    static const struct slice kinds[] = {SLICE_INIT("http"), SLICE_INIT("tcp")};
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "health check", SLICE_ARG(a->name));
    suggest_fix(s, a->name_span, suggest_nearest(a->name, kinds, COUNT_OF(kinds)));
    return false;
}

static bool is_value(const struct ast *a)
{
    return a && (a->kind == AST_WORD || a->kind == AST_LITERAL || a->kind == AST_STRING ||
                 a->kind == AST_RAW || a->kind == AST_SLASH || a->kind == AST_LIST);
}

static bool path_read(struct sema *s, const struct ast *a, struct table_health *out)
{
    /* What is sent to a server of one's own may have a query, and need not be normal. */
    if (!string_value(s, a, &out->path))
        return false;
    for (size_t i = 0; i < out->path.len; i++)
        if ((unsigned char)out->path.at[i] <= ' ' || (unsigned char)out->path.at[i] >= 0x7f)
            return say_bad_health(
                s, a->span, "a request target has no blanks, control or non-ASCII characters");
    if (out->path.len == 0 || out->path.at[0] != '/')
        return say_bad_health(s, a->span, "the path of a health check begins with a slash");
    return true;
}

/* [METHOD] "/path" of http, nothing of tcp; *rest is what follows. */
static bool target_read(struct sema *s, const struct ast *a, struct table_health *out,
                        const struct ast **rest)
{
    const struct ast *at = a->first;
    bool ok = true;
    if (out->kind == HEALTH_HTTP) {
        out->method = SLICE("GET");
        struct value v;
        if (is_value(at) && at->kind == AST_WORD && is_value(at->next)) {
            ok = value_read(s, at, TYPE_METHOD, &v);
            if (ok)
                out->method = v.text;
            at = at->next;
        }
        if (is_value(at)) {
            ok &= path_read(s, at, out);
            at = at->next;
        } else {
            ok = say_bad_health(s, a->span, "an HTTP health check wants a path");
        }
    }
    if (is_value(at) && out->kind != HEALTH_NONE)
        ok = say_bad_health(s, at->span,
                            out->kind == HEALTH_TCP
                                ? "a TCP health check only connects"
                                : "an HTTP health check has a method and a path");
    while (is_value(at))
        at = at->next;
    *rest = at;
    return ok;
}

static bool count_read(struct sema *s, const struct ast *a, const char *what, uint32_t *out)
{
    uint64_t n;
    if (!value_number(s, a->first, what, 1, COUNT_MAX, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool host_read(struct sema *s, const struct ast *a, struct slice *out)
{
    if (!string_value(s, a->first, out))
        return false;
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->at[i] <= ' ' || (unsigned char)out->at[i] >= 0x7f)
            return say_bad_health(s, a->first->span,
                                  "a host has no blanks, control or non-ASCII characters");
    return out->len > 0 || say_bad_health(s, a->first->span, "the host is empty");
}

static bool expect_read(struct sema *s, const struct ast *a, struct table_health *out)
{
    const struct slice text = a->first->name;
    struct slice first = text, last = text;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.at[i] != '.' || text.at[i + 1] != '.')
            continue;
        first = (struct slice){text.at, i};
        last = slice_from(text, i + 2);
        break;
    }
    uint64_t from, to;
    if (a->first->kind != AST_LITERAL || !number_parse(first, 599, &from) ||
        !number_parse(last, 599, &to) || from < 100 || to < from) {
        diag(s->diags, DIAG_STATUS_RANGE, a->first->span, SLICE_ARG(text));
        return false;
    }
    out->status_first = (uint16_t)from;
    out->status_last = (uint16_t)to;
    return true;
}

static bool setting_read(struct sema *s, const struct ast *a, struct given *g,
                         struct table_health *out)
{
    const bool http_only = a->kind == AST_HOST || a->kind == AST_EXPECT;
    if (http_only && out->kind == HEALTH_TCP)
        return say_bad_health(s, a->span, "only an HTTP health check has this");
    if (a->kind == AST_EVERY)
        return first_given(s, a, &g->every, "every") && value_duration(s, a->first, &out->every_ns);
    if (a->kind == AST_TIMEOUT)
        return first_given(s, a, &g->timeout, "timeout") &&
               value_duration(s, a->first, &out->timeout_ns);
    if (a->kind == AST_RISE)
        return first_given(s, a, &g->rise, "rise") && count_read(s, a, "`rise`", &out->rise);
    if (a->kind == AST_FALL)
        return first_given(s, a, &g->fall, "fall") && count_read(s, a, "`fall`", &out->fall);
    if (a->kind == AST_HOST)
        return first_given(s, a, &g->host, "host") && host_read(s, a, &out->host);
    if (a->kind == AST_EXPECT)
        return first_given(s, a, &g->expect, "expect status") && expect_read(s, a, out);
    return false; /* BAD: reported already */
}

bool health_read(struct sema *s, const struct ast *a, struct table_health *out)
{
    *out = (struct table_health){.every_ns = 2 * NS_PER_S,
                                 .timeout_ns = NS_PER_S,
                                 .rise = 2,
                                 .fall = 3,
                                 .status_first = 200,
                                 .status_last = 399};
    const struct ast *rest = NULL;
    bool ok = kind_read(s, a, out);
    ok &= target_read(s, a, out, &rest);
    struct given g = {0};
    for (const struct ast *at = rest; at; at = at->next)
        ok &= setting_read(s, at, &g, out);
    if (out->kind == HEALTH_TCP)
        out->status_first = out->status_last = 0;
    if (!ok || out->timeout_ns <= out->every_ns)
        return ok;
    if (!g.timeout) { /* a short interval alone is clear enough */
        out->timeout_ns = out->every_ns;
        return true;
    }
    diag(s->diags, DIAG_HEALTH_SLOW, g.timeout->span);
    if (g.every)
        diag_also(s->diags, g.every->span, "the next one begins after this");
    return false;
}
