/* Durations: a whole number and a unit. */
#include "compiler/sema/durations.h"

#include "compiler/sema/literals.h"
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"
#include "runtime/base/number.h"
#include "runtime/base/text.h"

static const struct {
    struct slice name;
    int64_t ns;
} units[] = {
#define UNIT(spelling, ns) {SLICE_INIT(spelling), ns},
#include "compiler/sema/units.def"
#undef UNIT
};

/* How people write units elsewhere. */
static const struct {
    struct slice written, meant;
} habits[] = {
    {SLICE_INIT("sec"), SLICE_INIT("s")},     {SLICE_INIT("secs"), SLICE_INIT("s")},
    {SLICE_INIT("second"), SLICE_INIT("s")},  {SLICE_INIT("seconds"), SLICE_INIT("s")},
    {SLICE_INIT("S"), SLICE_INIT("s")},       {SLICE_INIT("min"), SLICE_INIT("m")},
    {SLICE_INIT("mins"), SLICE_INIT("m")},    {SLICE_INIT("minute"), SLICE_INIT("m")},
    {SLICE_INIT("minutes"), SLICE_INIT("m")}, {SLICE_INIT("M"), SLICE_INIT("m")},
    {SLICE_INIT("hr"), SLICE_INIT("h")},      {SLICE_INIT("hour"), SLICE_INIT("h")},
    {SLICE_INIT("hours"), SLICE_INIT("h")},   {SLICE_INIT("H"), SLICE_INIT("h")},
    {SLICE_INIT("day"), SLICE_INIT("d")},     {SLICE_INIT("days"), SLICE_INIT("d")},
    {SLICE_INIT("D"), SLICE_INIT("d")},       {SLICE_INIT("msec"), SLICE_INIT("ms")},
    {SLICE_INIT("millis"), SLICE_INIT("ms")}, {SLICE_INIT("msecs"), SLICE_INIT("ms")},
    {SLICE_INIT("MS"), SLICE_INIT("ms")},     {SLICE_INIT("milliseconds"), SLICE_INIT("ms")},
};

static struct slice unit_meant(struct slice written)
{
    for (size_t i = 0; i < COUNT_OF(habits); i++)
        if (slice_eq(habits[i].written, written))
            return habits[i].meant;
    return SLICE_NONE;
}

static void say_bad_unit(struct sema *s, struct slice digits, struct slice unit, struct span where)
{
    if (unit.len == 0) {
        diag(s->diags, DIAG_NO_UNIT, where, SLICE_ARG(digits));
        diag_fix(s->diags, (struct span){where.to, where.to}, SLICE("s"),
                 "for seconds: `" SLICE_FMT "s`", SLICE_ARG(digits));
        return;
    }
    diag(s->diags, DIAG_BAD_UNIT, where, SLICE_ARG(unit));
    const struct slice meant = unit_meant(unit);
    if (!meant.at)
        return;
    const struct slice fix =
        arena_format(s->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(digits), SLICE_ARG(meant));
    suggest_fix(s, where, fix);
}

bool duration_parse(struct sema *s, struct slice text, struct span where, uint64_t *out_ns)
{
    size_t n = 0;
    while (n < text.len && text.at[n] >= '0' && text.at[n] <= '9')
        n++;
    const struct slice digits = {text.at, n}, unit = slice_from(text, n);
    uint64_t number;
    if (n == 0 || memchr(text.at, '.', text.len) || !number_parse(digits, INT64_MAX, &number)) {
        diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(TYPE_DURATION));
        diag_note(s->diags, "a duration is a whole number and a unit: %s",
                  type_example(TYPE_DURATION));
        return false;
    }
    size_t i = 0;
    while (i < COUNT_OF(units) && !slice_eq(units[i].name, unit))
        i++;
    if (i == COUNT_OF(units)) {
        say_bad_unit(s, digits, unit, where);
        return false;
    }
    if (number == 0) {
        diag(s->diags, DIAG_ZERO_DURATION, where);
        return false;
    }
    if (number > (uint64_t)(DURATION_NS_MAX / units[i].ns)) {
        diag(s->diags, DIAG_BAD_VALUE, where, SLICE_ARG(text), type_name(TYPE_DURATION));
        diag_note(s->diags, "365d is the longest");
        return false;
    }
    *out_ns = number * (uint64_t)units[i].ns;
    return true;
}

bool value_duration(struct sema *s, const struct ast *node, int64_t *out_ns)
{
    struct value v;
    if (!value_read(s, node, TYPE_DURATION, &v))
        return false;
    *out_ns = (int64_t)v.number;
    return true;
}

void duration_write(uint64_t ns, struct text *out)
{
    size_t i = 0;
    while (i + 1 < COUNT_OF(units) && ns % (uint64_t)units[i].ns != 0)
        i++;
    text_addf(out, "%llu" SLICE_FMT, (unsigned long long)(ns / (uint64_t)units[i].ns),
              SLICE_ARG(units[i].name));
}
