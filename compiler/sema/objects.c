/* Blocks that are settings and nothing else: limit, tls, admin and their like. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/check.h"

bool object_kind_of(enum ast_kind node, enum object_kind *kind, enum setting_block *block)
{
    static const struct {
        enum ast_kind node;
        enum object_kind kind;
        enum setting_block block;
    } kinds[] = {
        {AST_LIMIT, OBJECT_LIMIT, BLOCK_LIMIT},          {AST_TLS, OBJECT_TLS, BLOCK_TLS},
        {AST_ADMIN, OBJECT_ADMIN, BLOCK_ADMIN},          {AST_LOG, OBJECT_LOG, BLOCK_LOG},
        {AST_NOTIFY, OBJECT_NOTIFY, BLOCK_NOTIFY},       {AST_ALERT, OBJECT_ALERT, BLOCK_ALERT},
        {AST_RESOLVER, OBJECT_RESOLVER, BLOCK_RESOLVER}, {AST_SHARED, OBJECT_SHARED, BLOCK_SHARED}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].node != node)
            continue;
        *kind = kinds[i].kind;
        *block = kinds[i].block;
        return true;
    }
    return false;
}

static bool has(const struct program_object *o, enum setting_id id)
{
    return setting_given(&o->settings, id) != NULL;
}

static bool say_void(struct sema *s, const struct program_object *o, enum diag_code code,
                     const char *advice)
{
    diag(s->diags, code, o->span, SLICE_ARG(o->name));
    diag_note(s->diags, "%s", advice);
    return false;
}

/* What goes before the names of all keys. */
static bool prefix_fits(struct sema *s, const struct program_object *o)
{
    const struct program_setting *prefix = setting_given(&o->settings, SETTING_SHARED_PREFIX);
    if (!prefix)
        return true;
    const struct program_value *v = &prefix->value[0];
    if (v->text.len <= TABLE_SHARED_PREFIX_MAX && !has_control(v->text, ""))
        return true;
    diag(s->diags, DIAG_UNEXPECTED, v->span, SLICE_ARG(v->text));
    diag_label(s->diags, "expected at most %u characters, such as \"lbc:\"",
               TABLE_SHARED_PREFIX_MAX);
    return false;
}

static bool can_be_shared(struct sema *s, const struct program_object *o)
{
    const struct program_setting *shared = setting_given(&o->settings, SETTING_LIMIT_SHARED);
    const struct program_setting *busy = setting_given(&o->settings, SETTING_LIMIT_CONCURRENT);
    uint32_t rates = 0;
    for (uint32_t i = 0; i < o->settings.n; i++)
        rates += o->settings.at[i].id == SETTING_LIMIT_RATE;
    if (shared && rates > TABLE_SHARED_RATES_MAX) {
        diag(s->diags, DIAG_NOT_SHARED, shared->span, SLICE_ARG(o->name), "has too many rates");
        diag_note(s->diags, "at most %u are counted together", TABLE_SHARED_RATES_MAX);
        return false;
    }
    if (!shared || !busy)
        return true;
    diag(s->diags, DIAG_NOT_SHARED, busy->span, SLICE_ARG(o->name),
         "what is in flight is not counted together");
    diag_also(s->diags, shared->span, "here it is shared");
    diag_note(s->diags, "a second limit can have `concurrent`, which each process counts alone");
    return false;
}

/* Is there what nothing of its kind works without? */
static bool is_whole(struct sema *s, const struct program_object *o, enum setting_block block)
{
    if (block == BLOCK_LIMIT && !has(o, SETTING_LIMIT_RATE) && !has(o, SETTING_LIMIT_CONCURRENT) &&
        !limit_of_bytes(&o->settings))
        return say_void(s, o, DIAG_LIMITS_NOTHING,
                        "it is given as: rate 100/s, concurrent 20 for requests in flight, or "
                        "download 10MiB/s and upload 2MiB/s for bytes");
    if (block == BLOCK_LIMIT && (!limit_is_of_one_kind(s, o) ||
                                 !limit_windows_fit(s, &o->settings) || !can_be_shared(s, o)))
        return false;
    if (block == BLOCK_SHARED && !prefix_fits(s, o))
        return false;
    if (block == BLOCK_TLS && !has(o, SETTING_TLS_CERTIFICATE))
        return say_void(s, o, DIAG_NO_CERTIFICATE, "it is given as: certificate \"shop.pem\"");
    const struct program_setting *verify = setting_given(&o->settings, SETTING_TLS_CLIENT_VERIFY);
    if (verify && verify->value[0].number > 0 && !has(o, SETTING_TLS_CLIENT_CA))
        return say_void(s, o, DIAG_NO_CLIENT_CA, "it is given as: client-ca \"staff.pem\"");
    if (block != BLOCK_ADMIN || has(o, SETTING_ADMIN_BIND))
        return true;
    diag(s->diags, DIAG_ADMIN_UNBOUND, o->span);
    diag_note(s->diags, "it is given as: bind 127.0.0.1:9000");
    return false;
}

/* The one given of two settings, or the default that settings.def has for it. */
static uint64_t version_of(const struct program_object *o, enum setting_id id)
{
    const struct program_setting *a = setting_given(&o->settings, id);
    const struct slice text = a ? a->value[0].text : slice_of(setting_info(id)->fallback);
    ASSERT(text.len == 3); /* 1.2 */
    return (uint64_t)(text.at[2] - '0');
}

static bool say_upside_down(struct sema *s, const struct program_object *o, enum setting_id least,
                            enum setting_id most)
{
    const struct program_setting *low = setting_given(&o->settings, least);
    const struct program_setting *high = setting_given(&o->settings, most);
    const struct program_setting *first = low ? low : high;
    diag(s->diags, DIAG_UPSIDE_DOWN, first->span, setting_info(least)->word.at,
         setting_info(most)->word.at);
    if (low && high)
        diag_also(s->diags, high->span, "the most that there may be");
    else
        diag_note(s->diags, "`%s` is %s where nothing else is said",
                  setting_info(low ? most : least)->word.at,
                  setting_info(low ? most : least)->fallback);
    return false;
}

/* Is what is the least at most what is the most? */
static bool is_upright(struct sema *s, const struct program_object *o, enum setting_block block)
{
    if (block == BLOCK_TLS &&
        version_of(o, SETTING_TLS_MIN_VERSION) > version_of(o, SETTING_TLS_MAX_VERSION))
        return say_upside_down(s, o, SETTING_TLS_MIN_VERSION, SETTING_TLS_MAX_VERSION);
    const struct program_setting *low = setting_given(&o->settings, SETTING_RESOLVER_MIN_TTL);
    const struct program_setting *high = setting_given(&o->settings, SETTING_RESOLVER_MAX_TTL);
    if (low && high && low->value[0].number > high->value[0].number)
        return say_upside_down(s, o, SETTING_RESOLVER_MIN_TTL, SETTING_RESOLVER_MAX_TTL);
    return true;
}

bool object_read(struct sema *s, const struct ast *a, enum setting_block block,
                 struct program_object *out)
{
    const struct span head = {a->span.from, a->span.from + 5};
    *out = (struct program_object){.name = a->name, .span = a->name.len ? a->name_span : head};
    const uint32_t unserved = s->unserved.n;
    const bool ok = settings_read(s, block, a->first, &out->settings) && is_whole(s, out, block) &&
                    is_upright(s, out, block);
    if (block == BLOCK_TLS || block == BLOCK_RESOLVER || block == BLOCK_LIMIT ||
        block == BLOCK_SHARED || block == BLOCK_ADMIN)
        return ok;
    s->unserved.n = unserved; /* none of the others is served: said once for each */
    not_served(s, out->span);
    return ok;
}

bool secret_read(struct sema *s, const struct definition *d, struct program_secret *out)
{
    const struct ast *from = d->node->first;
    *out = (struct program_secret){
        .name = d->name, .span = d->span, .from_env = slice_eq(from->name, SLICE("env"))};
    if (!out->from_env && !slice_eq(from->name, SLICE("file"))) {
        diag(s->diags, DIAG_UNEXPECTED, from->name_span, SLICE_ARG(from->name));
        diag_label(s->diags, "expected env or file");
        return false;
    }
    if (!string_read(s, from->first, &out->source))
        return false;
    if (out->source.len > 0 && out->source.len <= TABLE_SECRET_SOURCE_MAX &&
        !has_control(out->source, "") &&
        !(out->from_env && memchr(out->source.at, '=', out->source.len)))
        return true;
    diag(s->diags, DIAG_UNEXPECTED, from->first->span, SLICE_ARG(out->source));
    diag_label(s->diags, out->from_env ? "expected the name of a variable, such as \"SESSION_KEY\""
                                       : "expected the path of a file");
    return false;
}

void not_served(struct sema *s, struct span where)
{
    VEC_ADD(&s->unserved, where);
}
