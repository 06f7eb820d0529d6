#include "grammar/diag.h"

#include <stdarg.h>

#include "grammar/diag_priv.h"
#include "grammar/form.h"

#define LIMIT_DEFAULT 1000

/* Each report is held against each of them. */
#define HUSHED_MAX 100u

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

static void report_done(struct report *r)
{
    VEC_DONE(&r->also);
    VEC_DONE(&r->note);
    VEC_DONE(&r->fix);
}

void diags_free(struct diags *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; i < d->report.n; i++)
        report_done(&d->report.at[i]);
    VEC_DONE(&d->report);
    VEC_DONE(&d->hushed);
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
    if ((size_t)len < sizeof(text))
        return arena_copy(&d->arena, (struct slice){text, (size_t)len});
    size_t kept = sizeof(text) - 1;
    while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--; /* not in the middle of a character */
    return arena_format(&d->arena, "%.*s…", (int)kept, text);
}

static bool in_expansion(const struct diags *d, struct span *where, struct span *use)
{
    return d->sources && sources_count(d->sources) > 0 && sources_origin(d->sources, where, use);
}

/* The text that a place shows: a template's, where it was put in. */
static struct span shown(const struct diags *d, struct span where)
{
    struct span use;
    (void)in_expansion(d, &where, &use);
    return where;
}

/* What is put in several times is said once. */
static bool is_said(const struct diags *d, const struct report *r)
{
    for (uint32_t i = 0; i < d->report.n; i++) {
        const struct report *earlier = &d->report.at[i];
        if (earlier->code == r->code && earlier->primary.span.from == r->primary.span.from &&
            earlier->primary.span.to == r->primary.span.to &&
            slice_eq(earlier->message, r->message))
            return true;
    }
    return false;
}

void diag_hush(struct diags *d, struct span where)
{
    ASSERT(d->errors > 0);
    if (d->hushed.n < HUSHED_MAX)
        VEC_ADD(&d->hushed, where);
}

static bool is_hushed(const struct diags *d, struct span where)
{
    for (uint32_t i = 0; i < d->hushed.n; i++)
        if (d->hushed.at[i].from <= where.from && where.from < d->hushed.at[i].to)
            return true;
    return false;
}

static unsigned *counter(struct diags *d, enum diag_code code)
{
    return diag_text(code)->severity == SEVERITY_ERROR ? &d->errors : &d->warnings;
}

void diag(struct diags *d, enum diag_code code, struct span where, ...)
{
    if (is_hushed(d, where)) {
        d->last_dropped = true;
        return;
    }
    ++*counter(d, code);
    d->last_dropped = d->report.n >= d->limit;
    if (d->last_dropped) {
        d->dropped++;
        return;
    }
    va_list args;
    va_start(args, where);
    struct report r = {.code = code, .primary.span = shown(d, where)};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    r.message = format(d, diag_text(code)->what, args);
#pragma GCC diagnostic pop
    va_end(args);
    d->last_dropped = is_said(d, &r);
    if (d->last_dropped) {
        --*counter(d, code);
        return;
    }
    VEC_ADD(&d->report, r);
    struct span use;
    while (in_expansion(d, &where, &use)) {
        diag_also(d, use, "where the template is used");
        where = use;
    }
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
    const struct diag_span also = {shown(d, where), format(d, fmt, args)};
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

/* Can it stand in YAML and JSON just as well? Their quotes and brackets are others. */
static bool is_one_word(struct slice replacement)
{
    for (size_t i = 0; i < replacement.len; i++)
        if (memchr(" \t\n\"'{}[]#,;\\", replacement.at[i], 13))
            return false;
    return replacement.len > 0;
}

static bool fits_form(const struct diags *d, struct span where, struct slice replacement)
{
    if (!d->sources || sources_count(d->sources) == 0 || is_one_word(replacement))
        return true;
    return convert_form_of(sources_place(d->sources, where.from).file) == CONVERT_LBCONF;
}

void diag_fix(struct diags *d, struct span where, struct slice replacement, const char *fmt, ...)
{
    struct report *r = last(d);
    if (!r)
        return;
    va_list args;
    va_start(args, fmt);
    const struct diag_fix fix = {shown(d, where), format(d, fmt, args),
                                 arena_copy(&d->arena, replacement)};
    va_end(args);
    if (fits_form(d, fix.span, replacement))
        VEC_ADD(&r->fix, fix);
    else
        VEC_ADD(&r->note, fix.message);
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

/* Reports lie in one array in the order they were said. */
static int by_place(const void *a, const void *b)
{
    const struct report *const *x = a, *const *y = b;
    const uint32_t m = (*x)->primary.span.from, n = (*y)->primary.span.from;
    return m != n ? (m > n) - (m < n) : (*x > *y) - (*x < *y);
}

const struct report **diags_in_order(const struct diags *d)
{
    const struct report **o = MUST_ARRAY(const struct report *, d->report.n);
    for (uint32_t i = 0; i < d->report.n; i++)
        o[i] = &d->report.at[i];
    qsort(o, d->report.n, sizeof(const struct report *), by_place);
    return o;
}

static const struct report *nth(const struct diags *d, uint32_t i)
{
    ASSERT(i < d->report.n);
    const struct report **o = diags_in_order(d);
    const struct report *r = o[i];
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

void diags_each(const struct diags *d, void (*see)(void *to, const struct report *r), void *to)
{
    const struct report **all = diags_in_order(d);
    for (uint32_t i = 0; i < d->report.n; i++)
        see(to, all[i]);
    free(all);
}

void diags_keep(struct diags *d, bool (*keep)(void *to, const struct report *r), void *to)
{
    bool *kept = MUST_ARRAY(bool, d->report.n);
    const struct report **all = diags_in_order(d);
    for (uint32_t i = 0; i < d->report.n; i++)
        kept[all[i] - d->report.at] = keep(to, all[i]);
    free(all);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->report.n; i++) {
        struct report *r = &d->report.at[i];
        if (kept[i]) {
            d->report.at[n++] = *r;
            continue;
        }
        --*counter(d, r->code);
        report_done(r);
    }
    d->report.n = n;
    d->last_dropped = true;
    free(kept);
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

void diag_render_reports(const struct diags *d, enum diag_format format, struct text *out)
{
    if (format == DIAG_SARIF) {
        diag_render_sarif(&d, 1, out);
        return;
    }
    const struct report **o = diags_in_order(d);
    for (uint32_t i = 0; i < d->report.n; i++) {
        switch (format) {
        case DIAG_HUMAN: diag_render_human(d->sources, o[i], false, out); break;
        case DIAG_HUMAN_COLOR: diag_render_human(d->sources, o[i], true, out); break;
        case DIAG_JSON: diag_render_json(d->sources, o[i], out); break;
        case DIAG_GITHUB: diag_render_github(d->sources, o[i], out); break;
        case DIAG_SARIF: break; /* above */
        }
    }
    free(o);
}

void diag_render(const struct diags *d, enum diag_format format, struct text *out)
{
    diag_render_reports(d, format, out);
    if (format == DIAG_HUMAN || format == DIAG_HUMAN_COLOR)
        summary(d, format == DIAG_HUMAN_COLOR, out);
}
