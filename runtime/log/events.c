#include "runtime/log/events.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/base/clock.h"

static struct event ring[EVENTS_MAX];
static uint64_t total;

static const char *const kind_name[] = {
#define K(id, name) [EVENT_##id] = name,
    EVENT_KINDS(K)
#undef K
};

const char *event_kind_name(enum event_kind kind)
{
    return kind_name[kind];
}

/* `len` is what it would have been. A character is not cut in its middle, and a line stays one. */
static void finish(char *at, size_t room, size_t len)
{
    if (len >= room) {
        size_t end = room - 4;
        while (end > 0 && ((unsigned char)at[end] & 0xc0) == 0x80)
            end--;
        memcpy(at + end, "...", 4);
    }
    for (; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
}

static void set_about(struct event *e, struct event_about about)
{
    const int len =
        snprintf(e->about, sizeof(e->about), SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(about.name),
                 about.part.len > 0 ? "/" : "", SLICE_ARG(about.part));
    finish(e->about, sizeof(e->about), len > 0 ? (size_t)len : 0);
}

void event_log(enum event_kind kind, enum log_level level, struct event_about about,
               const char *fmt, ...)
{
    char line[2048]; /* as long as one of the log may be */
    va_list values;
    va_start(values, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, values);
    va_end(values);
    log_line(level, "%s", line);

    struct event *e = &ring[total & (EVENTS_MAX - 1)];
    e->number = ++total;
    e->wall_ns = clock_wall_ns();
    e->kind = kind;
    e->level = level;
    set_about(e, about);
    const size_t length = strlen(line);
    const size_t fits = length < sizeof(e->text) ? length : sizeof(e->text) - 1;
    memcpy(e->text, line, fits);
    e->text[fits] = '\0';
    finish(e->text, sizeof(e->text), length);
}

void events_each(uint32_t n, void (*each)(void *to, const struct event *e), void *to)
{
    const uint64_t kept = total < EVENTS_MAX ? total : EVENTS_MAX;
    for (uint64_t i = total - (n < kept ? n : kept); i < total; i++)
        each(to, &ring[i & (EVENTS_MAX - 1)]);
}

uint64_t events_total(void)
{
    return total;
}
