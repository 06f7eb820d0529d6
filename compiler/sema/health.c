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
        return v == end ||
               say_bad_health(s, v->span, "only an HTTP health check has a method and a path");
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

/* --- what is said and heard ------------------------------------------------------------------- */

static bool is_talk(enum table_health_kind kind)
{
    return kind == HEALTH_TCP || kind == HEALTH_TLS;
}

enum { EXPECT_STATUS, EXPECT_BYTES }; /* as settings.def has them */

static bool expects_status(const struct program_setting *a)
{
    return a->id == SETTING_HEALTH_EXPECT && a->value[0].number == EXPECT_STATUS;
}

/* `expect status 200..299`, once. */
static bool status_read(struct sema *s, const struct program_setting *given,
                        const struct program_setting *a, struct table_health *out)
{
    if (out->kind != HEALTH_HTTP)
        return say_bad_health(s, a->span, "only an HTTP health check is answered with a status");
    for (const struct program_setting *other = given->own; other < a; other++) {
        if (other->id != SETTING_HEALTH_EXPECT)
            continue;
        diag(s->diags, DIAG_SETTING_TWICE, a->span, "expect");
        diag_also(s->diags, other->span, "first given here");
        return false;
    }
    if (a->n_values < 2) {
        diag(s->diags, DIAG_INCOMPLETE, (struct span){a->value[0].span.to, a->value[0].span.to});
        diag_label(s->diags, "expected a status or a range of them");
        return false;
    }
    out->status_first = (uint16_t)a->value[1].number;
    out->status_last = (uint16_t)a->value[1].last;
    return true;
}

static bool step_read(struct sema *s, const struct program_setting *a, struct table_health *out,
                      struct table_health_step *step)
{
    const struct program_value *v = &a->value[0];
    if (!is_talk(out->kind))
        return say_bad_health(s, a->span, "only a TCP or TLS health check is answered with a text");
    if (a->n_values > 1)
        return say_bad_health(s, a->value[1].span, "statuses stand behind `status`");
    if (v->text.len == 0)
        return say_bad_health(s, v->span, "this is nothing");
    if (v->text.len > TABLE_HEALTH_STEP_BYTES_MAX)
        return say_bad_health(s, v->span, "a step of a health check has at most 1024 bytes");
    if (out->n_steps == TABLE_HEALTH_STEPS_MAX)
        return say_bad_health(s, a->span, "a health check has at most 16 steps");
    step[out->n_steps++] = (struct table_health_step){a->id == SETTING_HEALTH_EXPECT, v->text};
    return true;
}

/* All `send` and `expect`, in their order. */
static bool talk_read(struct sema *s, const struct program_setting *given, struct table_health *out)
{
    struct table_health_step *step =
        ARENA_ARRAY(s->arena, struct table_health_step, TABLE_HEALTH_STEPS_MAX);
    bool ok = true;
    for (uint32_t i = 0; i < given->n_own; i++) {
        const struct program_setting *a = &given->own[i];
        if (expects_status(a))
            ok &= status_read(s, given, a, out);
        else if (a->id == SETTING_HEALTH_EXPECT ||
                 (a->id == SETTING_HEALTH_SEND && is_talk(out->kind)))
            ok &= step_read(s, a, out, step);
    }
    out->step = step;
    return ok;
}

/* NULL, or which kinds of checks have this. */
static const char *who_has(enum setting_id id, enum table_health_kind kind)
{
    if (id == SETTING_HEALTH_HOST || id == SETTING_HEALTH_HEADER || id == SETTING_HEALTH_KEEP_ALIVE)
        return kind == HEALTH_HTTP ? NULL : "only an HTTP health check has this";
    if (id == SETTING_HEALTH_SEND)
        return is_talk(kind) ? NULL : "only a TCP or TLS health check has this";
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
    else if (a->id == SETTING_HEALTH_PORT)
        out->port = (uint16_t)v->number;
    else if (a->id == SETTING_HEALTH_SNI)
        return name_read(s, v);
    else if (a->id == SETTING_HEALTH_SERVICE) {
        out->service = v->text;
        return name_read(s, v);
    } else if (a->id == SETTING_HEALTH_ASSUME)
        out->assume_up = slice_eq(v->text, SLICE("up"));
    else if (a->id == SETTING_HEALTH_KEEP_ALIVE)
        out->keep_alive = true;
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
    ok &= talk_read(s, given, out);
    for (uint32_t i = 0; i < given->n_own; i++)
        ok &= own_read(s, &given->own[i], out);
    if (out->kind != HEALTH_HTTP)
        out->status_first = out->status_last = 0;
    return ok && in_time(s, given, out);
}
