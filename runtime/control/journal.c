#include "runtime/control/journal.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/utf8.h"

/* Beyond it times would overflow. */
#define MS_MAX (UINT64_C(1) << 43)

/* Nothing that a terminal or a reader of UTF-8 would stumble over; whole characters. */
static void note(struct slice s, char *out, size_t most)
{
    size_t n = 0;
    while (s.len > 0) {
        const size_t bytes = utf8_next(s), taken = bytes > 0 ? bytes : 1;
        if (n + taken > most)
            break;
        if (bytes == 0)
            out[n++] = '?';
        else if (utf8_is_control(s))
            out[n++] = ' ';
        else
            for (size_t i = 0; i < bytes; i++)
                out[n++] = s.at[i];
        s = slice_from(s, taken);
    }
    out[n] = '\0';
}

void change_note(struct change *g, struct slice who, struct slice why)
{
    note(who, g->who, CONTROL_WHO_MAX);
    note(why, g->why, CONTROL_WHY_MAX);
}

bool change_has_ended(const struct change *g, int64_t now_ns)
{
    return g->until_ns > 0 && g->until_ns <= now_ns;
}

int64_t changes_first_end(const struct change *g, uint32_t n)
{
    int64_t first_ns = INT64_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (g[i].until_ns > 0 && g[i].until_ns < first_ns)
            first_ns = g[i].until_ns;
    return first_ns;
}

void change_done(struct change *g)
{
    text_done(&g->sentence);
}

void journal_begin(struct text *out, uint64_t last)
{
    text_addf(out, JOURNAL_FIRST_LINE "%llu\n", (unsigned long long)last);
}

/* Rounded up: it is over a little later, rather than at once. Not before 1970, and not at its
 * begin, for 0 is no end: a clock may have been set to that since. */
static int64_t to_ms(int64_t ns, struct journal_now now)
{
    const int64_t ms = (now.wall_ns + (ns - now.monotonic_ns) + NS_PER_MS - 1) / NS_PER_MS;
    return ms > 0 ? ms : 1;
}

static int64_t from_ms(uint64_t ms, struct journal_now now)
{
    return now.monotonic_ns + ((int64_t)ms * NS_PER_MS - now.wall_ns);
}

void journal_add(struct text *out, const struct change *g, struct journal_now now)
{
    const int64_t until_ms = g->until_ns > 0 ? to_ms(g->until_ns, now) : 0;
    text_addf(out, "%llu\t%lld\t%lld\t%s\t%s\t" SLICE_FMT "\n", (unsigned long long)g->number,
              (long long)to_ms(g->made_ns, now), (long long)until_ms, g->who, g->why,
              SLICE_ARG(text_slice(&g->sentence)));
}

/* A calendar that is behind what was written (a machine without a clock, that has not asked for the
 * time yet) makes nothing last longer than it was to. */
static void limit_end(struct change *g, int64_t now_ns)
{
    if (g->made_ns <= now_ns)
        return;
    if (g->until_ns > 0)
        g->until_ns = now_ns + (g->until_ns > g->made_ns ? g->until_ns - g->made_ns : 0);
    g->made_ns = now_ns;
}

static bool read_line(struct slice line, bool with_why, struct journal_now now, struct change *out)
{
    struct slice number, made, until, who, why = SLICE("");
    uint64_t made_ms, until_ms;
    if (!slice_split(&line, '\t', &number) || !slice_split(&line, '\t', &made) ||
        !slice_split(&line, '\t', &until) || !slice_split(&line, '\t', &who) ||
        (with_why && !slice_split(&line, '\t', &why)) || line.len == 0 ||
        line.len > CONTROL_CHANGE_BYTES_MAX || who.len > CONTROL_WHO_MAX ||
        why.len > CONTROL_WHY_MAX || !number_parse(number, UINT64_MAX - 1, &out->number) ||
        out->number == 0 || !number_parse(made, MS_MAX, &made_ms) ||
        !number_parse(until, MS_MAX, &until_ms))
        return false;
    out->made_ns = from_ms(made_ms, now);
    out->until_ns = until_ms > 0 ? from_ms(until_ms, now) : 0;
    if (until_ms > 0 && out->until_ns <= 0)
        out->until_ns = 1; /* long ago, and 0 would be never */
    limit_end(out, now.monotonic_ns);
    change_note(out, who, why);
    text_add(&out->sentence, line);
    out->fits = true;
    return true;
}

uint64_t journal_read(struct slice text, struct journal_now now,
                      void (*each)(void *to, struct change g),
                      void (*bad)(void *to, uint32_t number, struct slice line), void *to)
{
    struct slice line;
    uint64_t last = 0;
    if (!slice_split(&text, '\n', &line))
        return 0;
    const bool with_why = !slice_starts(line, SLICE(JOURNAL_WITHOUT_WHY));
    const struct slice first = with_why ? SLICE(JOURNAL_FIRST_LINE) : SLICE(JOURNAL_WITHOUT_WHY);
    if (!slice_starts(line, first) ||
        !number_parse(slice_from(line, first.len), UINT64_MAX - 1, &last))
        bad(to, 1, line);
    for (uint32_t n = 2; slice_split(&text, '\n', &line); n++) {
        struct change g = {0};
        if (!read_line(line, with_why, now, &g)) {
            bad(to, n, line);
            continue;
        }
        last = g.number > last ? g.number : last;
        each(to, g);
    }
    return last;
}
