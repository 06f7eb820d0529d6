/*
 * As `lbc explain` tells it, but of the table that serves, and with the servers that are up.
 *
 *     GET http://host/path  [from IP]  [listener NAME]  [header NAME: VALUE]...
 */
#include "runtime/daemon/explained.h"

#include "compiler/tools/explain.h"
#include "compiler/tools/request.h"

#define HEADERS_MAX 16u

struct wanted {
    struct slice line, from, listener, header[HEADERS_MAX];
    uint32_t n_headers;
};

/* The next word; empty at the end. */
static struct slice next_word(struct slice *rest)
{
    struct slice word = SLICE_NONE;
    while (rest->len > 0 && word.len == 0)
        slice_split(rest, ' ', &word);
    return word;
}

/* Behind the word `header`: up to the next one. */
static struct slice next_header(struct slice *rest)
{
    static const char NEXT[] = " header ";
    const char *end = rest->len > 0 ? memmem(rest->at, rest->len, NEXT, sizeof(NEXT) - 1) : NULL;
    struct slice header = *rest;
    if (end)
        header.len = (size_t)(end - rest->at);
    *rest = slice_from(*rest, header.len);
    return slice_trim(header);
}

static const char SYNTAX[] =
    "behind the URL come \"from IP\", \"listener NAME\", and \"header NAME: VALUE\"";

/* Once at most; false too when it is not there. */
static bool read_word(struct slice *rest, struct slice *out)
{
    const bool again = out->len > 0;
    *out = next_word(rest);
    return !again && out->len > 0;
}

static const char *read_words(struct slice rest, struct wanted *w)
{
    const struct slice method = next_word(&rest), url = next_word(&rest);
    w->line = (struct slice){method.at, (size_t)(url.at + url.len - method.at)};
    if (url.len == 0)
        return "a request is a method and a URL, as in \"explain GET http://host/path\"";
    for (struct slice word; (word = next_word(&rest)).len > 0;) {
        struct slice *once = slice_eq(word, SLICE("from"))       ? &w->from
                             : slice_eq(word, SLICE("listener")) ? &w->listener
                                                                 : NULL;
        if (once && !read_word(&rest, once))
            return SYNTAX;
        if (once)
            continue;
        if (!slice_eq(word, SLICE("header")) || rest.len == 0)
            return SYNTAX;
        if (w->n_headers == HEADERS_MAX)
            return "there are more than 16 headers";
        w->header[w->n_headers++] = next_header(&rest);
    }
    return NULL;
}

static const struct table_listener *find_listener(const struct table *t, struct slice name)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (name.len == 0 || slice_eq(t->listener[i].name, name))
            return &t->listener[i];
    return NULL;
}

static const char *read_request(struct request *r, const struct wanted *w, unsigned path_rules,
                                struct arena *arena)
{
    const char *problem = request_parse(r, w->line, path_rules, arena);
    for (uint32_t i = 0; i < w->n_headers && !problem; i++)
        problem = request_add_header(r, w->header[i], arena);
    if (!problem && w->from.len > 0)
        problem = request_from(r, w->from, arena);
    return problem ? problem : request_complete(r);
}

static const char *explain(const struct control_question *q, const struct wanted *w,
                           struct request *r, struct arena *arena, struct text *out)
{
    const struct table *t = q->table;
    const struct table_listener *l = find_listener(t, w->listener);
    if (!l)
        return "there is no listener of that name: \"show listeners\" has them";
    const char *refused = NULL, *problem = read_request(r, w, l->path_rules, arena);
    if (problem && r->refused == 0)
        return problem;
    refused = problem ? problem : request_fits(r, l);
    r->facts.listener = l->name;
    request_assume(r, t);
    r->usable = q->usable;
    r->usable_of = q->of;
    const struct explain what = {.table = t,
                                 .route = l->route,
                                 .facts = &r->facts,
                                 .listener = l,
                                 .refused = refused,
                                 .refused_with = r->refused};
    if (q->json) {
        explain_json(&what, out);
        return NULL;
    }
    explain_request(&what, out);
    explain_write(&what, false, out);
    return NULL;
}

bool explained(const struct control_question *q, struct text *out, struct text *why)
{
    struct wanted w = {0};
    struct arena arena = {0};
    struct request *r = MUST_NEW(struct request);
    const char *problem = read_words(q->request, &w);
    if (!problem)
        problem = explain(q, &w, r, &arena, out);
    if (problem)
        text_adds(why, problem);
    free(r);
    arena_free(&arena);
    return !problem;
}
