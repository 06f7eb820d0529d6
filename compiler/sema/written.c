/* A setting's operand written again, with constants in place: what `lbc dump` shows. */
#include "compiler/sema/durations.h"
#include "compiler/sema/settings_read.h"
#include "runtime/base/text.h"

static struct slice duration(struct arena *arena, uint64_t ns)
{
    struct text t = {0};
    duration_write(ns, &t);
    const struct slice written = arena_copy(arena, text_slice(&t));
    text_done(&t);
    return written;
}

static struct slice rate(struct arena *arena, const struct value *v)
{
    const struct slice per = duration(arena, v->per_ns); /* 1s */
    return arena_format(arena, "%llu/%c", (unsigned long long)v->number, per.at[1]);
}

static struct slice quoted(struct arena *arena, struct slice text)
{
    struct text t = {0};
    text_addc(&t, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.at[i];
        if (c == '"' || c == '\\')
            text_addc(&t, '\\');
        if (c == '\n' || c == '\r' || c == '\t')
            text_adds(&t, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else
            text_addc(&t, c);
    }
    text_addc(&t, '"');
    const struct slice copy = arena_copy(arena, text_slice(&t));
    text_done(&t);
    return copy;
}

struct slice network_written(struct arena *arena, const struct network *n)
{
    char text[NETWORK_TEXT_MAX];
    return arena_copy(arena, (struct slice){text, network_format(n, text)});
}

struct slice endpoint_written(struct arena *arena, const struct endpoint *e)
{
    char text[ENDPOINT_TEXT_MAX];
    return arena_copy(arena, (struct slice){text, endpoint_format(e, text)});
}

struct slice value_written(struct arena *arena, const struct value *v)
{
    const unsigned long long number = v->number;
    switch (v->type) {
    case TYPE_SIZE: return arena_format(arena, "%lluB", number);
    case TYPE_PERCENT: return arena_format(arena, "%llu%%", number);
    case TYPE_DURATION: return duration(arena, v->number);
    case TYPE_RATE: return rate(arena, v);
    case TYPE_BANDWIDTH: return arena_format(arena, "%lluB/s", number);
    case TYPE_ADDRESS:
    case TYPE_NETWORK: return network_written(arena, &v->network);
    case TYPE_ENDPOINT: return endpoint_written(arena, &v->endpoint);
    case TYPE_STRING:
    case TYPE_HOST:
    case TYPE_PATH: return quoted(arena, v->text);
    case TYPE_INTEGER:
    case TYPE_PORT:
    case TYPE_STATUS: return arena_format(arena, "%llu", number);
    case TYPE_METHOD:
    case TYPE_SCHEME:
    case TYPE_PROTOCOL:
    case TYPE_BOOLEAN:
    case TYPE_TLS_VERSION:
    case TYPE_COUNT: break;
    }
    return v->text;
}
