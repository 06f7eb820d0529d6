/* The shapes that diagrams take, and that they decide as the nodes do where programs are large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/sema/sema.h"
#include "compiler/table/eval.h"
#include "compiler/table/stats.h"
#include "compiler/table/verify.h"
#include "grammar/diag.h"
#include "grammar/parse.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"
#include "runtime/base/rng.h"
#include "runtime/base/text.h"

/* The table of a configuration whose route has these clauses. */
static struct table *compiled(const struct text *clauses)
{
    struct text text = {0};
    struct arena arena = {0};
    text_adds(&text, "lbconf 1\nlistener l {\n  bind 127.0.0.1:80\n  route r\n}\n");
    text_adds(&text, "cluster a {\n  server s 127.0.0.1:1\n}\ncluster b {\n  server s "
                     "127.0.0.1:1\n}\nroute r {\n");
    text_add(&text, text_slice(clauses));
    text_adds(&text, "  otherwise { forward b }\n}\n");
    struct sources *sources = sources_new();
    assert_int_equal(sources_add(sources, SLICE("test"), text_slice(&text)), 0);
    struct diags *d = diags_new(sources, 0);
    /* Without what is said of clauses that can't be reached: here they may. */
    const struct sema_input in = {.file = parse(sources, 0, &arena, d).root, .sources = sources};
    struct scope scope;
    const struct program *p = sema(&in, &arena, d, &scope);
    scope_done(&scope);
    if (!p) {
        struct text report = {0};
        diag_render(d, DIAG_HUMAN, &report);
        fail_msg("%s", report.at);
    }
    struct table *t = lower(p);
    assert_null(table_verify(t));
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    text_done(&text);
    return t;
}

#define HEADERS 4u

struct request {
    struct slice name[HEADERS], value[HEADERS];
    struct facts facts;
};

static bool next_header(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct request *r = of;
    while (*cursor < HEADERS) {
        const uint32_t i = (*cursor)++;
        if (r->name[i].at && slice_eq(r->name[i], name)) {
            *value = r->value[i];
            return true;
        }
    }
    return false;
}

static void begin(struct request *r)
{
    *r = (struct request){.facts = {.method = SLICE("GET"),
                                    .scheme = SLICE("http"),
                                    .host = SLICE("h"),
                                    .path = SLICE("/"),
                                    .uri = SLICE("/"),
                                    .listener = SLICE("l"),
                                    .header = next_header,
                                    .request = r}};
}

static uint32_t decided(const struct table *t, const struct request *r)
{
    struct verdict *v = MUST_NEW(struct verdict), *w = MUST_NEW(struct verdict);
    eval(t, 0, &r->facts, v, NULL);
    eval_nodes(t, 0, &r->facts, w);
    assert_int_equal(v->clause, w->clause);
    assert_int_equal(v->end, w->end);
    assert_int_equal(v->n_effects, w->n_effects);
    for (uint32_t i = 0; i < v->n_effects; i++)
        assert_int_equal(v->effect[i], w->effect[i]);
    const uint32_t clause = t->clause[v->clause].number;
    free(v);
    free(w);
    return clause;
}

static struct route_stats stats(const struct table *t)
{
    struct route_stats s;
    table_route_stats(t, 0, &s);
    return s;
}

static void ten_thousand_clauses_take_two_lookups(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct text c = {0};
    for (uint32_t i = 0; i < N; i++)
        text_addf(&c, "  when path under \"/p%u\" and header \"x\" == \"v%u\" { forward a }\n", i,
                  i);
    struct table *t = compiled(&c);
    const struct route_stats s = stats(t);
    assert_int_equal(s.stages, 1);
    assert_int_equal(s.fields, 2);
    assert_int_equal(s.lookups, 2);
    assert_int_equal(s.branches, N + 1);
    assert_true(s.edges < 6 * N);
    struct request r;
    begin(&r);
    r.facts.path = SLICE("/p777/x");
    r.name[0] = SLICE("x");
    r.value[0] = SLICE("v777");
    assert_int_equal(decided(t, &r), 778);
    r.value[0] = SLICE("v778");
    assert_int_equal(decided(t, &r), N + 1);
    r.name[1] = SLICE("x"); /* two values that are of no class: the nodes know */
    r.value[1] = SLICE("v777");
    assert_int_equal(decided(t, &r), 778);
    table_free(t);
    text_done(&c);
}

static void a_catch_all_for_each_host_does_not_multiply(void **state)
{
    (void)state;
    enum { HOSTS = 200, PATHS = 20 };
    struct text c = {0};
    for (uint32_t h = 0; h < HOSTS; h++) {
        for (uint32_t p = 0; p < PATHS; p++)
            text_addf(&c, "  when host == \"h%u.x\" and path under \"/p%u-%u\" { forward a }\n", h,
                      h, p);
        text_addf(&c, "  when host == \"h%u.x\" and path starts-with \"/\" { forward a }\n", h);
    }
    struct table *t = compiled(&c);
    const struct route_stats s = stats(t);
    assert_int_equal(s.stages, 1);
    assert_int_equal(s.lookups, 2);
    assert_true(s.edges < 8 * HOSTS * PATHS);
    struct request r;
    begin(&r);
    r.facts.host = SLICE("h3.x");
    r.facts.path = SLICE("/p3-5");
    assert_int_equal(decided(t, &r), 3 * (PATHS + 1) + 6);
    r.facts.path = SLICE("/p4-5");
    assert_int_equal(decided(t, &r), 3 * (PATHS + 1) + PATHS + 1);
    table_free(t);
    text_done(&c);
}

static void what_would_explode_becomes_stages(void **state)
{
    (void)state;
    enum { N = 30 };
    struct text c = {0};
    for (uint32_t i = 0; i < N; i++)
        text_addf(&c,
                  "  when header \"in-%u\" == \"x\" { set header \"out-%u\" \"y\"; continue }\n", i,
                  i);
    struct table *t = compiled(&c);
    const struct route_stats s = stats(t);
    assert_true(s.stages > 1);
    assert_true(s.edges < 200000); /* not 2^30 */
    struct rng rng = {.state = 1};
    for (uint32_t k = 0; k < 200; k++) {
        struct request r;
        char name[HEADERS][8];
        begin(&r);
        for (uint32_t i = 0; i < HEADERS; i++) {
            snprintf(name[i], sizeof(name[i]), "in-%u", rng_below(&rng, N));
            r.name[i] = slice_of(name[i]);
            r.value[i] = rng_below(&rng, 4) ? SLICE("x") : SLICE("z");
        }
        assert_int_equal(decided(t, &r), N + 1);
    }
    table_free(t);
    text_done(&c);
}

static void what_a_change_touches_is_asked_again(void **state)
{
    (void)state;
    struct text c = {0};
    text_adds(&c, "  when header \"x\" == \"1\" { set header \"x\" \"2\"; continue }\n"
                  "  when header \"y\" == \"1\" { set header \"z\" \"2\"; continue }\n"
                  "  when header \"x\" == \"2\" { forward a }\n");
    struct table *t = compiled(&c);
    assert_int_equal(stats(t).stages, 2);
    struct request r;
    begin(&r);
    r.name[0] = SLICE("x");
    r.value[0] = SLICE("1");
    assert_int_equal(decided(t, &r), 3);
    r.value[0] = SLICE("3");
    assert_int_equal(decided(t, &r), 4);
    table_free(t);
    text_done(&c);
}

/* Hundreds of clauses over few values, so that they overlap in every way. */
static void add_clause(struct text *c, struct rng *rng, uint32_t i)
{
    static const char *const ATOMS[] = {"path == \"/a/%u\"",
                                        "path under \"/a/%u\"",
                                        "path starts-with \"/a/%u\"",
                                        "path ends-with \"/%u\"",
                                        "host == \"h%u.x\"",
                                        "host ends-with \"%u.x\"",
                                        "header \"x\" == \"%u\"",
                                        "header \"x\" starts-with \"%u\"",
                                        "header \"y\" ends-with \"%u\"",
                                        "src in { 10.%u.0.0/16, 2001:db8:%u::/48 }",
                                        "query \"q\" == \"%u\"",
                                        "cookie \"c\" == \"%u\"",
                                        "header \"y\" exists"};
    text_adds(c, "  when ");
    for (uint32_t n = 1 + rng_below(rng, 3), k = 0; k < n; k++) {
        const uint32_t v = rng_below(rng, 12);
        char atom[80];
        const char *from = ATOMS[rng_below(rng, COUNT_OF(ATOMS))];
        size_t len = 0;
        for (; *from; from++) {
            if (from[0] == '%' && from[1] == 'u') {
                len += (size_t)snprintf(atom + len, sizeof(atom) - len, "%u", v);
                from++;
            } else {
                atom[len++] = *from;
            }
        }
        text_addf(c, "%s%s%.*s", k ? (rng_below(rng, 4) ? " and " : " or ") : "",
                  rng_below(rng, 5) ? "" : "not ", (int)len, atom);
    }
    text_addf(c, " or query \"only\" == \"%u\"", i); /* no two are the same */
    if (i < 12 && rng_below(rng, 2))
        text_addf(c, " { set header \"%s\" \"%u\"; continue }\n", rng_below(rng, 2) ? "x" : "w", i);
    else
        text_adds(c, rng_below(rng, 2) ? " { forward a }\n" : " { deny 403 }\n");
}

static void any_request(struct request *r, struct rng *rng, struct arena *a)
{
    begin(r);
    r->facts.host = arena_format(a, "h%u.x", rng_below(rng, 13));
    r->facts.path = arena_format(a, "/a/%u%s", rng_below(rng, 13),
                                 rng_below(rng, 2)   ? ""
                                 : rng_below(rng, 2) ? "/7"
                                                     : "7");
    r->facts.query = arena_format(a, "q=%u&q=%%3%u", rng_below(rng, 13), rng_below(rng, 8));
    r->facts.src.byte[10] = r->facts.src.byte[11] = 0xff;
    r->facts.src.byte[12] = 10;
    r->facts.src.byte[13] = (uint8_t)rng_below(rng, 14);
    static const char *const NAMES[] = {"x", "y", "cookie"};
    for (uint32_t i = 0; i < HEADERS; i++) {
        r->name[i] = slice_of(NAMES[rng_below(rng, 3)]);
        r->value[i] = arena_format(a, "%s%u", slice_eq(r->name[i], SLICE("cookie")) ? "c=" : "",
                                   rng_below(rng, 13));
    }
}

static void large_programs_are_decided_as_their_nodes_do(void **state)
{
    (void)state;
    struct rng rng = {.state = 7};
    uint32_t several = 0;
    for (uint32_t round = 0; round < 12; round++) {
        struct text c = {0};
        for (uint32_t i = 0; i < 20 + 20 * round; i++)
            add_clause(&c, &rng, i);
        struct table *t = compiled(&c);
        several += stats(t).stages > 1;
        for (uint32_t k = 0; k < 500; k++) {
            struct arena a = {0};
            struct request r;
            any_request(&r, &rng, &a);
            decided(t, &r);
            arena_free(&a);
        }
        table_free(t);
        text_done(&c);
    }
    assert_true(several > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_clauses_take_two_lookups),
        cmocka_unit_test(a_catch_all_for_each_host_does_not_multiply),
        cmocka_unit_test(what_would_explode_becomes_stages),
        cmocka_unit_test(what_a_change_touches_is_asked_again),
        cmocka_unit_test(large_programs_are_decided_as_their_nodes_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
