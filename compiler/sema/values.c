#include "compiler/sema/values.h"

#include "compiler/sema/literals.h"
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"
#include "runtime/base/number.h"

/* More than 100% is said of loads; where it makes no sense, a range says so. */
#define PERCENT_MAX 1000

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

static bool bytes_parse(struct slice text, uint64_t *out)
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
    return false;
}

static bool size_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    return bytes_parse(text, out) || say_bad_value(s, TYPE_SIZE, text, where);
}

/* 10MiB/s */
static bool bandwidth_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    const bool by_second = slice_ends(text, SLICE("/s"));
    return (by_second && bytes_parse((struct slice){text.at, text.len - 2}, out)) ||
           say_bad_value(s, TYPE_BANDWIDTH, text, where);
}

static bool percent_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    if (slice_ends(text, SLICE("%")))
        return number_within(s, TYPE_PERCENT, (struct slice){text.at, text.len - 1}, where, 0,
                             PERCENT_MAX, out);
    return say_bad_value(s, TYPE_PERCENT, text, where);
}

/* 100/s, 10k/h */
static bool rate_parse(struct sema *s, struct slice text, struct span where, struct value *out)
{
    static const struct {
        struct slice per;
        uint64_t ns;
    } units[] = {{SLICE_INIT("/s"), UINT64_C(1000000000)},
                 {SLICE_INIT("/m"), UINT64_C(60000000000)},
                 {SLICE_INIT("/h"), UINT64_C(3600000000000)},
                 {SLICE_INIT("/d"), UINT64_C(86400000000000)}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!slice_ends(text, units[i].per))
            continue;
        struct slice count = {text.at, text.len - 2};
        const uint64_t times = slice_ends(count, SLICE("k"))   ? 1000
                               : slice_ends(count, SLICE("M")) ? 1000000
                                                               : 1;
        count.len -= times > 1;
        if (!number_parse(count, 1000000000, &out->number) || out->number == 0)
            break;
        out->number *= times;
        out->per_ns = units[i].ns;
        return true;
    }
    return say_bad_value(s, TYPE_RATE, text, where);
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

static bool protocol_literal(struct sema *s, struct slice text, struct span where,
                             struct slice *out)
{
    static const struct slice protocols[] = {SLICE_INIT("http/1.0"), SLICE_INIT("http/1.1"),
                                             SLICE_INIT("h2"), SLICE_INIT("tcp")};
    *out = text;
    for (size_t i = 0; i < COUNT_OF(protocols); i++)
        if (slice_eq(text, protocols[i]))
            return true;
    diag(s->diags, DIAG_NEVER_HOLDS, where, "a protocol is http/1.0, http/1.1, h2 or tcp");
    suggest_fix(s, where, suggest_nearest(text, protocols, COUNT_OF(protocols)));
    return false;
}

static bool version_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    if (text.len == 3 && slice_starts(text, SLICE("1.")) && text.at[2] >= '0' &&
        text.at[2] <= '3') {
        *out = 10 + (uint64_t)(text.at[2] - '0');
        return true;
    }
    return say_bad_value(s, TYPE_TLS_VERSION, text, where);
}

static bool boolean_parse(struct sema *s, struct slice text, struct span where, uint64_t *out)
{
    *out = slice_eq(text, SLICE("true"));
    return *out || slice_eq(text, SLICE("false")) || say_bad_value(s, TYPE_BOOLEAN, text, where);
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
    case TYPE_RATE: return rate_parse(s, text, where, out);
    case TYPE_BANDWIDTH: return bandwidth_parse(s, text, where, &out->number);
    case TYPE_PORT: return number_within(s, type, text, where, 1, UINT16_MAX, &out->number);
    case TYPE_ADDRESS: return address_value(s, text, where, &out->network);
    case TYPE_NETWORK: return network_value(s, text, where, &out->network);
    case TYPE_ENDPOINT: return endpoint_value(s, text, where, &out->endpoint);
    case TYPE_METHOD: return method_literal(s, text, where, &out->text);
    case TYPE_SCHEME: return scheme_literal(s, text, where, &out->text);
    case TYPE_HOST: return host_literal(s, text, where, PART_WHOLE, &out->text);
    case TYPE_PATH: return path_literal(s, text, where, PART_WHOLE, &out->text);
    case TYPE_PROTOCOL: return protocol_literal(s, text, where, &out->text);
    case TYPE_STATUS: return number_within(s, type, text, where, 100, 599, &out->number);
    case TYPE_TLS_VERSION: return version_parse(s, text, where, &out->number);
    case TYPE_BOOLEAN: return boolean_parse(s, text, where, &out->number);
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
    uses_add(s->in->uses, node->span, d);
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
    if (wanted == TYPE_METHOD || wanted == TYPE_SCHEME || wanted == TYPE_PROTOCOL ||
        wanted == TYPE_BOOLEAN)
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

bool value_range(struct sema *s, const struct ast *node, enum type type,
                 struct table_number_range *out)
{
    const char *dots =
        node->kind == AST_LITERAL ? memmem(node->name.at, node->name.len, "..", 2) : NULL;
    struct value first, last;
    if (!dots) {
        if (!value_read(s, node, type, &first))
            return false;
        *out = (struct table_number_range){first.number, first.number};
        return true;
    }
    const size_t n = (size_t)(dots - node->name.at);
    if (!value_parse(s, type, (struct slice){node->name.at, n}, node->span, &first) ||
        !value_parse(s, type, slice_from(node->name, n + 2), node->span, &last))
        return false;
    if (first.number > last.number) {
        diag(s->diags, DIAG_RANGE_BACKWARD, node->span, SLICE_ARG(node->name));
        return false;
    }
    *out = (struct table_number_range){first.number, last.number};
    return true;
}

bool value_number(struct sema *s, const struct ast *node, const char *what, uint64_t least,
                  uint64_t most, uint64_t *out)
{
    struct value v;
    if (!value_read(s, node, TYPE_INTEGER, &v))
        return false;
    if (v.number < least || v.number > most) {
        const struct slice from = arena_format(s->arena, "%llu", (unsigned long long)least);
        const struct slice to = arena_format(s->arena, "%llu", (unsigned long long)most);
        diag(s->diags, DIAG_OUT_OF_RANGE, node->span, what, SLICE_ARG(from), SLICE_ARG(to));
        return false;
    }
    *out = v.number;
    return true;
}
