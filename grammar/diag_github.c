/*
 * One report as a workflow command of GitHub Actions, which shows it beside the line:
 *
 *   ::error file=shop.lbconf,line=12,endLine=12,col=46,endColumn=49,title=E0201::no cluster …
 */
#include "grammar/diag_priv.h"

/* What would end the value or the line is written as in a URL; `property`: values of file= and the
 * like, in which commas and colons would end it, too. */
static void add_escaped(struct text *out, struct slice s, bool property)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
            text_addf(out, "%%%02X", (unsigned)(unsigned char)c);
        else
            text_addc(out, c);
    }
}

static void add_remark(struct text *out, const char *kind, struct slice remark)
{
    text_addf(out, "%%0A%s: ", kind);
    add_escaped(out, remark, false);
}

void diag_render_github(const struct sources *s, const struct report *r, struct text *out)
{
    const struct diag_text *text = diag_text(r->code);
    const struct place from = sources_place(s, r->primary.span.from);
    const struct place to = sources_place(s, r->primary.span.to);
    text_addf(out, "::%s file=", text->severity == SEVERITY_ERROR ? "error" : "warning");
    add_escaped(out, from.file, true);
    text_addf(out, ",line=%u,endLine=%u", from.line, to.line);
    if (from.line == to.line) /* columns are for places of one line */
        text_addf(out, ",col=%u,endColumn=%u", from.column, to.column);
    text_addf(out, ",title=%s::", text->code);
    add_escaped(out, r->message, false);
    for (uint32_t i = 0; i < r->note.n; i++)
        add_remark(out, "note", r->note.at[i]);
    for (uint32_t i = 0; i < r->fix.n; i++)
        add_remark(out, "help", r->fix.at[i].message);
    if (text->advice[0])
        add_remark(out, "help", slice_of(text->advice));
    text_addc(out, '\n');
}
