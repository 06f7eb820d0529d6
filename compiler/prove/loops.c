/*
 * Redirects that lead back to where they stand. A request that the clause redirects is made up, and
 * the one that a client would make next is decided, and so on: where a request comes again, and the
 * listener is bound to the ports on the way, the client goes round for ever.
 */
#include "compiler/prove/prove_priv.h"
#include "compiler/ref/ref.h"
#include "compiler/table/eval.h"
#include "runtime/base/text.h"
#include "runtime/base/uri.h"

#define HOPS_MAX           6u
#define LOCATION_BYTES_MAX ((size_t)4096)

struct hop {
    struct slice url;
    uint32_t clause;
};

struct round {
    struct prover *prover;
    const struct table_listener *listener;
    struct witness *request;
    struct arena arena;
    struct hop hop[HOPS_MAX];
    uint32_t n;
};

static struct slice url_of(struct round *r)
{
    const struct facts *f = &r->request->facts;
    const bool usual = f->port == (slice_eq(f->scheme, SLICE("https")) ? 443 : 80);
    const struct slice port = usual ? SLICE("") : arena_format(&r->arena, ":%u", f->port);
    return arena_format(&r->arena, SLICE_FMT "://" SLICE_FMT SLICE_FMT SLICE_FMT,
                        SLICE_ARG(f->scheme), SLICE_ARG(f->host), SLICE_ARG(port),
                        SLICE_ARG(f->uri));
}

/* Where the request is sent, decided by the reference evaluator too; false where it is not
 * redirected. */
static bool location_of(struct round *r, uint32_t *clause, struct slice *out)
{
    struct search *s = r->prover->search;
    const struct table *t = r->prover->subject.side[0].table;
    eval(t, r->listener->route, &r->request->facts, &s->verdict, NULL);
    if (s->verdict.overflow || t->end[s->verdict.end].kind != END_REDIRECT)
        return false;
    char *at = ARENA_ARRAY(&r->arena, char, LOCATION_BYTES_MAX);
    const size_t len = eval_template(t, &t->end[s->verdict.end].location, &r->request->facts,
                                     &s->verdict, at, LOCATION_BYTES_MAX);
    *clause = s->verdict.clause;
    *out = (struct slice){at, len};
    struct ref_verdict *ref = ARENA_NEW(&r->arena, struct ref_verdict);
    ref_eval(r->prover->subject.side[0].program, r->listener->route, &r->request->facts, &r->arena,
             ref);
    return len <= LOCATION_BYTES_MAX && ref->end && slice_eq(ref->location, *out);
}

static bool is_bound(const struct table_listener *l, uint32_t port)
{
    for (uint32_t i = 0; i < l->n_binds; i++)
        if (l->bind[i].endpoint.port == port)
            return true;
    return false;
}

/* Does it begin with a scheme? */
static bool is_absolute(struct slice location)
{
    size_t i = 0;
    while (i < location.len && !memchr(":/?", location.at[i], 3))
        i++;
    return i < location.len && location.at[i] == ':';
}

/* A location as a client reads it that is at the request's (RFC 3986 5.2): what begins neither with
 * a scheme nor with a slash lies beside it. */
static struct slice resolved(struct round *r, struct slice location)
{
    const struct facts *f = &r->request->facts;
    const char *fragment = memchr(location.at, '#', location.len);
    if (fragment)
        location.len = (size_t)(fragment - location.at);
    if (location.len == 0 || location.at[0] == '/' || is_absolute(location))
        return location;
    struct slice beside = f->path;
    while (location.at[0] != '?' && beside.len > 0 && beside.at[beside.len - 1] != '/')
        beside.len--;
    return arena_format(&r->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(beside), SLICE_ARG(location));
}

/* The request that a client makes of a location; false when it would go elsewhere. */
static bool go_to(struct round *r, struct slice location)
{
    struct facts *f = &r->request->facts;
    struct uri_target t;
    location = resolved(r, location);
    if (slice_starts(location, SLICE("//")) || uri_split_target(location, &t) != URI_OK)
        return false; /* behind two slashes stands a host (RFC 3986 4.2), whatever was meant */
    if (t.authority.len > 0) {
        char *host = ARENA_ARRAY(&r->arena, char, t.authority.len);
        size_t len;
        uint16_t port;
        if (uri_normalise_host(t.authority, false, host, &len, &port) != URI_OK)
            return false;
        const bool tls = slice_eq_nocase(t.scheme, SLICE("https"));
        f->host = (struct slice){host, len};
        f->scheme = tls ? SLICE("https") : SLICE("http");
        f->tls = tls;
        f->port = f->dst_port = port ? port : tls ? 443 : 80;
    }
    char *path = ARENA_ARRAY(&r->arena, char, t.path.len);
    size_t len;
    if (uri_normalise_path(t.path, f->path_rules, path, &len) != URI_OK ||
        uri_check_query(t.query) != URI_OK)
        return false;
    f->path = (struct slice){path, len};
    f->query = t.query;
    f->uri = t.query.at ? arena_format(&r->arena, SLICE_FMT "?" SLICE_FMT, SLICE_ARG(f->path),
                                       SLICE_ARG(t.query))
                        : f->path;
    return is_bound(r->listener, f->port);
}

/* The first hop of a ring that begins at or behind the request, or UINT32_MAX. */
static uint32_t ring_of(struct round *r)
{
    while (r->n < HOPS_MAX) {
        const struct slice url = url_of(r);
        for (uint32_t i = 0; i < r->n; i++)
            if (slice_eq(r->hop[i].url, url))
                return i;
        struct slice location;
        uint32_t clause;
        if (!location_of(r, &clause, &location))
            return UINT32_MAX;
        r->hop[r->n++] = (struct hop){url, clause};
        if (!go_to(r, location))
            return UINT32_MAX;
    }
    return UINT32_MAX;
}

static void say_ring(const struct round *r, uint32_t first)
{
    struct diags *d = r->prover->diags;
    const struct clause *c = prover_written(r->prover, r->hop[first].clause);
    diag(d, DIAG_REDIRECT_LOOP, c->action[c->n_actions - 1].span);
    diag_label(d, "%s", first + 1 == r->n ? "to itself" : "and back");
    for (uint32_t i = first + 1; i < r->n; i++) {
        const struct clause *next = prover_written(r->prover, r->hop[i].clause);
        if (next != c)
            diag_also(d, next->action[next->n_actions - 1].span, "by way of this");
    }
    diag_note(d, "for example " SLICE_FMT, SLICE_ARG(r->hop[first].url));
}

/* A clause that redirects, for a request that comes by the listener. */
static void try_clause(struct prover *p, uint32_t clause, uint32_t listener)
{
    const struct side *side = &p->subject.side[0];
    const struct table_listener *l = &side->table->listener[listener];
    const struct target t = {.walk = {.root = l->route},
                             .route = l->route,
                             .clause = clause,
                             .listener = l->name,
                             .given_clause = UINT32_MAX};
    if (search_for(p->search, &t) != PROOF_FOUND)
        return;
    struct round *r = MUST_NEW(struct round);
    *r = (struct round){.prover = p, .listener = l, .request = &p->search->witness};
    struct facts *f = &r->request->facts;
    /* It comes to a port that is open. */
    if (!is_bound(l, f->port))
        f->port = f->dst_port = l->bind[0].endpoint.port;
    const uint32_t first = ring_of(r);
    /* A ring of several is told once, by its first clause. */
    bool is_first = first != UINT32_MAX;
    for (uint32_t i = first; is_first && i < r->n; i++)
        is_first = r->hop[i].clause >= clause;
    if (is_first && r->hop[first].clause == clause)
        say_ring(r, first);
    arena_free(&r->arena);
    free(r);
}

void prove_loops(struct prover *p)
{
    const struct side *side = &p->subject.side[0];
    const struct table *t = side->table;
    for (uint32_t l = 0; l < t->n_listeners; l++) {
        const struct table_route *r = &t->route[t->listener[l].route];
        for (uint32_t i = r->first_clause; i < r->first_clause + r->n_clauses; i++)
            if (side->clause[i].does == CLAUSE_DECIDES &&
                t->end[side->clause[i].end].kind == END_REDIRECT)
                try_clause(p, i, l);
    }
}
