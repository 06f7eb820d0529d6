/* What the compiler would write instead, to be had with a keystroke. */
#include "compiler/lsp/server.h"
#include "grammar/report.h"

struct offering {
    const struct ask *a;
    struct text *out;
    struct span wanted; /* what the cursor is on or the selection covers */
    uint32_t n;
};

/* Does a client that names the kinds it wants, want this one? "source" is "source.fixAll" too. */
static bool wants_kind(const struct ask *a, struct slice kind)
{
    const struct json *only = json_get(json_get(a->params, "context"), "only");
    const struct json *k = json_first(only);
    if (!only)
        return true;
    for (; k; k = json_next(k)) {
        const struct slice wanted = json_string(k);
        if (slice_starts(kind, wanted) && (kind.len == wanted.len || kind.at[wanted.len] == '.'))
            return true;
    }
    return false;
}

static void add_fix(struct offering *o, const struct report *r, const struct diag_fix *fix,
                    bool preferred)
{
    struct edits e;
    text_adds(o->out, o->n++ ? ",{\"title\":" : "{\"title\":");
    text_add_json(o->out, fix->message);
    text_adds(o->out, ",\"kind\":\"quickfix\",\"diagnostics\":[");
    add_diagnostic(o->a->s, o->a->p, r, o->out);
    text_addf(o->out, "],\"isPreferred\":%s,\"edit\":", preferred ? "true" : "false");
    edits_begin(&e, o->a->s, o->a->p, o->out);
    edits_add(&e, fix->span, fix->replacement);
    edits_end(&e);
    text_addc(o->out, '}');
}

static void offer(void *to, const struct report *r)
{
    struct offering *o = to;
    if (r->primary.span.from > o->wanted.to || r->primary.span.to < o->wanted.from)
        return;
    for (uint32_t i = 0; i < r->fix.n; i++)
        add_fix(o, r, &r->fix.at[i], i == 0);
}

/* The first fix of everything that has one, those left out that would touch another's text. */
struct all_fixes {
    const struct ask *a;
    VEC(struct diag_fix) fix;
};

static void collect(void *to, const struct report *r)
{
    struct all_fixes *all = to;
    if (r->fix.n == 0 ||
        project_file_at(all->a->p, r->fix.at[0].span.from) != &all->a->p->file[all->a->file])
        return;
    VEC_ADD(&all->fix, r->fix.at[0]);
}

static int by_place(const void *a, const void *b)
{
    const struct diag_fix *x = a, *y = b;
    return (x->span.from > y->span.from) - (x->span.from < y->span.from);
}

static void offer_all(struct offering *o)
{
    struct all_fixes all = {.a = o->a};
    diags_each(o->a->p->diags, collect, &all);
    if (all.fix.n > 0) {
        struct edits e;
        uint32_t end = 0;
        qsort(all.fix.at, all.fix.n, sizeof(*all.fix.at), by_place);
        text_adds(o->out, o->n++ ? "," : "");
        text_adds(o->out, "{\"title\":\"Mend all that can be mended\",\"kind\":\"source.fixAll\","
                          "\"edit\":");
        edits_begin(&e, o->a->s, o->a->p, o->out);
        for (uint32_t i = 0; i < all.fix.n; i++) {
            const struct diag_fix *fix = &all.fix.at[i];
            if (i > 0 && fix->span.from <= end)
                continue;
            edits_add(&e, fix->span, fix->replacement);
            end = fix->span.to;
        }
        edits_end(&e);
        text_addc(o->out, '}');
    }
    VEC_DONE(&all.fix);
}

static bool read_span(const struct ask *a, struct span *out)
{
    const struct json *range = json_get(a->params, "range");
    const struct json *end[] = {json_get(range, "start"), json_get(range, "end")};
    uint32_t place[2];
    for (size_t i = 0; i < COUNT_OF(end); i++) {
        struct position p;
        if (!json_number(json_get(end[i], "line"), UINT32_MAX, &p.line) ||
            !json_number(json_get(end[i], "character"), UINT32_MAX, &p.character))
            return false;
        place[i] = a->at + lines_offset(&a->p->file[a->file].lines, a->s->encoding, p);
    }
    *out = (struct span){place[0], place[1]};
    return true;
}

bool code_actions(struct ask *a, struct text *out)
{
    struct offering o = {.a = a, .out = out};
    if (!read_span(a, &o.wanted))
        return false;
    text_addc(out, '[');
    if (wants_kind(a, SLICE("quickfix")))
        diags_each(a->p->diags, offer, &o);
    const bool asked = json_get(json_get(a->params, "context"), "only") != NULL;
    if (asked && wants_kind(a, SLICE("source.fixAll")))
        offer_all(&o);
    text_addc(out, ']');
    return true;
}
