/* What agreement with the reference can't show: sizes, times, and what is shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/sema/program.h"
#include "compiler/table/eval.h"
#include "compiler/table/match.h"
#include "compiler/table/verify.h"
#include "runtime/base/clock.h"

/* Generous: the machine may be slow and the build full of sanitizers. What it must catch is a step
 * that grows with the square of the program. */
#define LOWER_NS_MAX (2 * NS_PER_S)

static struct cond path_is(struct slice path)
{
    return (struct cond){
        .kind = COND_ATOM, .field = FIELD_PATH, .compare = COMPARE_EQUAL, .string = path};
}

static const struct cond ALWAYS = {.kind = COND_TRUE};
static const struct action DENY[] = {{.kind = ACTION_DENY, .status = 403}};
static const struct action FORWARD[] = {{.kind = ACTION_FORWARD}};

/* A program of one route with these clauses, and `servers` servers in each of ten clusters. */
struct made {
    struct arena arena;
    struct program program;
};

static void make(struct made *m, const struct clause *clause, uint32_t n_clauses, uint32_t servers)
{
    struct program_cluster *c = ARENA_ARRAY(&m->arena, struct program_cluster, 10);
    struct program_server *s = ARENA_ARRAY(&m->arena, struct program_server, servers);
    for (uint32_t i = 0; i < servers; i++)
        s[i] = (struct program_server){
            .name = arena_format(&m->arena, "s%u", i), .weight = 1, .endpoint = {.port = 80}};
    for (uint32_t i = 0; i < 10; i++) {
        c[i] = (struct program_cluster){.name = arena_format(&m->arena, "c%u", i),
                                        .server = s,
                                        .n_servers = servers,
                                        .field = FIELD_COUNT};
        for (uint32_t k = 0; k < TIMEOUT_COUNT; k++)
            c[i].timeout_ns[k] = 1;
    }
    struct route *r = ARENA_NEW(&m->arena, struct route);
    *r = (struct route){.name = SLICE("r"), .clause = clause, .n_clauses = n_clauses};
    m->program = (struct program){.cluster = c, .n_clusters = 10, .route = r, .n_routes = 1};
}

static struct table *lower_sound(const struct program *p)
{
    const int64_t begin_ns = clock_now_ns();
    struct table *t = lower(p);
    const int64_t took_ns = clock_now_ns() - begin_ns;
    const char *problem = table_verify(t);
    if (problem)
        fail_msg("%s", problem);
    if (took_ns > LOWER_NS_MAX)
        fail_msg("lowering took %lld ms", (long long)(took_ns / NS_PER_MS));
    return t;
}

static bool no_header(const void *r, struct slice name, uint32_t *cursor, struct slice *value)
{
    (void)r, (void)name, (void)cursor, (void)value;
    return false;
}

static uint32_t clause_for(const struct table *t, struct slice path)
{
    struct verdict *v = MUST_NEW(struct verdict);
    const struct facts f = {.path = path, .header = no_header};
    eval(t, 0, &f, v, NULL);
    const uint32_t clause = v->clause;
    free(v);
    return clause;
}

static void large_programs_are_lowered_in_no_time(void **state)
{
    (void)state;
    enum { CLAUSES = 10000 };
    struct made m = {0};
    struct clause *clause = ARENA_ARRAY(&m.arena, struct clause, CLAUSES + 1);
    struct cond *when = ARENA_ARRAY(&m.arena, struct cond, CLAUSES);
    for (uint32_t i = 0; i < CLAUSES; i++) {
        when[i] = path_is(arena_format(&m.arena, "/p/%u", i));
        clause[i] = (struct clause){.when = &when[i], .action = FORWARD, .n_actions = 1};
    }
    clause[CLAUSES] =
        (struct clause){.when = &ALWAYS, .otherwise = true, .action = DENY, .n_actions = 1};
    make(&m, clause, CLAUSES + 1, 100);

    struct table *t = lower_sound(&m.program);
    arena_free(&m.arena); /* the table shares no memory with the program */
    assert_int_equal(t->n_servers, 1000);
    assert_int_equal(t->n_atoms, CLAUSES);
    assert_int_equal(t->n_ends, 2); /* all that forward to one cluster are one */
    assert_int_equal(clause_for(t, SLICE("/p/0")), 0);
    assert_int_equal(clause_for(t, SLICE("/p/9999")), 9999);
    assert_int_equal(clause_for(t, SLICE("/p")), CLAUSES);
    table_free(t);
}

/* (((a and a) and a) …), or with the chain on the right. */
static void lower_chain(enum cond_kind kind, bool to_the_left)
{
    enum { LINKS = 100000 };
    struct made m = {0};
    struct cond *link = ARENA_ARRAY(&m.arena, struct cond, LINKS);
    struct cond *leaf = ARENA_ARRAY(&m.arena, struct cond, 1);
    *leaf = path_is(SLICE("/a"));
    const struct cond *chain = leaf;
    for (uint32_t i = 0; i < LINKS; i++) {
        link[i] = (struct cond){.kind = kind,
                                .left = to_the_left || kind == COND_NOT ? chain : leaf,
                                .right = to_the_left ? leaf : chain};
        chain = &link[i];
    }
    const struct clause clause[] = {
        {.when = chain, .action = FORWARD, .n_actions = 1},
        {.when = &ALWAYS, .otherwise = true, .action = DENY, .n_actions = 1}};
    make(&m, clause, 2, 1);
    struct table *t = lower_sound(&m.program);
    assert_int_equal(t->n_atoms, 1);
    assert_int_equal(clause_for(t, SLICE("/a")), 0);
    assert_int_equal(clause_for(t, SLICE("/b")), 1);
    table_free(t);
    arena_free(&m.arena);
}

static void conditions_may_be_chains_of_any_length(void **state)
{
    (void)state;
    lower_chain(COND_AND, true);
    lower_chain(COND_AND, false);
    lower_chain(COND_OR, true);
    lower_chain(COND_OR, false);
    lower_chain(COND_NOT, true); /* an even number of them */
}

static void a_set_is_made_once(void **state)
{
    (void)state;
    enum { MEMBERS = 20000, USES = 2000 };
    struct made m = {0};
    struct slice *string = ARENA_ARRAY(&m.arena, struct slice, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i++)
        string[i] = arena_format(&m.arena, "/m/%u", i / 2); /* each of them twice */

    /* A set of its own for each use, all with the same members, as a name resolves to. */
    struct program_set *set = ARENA_ARRAY(&m.arena, struct program_set, USES);
    struct cond *when = ARENA_ARRAY(&m.arena, struct cond, USES);
    struct clause *clause = ARENA_ARRAY(&m.arena, struct clause, USES + 1);
    for (uint32_t i = 0; i < USES; i++) {
        set[i] = (struct program_set){.string = string, .n_strings = MEMBERS};
        when[i] = (struct cond){
            .kind = COND_ATOM, .field = FIELD_PATH, .compare = COMPARE_IN, .set = &set[i]};
        clause[i] = (struct clause){.when = &when[i], .action = FORWARD, .n_actions = 1};
    }
    clause[USES] =
        (struct clause){.when = &ALWAYS, .otherwise = true, .action = DENY, .n_actions = 1};
    make(&m, clause, USES + 1, 1);
    struct table *t = lower_sound(&m.program);
    assert_int_equal(t->n_string_sets, 1);
    assert_int_equal(t->n_atoms, 1);
    assert_int_equal(t->string_set[0].n, MEMBERS / 2);
    assert_true(string_set_has(&t->string_set[0], SLICE("/m/0")));
    assert_false(string_set_has(&t->string_set[0], SLICE("/m")));
    table_free(t);
    arena_free(&m.arena);
}

static const struct action MARK[] = {{.kind = ACTION_SET_HEADER, .name = SLICE_INIT("x-a")},
                                     {.kind = ACTION_CONTINUE}};

/* The diagram and the proofs are built from these three, clause by clause. */
static void a_clause_says_where_it_begins_and_leads(void **state)
{
    (void)state;
    struct made m = {0};
    const struct cond a = path_is(SLICE("/a")), b = path_is(SLICE("/b"));
    const struct cond either = {.kind = COND_OR, .left = &a, .right = &b};
    const struct clause clause[] = {
        {.when = &either, .action = MARK, .n_actions = 2},
        {.when = &b, .action = MARK + 1, .n_actions = 1}, /* goes on, and nothing else */
        {.when = &ALWAYS, .otherwise = true, .action = DENY, .n_actions = 1}};
    make(&m, clause, 3, 1);
    struct table *t = lower_sound(&m.program);
    const struct table_clause *c = t->clause;
    assert_int_equal(t->node[c[0].entry].kind, NODE_TEST);
    assert_int_equal(t->node[c[0].entry].yes, c[0].then);
    assert_int_equal(t->node[c[0].then].kind, NODE_EFFECT);
    assert_int_equal(t->node[c[0].then].yes, c[1].entry);
    assert_int_equal(c[0].next, c[1].entry);
    assert_int_equal(c[1].then, c[2].entry);
    assert_int_equal(c[1].next, c[2].entry);
    assert_int_equal(c[2].entry, c[2].then);
    assert_int_equal(t->node[c[2].then].kind, NODE_END);
    assert_int_equal(c[2].next, TABLE_NO_NODE);
    table_free(t);
    arena_free(&m.arena);
}

static const struct {
    const char *says;
    const char *network[4];
    uint32_t ranges;
    const char *inside[3], *outside[3];
} unions[] = {
    {"one address", {"10.0.0.1"}, 1, {"10.0.0.1"}, {"10.0.0.0", "10.0.0.2", "::1"}},
    {"neighbours join",
     {"10.0.0.128/25", "10.0.0.0/25"},
     1,
     {"10.0.0.127", "10.0.0.128"},
     {"10.0.1.0", "9.255.255.255"}},
    {"one inside another",
     {"10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"},
     1,
     {"10.255.255.255"},
     {"11.0.0.0"}},
    {"a gap stays",
     {"10.0.0.0", "10.0.0.2"},
     2,
     {"10.0.0.0", "10.0.0.2"},
     {"10.0.0.1", "10.0.0.3"}},
    {"everything",
     {"::/0", "10.0.0.0/8"},
     1,
     {"::", "10.0.0.1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
     {NULL}},
    {"the last address joins nothing",
     {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/128"},
     2,
     {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
     {"::1"}},
    {"both families",
     {"0.0.0.0/0", "2001:db8::/32"},
     2,
     {"255.255.255.255", "2001:db8::1"},
     {"2001:db9::"}},
    {"nothing", {NULL}, 0, {NULL}, {"10.0.0.1"}},
};

static bool in_set(const struct table *t, const char *text)
{
    struct address a;
    assert_true(address_parse(slice_of(text), &a));
    return network_set_has(&t->network_set[0], &a);
}

static void networks_become_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unions); i++) {
        struct made m = {0};
        struct network network[4];
        struct program_set set = {.network = network};
        while (set.n_networks < 4 && unions[i].network[set.n_networks]) {
            assert_true(network_parse(slice_of(unions[i].network[set.n_networks]),
                                      &network[set.n_networks]));
            set.n_networks++;
        }
        const struct cond when = {
            .kind = COND_ATOM, .field = FIELD_SRC, .compare = COMPARE_IN, .set = &set};
        const struct clause clause[] = {
            {.when = &when, .action = FORWARD, .n_actions = 1},
            {.when = &ALWAYS, .otherwise = true, .action = DENY, .n_actions = 1}};
        make(&m, clause, 2, 1);
        struct table *t = lower_sound(&m.program);
        if (t->network_set[0].n != unions[i].ranges)
            fail_msg("%s: %u ranges", unions[i].says, t->network_set[0].n);
        for (size_t k = 0; k < 3; k++) {
            if (unions[i].inside[k] && !in_set(t, unions[i].inside[k]))
                fail_msg("%s: %s is outside", unions[i].says, unions[i].inside[k]);
            if (unions[i].outside[k] && in_set(t, unions[i].outside[k]))
                fail_msg("%s: %s is inside", unions[i].says, unions[i].outside[k]);
        }
        table_free(t);
        arena_free(&m.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_programs_are_lowered_in_no_time),
        cmocka_unit_test(conditions_may_be_chains_of_any_length),
        cmocka_unit_test(a_set_is_made_once),
        cmocka_unit_test(a_clause_says_where_it_begins_and_leads),
        cmocka_unit_test(networks_become_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
