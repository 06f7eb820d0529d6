/* `require auth CLUSTER { ... }`: another server is asked whether a request may come in. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"

#define TIMEOUT_DEFAULT_NS (5 * NS_PER_S)

/* It is written as it is sent: not in its normal form, and with a query where there is one. */
static bool path_read(struct sema *s, const struct program_setting *a, struct slice *out)
{
    *out = a ? a->value[0].text : SLICE("/");
    const char *why = out->len == 0 || out->at[0] != '/' ? "it begins with a slash" : NULL;
    for (size_t i = 0; i < out->len && !why; i++)
        if (out->at[i] <= ' ' || out->at[i] > '~' || out->at[i] == '#')
            why = "a request target has no blanks, fragment, control or non-ASCII characters";
    if (!why)
        return true;
    diag(s->diags, DIAG_BAD_VALUE, a->value[0].span, SLICE_ARG(*out), "path to ask for");
    diag_note(s->diags, "%s", why);
    return false;
}

static bool name_read(struct sema *s, const struct program_value *v, struct slice *out)
{
    if (!header_name(s, v->text, v->span, out))
        return false;
    const char *why = slice_eq(*out, SLICE("host")) ? "`host` says what it is in the question"
                                                    : header_is_ours(*out);
    if (!why)
        return true;
    diag(s->diags, DIAG_PROTECTED_HEADER, v->span, SLICE_ARG(*out), why);
    return false;
}

static bool names_read(struct sema *s, const struct program_setting *a, const struct slice **out,
                       uint32_t *n)
{
    struct slice *name = ARENA_ARRAY(s->arena, struct slice, a ? a->n_values : 0);
    bool ok = true;
    for (uint32_t i = 0; a && i < a->n_values; i++)
        ok &= name_read(s, &a->value[i], &name[i]);
    *out = name;
    *n = a ? a->n_values : 0;
    if (*n <= TABLE_AUTH_NAMES_MAX)
        return ok;
    const struct slice most = arena_format(s->arena, "%u", TABLE_AUTH_NAMES_MAX);
    diag(s->diags, DIAG_OUT_OF_RANGE, a->span, "the number of headers", SLICE_ARG(SLICE("1")),
         SLICE_ARG(most));
    return false;
}

static bool rule_read(struct sema *s, const struct program_settings *given, struct table_auth *out)
{
    const struct program_setting *host = setting_given(given, SETTING_AUTH_HOST);
    const struct program_setting *user = setting_given(given, SETTING_AUTH_USER);
    const struct program_setting *timeout = setting_given(given, SETTING_AUTH_TIMEOUT);
    const struct program_setting *send = setting_given(given, SETTING_AUTH_SEND);
    out->timeout_ns = timeout ? (int64_t)timeout->value[0].number : TIMEOUT_DEFAULT_NS;
    out->sends_all = !send;
    bool ok = path_read(s, setting_given(given, SETTING_AUTH_PATH), &out->path);
    ok &= names_read(s, send, &out->send, &out->n_send);
    ok &= names_read(s, setting_given(given, SETTING_AUTH_TAKE), &out->take, &out->n_take);
    if (user)
        ok &= name_read(s, &user->value[0], &out->user);
    if (host) {
        out->host = host->value[0].text;
        ok &= host_value(s, out->host, host->value[0].span);
    }
    return ok;
}

static void setting_write(const struct program_setting *a, struct text *out)
{
    text_add(out, setting_info(a->id)->word);
    for (uint32_t i = 0; i < a->n_values; i++)
        text_addf(out, "%s" SLICE_FMT, i > 0 && a->value[i - 1].comma ? ", " : " ",
                  SLICE_ARG(a->value[i].written));
}

/* The cluster and the settings behind it, in lbconf whatever they were written in. */
static struct slice written(struct sema *s, struct slice cluster,
                            const struct program_settings *given)
{
    struct text all = {0};
    text_add(&all, cluster);
    for (uint32_t i = 0; i < given->n; i++) {
        text_adds(&all, i > 0 ? "; " : " { ");
        setting_write(&given->at[i], &all);
    }
    text_adds(&all, given->n > 0 ? " }" : "");
    const struct slice kept = arena_copy(s->arena, text_slice(&all));
    text_done(&all);
    return kept;
}

bool auth_read(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *cluster = a->first, *block = cluster->next;
    struct table_auth *rule = ARENA_NEW(s->arena, struct table_auth);
    struct program_settings given = {0};
    *rule = (struct table_auth){0};
    out->kind = ACTION_REQUIRE_AUTH;
    out->name = cluster->name;
    out->auth = rule;
    const struct definition *d = resolve(s, DEF_CLUSTER, cluster->name, cluster->span);
    if (d)
        out->cluster = rule->cluster = d->index;
    if (block && !settings_read(s, BLOCK_AUTH, block->first, &given))
        return false;
    out->name = written(s, cluster->name, &given);
    return rule_read(s, &given, rule) && d;
}

/* So that whatever comes behind it, the cluster's answer aside, sees nothing that a client says of
 * itself by these names: rules, proofs, explanations and servers alike. */
void auth_put_removals(struct action *action, uint32_t *n)
{
    for (uint32_t i = *n; i-- > 0;) {
        const struct table_auth *rule = action[i].auth;
        if (action[i].kind != ACTION_REQUIRE_AUTH || rule->n_take == 0)
            continue;
        memmove(&action[i + rule->n_take], &action[i], (*n - i) * sizeof(action[0]));
        *n += rule->n_take;
        for (uint32_t k = 0; k < rule->n_take; k++)
            action[i + k] = (struct action){.kind = ACTION_REMOVE_HEADER,
                                            .span = action[i + rule->n_take].span,
                                            .name = rule->take[k],
                                            .implied = true};
    }
}
