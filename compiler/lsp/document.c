#include "compiler/lsp/document.h"

static int hex(char c)
{
    const char l = ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static char *copied(struct slice s)
{
    char *at = MUST_ARRAY(char, s.len + 1);
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return at;
}

void path_plain(char *path)
{
    struct slice rest = slice_of(path), part;
    size_t len = 0;
    if (path[0] != '/')
        return;
    while (slice_split(&rest, '/', &part)) {
        if (part.len == 0 || slice_eq(part, SLICE(".")))
            continue;
        if (slice_eq(part, SLICE(".."))) {
            while (len > 0 && path[--len] != '/')
                ;
            continue;
        }
        path[len++] = '/';
        memmove(path + len, part.at, part.len);
        len += part.len;
    }
    if (len == 0)
        path[len++] = '/';
    path[len] = '\0';
}

char *uri_path(struct slice uri)
{
    if (!slice_starts(uri, SLICE("file://")))
        return copied(uri);
    struct slice rest = slice_from(uri, 7);
    const char *root = memchr(rest.at, '/', rest.len); /* a host may stand before it */
    rest = root ? slice_from(rest, (size_t)(root - rest.at)) : rest;
    char *path = MUST_ARRAY(char, rest.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < rest.len; i++) {
        const bool escape = rest.at[i] == '%' && i + 2 < rest.len && hex(rest.at[i + 1]) >= 0 &&
                            hex(rest.at[i + 2]) >= 0;
        const int byte = escape ? hex(rest.at[i + 1]) * 16 + hex(rest.at[i + 2]) : 0;
        path[n++] = byte ? (char)byte : rest.at[i];
        i += byte ? 2 : 0;
    }
    path[n] = '\0';
    path_plain(path);
    return path;
}

void uri_add_json(struct text *out, struct slice path)
{
    text_adds(out, "\"file://");
    for (size_t i = 0; i < path.len; i++) {
        const char c = path.at[i], l = ascii_lower(c);
        if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c)))
            text_addc(out, c);
        else
            text_addf(out, "%%%02X", (unsigned char)c);
    }
    text_addc(out, '"');
}

static void set_text(struct document *d, struct slice text)
{
    text_clear(&d->text);
    text_add(&d->text, text);
    lines_done(&d->lines);
    lines_init(&d->lines, text_slice(&d->text));
    d->changed = d->unpublished = true;
}

struct document *documents_open(struct documents *d, struct slice uri, struct slice text)
{
    struct document *one = documents_find(d, uri);
    if (!one) {
        one = MUST_NEW(struct document);
        one->uri = (struct slice){copied(uri), uri.len};
        one->path = slice_of(uri_path(uri));
        VEC_ADD(&d->all, one);
    }
    set_text(one, text);
    return one;
}

struct document *documents_find(const struct documents *d, struct slice uri)
{
    for (uint32_t i = 0; i < d->all.n; i++)
        if (slice_eq(d->all.at[i]->uri, uri))
            return d->all.at[i];
    return NULL;
}

struct document *documents_find_path(const struct documents *d, struct slice path)
{
    for (uint32_t i = 0; i < d->all.n; i++)
        if (slice_eq(d->all.at[i]->path, path))
            return d->all.at[i];
    return NULL;
}

static void document_free(struct document *d)
{
    ASSERT(!d->project && d->published.n == 0);
    VEC_DONE(&d->published);
    free((void *)(uintptr_t)d->uri.at);
    free((void *)(uintptr_t)d->path.at);
    lines_done(&d->lines);
    text_done(&d->text);
    free(d);
}

void documents_close(struct documents *d, struct document *one)
{
    for (uint32_t i = 0; i < d->all.n; i++) {
        if (d->all.at[i] != one)
            continue;
        d->all.at[i] = d->all.at[--d->all.n];
        document_free(one);
        return;
    }
    ASSERT(!"an open document");
}

void documents_done(struct documents *d)
{
    for (uint32_t i = 0; i < d->all.n; i++)
        document_free(d->all.at[i]);
    VEC_DONE(&d->all);
}

void document_edit(struct document *d, uint32_t from, uint32_t to, struct slice by)
{
    ASSERT(from <= to && to <= d->text.len);
    struct text edited = {0};
    text_add(&edited, (struct slice){d->text.at, from});
    text_add(&edited, by);
    text_add(&edited, slice_from(text_slice(&d->text), to));
    set_text(d, text_slice(&edited));
    text_done(&edited);
}
