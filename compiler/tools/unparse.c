#include "compiler/tools/unparse.h"

#include "compiler/tools/unparse_priv.h"

/* In the largest unit that leaves a whole number. */
static void duration(struct text *out, const char *name, int64_t ns)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {
#define UNIT(spelling, ns) {spelling, ns},
#include "compiler/sema/units.def"
#undef UNIT
    };
    size_t i = 0;
    while (i + 1 < COUNT_OF(units) && ns % units[i].ns != 0)
        i++;
    text_addf(out, "%s %lld%s", name, (long long)(ns / units[i].ns), units[i].unit);
}

static void timeouts(struct text *out, const int64_t timeout_ns[TIMEOUT_COUNT])
{
    for (enum table_timeout t = 0; t < TIMEOUT_COUNT; t++) {
        if (timeout_ns[t] == 0)
            continue; /* the other scope's */
        text_adds(out, "  timeout ");
        duration(out, table_timeout_name(t), timeout_ns[t]);
        text_addc(out, '\n');
    }
}

static void health(struct text *out, const struct table_health *h)
{
    if (h->kind == HEALTH_NONE)
        return;
    if (h->kind == HEALTH_HTTP) {
        text_addf(out, "  health http " SLICE_FMT " ", SLICE_ARG(h->method));
        unparse_string(out, h->path);
    } else {
        text_adds(out, "  health tcp");
    }
    text_adds(out, " { ");
    duration(out, "every", h->every_ns);
    duration(out, "  timeout", h->timeout_ns);
    text_addf(out, "  rise %u  fall %u", h->rise, h->fall);
    if (h->host.len > 0) {
        text_adds(out, "  host ");
        unparse_string(out, h->host);
    }
    if (h->kind == HEALTH_HTTP)
        text_addf(out, "  expect status %u..%u", h->status_first, h->status_last);
    text_adds(out, " }\n");
}

static void server(struct text *out, const struct program_server *s, bool weighted)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->endpoint, endpoint);
    text_addf(out, "  server " SLICE_FMT " %s", SLICE_ARG(s->name), endpoint);
    if (weighted || s->weight != 1)
        text_addf(out, " weight %u", s->weight);
    text_adds(out, s->backup ? " backup\n" : "\n");
}

static void cluster(struct text *out, const struct program_cluster *c)
{
    text_addf(out, "\ncluster " SLICE_FMT " {\n  balance %s\n", SLICE_ARG(c->name),
              table_balance_name(c->balance));
    for (uint32_t i = 0; i < c->n_servers; i++)
        server(out, &c->server[i], c->balance != BALANCE_ROUND_ROBIN);
    health(out, &c->health);
    timeouts(out, c->timeout_ns);
    text_adds(out, "}\n");
}

static void listener(struct text *out, const struct program *p, const struct program_listener *l)
{
    text_addf(out, "\nlistener " SLICE_FMT " {\n", SLICE_ARG(l->name));
    for (uint32_t i = 0; i < l->n_binds; i++) {
        char endpoint[ENDPOINT_TEXT_MAX];
        endpoint_format(&l->bind[i], endpoint);
        text_addf(out, "  bind %s\n", endpoint);
    }
    timeouts(out, l->timeout_ns);
    text_addf(out, "  max-connections %u\n  route " SLICE_FMT "\n}\n", l->max_connections,
              SLICE_ARG(p->route[l->route].name));
}

static void header_change(struct text *out, const char *verb, const struct action *a)
{
    text_addf(out, "%s header ", verb);
    unparse_string(out, a->name);
    if (a->kind == ACTION_REMOVE_HEADER)
        return;
    text_addc(out, ' ');
    unparse_template(out, &a->value);
}

static void deny(struct text *out, const struct action *a)
{
    text_addf(out, "deny %u", a->status);
    if (a->body.len == 0)
        return;
    text_adds(out, " with ");
    unparse_string(out, a->body);
}

static void respond(struct text *out, const struct action *a)
{
    text_addf(out, "respond %u ", a->status);
    unparse_string(out, a->type);
    text_addc(out, ' ');
    unparse_string(out, a->body);
}

static void action(struct text *out, const struct program *p, const struct action *a)
{
    switch (a->kind) {
    case ACTION_SET_HEADER: header_change(out, "set", a); return;
    case ACTION_ADD_HEADER: header_change(out, "add", a); return;
    case ACTION_REMOVE_HEADER: header_change(out, "remove", a); return;
    case ACTION_CONTINUE: text_adds(out, "continue"); return;
    case ACTION_FORWARD:
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(p->cluster[a->cluster].name));
        return;
    case ACTION_DENY: deny(out, a); return;
    case ACTION_RESPOND: respond(out, a); return;
    case ACTION_REDIRECT:
        text_addf(out, "redirect %u ", a->status);
        unparse_template(out, &a->value);
        return;
    }
}

static void clause(struct text *out, const struct program *p, const struct clause *c)
{
    text_adds(out, c->otherwise ? "  otherwise" : "  when ");
    unparse_condition(out, c->when);
    text_adds(out, " { ");
    for (uint32_t i = 0; i < c->n_actions; i++) {
        text_adds(out, i ? "; " : "");
        action(out, p, &c->action[i]);
    }
    text_adds(out, " }\n");
}

static void route(struct text *out, const struct program *p, const struct route *r)
{
    text_addf(out, "\nroute " SLICE_FMT " {\n", SLICE_ARG(r->name));
    for (uint32_t i = 0; i < r->n_clauses; i++)
        clause(out, p, &r->clause[i]);
    text_adds(out, "}\n");
}

void unparse(const struct program *p, struct text *out)
{
    text_adds(out, "lbconf 1\n\n");
    unparse_definitions(out, p);
    for (uint32_t i = 0; i < p->n_clusters; i++)
        cluster(out, &p->cluster[i]);
    for (uint32_t i = 0; i < p->n_listeners; i++)
        listener(out, p, &p->listener[i]);
    for (uint32_t i = 0; i < p->n_routes; i++)
        route(out, p, &p->route[i]);
}
