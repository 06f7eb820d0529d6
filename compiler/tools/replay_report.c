/* What a replay found, for people and for programs. */
#include <inttypes.h>

#include "compiler/tools/replay_priv.h"

static int by_count(const void *a, const void *b)
{
    const struct replay_group *const *x = a, *const *y = b;
    return (*x)->count != (*y)->count ? ((*x)->count < (*y)->count) - ((*x)->count > (*y)->count)
                                      : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* The most frequent first. The caller frees it. */
static const struct replay_group **in_order(const struct replay *r)
{
    const struct replay_group **g = MUST_ARRAY(const struct replay_group *, r->group.n);
    for (uint32_t i = 0; i < r->group.n; i++)
        g[i] = &r->group.at[i];
    qsort(g, r->group.n, sizeof(const struct replay_group *), by_count);
    return g;
}

static void line(struct text *out, uint64_t n, const char *what)
{
    if (n > 0)
        text_addf(out, "%12" PRIu64 "  %s\n", n, what);
}

static void counts(const struct replay *r, struct text *out)
{
    const struct replay_count *c = &r->count;
    text_addf(out, "%12" PRIu64 "  lines\n", c->lines);
    text_addf(out, "%12" PRIu64 "  requests\n", c->requests);
    line(out, c->no_request, "lines without a request (closed, timed out, or no HTTP)");
    line(out, c->unreadable, "lines that are no access log's");
    line(out, c->cut, "requests that the log has cut off: not decided");
    line(out, c->refused, "requests that are refused with 400 before they are decided");
    line(out, c->no_listener, "requests of a listener that is not in the configuration");
    line(out, c->alike, "decided alike");
    line(out, c->other_clause, "  of these by another clause");
    line(out, c->unknown, "whose decision the log does not have");
    text_addf(out, "%12" PRIu64 "  decided otherwise\n", c->differ);
}

void replay_report(const struct replay *r, bool color, struct text *out)
{
    const char *bold = color ? "\033[1m" : "", *dim = color ? "\033[2m" : "";
    const char *end = color ? "\033[0m" : "";
    const struct replay_group **g = in_order(r);
    uint64_t told = 0;
    counts(r, out);
    for (uint32_t i = 0; i < r->group.n; i++) {
        text_addf(out, "\n%12" PRIu64 "  %s%s -> %s%s\n", g[i]->count, bold, g[i]->old.at,
                  g[i]->new.at, end);
        text_addf(out, "              %sline %" PRIu64 ": %s%s\n", dim, g[i]->line,
                  g[i]->example.at, end);
        if (g[i]->lacks.len > 0)
            text_addf(out, "              goes by %s, which the log does not have\n",
                      g[i]->lacks.at);
        told += g[i]->count;
    }
    if (told < r->count.differ)
        text_addf(out, "\n%12" PRIu64 "  in other ways\n", r->count.differ - told);
    if (r->count.header_asked > 0)
        text_addf(out,
                  "\n%" PRIu64 " requests were asked for headers that the log does not have, and "
                  "decided as if\nthey had none of them.\n",
                  r->count.header_asked);
    free(g);
}

static void add_key(struct text *out, const char *key, struct slice value)
{
    text_addf(out, ",\"%s\":", key);
    text_add_json(out, value);
}

static void groups_json(const struct replay *r, struct text *out)
{
    const struct replay_group **g = in_order(r);
    text_adds(out, ",\"groups\":[");
    for (uint32_t i = 0; i < r->group.n; i++) {
        text_addf(out, "%s{\"count\":%" PRIu64, i ? "," : "", g[i]->count);
        add_key(out, "old", g[i]->old);
        add_key(out, "new", g[i]->new);
        text_addf(out, ",\"line\":%" PRIu64, g[i]->line);
        add_key(out, "example", g[i]->example);
        if (g[i]->lacks.len > 0)
            add_key(out, "lacks", g[i]->lacks);
        text_addc(out, '}');
    }
    text_addc(out, ']');
    free(g);
}

static void clauses_json(const struct replay *r, struct text *out)
{
    const struct table *t = r->options.table;
    text_adds(out, ",\"clauses\":[");
    for (uint32_t i = 0; i < t->n_clauses; i++) {
        text_addf(out, "%s{\"count\":%" PRIu64, i ? "," : "", r->by_clause[i]);
        add_key(out, "route", t->route[t->clause[i].route].name);
        text_addf(out, ",\"number\":%u}", t->clause[i].number);
    }
    text_addc(out, ']');
}

void replay_report_json(const struct replay *r, struct text *out)
{
    const struct {
        const char *name;
        uint64_t n;
    } count[] = {
        {"lines", r->count.lines},
        {"requests", r->count.requests},
        {"no_request", r->count.no_request},
        {"unreadable", r->count.unreadable},
        {"cut", r->count.cut},
        {"refused", r->count.refused},
        {"no_listener", r->count.no_listener},
        {"alike", r->count.alike},
        {"other_clause", r->count.other_clause},
        {"unknown", r->count.unknown},
        {"differ", r->count.differ},
        {"header_asked", r->count.header_asked},
    };
    for (size_t i = 0; i < COUNT_OF(count); i++)
        text_addf(out, "%s\"%s\":%" PRIu64, i ? "," : "{", count[i].name, count[i].n);
    groups_json(r, out);
    clauses_json(r, out);
    text_adds(out, "}\n");
}
