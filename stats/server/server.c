#include "stats/server/server.h"

#include "runtime/log/log.h"
#include "runtime/secret/secrets.h"
#include "stats/server/http.h"

struct admin {
    struct control *control;
    struct metrics metrics; /* the admin thread's */
    struct http *http;      /* NULL: there was no `admin` yet */

    struct listener **open; /* pinned; what the thread has, or will */
    uint32_t n_open;
    struct http_config *next; /* prepared, and not settled */
};

struct admin *admin_new(void)
{
    return MUST_NEW(struct admin);
}

void admin_attach(struct admin *a, struct control *c)
{
    a->control = c;
}

/* --- preparing ------------------------------------------------------------------------------- */

static struct listener *find_open(const struct admin *a, const struct endpoint *e)
{
    for (uint32_t i = 0; i < a->n_open; i++)
        if (endpoint_eq(&a->open[i]->endpoint, e))
            return a->open[i];
    return NULL;
}

static bool open_bind(const struct admin *a, const struct table_bind *b,
                      const struct listener_options *o, struct listener **out, struct text *why)
{
    struct listener *before = find_open(a, &b->endpoint);
    if (before) {
        *out = listener_pin(before);
        return true;
    }
    const int rc = listener_open(&b->endpoint, o, 1, out);
    if (rc == 0)
        return true;
    char where[ENDPOINT_TEXT_MAX];
    endpoint_format(&b->endpoint, where);
    text_addf(why, "admin cannot listen on %s: %s\n", where, strerror(-rc));
    return false;
}

static bool take_token(const struct table *t, const struct secrets *s, struct guard *g,
                       struct text *why)
{
    if (t->admin.token == TABLE_NO_SECRET)
        return true;
    const struct slice token = secret_value(s, t->admin.token);
    const char *problem = guard_token_problem(token);
    if (problem) {
        text_addf(why, "the token of admin, secret " SLICE_FMT ", %s\n",
                  SLICE_ARG(t->secret[t->admin.token].name), problem);
        return false;
    }
    guard_init(g, token, secret_own(s));
    return true;
}

static void copy_ranges(const struct table_admin *from, struct http_config *to)
{
    to->everybody = from->everybody;
    to->n_ranges = from->allowed.n;
    to->range = MUST_ARRAY(struct table_range, to->n_ranges);
    if (to->n_ranges > 0)
        memcpy(to->range, from->allowed.range, to->n_ranges * sizeof(*to->range));
}

static struct http_config *prepare_config(const struct admin *a, const struct table *t,
                                          const struct secrets *s, struct text *why)
{
    const struct table_admin *from = &t->admin;
    struct http_config *c = MUST_NEW(struct http_config);
    c->listener = MUST_ARRAY(struct listener *, from->n_binds);
    c->option = MUST_ARRAY(struct listener_options, from->n_binds);
    if (from->n_binds == 0)
        return c;
    copy_ranges(from, c);
    c->metrics = from->metrics;
    c->pages = from->pages;
    bool ok = take_token(t, s, &c->guard, why);
    for (uint32_t i = 0; i < from->n_binds && ok; i++) {
        const struct table_bind *b = &from->bind[i];
        c->option[i] = (struct listener_options){.backlog = b->backlog, .mode = b->mode};
        ok = open_bind(a, b, &c->option[i], &c->listener[i], why);
        c->n_listeners += ok;
    }
    if (ok)
        return c;
    http_config_free(c);
    return NULL;
}

static bool prepare(void *of, const struct table *t, const struct secrets *s, struct text *why)
{
    struct admin *a = of;
    ASSERT(!a->next);
    a->next = prepare_config(a, t, s, why);
    if (!a->next)
        return false;
    const int rc =
        a->http || t->admin.n_binds == 0 ? 0 : http_start(a->control, &a->metrics, &a->http);
    if (rc == 0)
        return true;
    text_addf(why, "cannot start the thread of admin: %s\n", strerror(-rc));
    http_config_free(a->next);
    a->next = NULL;
    return false;
}

/* --- settling -------------------------------------------------------------------------------- */

static void say_where(const struct listener *l)
{
    char where[ENDPOINT_TEXT_MAX];
    endpoint_format(&l->endpoint, where);
    log_line(LOG_INFO, l->endpoint.path[0] ? "admin is at %s" : "admin is at http://%s/", where);
}

static void let_go(struct admin *a)
{
    for (uint32_t i = 0; i < a->n_open; i++)
        listener_unpin(a->open[i]);
    free(a->open);
    a->open = NULL;
    a->n_open = 0;
}

static void keep_open(struct admin *a, const struct http_config *c)
{
    struct listener **open = MUST_ARRAY(struct listener *, c->n_listeners);
    for (uint32_t i = 0; i < c->n_listeners; i++) {
        if (find_open(a, &c->listener[i]->endpoint))
            listener_adjust(c->listener[i], &c->option[i]);
        else
            say_where(c->listener[i]);
        open[i] = listener_pin(c->listener[i]);
    }
    const uint32_t n = c->n_listeners;
    let_go(a);
    a->open = open;
    a->n_open = n;
}

static void settle(void *of, bool published)
{
    struct admin *a = of;
    struct http_config *c = a->next;
    a->next = NULL;
    if (!published || !a->http) {
        http_config_free(c);
        return;
    }
    keep_open(a, c);
    http_use(a->http, c);
}

static void listeners(void *of, void (*each)(void *to, struct listener *l), void *to)
{
    const struct admin *a = of;
    for (uint32_t i = 0; i < a->n_open; i++)
        each(to, a->open[i]);
}

/* As where the file has no `admin` any more. */
static void succeeded(void *of)
{
    struct admin *a = of;
    let_go(a);
    if (a->http)
        http_use(a->http, MUST_NEW(struct http_config));
}

struct control_admin admin_hooks(struct admin *a)
{
    return (struct control_admin){.prepare = prepare,
                                  .settle = settle,
                                  .of = a,
                                  .metrics = &a->metrics,
                                  .listeners = listeners,
                                  .succeeded = succeeded};
}

/* --- the end --------------------------------------------------------------------------------- */

void admin_stop(struct admin *a)
{
    if (a->http)
        http_stop(a->http);
    let_go(a);
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    http_free(a->http);
    free(a);
}
