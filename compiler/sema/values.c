#include "compiler/sema/values.h"

#include "compiler/sema/literals.h"
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"
#include "runtime/base/number.h"

static bool say_bad_value(struct sema *s, enum type type, struct slice text, struct span where)
{
    diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(type));
    diag_note(s->diags, "it looks like %s", type_example(type));
    return false;
}

static bool number_within(struct sema *s, enum type type, struct slice text, struct span where,
                          uint64_t least, uint64_t most, uint64_t *out)
{
    if (number_parse(text, most, out) && *out >= least)
        return true;
    return say_bad_value(s, type, text, where);
}

static bool size_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    static const struct {
        struct slice unit;
        uint64_t bytes;
    } units[] = {{SLICE_INIT("KiB"), 1u << 10}, {SLICE_INIT("MiB"), 1u << 20},
                 {SLICE_INIT("GiB"), 1u << 30}, {SLICE_INIT("KB"), 1000},
                 {SLICE_INIT("MB"), 1000000},   {SLICE_INIT("GB"), 1000000000},
                 {SLICE_INIT("B"), 1}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        const struct slice unit = units[i].unit;
        if (!slice_ends(text, unit) ||
            !number_parse((struct slice){text.at, text.len - unit.len}, UINT32_MAX, out))
            continue;
        *out *= units[i].bytes;
        return true;
    }
    return say_bad_value(s, TYPE_SIZE, text, where);
}

static bool percent_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    if (slice_ends(text, SLICE("%")))
        return number_within(s, TYPE_PERCENT, (struct slice){text.at, text.len - 1}, where, 0, 100,
                             out);
    return say_bad_value(s, TYPE_PERCENT, text, where);
}

static bool scheme_literal(struct sema *s, struct slice text, struct span where, struct slice *out)
{
    *out = text;
    if (slice_eq(text, SLICE("http")) || slice_eq(text, SLICE("https")))
        return true;
    diag(s->diags, DIAG_NEVER_HOLDS, where, "a scheme is http or https");
    static const struct slice schemes[] = {SLICE_INIT("http"), SLICE_INIT("https")};
    suggest_fix(s, where, suggest_nearest(text, schemes, COUNT_OF(schemes)));
    return false;
}

bool value_parse(struct sema *s, enum type type, struct slice text, struct span where,
                 struct value *out)
{
    *out = (struct value){.type = type};
    switch (type) {
    case TYPE_STRING: out->text = text; return true;
    case TYPE_INTEGER: return number_within(s, type, text, where, 0, INT64_MAX, &out->number);
    case TYPE_PERCENT: return percent_parse(s, text, where, &out->number);
    case TYPE_DURATION: return duration_parse(s, text, where, &out->number);
    case TYPE_SIZE: return size_parse(s, text, where, &out->number);
    case TYPE_PORT: return number_within(s, type, text, where, 1, UINT16_MAX, &out->number);
    case TYPE_ADDRESS: return address_value(s, text, where, &out->network);
    case TYPE_NETWORK: return network_value(s, text, where, &out->network);
    case TYPE_ENDPOINT: return endpoint_value(s, text, where, &out->endpoint);
    case TYPE_METHOD: return method_literal(s, text, where, &out->text);
    case TYPE_SCHEME: return scheme_literal(s, text, where, &out->text);
    case TYPE_HOST: return host_literal(s, text, where, PART_WHOLE, &out->text);
    case TYPE_PATH: return path_literal(s, text, where, PART_WHOLE, &out->text);
    case TYPE_COUNT: break;
    }
    return false;
}

/* An address may stand for the network of itself. */
static bool fits(enum type wanted, const struct value *v)
{
    return v->type == wanted || (wanted == TYPE_NETWORK && v->type == TYPE_ADDRESS);
}

static bool from_constant(struct sema *s, struct definition *d, const struct ast *node,
                          enum type wanted, struct value *out)
{
    d->used = true;
    if (!definition_value(s, d))
        return false;
    *out = d->value;
    if (fits(wanted, out))
        return true;
    diag(s->diags, DIAG_WRONG_TYPE, node->span, type_article(wanted), type_article(out->type));
    diag_also(s->diags, d->span, "of type %s", type_name(out->type));
    return false;
}

static bool say_no_quotes(struct sema *s, const struct ast *node, enum type wanted)
{
    diag(s->diags, DIAG_NO_QUOTES, node->span, type_article(wanted));
    fix_quoted(s, node->span, node->name);
    return false;
}

static bool from_word(struct sema *s, const struct ast *node, enum type wanted, struct value *out)
{
    struct definition *d = scope_find(s->scope, DEF_CONST, node->name);
    if (d)
        return from_constant(s, d, node, wanted, out);
    if (wanted == TYPE_METHOD || wanted == TYPE_SCHEME)
        return value_parse(s, wanted, node->name, node->span, out);
    if (type_is_quoted(wanted) && !scope_suggest(s->scope, DEF_CONST, node->name) &&
        !scope_is_broken(s->scope, node->name))
        return say_no_quotes(s, node, wanted);
    if (wanted == TYPE_ENDPOINT)
        return value_parse(s, wanted, node->name, node->span, out);
    (void)resolve(s, DEF_CONST, node->name, node->span); /* says that there is none */
    return false;
}

static bool from_string(struct sema *s, const struct ast *node, enum type wanted, struct value *out)
{
    struct slice text;
    if (!string_read(s, node, &text))
        return false;
    if (type_is_quoted(wanted))
        return value_parse(s, wanted, text, node->span, out);
    const struct slice inside = {node->name.at + 1, node->name.len - 2};
    diag(s->diags, DIAG_QUOTES, node->span, type_article(wanted));
    diag_fix(s->diags, node->span, inside, "write `" SLICE_FMT "`", SLICE_ARG(inside));
    return false;
}

bool value_read(struct sema *s, const struct ast *node, enum type wanted, struct value *out)
{
    if (node->kind == AST_WORD)
        return from_word(s, node, wanted, out);
    if (node->kind == AST_STRING || node->kind == AST_RAW)
        return from_string(s, node, wanted, out);
    if (node->kind == AST_LIST) {
        diag(s->diags, DIAG_SET_WANTED, node->span);
        return false;
    }
    if (node->kind != AST_LITERAL && node->kind != AST_SLASH)
        return false; /* BAD: reported already */
    if (type_is_quoted(wanted))
        return say_no_quotes(s, node, wanted);
    return value_parse(s, wanted, node->name, node->span, out);
}

bool value_number(struct sema *s, const struct ast *node, const char *what, uint64_t least,
                  uint64_t most, uint64_t *out)
{
    struct value v;
    if (!value_read(s, node, TYPE_INTEGER, &v))
        return false;
    if (v.number < least || v.number > most) {
        diag(s->diags, DIAG_OUT_OF_RANGE, node->span, what, (unsigned long long)least,
             (unsigned long long)most);
        return false;
    }
    *out = v.number;
    return true;
}
