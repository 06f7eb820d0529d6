/* WorkspaceEdit: with the versions they are meant for, where the client heeds them. */
#include "compiler/lsp/server.h"

void edits_begin(struct edits *e, const struct server *s, const struct project *p, struct text *out)
{
    *e = (struct edits){.s = s, .p = p, .out = out};
    text_adds(out, s->versioned_edits ? "{\"documentChanges\":[" : "{\"changes\":{");
}

static void end_file(struct edits *e)
{
    if (e->n > 0)
        text_adds(e->out, e->s->versioned_edits ? "]}" : "]");
}

static void begin_file(struct edits *e, uint32_t place)
{
    const struct file *f = project_file_at(e->p, place);
    const struct document *d = documents_find_path(&e->s->open, f->path);
    text_adds(e->out, e->n > 0 ? "," : "");
    if (e->s->versioned_edits)
        text_adds(e->out, "{\"textDocument\":{\"uri\":");
    project_add_uri(e->p, &e->s->open, place, e->out);
    if (!e->s->versioned_edits)
        text_adds(e->out, ":[");
    else if (d && d->has_version)
        text_addf(e->out, ",\"version\":%u},\"edits\":[", d->version);
    else
        text_adds(e->out, ",\"version\":null},\"edits\":[");
}

void edits_add(struct edits *e, struct span span, struct slice replacement)
{
    const uint32_t file = (uint32_t)(project_file_at(e->p, span.from) - e->p->file);
    if (e->n == 0 || file != e->file) {
        end_file(e);
        begin_file(e, span.from);
        e->file = file;
    } else {
        text_addc(e->out, ',');
    }
    e->n++;
    text_adds(e->out, "{\"range\":");
    project_add_range(e->p, e->s->encoding, span, e->out);
    text_adds(e->out, ",\"newText\":");
    text_add_json(e->out, replacement);
    text_addc(e->out, '}');
}

void edits_end(struct edits *e)
{
    end_file(e);
    text_adds(e->out, e->s->versioned_edits ? "]}" : "}}");
}
