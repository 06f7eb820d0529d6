/* `require jwt NAME { ... }`: which tokens let somebody in. */
#include "compiler/sema/durations.h"
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"
#include "runtime/base/text.h"

#define LEEWAY_NS (60 * NS_PER_S)

static const struct slice *strings_of(struct sema *s, const struct program_setting *a, uint32_t *n)
{
    struct slice *to = ARENA_ARRAY(s->arena, struct slice, a ? a->n_values : 0);
    *n = a ? a->n_values : 0;
    for (uint32_t i = 0; i < *n; i++)
        to[i] = a->value[i].text;
    return to;
}

static bool rule_read(struct sema *s, const struct ast *block, struct table_jwt *out)
{
    struct program_settings given;
    if (!settings_read(s, BLOCK_JWT, block->first, &given))
        return false;
    const struct program_setting *leeway = setting_given(&given, SETTING_JWT_LEEWAY);
    out->issuer = strings_of(s, setting_given(&given, SETTING_JWT_ISSUER), &out->n_issuers);
    out->audience = strings_of(s, setting_given(&given, SETTING_JWT_AUDIENCE), &out->n_audiences);
    if (leeway)
        out->leeway_ns = (int64_t)leeway->value[0].number;
    return true;
}

static void write_strings(struct text *out, const char *word, const struct slice *of, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        text_adds(out, i == 0 ? word : ", ");
        text_add_bytes(out, of[i]);
    }
    text_adds(out, n > 0 ? "; " : "");
}

/* All of it, so that two which say the same are the same. */
static struct slice written(struct arena *arena, const struct table_jwt *rule)
{
    struct text out = {0};
    text_addf(&out, SLICE_FMT " { ", SLICE_ARG(rule->name));
    const size_t empty = out.len;
    write_strings(&out, "issuer ", rule->issuer, rule->n_issuers);
    write_strings(&out, "audience ", rule->audience, rule->n_audiences);
    if (rule->leeway_ns != LEEWAY_NS) {
        text_adds(&out, "leeway ");
        duration_write((uint64_t)rule->leeway_ns, &out);
        text_adds(&out, "; ");
    }
    const struct slice all = text_slice(&out);
    const struct slice name = out.len > empty
                                  ? arena_format(arena, SLICE_FMT " }", (int)(all.len - 2), all.at)
                                  : arena_copy(arena, rule->name);
    text_done(&out);
    return name;
}

bool jwt_read(struct sema *s, const struct ast *a, struct action *out)
{
    const struct ast *by = a->first, *block = by->next;
    struct table_jwt *rule = ARENA_NEW(s->arena, struct table_jwt);
    *rule = (struct table_jwt){.name = by->name, .leeway_ns = LEEWAY_NS};
    out->kind = ACTION_REQUIRE_JWT;
    out->jwt = rule;
    const struct definition *d = resolve(s, DEF_SECRET, by->name, by->span);
    rule->secret = d ? d->index : 0;
    const bool good = !block || rule_read(s, block, rule);
    out->name = written(s->arena, rule);
    return good && d != NULL;
}
