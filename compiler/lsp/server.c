#include "compiler/lsp/server.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/base/clock.h"

enum wants { NOTHING, TEXT, PLACE };

static const struct {
    struct slice name;
    feature *feature;
    notice *notice;
    enum wants wants;
} methods[] = {
#define REQUEST(method, function, wants) {SLICE_INIT(method), function, NULL, wants},
#define NOTICE(method, function)         {SLICE_INIT(method), NULL, function, NOTHING},
#include "compiler/lsp/methods.def"
#undef REQUEST
#undef NOTICE
};

static void write_all(struct server *s, struct slice bytes)
{
    while (bytes.len > 0 && s->out >= 0 && !s->lost) {
        const ssize_t n = write(s->out, bytes.at, bytes.len);
        if (n < 0 && errno != EINTR)
            s->lost = true;
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
    }
}

void server_send(struct server *s, struct slice body)
{
    char head[64];
    const int len = snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", body.len);
    write_all(s, (struct slice){head, (size_t)len});
    write_all(s, body);
}

static void answer(struct server *s, const struct json *id, const char *member, struct slice value)
{
    struct text t = {0};
    text_adds(&t, "{\"jsonrpc\":\"2.0\",\"id\":");
    json_add_id(&t, id);
    text_addf(&t, ",\"%s\":", member);
    text_add(&t, value);
    text_addc(&t, '}');
    server_send(s, text_slice(&t));
    text_done(&t);
}

void server_fail(struct server *s, const struct json *id, enum server_error code, const char *why)
{
    struct text t = {0};
    text_addf(&t, "{\"code\":%d,\"message\":", (int)code);
    text_add_json(&t, slice_of(why));
    text_addc(&t, '}');
    answer(s, id, "error", text_slice(&t));
    text_done(&t);
}

/* Proofs that take longer wait until nobody types. */
#define PROOFS_NS_MAX INT64_C(250000000)

static void work_out(struct server *s, struct document *d, bool proofs)
{
    const int64_t begin = clock_now_ns();
    project_free(d->project);
    d->project = project_new(&s->open, d, proofs);
    d->changed = false;
    if (proofs)
        d->slow = clock_now_ns() - begin > PROOFS_NS_MAX;
}

static void refresh(struct server *s, struct document *d)
{
    if (!d->project || d->changed)
        work_out(s, d, !d->slow);
}

static bool includes(const struct project *p, struct slice path)
{
    const uint32_t file = project_file(p, path);
    return file > 0 && file < p->n_files;
}

/* The project that the document belongs to, and its number there: that of an open document which
 * includes it, or its own. */
static struct project *project_of(struct server *s, struct document *d, uint32_t *file)
{
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        struct document *root = s->open.all.at[i];
        if (root == d)
            continue;
        if (!root->project)
            refresh(s, root);
        if (!includes(root->project, d->path))
            continue;
        refresh(s, root);
        *file = project_file(root->project, d->path);
        if (includes(root->project, d->path))
            return root->project;
    }
    refresh(s, d);
    *file = 0;
    return d->project;
}

/* What was made of this text, by whichever document, is out of date. */
static void touch(struct server *s, struct slice path)
{
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        struct document *d = s->open.all.at[i];
        if (d->project && project_file(d->project, path) < d->project->n_files)
            d->changed = d->unpublished = true;
    }
}

static bool read_position(const struct json *j, struct position *out)
{
    return json_number(json_get(j, "line"), UINT32_MAX, &out->line) &&
           json_number(json_get(j, "character"), UINT32_MAX, &out->character);
}

static bool prepared(struct ask *a, enum wants wants)
{
    if (wants == NOTHING)
        return true;
    const struct json *text = json_get(a->params, "textDocument");
    a->doc = documents_find(&a->s->open, json_string(json_get(text, "uri")));
    if (!a->doc)
        return false;
    a->p = project_of(a->s, a->doc, &a->file);
    const struct file *f = &a->p->file[a->file];
    a->at = f->first;
    if (wants == TEXT)
        return true;
    struct position p;
    if (!read_position(json_get(a->params, "position"), &p))
        return false;
    a->at += lines_offset(&f->lines, a->s->encoding, p);
    return true;
}

static void request(struct server *s, const struct json *id, size_t method,
                    const struct json *params)
{
    struct ask a = {.s = s, .params = params};
    struct text out = {0};
    if (prepared(&a, methods[method].wants) && methods[method].feature(&a, &out))
        answer(s, id, "result", out.len > 0 ? text_slice(&out) : SLICE("null"));
    else if (a.refused)
        server_fail(s, id, ERROR_REFUSED, a.refused);
    else
        server_fail(s, id, ERROR_INVALID_PARAMS,
                    "the params do not name an open document or place");
    text_done(&out);
}

static size_t find_method(struct slice name)
{
    size_t i = 0;
    while (i < COUNT_OF(methods) && !slice_eq(methods[i].name, name))
        i++;
    return i;
}

/* Why a request cannot be served now; 0 when it can. */
static enum server_error too_early_or_late(const struct server *s, struct slice method)
{
    const bool initialize = slice_eq(method, SLICE("initialize"));
    if (s->state == SERVER_NEW)
        return initialize ? 0 : ERROR_NOT_INITIALIZED;
    return s->state == SERVER_READY && !initialize ? 0 : ERROR_INVALID_REQUEST;
}

void server_take(struct server *s, const struct json *message)
{
    if (!message) {
        server_fail(s, NULL, ERROR_PARSE, "this is not JSON");
        return;
    }
    const struct slice method = json_string(json_get(message, "method"));
    const struct json *id = json_get(message, "id"), *params = json_get(message, "params");
    if (!method.at) {
        const bool response = json_get(message, "result") || json_get(message, "error");
        if (!response)
            server_fail(s, id, ERROR_INVALID_REQUEST, "a message has a method");
        return;
    }
    const size_t i = find_method(method);
    const bool known = i < COUNT_OF(methods);
    if (!id) {
        const bool exit = slice_eq(method, SLICE("exit"));
        if (known && methods[i].notice && (s->state == SERVER_READY || exit))
            methods[i].notice(s, params);
        return;
    }
    const enum server_error refused = too_early_or_late(s, method);
    if (refused)
        server_fail(s, id, refused,
                    s->state == SERVER_NEW ? "the first request is initialize"
                                           : "initialized already, or shut down");
    else if (!known || !methods[i].feature)
        server_fail(s, id, ERROR_NO_METHOD, "there is no such request here");
    else
        request(s, id, i, params);
}

void server_opened(struct server *s, const struct json *params)
{
    const struct json *item = json_get(params, "textDocument");
    const struct slice uri = json_string(json_get(item, "uri"));
    const struct slice text = json_string(json_get(item, "text"));
    if (!uri.at || !text.at)
        return;
    struct document *d = documents_open(&s->open, uri, text);
    d->has_version = json_number(json_get(item, "version"), INT32_MAX, &d->version);
    touch(s, d->path);
}

static void apply(struct server *s, struct document *d, const struct json *change)
{
    const struct slice text = json_string(json_get(change, "text"));
    const struct json *range = json_get(change, "range");
    struct position start, end;
    if (!text.at)
        return;
    if (!range) {
        document_edit(d, 0, (uint32_t)d->text.len, text);
        return;
    }
    if (!read_position(json_get(range, "start"), &start) ||
        !read_position(json_get(range, "end"), &end))
        return;
    const uint32_t from = lines_offset(&d->lines, s->encoding, start);
    const uint32_t to = lines_offset(&d->lines, s->encoding, end);
    document_edit(d, from < to ? from : to, from < to ? to : from, text);
}

void server_changed(struct server *s, const struct json *params)
{
    const struct json *item = json_get(params, "textDocument");
    struct document *d = documents_find(&s->open, json_string(json_get(item, "uri")));
    if (!d)
        return;
    const struct json *change = json_first(json_get(params, "contentChanges"));
    for (; change; change = json_next(change))
        apply(s, d, change);
    d->has_version = json_number(json_get(item, "version"), INT32_MAX, &d->version);
    touch(s, d->path);
}

/* The text is known already; other programs, and files that are not open, may be seen now. */
void server_saved(struct server *s, const struct json *params)
{
    const struct json *item = json_get(params, "textDocument");
    const struct document *d = documents_find(&s->open, json_string(json_get(item, "uri")));
    if (d)
        touch(s, d->path);
}

void server_files_changed(struct server *s, const struct json *params)
{
    const struct json *change = json_first(json_get(params, "changes"));
    for (; change; change = json_next(change)) {
        char *path = uri_path(json_string(json_get(change, "uri")));
        touch(s, slice_of(path));
        free(path);
    }
}

void server_closed(struct server *s, const struct json *params)
{
    const struct json *item = json_get(params, "textDocument");
    struct document *d = documents_find(&s->open, json_string(json_get(item, "uri")));
    if (!d)
        return;
    touch(s, d->path); /* the file on the disk counts again */
    unpublish(s, d);
    project_free(d->project);
    d->project = NULL;
    documents_close(&s->open, d);
}

/* The one whose project `p` is. */
static struct document *root_of(const struct server *s, const struct project *p)
{
    uint32_t i = 0;
    while (s->open.all.at[i]->project != p)
        i++;
    return s->open.all.at[i];
}

void server_idle(struct server *s)
{
    /* What is part of another says nothing of its own. */
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        struct document *d = s->open.all.at[i];
        uint32_t file;
        if (!d->unpublished)
            continue;
        struct document *root = root_of(s, project_of(s, d, &file));
        if (root == d)
            continue;
        d->unpublished = false;
        unpublish(s, d);
        root->unpublished = true;
    }
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        struct document *d = s->open.all.at[i];
        if (!d->unpublished)
            continue;
        d->unpublished = false;
        refresh(s, d);
        publish(s, d);
    }
}

bool server_owes_proofs(const struct server *s)
{
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        const struct document *d = s->open.all.at[i];
        if (d->project && !d->project->proven && d->published.n > 0)
            return true;
    }
    return false;
}

void server_prove(struct server *s)
{
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        struct document *d = s->open.all.at[i];
        if (!d->project || d->project->proven || d->published.n == 0)
            continue;
        work_out(s, d, true);
        publish(s, d);
        return; /* one at a time: something may have been typed meanwhile */
    }
}

bool server_shutdown(struct ask *a, struct text *out)
{
    (void)out;
    a->s->state = SERVER_SHUT;
    return true;
}

void server_exit(struct server *s, const struct json *params)
{
    (void)params;
    s->exit_code = s->state == SERVER_SHUT ? 0 : 1;
    s->state = SERVER_GONE;
}

void server_nothing(struct server *s, const struct json *params)
{
    (void)s;
    (void)params;
}

void server_done(struct server *s)
{
    s->out = -1;
    for (uint32_t i = 0; i < s->open.all.n; i++) {
        unpublish(s, s->open.all.at[i]);
        project_free(s->open.all.at[i]->project);
        s->open.all.at[i]->project = NULL;
    }
    documents_done(&s->open);
}
