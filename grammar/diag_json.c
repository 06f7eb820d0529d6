/* One report as one line of JSON. The shape is an interface: grammar/README.md has it. */
#include "grammar/diag_priv.h"

static void add_place(const struct sources *s, struct span span, struct text *out)
{
    const struct place from = sources_place(s, span.from), to = sources_place(s, span.to);
    text_adds(out, "{\"file\":");
    text_add_json(out, from.file);
    text_addf(out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", from.line,
              from.column, to.line, to.column);
}

static void add_span(const struct sources *s, const struct diag_span *span, bool primary,
                     struct text *out)
{
    add_place(s, span->span, out);
    text_adds(out, ",\"label\":");
    text_add_json(out, span->label);
    text_addf(out, ",\"primary\":%s}", primary ? "true" : "false");
}

static void add_fix(const struct sources *s, const struct diag_fix *fix, struct text *out)
{
    text_adds(out, "{\"message\":");
    text_add_json(out, fix->message);
    text_adds(out, ",\"span\":");
    add_place(s, fix->span, out);
    text_adds(out, "},\"replacement\":");
    text_add_json(out, fix->replacement);
    text_addc(out, '}');
}

void diag_render_json(const struct sources *s, const struct report *r, struct text *out)
{
    const struct diag_text *text = diag_text(r->code);
    text_addf(out, "{\"code\":\"%s\",\"severity\":\"%s\",\"message\":", text->code,
              text->severity == SEVERITY_ERROR ? "error" : "warning");
    text_add_json(out, r->message);
    text_adds(out, ",\"spans\":[");
    add_span(s, &r->primary, true, out);
    for (uint32_t i = 0; i < r->also.n; i++) {
        text_addc(out, ',');
        add_span(s, &r->also.at[i], false, out);
    }
    text_adds(out, "],\"notes\":[");
    for (uint32_t i = 0; i < r->note.n; i++) {
        text_adds(out, i ? "," : "");
        text_add_json(out, r->note.at[i]);
    }
    if (text->advice[0]) {
        text_adds(out, r->note.n ? "," : "");
        text_add_json(out, slice_of(text->advice));
    }
    text_adds(out, "],\"fixes\":[");
    for (uint32_t i = 0; i < r->fix.n; i++) {
        text_adds(out, i ? "," : "");
        add_fix(s, &r->fix.at[i], out);
    }
    text_adds(out, "]}\n");
}
