/* What is wrong, as the compiler says it, in the editor's words. */
#include "compiler/lsp/server.h"
#include "grammar/report.h"

/* What may as well not be there: editors draw it pale. */
static bool is_unnecessary(enum diag_code code)
{
    return code == DIAG_UNUSED || code == DIAG_AFTER_OTHERWISE || code == DIAG_UNREACHABLE ||
           code == DIAG_AFTER_DECISION || code == DIAG_IDLE_CONTINUE || code == DIAG_SET_REPEATS;
}

/* One line, what is expected, remarks, and what to do about it. */
static void add_message(const struct server *s, const struct report *r, struct text *out)
{
    struct text t = {0};
    text_add(&t, r->message);
    if (r->primary.label.len > 0)
        text_addf(&t, ": " SLICE_FMT, SLICE_ARG(r->primary.label));
    for (uint32_t i = 0; i < r->also.n && !s->related; i++)
        text_addf(&t, "\n" SLICE_FMT, SLICE_ARG(r->also.at[i].label));
    for (uint32_t i = 0; i < r->note.n; i++)
        text_addf(&t, "\n" SLICE_FMT, SLICE_ARG(r->note.at[i]));
    if (diag_text(r->code)->advice[0])
        text_addf(&t, "\n%s", diag_text(r->code)->advice);
    for (uint32_t i = 0; i < r->fix.n; i++)
        text_addf(&t, "\n" SLICE_FMT, SLICE_ARG(r->fix.at[i].message));
    text_add_json(out, text_slice(&t));
    text_done(&t);
}

static void add_related(const struct server *s, const struct project *p, const struct report *r,
                        struct text *out)
{
    text_adds(out, ",\"relatedInformation\":[");
    for (uint32_t i = 0; i < r->also.n; i++) {
        text_adds(out, i ? ",{\"location\":" : "{\"location\":");
        project_add_location(p, &s->open, s->encoding, r->also.at[i].span, out);
        text_adds(out, ",\"message\":");
        text_add_json(out, r->also.at[i].label);
        text_addc(out, '}');
    }
    text_addc(out, ']');
}

void add_diagnostic(const struct server *s, const struct project *p, const struct report *r,
                    struct text *out)
{
    const struct diag_text *text = diag_text(r->code);
    text_adds(out, "{\"range\":");
    project_add_range(p, s->encoding, r->primary.span, out);
    text_addf(out, ",\"severity\":%d,\"code\":\"%s\",\"source\":\"lbc\",\"message\":",
              text->severity == SEVERITY_ERROR ? 1 : 2, text->code);
    add_message(s, r, out);
    if (s->tags && is_unnecessary(r->code))
        text_adds(out, ",\"tags\":[1]");
    if (s->related && r->also.n > 0)
        add_related(s, p, r, out);
    text_addc(out, '}');
}

struct listing {
    const struct server *s;
    const struct project *p;
    const struct file *file;
    struct text *out;
    uint32_t n;
};

static void list(void *to, const struct report *r)
{
    struct listing *l = to;
    if (project_file_at(l->p, r->primary.span.from) != l->file)
        return;
    text_adds(l->out, l->n++ ? "," : "");
    add_diagnostic(l->s, l->p, r, l->out);
}

static void begin_message(struct text *t)
{
    text_adds(t, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/publishDiagnostics\",\"params\":{"
                 "\"uri\":");
}

static void add_uri(const struct server *s, struct slice path, struct text *t)
{
    const struct document *d = documents_find_path(&s->open, path);
    if (d)
        text_add_json(t, d->uri);
    else
        uri_add_json(t, path);
}

/* Returns how many there are. */
static uint32_t publish_file(struct server *s, const struct project *p, const struct file *f)
{
    struct text t = {0};
    begin_message(&t);
    add_uri(s, f->path, &t);
    const struct document *d = documents_find_path(&s->open, f->path);
    if (d && d->has_version)
        text_addf(&t, ",\"version\":%u", d->version);
    text_adds(&t, ",\"diagnostics\":[");
    struct listing l = {s, p, f, &t, 0};
    diags_each(p->diags, list, &l);
    text_adds(&t, "]}}");
    server_send(s, text_slice(&t));
    text_done(&t);
    return l.n;
}

static void publish_nothing(struct server *s, struct slice path)
{
    struct text t = {0};
    begin_message(&t);
    add_uri(s, path, &t);
    text_adds(&t, ",\"diagnostics\":[]}}");
    server_send(s, text_slice(&t));
    text_done(&t);
}

static char *path_copy(struct slice path)
{
    char *copy = MUST_ARRAY(char, path.len + 1);
    memcpy(copy, path.at, path.len);
    return copy;
}

void publish(struct server *s, struct document *root)
{
    const struct project *p = root->project;
    __typeof__(root->published) earlier = root->published;
    memset(&root->published, 0, sizeof(root->published));
    for (uint32_t i = 0; i < p->n_files; i++) {
        (void)publish_file(s, p, &p->file[i]);
        VEC_ADD(&root->published, path_copy(p->file[i].path));
    }
    for (uint32_t i = 0; i < earlier.n; i++) {
        if (project_file(p, slice_of(earlier.at[i])) == p->n_files)
            publish_nothing(s, slice_of(earlier.at[i]));
        free(earlier.at[i]);
    }
    VEC_DONE(&earlier);
}

void unpublish(struct server *s, struct document *root)
{
    for (uint32_t i = 0; i < root->published.n; i++) {
        publish_nothing(s, slice_of(root->published.at[i]));
        free(root->published.at[i]);
    }
    VEC_DONE(&root->published);
}
