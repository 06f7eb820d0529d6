/* Settings, the blocks that are made of them, tests and asserts, written out again. */
#include "compiler/tools/unparse_priv.h"

static void setting(struct text *out, const struct program_setting *a)
{
    text_add(out, setting_info(a->id)->word);
    for (uint32_t i = 0; i < a->n_values; i++)
        text_addf(out, " " SLICE_FMT "%s", SLICE_ARG(a->value[i].written),
                  a->value[i].comma ? "," : "");
    if (a->n_own == 0)
        return;
    text_adds(out, " { ");
    for (uint32_t i = 0; i < a->n_own; i++) {
        text_adds(out, i ? "; " : "");
        setting(out, &a->own[i]);
    }
    text_adds(out, " }");
}

void unparse_setting(struct text *out, const struct program_setting *a)
{
    text_adds(out, "  ");
    setting(out, a);
    text_addc(out, '\n');
}

void unparse_rest(struct text *out, const struct program_settings *given,
                  bool (*is_known)(enum setting_id))
{
    for (uint32_t i = 0; i < given->n; i++)
        if (!is_known(given->at[i].id))
            unparse_setting(out, &given->at[i]);
}

static bool none(enum setting_id id)
{
    (void)id;
    return false;
}

static void object(struct text *out, const char *word, const struct program_object *o)
{
    text_addf(out, "\n%s%s" SLICE_FMT " {\n", word, o->name.len ? " " : "", SLICE_ARG(o->name));
    unparse_rest(out, &o->settings, none);
    text_adds(out, "}\n");
}

void unparse_objects(struct text *out, const struct program *p)
{
    static const char *const words[OBJECT_KIND_COUNT] = {
        [OBJECT_LIMIT] = "limit",       [OBJECT_TLS] = "tls",       [OBJECT_ADMIN] = "admin",
        [OBJECT_LOG] = "log",           [OBJECT_NOTIFY] = "notify", [OBJECT_ALERT] = "alert",
        [OBJECT_RESOLVER] = "resolver", [OBJECT_SHARED] = "shared"};
    for (uint32_t i = 0; i < p->n_secrets; i++) {
        const struct program_secret *s = &p->secret[i];
        text_addf(out, "\nsecret " SLICE_FMT " from %s ", SLICE_ARG(s->name),
                  s->from_env ? "env" : "file");
        unparse_string(out, s->source);
        text_addc(out, '\n');
    }
    for (enum object_kind k = 0; k < OBJECT_KIND_COUNT; k++)
        for (uint32_t i = 0; i < p->n_objects[k]; i++)
            object(out, words[k], &p->object[k][i]);
}

static void outcome(struct text *out, const struct program *p, const struct program_outcome *o)
{
    static const char *const words[] = {
        [OUTCOME_FORWARD] = "forward",   [OUTCOME_DENY] = "deny",     [OUTCOME_RESPOND] = "respond",
        [OUTCOME_REDIRECT] = "redirect", [OUTCOME_TARPIT] = "tarpit", [OUTCOME_DROP] = "drop"};
    text_adds(out, words[o->kind]);
    if (o->kind == OUTCOME_FORWARD && o->cluster != OUTCOME_ANY)
        text_addf(out, " " SLICE_FMT, SLICE_ARG(p->cluster[o->cluster].name));
    if (o->status != OUTCOME_ANY)
        text_addf(out, " %u", o->status);
    if (!o->text.at)
        return;
    text_adds(out, o->kind == OUTCOME_DENY ? " with " : " ");
    unparse_string(out, o->text);
}

static void request(struct text *out, const struct program *p, const struct program_request *r)
{
    char src[NETWORK_TEXT_MAX];
    const struct network one = {.first = r->src, .bits = 128};
    network_format(&one, src);
    text_addf(out, "  request " SLICE_FMT " ", SLICE_ARG(r->method));
    unparse_string(out, r->url);
    text_addf(out, " from %s", src);
    for (uint32_t i = 0; i < r->n_headers; i++) {
        text_adds(out, " header ");
        unparse_string(out, r->header[i].name);
        text_addc(out, ' ');
        unparse_string(out, r->header[i].value);
    }
    if (p->n_listeners > 0)
        text_addf(out, " listener " SLICE_FMT, SLICE_ARG(p->listener[r->listener].name));
    for (uint32_t i = 0; i < r->n_exceeded; i++)
        text_addf(out, "%s" SLICE_FMT, i > 0 ? ", " : " exceeds ", SLICE_ARG(r->exceeded[i]));
    text_addc(out, '\n');
    for (uint32_t i = 0; i < r->n_expects; i++) {
        text_adds(out, "  expect ");
        if (r->expect[i].outcome) {
            outcome(out, p, r->expect[i].outcome);
        } else {
            text_adds(out, "request ");
            unparse_condition(out, r->expect[i].request, false);
        }
        text_addc(out, '\n');
    }
}

void unparse_tests(struct text *out, const struct program *p)
{
    for (uint32_t i = 0; i < p->n_tests; i++) {
        text_adds(out, "\ntest ");
        unparse_string(out, p->test[i].name);
        text_adds(out, " {\n");
        for (uint32_t k = 0; k < p->test[i].n_requests; k++)
            request(out, p, &p->test[i].request[k]);
        text_adds(out, "}\n");
    }
    for (uint32_t i = 0; i < p->n_assertions; i++) {
        const struct program_assert *a = &p->assertion[i];
        text_adds(out, a->always ? "\nassert always " : "\nassert never ");
        outcome(out, p, a->outcome);
        if (a->when->kind != COND_TRUE) {
            text_adds(out, " when ");
            unparse_condition(out, a->when, false);
        }
        text_addc(out, '\n');
    }
}
