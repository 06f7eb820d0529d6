#include "grammar/diag.h"

#include <stdarg.h>

#include "grammar/diag_priv.h"
#include "runtime/base/arena.h"

#define LIMIT_DEFAULT 1000

struct diags {
    const struct sources *sources;
    struct arena arena; /* of the reports' texts */
    VEC(struct report) report;
    size_t limit;
    unsigned errors, warnings, dropped;
    bool last_dropped; /* what is added to the last report is dropped with it */
};

const struct diag_text *diag_text(enum diag_code code)
{
    static const struct diag_text text[] = {
#define DIAG(id, name, severity, what, advice) {#name, SEVERITY_##severity, what, advice},
#include "grammar/diags.def"
#undef DIAG
    };
    ASSERT(code < DIAG_COUNT);
    return &text[code];
}

struct diags *diags_new(const struct sources *sources, size_t limit)
{
    struct diags *d = MUST_NEW(struct diags);
    d->sources = sources;
    d->limit = limit ? limit : LIMIT_DEFAULT;
    return d;
}

void diags_free(struct diags *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; i < d->report.n; i++) {
        VEC_DONE(&d->report.at[i].also);
        VEC_DONE(&d->report.at[i].note);
        VEC_DONE(&d->report.at[i].fix);
    }
    VEC_DONE(&d->report);
    arena_free(&d->arena);
    free(d);
}

/* The longest message worth showing; a name of a megabyte is cut. */
#define MESSAGE_BYTES_MAX 512

/* The format is one of diags.def, or a caller's that the compiler has checked. */
static struct slice PRINTF_LIKE(2, 0) format(struct diags *d, const char *fmt, va_list args)
{
    char text[MESSAGE_BYTES_MAX];
    const int len = vsnprintf(text, sizeof(text), fmt, args);
    ASSERT(len >= 0);
    const size_t kept = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    return arena_copy(&d->arena, (struct slice){text, kept});
}

void diag(struct diags *d, enum diag_code code, struct span where, ...)
{
    const struct diag_text *text = diag_text(code);
    if (text->severity == SEVERITY_ERROR)
        d->errors++;
    else
        d->warnings++;
    d->last_dropped = d->report.n >= d->limit;
    if (d->last_dropped) {
        d->dropped++;
        return;
    }
    va_list args;
    va_start(args, where);
    struct report r = {.code = code, .primary.span = where};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    r.message = format(d, text->what, args);
#pragma GCC diagnostic pop
    va_end(args);
    VEC_ADD(&d->report, r);
}

static struct report *last(struct diags *d)
{
    return d->last_dropped || d->report.n == 0 ? NULL : &d->report.at[d->report.n - 1];
}

void diag_label(struct diags *d, const char *fmt, ...)
{
    struct report *r = last(d);
    if (!r)
        return;
    va_list args;
    va_start(args, fmt);
    r->primary.label = format(d, fmt, args);
    va_end(args);
}

void diag_also(struct diags *d, struct span where, const char *fmt, ...)
{
    struct report *r = last(d);
    if (!r)
        return;
    va_list args;
    va_start(args, fmt);
    const struct diag_span also = {where, format(d, fmt, args)};
    va_end(args);
    VEC_ADD(&r->also, also);
}

void diag_note(struct diags *d, const char *fmt, ...)
{
    struct report *r = last(d);
    if (!r)
        return;
    va_list args;
    va_start(args, fmt);
    const struct slice note = format(d, fmt, args);
    va_end(args);
    VEC_ADD(&r->note, note);
}

void diag_fix(struct diags *d, struct span where, struct slice replacement, const char *fmt, ...)
{
    struct report *r = last(d);
    if (!r)
        return;
    va_list args;
    va_start(args, fmt);
    const struct diag_fix fix = {where, format(d, fmt, args), arena_copy(&d->arena, replacement)};
    va_end(args);
    VEC_ADD(&r->fix, fix);
}

unsigned diag_errors(const struct diags *d)
{
    return d->errors;
}

unsigned diag_warnings(const struct diags *d)
{
    return d->warnings;
}

const char *diag_code_name(enum diag_code code)
{
    return diag_text(code)->code;
}

const char *diag_code_text(enum diag_code code)
{
    return diag_text(code)->what;
}

struct ordered {
    const struct report *report;
    uint32_t number;
};

static int by_place(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    const uint32_t m = x->report->primary.span.from, n = y->report->primary.span.from;
    return m != n ? (m > n) - (m < n) : (x->number > y->number) - (x->number < y->number);
}

/* In order of place; those of one place in the order they were said. The caller frees it. */
static struct ordered *in_order(const struct diags *d)
{
    struct ordered *o = MUST_ARRAY(struct ordered, d->report.n);
    for (uint32_t i = 0; i < d->report.n; i++)
        o[i] = (struct ordered){&d->report.at[i], i};
    qsort(o, d->report.n, sizeof(*o), by_place);
    return o;
}

static const struct report *nth(const struct diags *d, uint32_t i)
{
    ASSERT(i < d->report.n);
    struct ordered *o = in_order(d);
    const struct report *r = o[i].report;
    free(o);
    return r;
}

uint32_t diags_count(const struct diags *d)
{
    return d->report.n;
}

enum diag_code diags_code(const struct diags *d, uint32_t i)
{
    return nth(d, i)->code;
}

struct span diags_span(const struct diags *d, uint32_t i)
{
    return nth(d, i)->primary.span;
}

static const char *plural(unsigned n)
{
    return n == 1 ? "" : "s";
}

static void summary(const struct diags *d, bool color, struct text *out)
{
    if (d->errors + d->warnings == 0)
        return;
    text_adds(out, color ? "\x1b[1m" : "");
    if (d->errors > 0)
        text_addf(out, "%u error%s", d->errors, plural(d->errors));
    if (d->errors > 0 && d->warnings > 0)
        text_adds(out, ", ");
    if (d->warnings > 0)
        text_addf(out, "%u warning%s", d->warnings, plural(d->warnings));
    if (d->dropped > 0)
        text_addf(out, "; the last %u are not shown", d->dropped);
    text_adds(out, color ? "\x1b[0m\n" : "\n");
}

void diag_render(const struct diags *d, enum diag_format format, struct text *out)
{
    struct ordered *o = in_order(d);
    for (uint32_t i = 0; i < d->report.n; i++) {
        switch (format) {
        case DIAG_HUMAN: diag_render_human(d->sources, o[i].report, false, out); break;
        case DIAG_HUMAN_COLOR: diag_render_human(d->sources, o[i].report, true, out); break;
        case DIAG_JSON: diag_render_json(d->sources, o[i].report, out); break;
        }
    }
    free(o);
    if (format != DIAG_JSON)
        summary(d, format == DIAG_HUMAN_COLOR, out);
}
