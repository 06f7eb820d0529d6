#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/regex/example.h"
#include "compiler/regex/naive.h"
#include "runtime/base/rng.h"
#include "runtime/base/uri.h"

static struct regex_dfa compiled(struct arena *a, const char *pattern)
{
    struct regex_error error;
    struct regex_dfa d = {0};
    const struct regex *re = regex_parse(a, slice_of(pattern), SLICE(""), &error);
    if (!re || !regex_compile_dfa(re, NULL, a, &d, &error))
        fail_msg("/%s/: " SLICE_FMT, pattern, SLICE_ARG(error.reason));
    return d;
}

typedef const struct regex_set *alphabet(void);

/* A demand that begins with ! is negated; NULL ends them. */
static const struct {
    const char *sentence, *demand[4], *prefix, *suffix;
    alphabet *of;
    enum regex_answer answer;
    const char *example;
} questions[] = {
    {"the shortest", {"^/v[0-9]+/"}, "", "", NULL, REGEX_FOUND, "/v0/"},
    {"letters before digits before signs", {"^.$"}, "", "", NULL, REGEX_FOUND, "a"},
    {"the empty text counts", {""}, "", "", NULL, REGEX_FOUND, ""},
    {"not in a language", {"!^[a-c]*$"}, "", "", NULL, REGEX_FOUND, "d"},
    {"in one and not the other", {"^/v[0-9]+/", "!^/v0"}, "", "", NULL, REGEX_FOUND, "/v1/"},
    {"nothing is in it and not", {"^a*$", "!^a*$"}, "", "", NULL, REGEX_NONE, NULL},
    {"nothing is in two apart", {"^a+$", "^b+$"}, "", "", NULL, REGEX_NONE, NULL},
    {"a language within another", {"^/v[0-9]+/x$", "!^/v[0-9]"}, "", "", NULL, REGEX_NONE, NULL},
    {"three together", {"^(..)*$", "^(...)*$", "!^$"}, "", "", NULL, REGEX_FOUND, "aaaaaa"},
    {"with a prefix", {"x$"}, "/api/", "", NULL, REGEX_FOUND, "/api/x"},
    {"the prefix alone", {"^/"}, "/api", "", NULL, REGEX_FOUND, "/api"},
    {"a prefix it excludes", {"^/v"}, "/api", "", NULL, REGEX_NONE, NULL},
    {"with a suffix", {"^/[0-9]"}, "", ".png", NULL, REGEX_FOUND, "/0.png"},
    {"with both", {"^/a.+b$"}, "/a", "b", NULL, REGEX_FOUND, "/aab"},
    {"both may overlap", {"^/ab$"}, "/a", "ab", NULL, REGEX_FOUND, "/ab"},
    {"both may be the same", {"a"}, "/abc", "/abc", NULL, REGEX_FOUND, "/abc"},
    {"as much as they can", {"a"}, "aa", "aa", NULL, REGEX_FOUND, "aa"},
    {"no overlap where it doesn't match", {"^.{4}"}, "ab", "ba", NULL, REGEX_FOUND, "abba"},
    {"an alphabet", {"^[^a-z]$"}, "", "", regex_alphabet_of_hosts, REGEX_FOUND, "0"},
    {"an alphabet without", {"^[A-Z]$"}, "", "", regex_alphabet_of_hosts, REGEX_NONE, NULL},
    {"the alphabet is not the prefix's",
     {"b$"},
     "A",
     "",
     regex_alphabet_of_hosts,
     REGEX_FOUND,
     "Ab"},
};

static void examples_are_the_shortest_and_nicest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        struct arena a = {0};
        struct regex_dfa dfa[4];
        struct regex_demand demand[4];
        struct slice out = SLICE_NONE;
        struct regex_question q = {.demand = demand};
        for (; questions[i].demand[q.n_demands]; q.n_demands++) {
            const char *text = questions[i].demand[q.n_demands];
            dfa[q.n_demands] = compiled(&a, text + (text[0] == '!'));
            demand[q.n_demands] = (struct regex_demand){&dfa[q.n_demands], text[0] == '!'};
        }
        q.prefix = slice_of(questions[i].prefix);
        q.suffix = slice_of(questions[i].suffix);
        q.alphabet = questions[i].of ? questions[i].of() : NULL;
        const enum regex_answer answer = regex_example(&q, &a, &out);
        if (answer != questions[i].answer)
            fail_msg("%s: answer %d", questions[i].sentence, (int)answer);
        if (answer == REGEX_FOUND && !slice_eq(out, slice_of(questions[i].example)))
            fail_msg("%s: '" SLICE_FMT "'", questions[i].sentence, SLICE_ARG(out));
        arena_free(&a);
    }
}

static void a_budget_is_kept(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct regex_dfa x = compiled(&a, "^(a{31})*$"), y = compiled(&a, "^(a{37})*$"),
                           z = compiled(&a, "^a");
    const struct regex_demand demand[] = {{&x, false}, {&y, false}, {&z, false}};
    struct regex_question q = {.demand = demand, .n_demands = 3, .budget = 31 * 37 + 1};
    struct slice out = SLICE_NONE;
    assert_int_equal(regex_example(&q, &a, &out), REGEX_FOUND);
    assert_int_equal(out.len, 31 * 37);
    q.budget = 31 * 37 - 1;
    out = SLICE_NONE;
    assert_int_equal(regex_example(&q, &a, &out), REGEX_UNKNOWN);
    assert_null(out.at);
    arena_free(&a);
}

static const struct {
    const char *sentence;
    enum regex_literal how;
    const char *text, *pattern;
} literals[] = {
    {"equals", REGEX_EQUALS, "/a.b", "^/a\\.b$"},
    {"starts with", REGEX_STARTS_WITH, "/a", "^/a"},
    {"ends with", REGEX_ENDS_WITH, ".png", "\\.png$"},
    {"contains", REGEX_CONTAINS, "a+", "a\\+"},
    {"under", REGEX_UNDER, "/api", "^/api(/|$)"},
    {"under what ends in a slash", REGEX_UNDER, "/api/", "^/api/"},
    {"equals nothing", REGEX_EQUALS, "", "^$"},
    {"contains nothing", REGEX_CONTAINS, "", ""},
};

static void comparisons_are_automata_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(literals); i++) {
        struct arena a = {0};
        struct regex_dfa d;
        const struct regex_dfa want = compiled(&a, literals[i].pattern);
        assert_true(
            regex_compile_literal(literals[i].how, slice_of(literals[i].text), false, &a, &d));
        if (!regex_dfa_equal(&d, &want))
            fail_msg("%s \"%s\"", literals[i].sentence, literals[i].text);
        arena_free(&a);
    }
    static const char long_text[REGEX_NFA_MAX];
    struct arena a = {0};
    struct regex_dfa d = {0};
    assert_true(regex_compile_literal(REGEX_EQUALS, SLICE("Ab"), true, &a, &d));
    assert_true(regex_dfa_matches(&d, SLICE("aB")));
    assert_false(regex_compile_literal(REGEX_EQUALS, (struct slice){long_text, REGEX_NFA_MAX},
                                       false, &a, &d));
    arena_free(&a);
}

/* All that is found stays as it is when a request carries it. */
static void paths_are_in_normal_form(void **state)
{
    (void)state;
    static const char *const demands[] = {"^/..",   "^/\\.",       "/\\.\\.",
                                          "^....$", "[^a-z/].*/$", "/a*/b*/"};
    struct arena a = {0};
    struct regex_dfa paths;
    assert_true(regex_compile_paths(&a, &paths));
    for (size_t i = 0; i < COUNT_OF(demands); i++) {
        const struct regex_dfa d = compiled(&a, demands[i]);
        const struct regex_demand both[] = {{&d, false}, {&paths, false}};
        const struct regex_question q = {
            .demand = both, .n_demands = 2, .alphabet = regex_alphabet_of_paths()};
        struct slice out;
        assert_int_equal(regex_example(&q, &a, &out), REGEX_FOUND);
        char same[64];
        size_t len = 0;
        assert_in_range(out.len, 1, sizeof(same));
        assert_int_equal(uri_normalise_path(out, 0, same, &len), URI_OK);
        assert_true(slice_eq(out, (struct slice){same, len}));
    }
    static const char *const others[] = {"",        "a",    "//",   "/./", "/..",
                                         "/a/../b", "/a/.", "/%41", "/a b"};
    static const char *const normal[] = {"/", "/a", "/a/", "/...", "/.a/b.", "/..a"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(regex_dfa_matches(&paths, slice_of(others[i])));
    for (size_t i = 0; i < COUNT_OF(normal); i++)
        assert_true(regex_dfa_matches(&paths, slice_of(normal[i])));
    arena_free(&a);
}

/* ---- against every text there is ---- */

#define LETTERS "abc"
#define LEN_MAX 5
#define DEMANDS 3

static const char *const parts[] = {"a",  "b",  "c", ".", "[ab]", "(ab|c)", "b*",  "(a|bc)+",
                                    "^a", "c$", "^", "$", "b?",   ".{2}",   "\\b", "(a*b)*"};

struct drawn {
    const struct regex *re[DEMANDS];
    struct regex_dfa dfa[DEMANDS];
    struct regex_demand demand[DEMANDS];
    char pattern[DEMANDS][64], prefix[3], suffix[3];
};

static void draw(struct rng *r, struct arena *a, struct drawn *d, struct regex_question *q)
{
    struct regex_error e;
    q->demand = d->demand;
    q->n_demands = 1 + rng_below(r, DEMANDS);
    for (uint32_t i = 0; i < q->n_demands; i++) {
        size_t n = 0;
        for (uint32_t k = rng_below(r, 5); k < 5; k++) {
            const struct slice part = slice_of(parts[rng_below(r, COUNT_OF(parts))]);
            memcpy(d->pattern[i] + n, part.at, part.len);
            n += part.len;
        }
        d->re[i] = regex_parse(a, (struct slice){d->pattern[i], n}, SLICE(""), &e);
        assert_non_null(d->re[i]);
        assert_true(regex_compile_dfa(d->re[i], NULL, a, &d->dfa[i], &e));
        d->demand[i] = (struct regex_demand){&d->dfa[i], rng_below(r, 2) == 0};
    }
    for (int k = 0; k < 2; k++) {
        d->prefix[k] = LETTERS[rng_below(r, 3)];
        d->suffix[k] = LETTERS[rng_below(r, 3)];
    }
    q->prefix = (struct slice){d->prefix, rng_below(r, 3)};
    q->suffix = (struct slice){d->suffix, rng_below(r, 3)};
}

static bool is_example(const struct drawn *d, const struct regex_question *q, struct slice text)
{
    if (!slice_starts(text, q->prefix) || !slice_ends(text, q->suffix))
        return false;
    for (uint32_t i = 0; i < q->n_demands; i++) {
        const enum naive found = regex_naive_search(d->re[i], text, 1000000, NULL);
        assert_int_not_equal(found, NAIVE_GAVE_UP);
        if ((found == NAIVE_YES) == q->demand[i].negated)
            return false;
    }
    return true;
}

/* The length of the shortest example up to LEN_MAX, or more. */
static size_t shortest(const struct drawn *d, const struct regex_question *q)
{
    uint32_t n = 1;
    for (size_t len = 0; len <= LEN_MAX; len++, n *= 3)
        for (uint32_t i = 0; i < n; i++) {
            char text[LEN_MAX + 1] = {0};
            uint32_t rest = i;
            for (size_t k = 0; k < len; k++, rest /= 3)
                text[k] = LETTERS[rest % 3];
            if (is_example(d, q, (struct slice){text, len}))
                return len;
        }
    return LEN_MAX + 1;
}

static void answers_agree_with_every_text(void **state)
{
    (void)state;
    struct rng r = {3};
    struct regex_set letters = {{0, UINT64_C(0xe00000000), 0, 0}};
    uint32_t found = 0, none = 0;
    for (int round = 0; round < 300; round++) {
        struct arena a = {0};
        struct drawn d;
        struct regex_question q = {.alphabet = &letters};
        struct slice out;
        draw(&r, &a, &d, &q);
        const size_t want = shortest(&d, &q);
        const enum regex_answer answer = regex_example(&q, &a, &out);
        if (answer == REGEX_FOUND ? !is_example(&d, &q, out) : want <= LEN_MAX)
            fail_msg("round %d: answer %d is wrong", round, (int)answer);
        if (answer == REGEX_FOUND && (want <= LEN_MAX ? out.len != want : out.len <= LEN_MAX))
            fail_msg("round %d: '" SLICE_FMT "' is not the shortest", round, SLICE_ARG(out));
        assert_int_not_equal(answer, REGEX_UNKNOWN);
        found += answer == REGEX_FOUND;
        none += answer == REGEX_NONE;
        arena_free(&a);
    }
    assert_true(found > 100 && none > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_the_shortest_and_nicest),
        cmocka_unit_test(a_budget_is_kept),
        cmocka_unit_test(comparisons_are_automata_too),
        cmocka_unit_test(paths_are_in_normal_form),
        cmocka_unit_test(answers_agree_with_every_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
