/* `cors { ... }`: who may ask from other origins, as the Gateway API has it. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"

static bool is_port(struct slice s)
{
    uint32_t number = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9' || i == 5)
            return false;
        number = number * 10 + (uint32_t)(s.at[i] - '0');
    }
    return s.len > 0 && s.at[0] != '0' && number <= 65535;
}

/* A name, an address, or "*." and a name. */
static bool is_host(struct slice s)
{
    const bool address = s.len > 2 && s.at[0] == '[' && s.at[s.len - 1] == ']';
    const struct slice name = slice_from(s, slice_starts(s, SLICE("*.")) ? 2 : 0);
    for (size_t i = 0; i < name.len; i++) {
        const char c = ascii_lower(name.at[i]);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (!plain && !(address && (c == ':' || c == '[' || c == ']')))
            return false;
    }
    return name.len > 0;
}

/* NULL, or what is wrong: browsers say scheme and host, and the port where it is not the scheme's.
 */
static const char *origin_problem(struct slice s)
{
    static const char shape[] =
        "an origin is a scheme and a host, as \"https://shop.example.com\", or \"*\"";
    const bool http = slice_starts(s, SLICE("http://")), https = slice_starts(s, SLICE("https://"));
    if (!http && !https)
        return shape;
    const struct slice rest = slice_from(s, http ? 7 : 8);
    const char *colon =
        rest.len > 0 && rest.at[rest.len - 1] != ']' ? memrchr(rest.at, ':', rest.len) : NULL;
    const struct slice host = {rest.at, colon ? (size_t)(colon - rest.at) : rest.len};
    if (!is_host(host))
        return shape;
    if (!colon)
        return NULL;
    const struct slice port = slice_from(rest, host.len + 1);
    if (!is_port(port))
        return shape;
    return slice_eq(port, http ? SLICE("80") : SLICE("443"))
               ? "browsers leave out the port that goes with the scheme: this origin never comes"
               : NULL;
}

static bool say_bad_cors(struct sema *s, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_CORS, where, why);
    return false;
}

static bool origins_read(struct sema *s, const struct program_setting *a, struct table_cors *out)
{
    struct slice *origin = ARENA_ARRAY(s->arena, struct slice, a->n_values);
    for (uint32_t i = 0; i < a->n_values; i++) {
        const struct program_value *v = &a->value[i];
        const bool any = slice_eq(v->text, SLICE("*"));
        const char *problem = any ? NULL : origin_problem(v->text);
        if (problem)
            return say_bad_cors(s, v->span, problem);
        if (any && out->credentials)
            return say_bad_cors(s, v->span,
                                "browsers send no credentials where any origin is allowed");
        out->any |= any;
        origin[i] = v->text;
    }
    out->origin = origin;
    out->n_origins = out->any ? 0 : a->n_values;
    return true;
}

/* "a, b", of what must be tokens; "*" stands alone. */
static bool list_read(struct sema *s, const struct program_setting *a, const char *what,
                      struct slice *out)
{
    struct text joined = {0};
    bool ok = true;
    for (uint32_t i = 0; a && i < a->n_values && ok; i++) {
        const struct program_value *v = &a->value[i];
        ok = is_token(v->text);
        if (!ok)
            say_bad_cors(s, v->span, what);
        else if (a->n_values > 1 && slice_eq(v->text, SLICE("*")))
            ok = say_bad_cors(s, v->span, "\"*\" stands for any, and alone");
        text_addf(&joined, "%s" SLICE_FMT, i > 0 ? ", " : "", SLICE_ARG(v->text));
    }
    *out = arena_copy(s->arena, text_slice(&joined));
    text_done(&joined);
    return ok;
}

static struct slice seconds_of(struct arena *arena, const struct program_setting *age)
{
    char digits[24];
    const uint64_t ns = age ? age->value[0].number : 5 * (uint64_t)NS_PER_S;
    const int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)(ns / NS_PER_S));
    return arena_copy(arena, (struct slice){digits, (size_t)n});
}

static bool rule_read(struct sema *s, const struct program_settings *given, struct table_cors *out)
{
    const struct program_setting *expose = setting_given(given, SETTING_CORS_EXPOSE);
    out->credentials = setting_given(given, SETTING_CORS_CREDENTIALS) != NULL;
    out->max_age_s = seconds_of(s->arena, setting_given(given, SETTING_CORS_MAX_AGE));
    bool ok = origins_read(s, setting_given(given, SETTING_CORS_ORIGINS), out);
    ok &= list_read(s, setting_given(given, SETTING_CORS_METHODS), "no method", &out->methods);
    ok &= list_read(s, setting_given(given, SETTING_CORS_HEADERS), "no name of a header",
                    &out->headers);
    ok &= list_read(s, expose, "no name of a header", &out->expose);
    if (ok && out->credentials && slice_eq(out->expose, SLICE("*")))
        ok = say_bad_cors(s, expose->value[0].span,
                          "with credentials browsers take \"*\" for a name: name the headers");
    return ok;
}

bool cors_read(struct sema *s, const struct ast *a, struct action *out)
{
    struct program_settings given;
    if (!settings_read(s, BLOCK_CORS, a->first->first, &given))
        return false;
    if (!setting_given(&given, SETTING_CORS_ORIGINS))
        return say_bad_cors(s, a->span, "it does not say from which `origins`");
    const struct place from = sources_place(s->in->sources, a->first->span.from);
    out->name = (struct slice){from.line_text.at + (a->first->span.from - from.line_from),
                               a->first->span.to - a->first->span.from};
    struct table_cors *rule = ARENA_NEW(s->arena, struct table_cors);
    out->cors = rule;
    return rule_read(s, &given, rule);
}
