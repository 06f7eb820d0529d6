/* Health checks. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"

static bool say_bad_health(struct sema *s, struct span where, const char *why)
{
    diag(s->diags, DIAG_BAD_HEALTH, where, why);
    return false;
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] <= ' ' || (unsigned char)text.at[i] >= 0x7f)
            return false;
    return true;
}

/* What is sent to a server of one's own may have a query, and need not be normal. */
static bool path_read(struct sema *s, const struct program_value *v, struct table_health *out)
{
    out->path = v->text;
    if (!is_plain(v->text))
        return say_bad_health(s, v->span,
                              "a request target has no blanks, control or non-ASCII characters");
    return (v->text.len > 0 && v->text.at[0] == '/') ||
           say_bad_health(s, v->span, "the path of a health check begins with a slash");
}

/* [METHOD] "/path" of http, nothing of the others. */
static bool target_read(struct sema *s, const struct program_setting *given,
                        struct table_health *out)
{
    const struct program_value *v = given->value + 1, *end = given->value + given->n_values;
    if (out->kind != HEALTH_HTTP)
        return v == end || say_bad_health(s, v->span,
                                          out->kind == HEALTH_TCP
                                              ? "a TCP health check only connects"
                                              : "only an HTTP health check has a method and a "
                                                "path");
    out->method = SLICE("GET");
    if (v < end && v->text.len > 0 && v->text.at[0] != '/' && is_token(v->text) && v + 1 < end) {
        out->method = v->text;
        v++;
    }
    if (v == end)
        return say_bad_health(s, given->span, "an HTTP health check wants a path");
    return path_read(s, v, out);
}

static bool host_read(struct sema *s, const struct program_value *v, struct slice *out)
{
    *out = v->text;
    if (!is_plain(v->text))
        return say_bad_health(s, v->span, "a host has no blanks, control or non-ASCII characters");
    return v->text.len > 0 || say_bad_health(s, v->span, "the host is empty");
}

static bool name_read(struct sema *s, const struct program_value *v)
{
    if (!is_plain(v->text))
        return say_bad_health(s, v->span, "a name has no blanks, control or non-ASCII characters");
    return v->text.len > 0 || say_bad_health(s, v->span, "the name is empty");
}

static bool header_read(struct sema *s, const struct program_setting *a,
                        struct table_health_header *out)
{
    const struct program_value *name = &a->value[0], *value = &a->value[1];
    if (!header_name(s, name->text, name->span, &out->name))
        return false;
    if (slice_eq(out->name, SLICE("host")))
        return say_bad_health(s, name->span, "the Host is said with `host`");
    const char *why = header_is_ours(out->name);
    if (why) {
        diag(s->diags, DIAG_PROTECTED_HEADER, name->span, SLICE_ARG(out->name), why);
        return false;
    }
    if (has_control(value->text, "\t")) {
        diag(s->diags, DIAG_CONTROL_CHARACTER, value->span, "a header");
        return false;
    }
    out->value = slice_trim(value->text);
    return true;
}

static bool headers_read(struct sema *s, const struct program_setting *given,
                         struct table_health *out)
{
    struct table_health_header *header =
        ARENA_ARRAY(s->arena, struct table_health_header, given->n_own);
    bool ok = true;
    for (uint32_t i = 0; i < given->n_own; i++)
        if (given->own[i].id == SETTING_HEALTH_HEADER && out->kind == HEALTH_HTTP)
            ok &= header_read(s, &given->own[i], &header[out->n_headers++]);
    out->header = header;
    return ok;
}

/* NULL, or which kinds of checks have this. */
static const char *who_has(enum setting_id id, enum table_health_kind kind)
{
    if (id == SETTING_HEALTH_HOST || id == SETTING_HEALTH_EXPECT || id == SETTING_HEALTH_HEADER)
        return kind == HEALTH_HTTP ? NULL : "only an HTTP health check has this";
    if (id == SETTING_HEALTH_SERVICE)
        return kind == HEALTH_GRPC ? NULL : "only a gRPC health check has this";
    if (id == SETTING_HEALTH_SNI)
        return kind == HEALTH_TLS || kind == HEALTH_GRPC
                   ? NULL
                   : "only a TLS or gRPC health check has this";
    return NULL;
}

static bool own_read(struct sema *s, const struct program_setting *a, struct table_health *out)
{
    const char *others = who_has(a->id, out->kind);
    if (others)
        return say_bad_health(s, a->span, others);
    const struct program_value *v = a->value;
    if (a->id == SETTING_HEALTH_EVERY)
        out->every_ns = (int64_t)v->number;
    else if (a->id == SETTING_HEALTH_TIMEOUT)
        out->timeout_ns = (int64_t)v->number;
    else if (a->id == SETTING_HEALTH_RISE)
        out->rise = (uint32_t)v->number;
    else if (a->id == SETTING_HEALTH_FALL)
        out->fall = (uint32_t)v->number;
    else if (a->id == SETTING_HEALTH_HOST)
        return host_read(s, v, &out->host);
    else if (a->id == SETTING_HEALTH_EXPECT) {
        out->status_first = (uint16_t)v[1].number;
        out->status_last = (uint16_t)v[1].last;
    } else if (a->id == SETTING_HEALTH_PORT)
        out->port = (uint16_t)v->number;
    else if (a->id == SETTING_HEALTH_SNI)
        return name_read(s, v);
    else if (a->id == SETTING_HEALTH_SERVICE) {
        out->service = v->text;
        return name_read(s, v);
    } else if (a->id == SETTING_HEALTH_ASSUME)
        out->assume_up = slice_eq(v->text, SLICE("up"));
    return true;
}

static bool in_time(struct sema *s, const struct program_setting *given, struct table_health *out)
{
    const struct program_setting *timeout = setting_own(given, SETTING_HEALTH_TIMEOUT);
    const struct program_setting *every = setting_own(given, SETTING_HEALTH_EVERY);
    if (out->timeout_ns <= out->every_ns)
        return true;
    if (!timeout) { /* a short interval alone is clear enough */
        out->timeout_ns = out->every_ns;
        return true;
    }
    diag(s->diags, DIAG_HEALTH_SLOW, timeout->span);
    if (every)
        diag_also(s->diags, every->span, "the next one begins after this");
    return false;
}

bool health_read(struct sema *s, const struct program_setting *given, struct table_health *out)
{
    *out = (struct table_health){.every_ns = 2 * NS_PER_S,
                                 .timeout_ns = NS_PER_S,
                                 .rise = 2,
                                 .fall = 3,
                                 .status_first = 200,
                                 .status_last = 399};
    /* The words are in the order of the kinds. */
    out->kind = (enum table_health_kind)(HEALTH_HTTP + given->value[0].number);
    bool ok = target_read(s, given, out);
    ok &= headers_read(s, given, out);
    for (uint32_t i = 0; i < given->n_own; i++)
        ok &= own_read(s, &given->own[i], out);
    if (out->kind != HEALTH_HTTP)
        out->status_first = out->status_last = 0;
    return ok && in_time(s, given, out);
}
