#include "compiler/lsp/project.h"

static const char *environment(void *from, const char *name)
{
    (void)from;
    return getenv(name);
}

struct span project_origin(const struct project *p, struct span span)
{
    struct span use;
    while (sources_origin(p->sources, &span, &use))
        ;
    return span;
}

static int by_place(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    if (x->span.from != y->span.from)
        return x->span.from < y->span.from ? -1 : 1;
    return (x->span.to > y->span.to) - (x->span.to < y->span.to);
}

/* In order, and each place once: a part that is used often may have been read as often. */
static void sort_uses(struct project *p, struct uses *u)
{
    if (u->all.n == 0)
        return;
    for (uint32_t i = 0; i < u->all.n; i++)
        u->all.at[i].span = project_origin(p, u->all.at[i].span);
    qsort(u->all.at, u->all.n, sizeof(*u->all.at), by_place);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < u->all.n; i++)
        if (by_place(&u->all.at[i], &u->all.at[kept - 1]) != 0)
            u->all.at[kept++] = u->all.at[i];
    u->all.n = kept;
}

static bool from_editor(void *from, struct slice path, struct slice *text)
{
    char *plain = MUST_ARRAY(char, path.len + 1);
    memcpy(plain, path.at, path.len);
    path_plain(plain);
    const struct document *d = documents_find_path(from, slice_of(plain));
    free(plain);
    if (d)
        *text = text_slice(&d->text);
    return d != NULL;
}

static void find_files(struct project *p)
{
    const uint32_t n = sources_count(p->sources);
    p->file = MUST_ARRAY(struct file, n);
    for (uint32_t i = 0; i < n; i++) {
        struct file *f = &p->file[p->n_files];
        struct span use;
        const struct slice text = sources_text(p->sources, (int)i, &f->first);
        struct span begin = {f->first, f->first};
        if (sources_origin(p->sources, &begin, &use))
            continue; /* what a template put in */
        lines_init(&f->lines, text);
        const struct slice name = arena_copy(&p->arena, sources_name(p->sources, (int)i));
        if (i > 0)
            path_plain((char *)(uintptr_t)name.at);
        f->path = slice_of(name.at);
        f->index = (int)i;
        p->n_files++;
    }
}

struct project *project_new(struct documents *open, const struct document *root, bool proofs)
{
    struct project *p = MUST_NEW(struct project);
    p->sources = sources_new();
    const int index = sources_add(p->sources, root->path, text_slice(&root->text));
    ASSERT(index == 0);
    sources_ask(p->sources, from_editor, open);
    p->diags = diags_new(p->sources, 0);
    p->proven = proofs;
    const struct compile_options options = {
        .env = environment, .files = sources_include, .uses = &p->uses, .without_proofs = !proofs};
    p->table = compile(p->sources, &options, &p->arena, p->diags, &p->program);
    sort_uses(p, &p->uses);
    find_files(p);
    return p;
}

void project_free(struct project *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_files; i++)
        lines_done(&p->file[i].lines);
    free(p->file);
    uses_done(&p->uses);
    table_free(p->table);
    diags_free(p->diags);
    sources_free(p->sources);
    arena_free(&p->arena);
    free(p);
}

uint32_t project_file(const struct project *p, struct slice path)
{
    uint32_t i = 0;
    while (i < p->n_files && !slice_eq(p->file[i].path, path))
        i++;
    return i;
}

const struct file *project_file_at(const struct project *p, uint32_t place)
{
    place = project_origin(p, (struct span){place, place}).from;
    uint32_t i = p->n_files;
    do
        i--;
    while (i > 0 && p->file[i].first > place);
    return &p->file[i];
}

const struct tree *project_tree(struct project *p, uint32_t file)
{
    ASSERT(file < p->n_files);
    struct file *f = &p->file[file];
    if (!f->parsed) {
        struct diags *unheard = diags_new(p->sources, 1); /* compiling has said it */
        f->tree = parse(p->sources, f->index, &p->arena, unheard);
        f->parsed = true;
        diags_free(unheard);
    }
    return &f->tree;
}

struct slice project_text(const struct project *p, struct span span)
{
    span = project_origin(p, span);
    const struct file *f = project_file_at(p, span.from);
    ASSERT(span.to - f->first <= f->lines.text.len);
    return (struct slice){f->lines.text.at + (span.from - f->first), span.to - span.from};
}

const struct use *project_use(const struct project *p, uint32_t place)
{
    uint32_t low = 0, high = p->uses.all.n; /* the last one that begins at or before it */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (p->uses.all.at[middle].span.from <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && place <= p->uses.all.at[low - 1].span.to ? &p->uses.all.at[low - 1] : NULL;
}

bool project_defines(const struct project *p, const struct use *u)
{
    return project_origin(p, u->of->span).from == u->span.from;
}

bool project_same(const struct project *p, const struct use *a, const struct use *b)
{
    return a->of == b->of ||
           (a->of->kind == b->of->kind && slice_eq(a->of->name, b->of->name) &&
            project_origin(p, a->of->span).from == project_origin(p, b->of->span).from);
}

struct span project_name(const struct project *p, const struct use *u)
{
    const struct slice text = project_text(p, u->span), name = u->of->name;
    for (uint32_t i = 0; i + name.len <= text.len; i++) {
        const bool begins = i == 0 || strchr("\"'.", text.at[i - 1]) != NULL;
        const size_t end = i + name.len;
        const bool ends = end == text.len || strchr("\"'.", text.at[end]) != NULL;
        if (begins && ends && memcmp(text.at + i, name.at, name.len) == 0)
            return (struct span){u->span.from + i, u->span.from + (uint32_t)end};
    }
    return u->span;
}

static void add_position(const struct lines *l, enum encoding e, uint32_t offset, struct text *out)
{
    const struct position at = lines_position(l, e, offset);
    text_addf(out, "{\"line\":%u,\"character\":%u}", at.line, at.character);
}

void project_add_range(const struct project *p, enum encoding e, struct span span, struct text *out)
{
    span = project_origin(p, span);
    const struct file *f = project_file_at(p, span.from);
    text_adds(out, "{\"start\":");
    add_position(&f->lines, e, span.from - f->first, out);
    text_adds(out, ",\"end\":");
    add_position(&f->lines, e, span.to - f->first, out);
    text_addc(out, '}');
}

void project_add_uri(const struct project *p, const struct documents *open, uint32_t place,
                     struct text *out)
{
    const struct slice path = project_file_at(p, place)->path;
    const struct document *d = documents_find_path(open, path);
    if (d)
        text_add_json(out, d->uri);
    else
        uri_add_json(out, path);
}

void project_add_location(const struct project *p, const struct documents *open, enum encoding e,
                          struct span span, struct text *out)
{
    text_adds(out, "{\"uri\":");
    project_add_uri(p, open, span.from, out);
    text_adds(out, ",\"range\":");
    project_add_range(p, e, span, out);
    text_addc(out, '}');
}
