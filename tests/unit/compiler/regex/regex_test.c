#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/regex/naive.h"
#include "compiler/regex/regex.h"
#include "runtime/base/rng.h"
#include "runtime/base/text.h"

static const struct regex *parsed(struct arena *a, const char *pattern, const char *flags)
{
    struct regex_error error;
    const struct regex *re = regex_parse(a, slice_of(pattern), slice_of(flags), &error);
    if (!re)
        fail_msg("/%s/%s at %u: " SLICE_FMT, pattern, flags, error.at, SLICE_ARG(error.reason));
    return re;
}

static struct regex_dfa compiled(struct arena *a, const char *pattern, const char *flags)
{
    struct regex_error error;
    struct regex_dfa d;
    if (!regex_compile_dfa(parsed(a, pattern, flags), NULL, a, &d, &error))
        fail_msg("/%s/%s: " SLICE_FMT, pattern, flags, SLICE_ARG(error.reason));
    const char *problem = regex_dfa_verify(&d);
    if (problem)
        fail_msg("/%s/%s: %s", pattern, flags, problem);
    return d;
}

static const struct {
    const char *sentence, *pattern, *flags;
    struct slice subject;
    bool matches;
} meanings[] = {
    {"an expression is searched", "b", "", SLICE_INIT("abc"), true},
    {"and not found where it is not", "b", "", SLICE_INIT("acd"), false},
    {"^ is the beginning", "^b", "", SLICE_INIT("abc"), false},
    {"^ is the beginning", "^a", "", SLICE_INIT("abc"), true},
    {"^ is not the beginning of a line", "^b", "", SLICE_INIT("a\nb"), false},
    {"$ is the end", "b$", "", SLICE_INIT("abc"), false},
    {"$ is the end", "c$", "", SLICE_INIT("abc"), true},
    {"$ is not before a last line break", "c$", "", SLICE_INIT("abc\n"), false},
    {"^ and $ bind to one alternative", "^a|b$", "", SLICE_INIT("ax"), true},
    {"^ may stand in a group", "(^|/)b", "", SLICE_INIT("a/b"), true},
    {"^ may stand in a group", "(^|/)b", "", SLICE_INIT("ab"), false},
    {"nothing stands before ^", "a^b", "", SLICE_INIT("a^b"), false},
    {"nothing stands behind $", "a$b", "", SLICE_INIT("a$b"), false},
    {"$ and ^ hold together in an empty value", "$^", "", SLICE_INIT(""), true},
    {"and in no other", "$^", "", SLICE_INIT("a"), false},
    {"the empty expression matches all", "", "", SLICE_INIT(""), true},
    {"the empty expression matches all", "", "", SLICE_INIT("x"), true},
    {"a dot is any byte", "^.$", "", SLICE_INIT("\n"), true},
    {"a dot is one byte", "^.$", "", SLICE_INIT("ab"), false},
    {"a dot is a byte, even NUL", "a.b", "", SLICE_INIT("a\0b"), true},
    {"a slash is escaped", "^\\/v[0-9]+\\/", "", SLICE_INIT("/v12/x"), true},
    {"a slash is escaped", "^\\/v[0-9]+\\/", "", SLICE_INIT("/v/x"), false},
    {"i ignores case", "^\\/V[a-c]$", "i", SLICE_INIT("/vB"), true},
    {"without i case counts", "^\\/V[a-c]$", "", SLICE_INIT("/vB"), false},
    {"i ignores case before a class is negated", "[^a]", "i", SLICE_INIT("A"), false},
    {"i does not touch what is no letter", "^[@]$", "i", SLICE_INIT("`"), false},
    {"a class may begin with ]", "^[]a]+$", "", SLICE_INIT("]a]"), true},
    {"and so may a negated one", "^[^]a]$", "", SLICE_INIT("]"), false},
    {"a - at the end is itself", "^[a-]+$", "", SLICE_INIT("-a"), true},
    {"a class may name others", "^[\\d[:upper:]_]+$", "", SLICE_INIT("A1_"), true},
    {"a class may name others", "^[\\d[:upper:]_]+$", "", SLICE_INIT("a"), false},
    {"a named class may be negated", "^[[:^digit:]]$", "", SLICE_INIT("1"), false},
    {"[:cntrl:] has NUL", "[[:cntrl:]]", "", SLICE_INIT("\0"), true},
    {"\\x is a byte", "^\\x41[\\x42-\\x43]$", "", SLICE_INIT("AC"), true},
    {"\\x may pass ASCII", "^[\\x80-\\xff]+$", "", SLICE_INIT("\xc3\xa9"), true},
    {"a UTF-8 character is repeated whole", "^\xc3\xa9{2}$", "", SLICE_INIT("\xc3\xa9\xc3\xa9"),
     true},
    {"a UTF-8 character is repeated whole", "^\xc3\xa9{2}$", "", SLICE_INIT("\xc3\xa9\xa9"), false},
    {"\\w has no dash", "^\\w+$", "", SLICE_INIT("a-b"), false},
    {"\\s has a tab", "^\\S\\s\\S$", "", SLICE_INIT("a\tb"), true},
    {"an exact repeat", "^a{3}$", "", SLICE_INIT("aaa"), true},
    {"an exact repeat", "^a{3}$", "", SLICE_INIT("aaaa"), false},
    {"an open repeat", "^a{2,}$", "", SLICE_INIT("aaaa"), true},
    {"an open repeat", "^a{2,}$", "", SLICE_INIT("a"), false},
    {"a repeat from to", "^(ab){1,2}$", "", SLICE_INIT("abab"), true},
    {"a repeat from to", "^(ab){1,2}$", "", SLICE_INIT("ababab"), false},
    {"a repeat of none", "^a{0}$", "", SLICE_INIT(""), true},
    {"a lazy repeat matches the same", "^a*?b+?$", "", SLICE_INIT("aabb"), true},
    {"a repeat of what may be nothing", "^(a*)*b$", "", SLICE_INIT("aab"), true},
    {"alternatives may be empty", "^(a|)b$", "", SLICE_INIT("b"), true},
    {"a word's edge", "\\bcat\\b", "", SLICE_INIT("a cat."), true},
    {"a word's edge", "\\bcat\\b", "", SLICE_INIT("concat"), false},
    {"a word's edge at both ends", "^\\bcat\\b$", "", SLICE_INIT("cat"), true},
    {"no word's edge", "\\Bcat", "", SLICE_INIT("concat"), true},
    {"no word's edge", "\\Bcat", "", SLICE_INIT("cat"), false},
    {"no word, no edge", "\\b", "", SLICE_INIT("--"), false},
    {"no word, no edge", "^\\B$", "", SLICE_INIT(""), true},
    {"} and ] alone are themselves", "^}]$", "", SLICE_INIT("}]"), true},
    {"brackets may be escaped", "^\\[\\{\\]$", "", SLICE_INIT("[{]"), true},
};

static void expressions_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(meanings); i++) {
        struct arena a = {0};
        struct regex_error error;
        struct regex_program p;
        struct slice group[REGEX_GROUPS_MAX + 1];
        const struct regex_dfa d = compiled(&a, meanings[i].pattern, meanings[i].flags);
        const struct regex *re = parsed(&a, meanings[i].pattern, meanings[i].flags);
        assert_true(regex_compile_program(re, &a, &p, &error));
        assert_null(regex_program_verify(&p));
        if (regex_dfa_matches(&d, meanings[i].subject) != meanings[i].matches)
            fail_msg("%s: /%s/: automaton", meanings[i].sentence, meanings[i].pattern);
        if (regex_search(&p, meanings[i].subject, group) != meanings[i].matches)
            fail_msg("%s: /%s/: program", meanings[i].sentence, meanings[i].pattern);
        if ((regex_naive_search(re, meanings[i].subject, 10000, NULL) == NAIVE_YES) !=
            meanings[i].matches)
            fail_msg("%s: /%s/: naive", meanings[i].sentence, meanings[i].pattern);
        arena_free(&a);
    }
}

/* What groups take; NULL where a group takes no part. */
static const struct {
    const char *sentence, *pattern, *subject;
    const char *group[4];
} searches[] = {
    {"the leftmost match", "a+", "baaca", {"aa"}},
    {"greedy", "(a+)(a*)", "aaa", {"aaa", "aaa", ""}},
    {"lazy", "(a+?)(a*)", "aaa", {"aaa", "a", "aa"}},
    {"a lazy end takes nothing", "(a+?)(a*?)", "aaa", {"a", "a", ""}},
    {"lazy up to the end", "^(.*?)/(.*)$", "a/b/c", {"a/b/c", "a", "b/c"}},
    {"greedy up to the last", "^(.*)/(.*)$", "a/b/c", {"a/b/c", "a/b", "c"}},
    {"the first alternative, not the longest", "(a|ab)(c|bcd)?", "abcd", {"abcd", "a", "bcd"}},
    {"the first alternative, not the longest", "a|ab", "ab", {"a"}},
    {"a group without part", "(a)|(b)", "b", {"b", NULL, "b"}},
    {"a group in a repeat has its last round", "(a|b)*", "ab", {"ab", "b"}},
    {"an optional group", "x(y)?z", "xz", {"xz", NULL}},
    {"lazy option", "(a?\?)(a?)", "a", {"a", "", "a"}},
    {"groups nest", "((a)(b))", "ab", {"ab", "ab", "a", "b"}},
    {"the empty match at the beginning", "x*", "abc", {""}},
    {"an edge in the middle", "b\\b", "abb b", {"b"}},
    {"at the end", "(.)$", "abc", {"c", "c"}},
    {"exact repeats", "(a{2})(a{0,1}?)(a*)", "aaaa", {"aaaa", "aa", "", "aa"}},
    {"an empty round ends a repeat", "(|a)*", "aa", {"", ""}},
};

static void groups_are_what_perl_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(searches); i++) {
        struct arena a = {0};
        struct regex_error error;
        struct regex_program p;
        struct slice group[2][REGEX_GROUPS_MAX + 1];
        const struct regex *re = parsed(&a, searches[i].pattern, "");
        assert_true(regex_compile_program(re, &a, &p, &error));
        assert_true(regex_search(&p, slice_of(searches[i].subject), group[0]));
        assert_int_equal(regex_naive_search(re, slice_of(searches[i].subject), 10000, group[1]),
                         NAIVE_YES);
        for (uint32_t k = 0; k < 2; k++)
            for (uint32_t g = 0; g <= p.n_groups; g++) {
                const char *want = searches[i].group[g];
                const struct slice got = group[k][g];
                if (want ? !got.at || !slice_eq(got, slice_of(want)) : got.at != NULL)
                    fail_msg("%s: /%s/ group %u is '" SLICE_FMT "' (%s)", searches[i].sentence,
                             searches[i].pattern, g, SLICE_ARG(got), k ? "naive" : "program");
            }
        arena_free(&a);
    }
}

static const struct {
    const char *pattern, *flags;
    enum regex_problem problem;
    uint32_t at, len;
} mistakes[] = {
    {"(a)\\1", "", REGEX_BACK_REFERENCE, 3, 2},
    {"\\k<x>", "", REGEX_BACK_REFERENCE, 0, 2},
    {"(?P=x)", "", REGEX_BACK_REFERENCE, 0, 3},
    {"a(?=b)", "", REGEX_LOOK_AHEAD, 1, 3},
    {"a(?!b)", "", REGEX_LOOK_AHEAD, 1, 3},
    {"(?<=a)b", "", REGEX_LOOK_BEHIND, 0, 3},
    {"(?<!a)b", "", REGEX_LOOK_BEHIND, 0, 3},
    {"(?>a)", "", REGEX_ATOMIC, 0, 3},
    {"a++", "", REGEX_POSSESSIVE, 2, 1},
    {"(?R)", "", REGEX_RECURSION, 0, 3},
    {"(?1)", "", REGEX_RECURSION, 0, 3},
    {"(?-1)", "", REGEX_RECURSION, 0, 3},
    {"(?&x)", "", REGEX_RECURSION, 0, 3},
    {"(?(1)a|b)", "", REGEX_CONDITIONAL, 0, 3},
    {"(?<n>a)", "", REGEX_NAMED_GROUP, 0, 3},
    {"(?P<n>a)", "", REGEX_NAMED_GROUP, 0, 3},
    {"(?'n'a)", "", REGEX_NAMED_GROUP, 0, 3},
    {"(?i)a", "", REGEX_INLINE_FLAGS, 0, 3},
    {"(?-i:a)", "", REGEX_INLINE_FLAGS, 0, 3},
    {"(?#x)", "", REGEX_INLINE_COMMENT, 0, 3},
    {"(?|a)", "", REGEX_UNKNOWN_GROUP, 0, 3},
    {"(?", "", REGEX_UNKNOWN_GROUP, 0, 2},
    {"\\pL", "", REGEX_UNICODE, 0, 2},
    {"a\\z", "", REGEX_TEXT_EDGE, 1, 2},
    {"\\q", "", REGEX_BAD_ESCAPE, 0, 2},
    {"\\0", "", REGEX_BAD_ESCAPE, 0, 2},
    {"\\\xc3\xa9", "", REGEX_BAD_ESCAPE, 0, 3},
    {"[\\b]", "", REGEX_BAD_ESCAPE_IN_CLASS, 1, 2},
    {"\\x4g", "", REGEX_BAD_HEX, 0, 2},
    {"[\\x]", "", REGEX_BAD_HEX, 1, 2},
    {"a\\", "", REGEX_ENDS_IN_ESCAPE, 1, 1},
    {"[\\", "", REGEX_ENDS_IN_ESCAPE, 1, 1},
    {"a(b(c)", "", REGEX_GROUP_OPEN, 1, 1},
    {"a)b", "", REGEX_GROUP_CLOSE, 1, 1},
    {"a[b", "", REGEX_CLASS_OPEN, 1, 1},
    {"[]", "", REGEX_CLASS_OPEN, 0, 1},
    {"[^\\x00-\\xff]", "", REGEX_CLASS_NOTHING, 0, 12},
    {"[a\xc3\xa9]", "", REGEX_CLASS_NOT_ASCII, 2, 2},
    {"[[:alhpa:]]", "", REGEX_POSIX_UNKNOWN, 1, 9},
    {"x[:alpha:]", "", REGEX_POSIX_OUTSIDE, 1, 9},
    {"[z-a]", "", REGEX_RANGE_ORDER, 1, 3},
    {"[a-\\d]", "", REGEX_RANGE_OF_CLASS, 1, 4},
    {"[\\d-z]", "", REGEX_RANGE_OF_CLASS, 1, 4},
    {"*a", "", REGEX_NOTHING_TO_REPEAT, 0, 1},
    {"a|+", "", REGEX_NOTHING_TO_REPEAT, 2, 1},
    {"(?:{2})", "", REGEX_NOTHING_TO_REPEAT, 3, 3},
    {"^*", "", REGEX_NOTHING_TO_REPEAT, 1, 1},
    {"a**", "", REGEX_REPEAT_TWICE, 2, 1},
    {"a{2}{3}", "", REGEX_REPEAT_TWICE, 4, 3},
    {"a*?*", "", REGEX_REPEAT_TWICE, 3, 1},
    {"a{3,2}", "", REGEX_REPEAT_ORDER, 1, 5},
    {"a{1001}", "", REGEX_REPEAT_TOO_LARGE, 1, 6},
    {"a{1,99999999999999999999}", "", REGEX_REPEAT_TOO_LARGE, 1, 24},
    {"a{,3}", "", REGEX_BAD_REPEAT, 1, 1},
    {"/{id}", "", REGEX_BAD_REPEAT, 1, 1},
    {"{id}", "", REGEX_BAD_REPEAT, 0, 1},
    {"((((.{10}){10}){10}){10}){10}", "", REGEX_TOO_BIG, 1, 23},
    {"(((){1000}){1000}){1000}", "", REGEX_TOO_BIG, 1, 16},
    {"a", "m", REGEX_UNKNOWN_FLAG, 0, 1},
    {"a", "ii", REGEX_FLAG_TWICE, 1, 1},
};

static void mistakes_are_named_and_placed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        struct arena a = {0};
        struct regex_error e;
        if (regex_parse(&a, slice_of(mistakes[i].pattern), slice_of(mistakes[i].flags), &e))
            fail_msg("/%s/%s has no mistake", mistakes[i].pattern, mistakes[i].flags);
        if (e.problem != mistakes[i].problem || e.at != mistakes[i].at || e.len != mistakes[i].len)
            fail_msg("/%s/%s: %u..+%u: " SLICE_FMT, mistakes[i].pattern, mistakes[i].flags, e.at,
                     e.len, SLICE_ARG(e.reason));
        assert_true(e.in_flags == (mistakes[i].flags[0] != '\0'));
        arena_free(&a);
    }
}

static void groups_nest_up_to_a_limit(void **state)
{
    (void)state;
    char text[2 * REGEX_DEPTH_MAX + 3];
    struct arena a = {0};
    struct regex_error e;
    memset(text, '(', REGEX_DEPTH_MAX + 1);
    memset(text + REGEX_DEPTH_MAX + 1, ')', REGEX_DEPTH_MAX + 1);
    assert_non_null(regex_parse(&a, (struct slice){text + 1, 2 * REGEX_DEPTH_MAX}, SLICE(""), &e));
    assert_null(regex_parse(&a, (struct slice){text, 2 * REGEX_DEPTH_MAX + 2}, SLICE(""), &e));
    assert_int_equal(e.problem, REGEX_TOO_DEEP);
    assert_int_equal(e.at, REGEX_DEPTH_MAX);
    arena_free(&a);
}

/* Expressions that hurt engines which try; and how many states are enough. */
static const struct {
    const char *pattern;
    uint32_t states;
} sizes[] = {
    {"^(a+)+$", 4},      {"(a+)+$", 4},     {"(a|a)*b", 3},
    {"^(a|aa)+$", 4},    {"^(a*)*b$", 4},   {"(.*)*x", 3},
    {"^.{1000}$", 1003}, {".{1000}", 1002}, {"^(?:a?){100}a{100}$", 203},
    {"(x+x+)+y", 5},     {"", 2},           {"a^", 2},
    {"\\bcat\\b", 7},
};

static void automata_are_as_small_as_they_can_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct arena a = {0};
        const struct regex_dfa d = compiled(&a, sizes[i].pattern, "");
        if (d.n_states != sizes[i].states)
            fail_msg("/%s/ has %u states", sizes[i].pattern, d.n_states);
        arena_free(&a);
    }
}

static void too_many_states_are_refused(void **state)
{
    (void)state;
    struct arena a = {0};
    struct regex_error e;
    struct regex_dfa d;
    const struct regex *re = parsed(&a, "a.{20}$", "");
    assert_false(regex_compile_dfa(re, NULL, &a, &d, &e));
    assert_int_equal(e.problem, REGEX_TOO_MANY_STATES);
    assert_int_equal(e.len, 7);
    assert_true(slice_eq(e.reason, SLICE("this expression needs more than 10000 states")));
    const struct regex_limits lazy = {REGEX_STATES_MAX, 1000, 1000};
    assert_false(regex_compile_dfa(re, &lazy, &a, &d, &e));
    assert_int_equal(e.problem, REGEX_TOO_MUCH_WORK);
    const struct regex_limits narrow = {REGEX_STATES_MAX, 1000000, 1024};
    assert_true(regex_compile_dfa(parsed(&a, "^.{509}$", ""), &narrow, &a, &d, &e));
    assert_false(regex_compile_dfa(parsed(&a, "^.{510}$", ""), &narrow, &a, &d, &e));
    assert_int_equal(e.problem, REGEX_TOO_LARGE);
    assert_true(slice_eq(e.reason, SLICE("the automaton of this takes more than 1 KiB")));

    struct regex_program p;
    assert_false(regex_compile_program(parsed(&a, ".{1000}", ""), &a, &p, &e));
    assert_int_equal(e.problem, REGEX_TOO_BIG);
    assert_false(
        regex_compile_program(parsed(&a, "(a)(b)(c)(d)(e)(f)(g)(h)(i)x(j)", ""), &a, &p, &e));
    assert_int_equal(e.problem, REGEX_TOO_MANY_GROUPS);
    assert_int_equal(e.at, 28);
    assert_int_equal(e.len, 3);
    arena_free(&a);
}

static const char *const same[][2] = {
    {"^a*$", "^(|a|aa+)$"}, {"a|b", "[ab]"}, {"^(a|b)*$", "^(a*b*)*$"},
    {"a", "^.*a.*$"},       {"(ab)*", ""},   {"^[^a]*$", "^(?:[\\x00-`]|[b-\\xff])*$"},
    {"^a{2,3}$", "^aaa?$"}, {"\\w+", "\\w"}, {"^\\b\\w+\\b$", "^\\w+$"},
};

static void equal_languages_have_equal_automata(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        struct arena a = {0};
        const struct regex_dfa x = compiled(&a, same[i][0], ""), y = compiled(&a, same[i][1], "");
        if (!regex_dfa_equal(&x, &y))
            fail_msg("/%s/ is not /%s/", same[i][0], same[i][1]);
        arena_free(&a);
    }
    struct arena a = {0};
    const struct regex_dfa x = compiled(&a, "^a*$", ""), y = compiled(&a, "^a+$", "");
    assert_false(regex_dfa_equal(&x, &y));
    arena_free(&a);
}

static void broken_automata_are_refused(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct regex_dfa d = compiled(&a, "ab", "");
    const uint32_t n = d.n_states * d.n_classes;
    uint16_t next[64];
    for (uint32_t i = 0; i < n; i++) {
        struct regex_dfa broken = d;
        memcpy(next, d.next, n * sizeof(next[0]));
        next[i] = (uint16_t)d.n_states;
        broken.next = next;
        assert_non_null(regex_dfa_verify(&broken));
    }
    struct regex_dfa broken = d;
    broken.class_of[7] = (uint8_t)d.n_classes;
    assert_non_null(regex_dfa_verify(&broken));
    broken = d;
    broken.start = d.n_states;
    assert_non_null(regex_dfa_verify(&broken));
    broken = d;
    broken.first_accepting = d.n_states + 1;
    assert_non_null(regex_dfa_verify(&broken));
    broken = d;
    memcpy(next, d.next, n * sizeof(next[0]));
    next[0] = 2; /* the dead rise */
    broken.next = next;
    assert_non_null(regex_dfa_verify(&broken));
    arena_free(&a);
}

static void broken_programs_are_refused(void **state)
{
    (void)state;
    struct arena a = {0};
    struct regex_error e;
    struct regex_program p;
    assert_true(regex_compile_program(parsed(&a, "([ab]|c)*x", ""), &a, &p, &e));
    for (uint32_t i = 0; i < p.n_instructions; i++) {
        struct regex_instruction in[32];
        struct regex_program broken = p;
        broken.instruction = in;
        memcpy(in, p.instruction, p.n_instructions * sizeof(in[0]));
        in[i].op = REGEX_MATCH + 1;
        assert_non_null(regex_program_verify(&broken));
        in[i] = p.instruction[i];
        in[i].next = (uint16_t)p.n_instructions;
        assert_true((regex_program_verify(&broken) != NULL) == (in[i].op != REGEX_MATCH));
        in[i] = p.instruction[i];
        in[i].other = (uint16_t)p.n_instructions;
        in[i].byte = 4;
        assert_true((regex_program_verify(&broken) != NULL) ==
                    (in[i].op == REGEX_SPLIT || in[i].op == REGEX_SET || in[i].op == REGEX_SAVE));
    }
    arena_free(&a);
}

/* ---- random expressions ---- */

/* Writes a part of a random expression. */
static void random_part(struct rng *r, struct text *out, uint32_t depth)
{
    static const char *const atoms[] = {"a", "b", "c",   ".",   "[ab]", "[^b]",
                                        "^", "$", "\\b", "\\B", "ab",   "-"};
    static const char *const repeats[] = {"*",  "+",   "?",     "*?",    "+?",
                                          "??", "{2}", "{1,2}", "{0,2}?"};
    const uint32_t kind = rng_below(r, depth > 0 ? 8 : 2);
    if (kind < 3) {
        text_adds(out, atoms[rng_below(r, COUNT_OF(atoms))]);
        return;
    }
    if (kind < 5) {
        random_part(r, out, depth - 1);
        random_part(r, out, depth - 1);
        return;
    }
    text_adds(out, rng_below(r, 2) ? "(" : "(?:");
    random_part(r, out, depth - 1);
    if (kind == 6) {
        text_adds(out, "|");
        random_part(r, out, depth - 1);
    }
    text_adds(out, ")");
    if (kind == 7)
        text_adds(out, repeats[rng_below(r, COUNT_OF(repeats))]);
}

static void automata_programs_and_trying_agree(void **state)
{
    (void)state;
    struct rng r = {1};
    struct text pattern = {0};
    uint32_t yes = 0, no = 0;
    for (int i = 0; i < 4000; i++) {
        struct arena a = {0};
        struct regex_error e;
        struct regex_program p;
        text_clear(&pattern);
        random_part(&r, &pattern, 4);
        const struct regex *re = regex_parse(&a, text_slice(&pattern), SLICE(""), &e);
        if (!re)
            fail_msg(SLICE_FMT ": " SLICE_FMT, SLICE_ARG(text_slice(&pattern)),
                     SLICE_ARG(e.reason));
        const struct regex_dfa d = compiled(&a, pattern.at, "");
        const bool searches_too = regex_compile_program(re, &a, &p, &e);
        for (int k = 0; k < 12; k++) {
            char subject[8];
            struct slice group[2][64];
            const struct slice s = {subject, rng_below(&r, sizeof(subject))};
            for (size_t c = 0; c < s.len; c++)
                subject[c] = "abc-"[rng_below(&r, 4)];
            const enum naive want = regex_naive_search(re, s, 100000, group[0]);
            if (want == NAIVE_GAVE_UP)
                continue;
            yes += want == NAIVE_YES;
            no += want == NAIVE_NO;
            if (regex_dfa_matches(&d, s) != (want == NAIVE_YES))
                fail_msg("/%s/ and '" SLICE_FMT "': the automaton differs", pattern.at,
                         SLICE_ARG(s));
            if (searches_too && regex_search(&p, s, group[1]) != (want == NAIVE_YES))
                fail_msg("/%s/ and '" SLICE_FMT "': the program differs", pattern.at, SLICE_ARG(s));
        }
        arena_free(&a);
    }
    text_done(&pattern);
    assert_true(yes > 10000 && no > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_mean_what_they_say),
        cmocka_unit_test(groups_are_what_perl_finds),
        cmocka_unit_test(mistakes_are_named_and_placed),
        cmocka_unit_test(groups_nest_up_to_a_limit),
        cmocka_unit_test(automata_are_as_small_as_they_can_be),
        cmocka_unit_test(too_many_states_are_refused),
        cmocka_unit_test(equal_languages_have_equal_automata),
        cmocka_unit_test(broken_automata_are_refused),
        cmocka_unit_test(broken_programs_are_refused),
        cmocka_unit_test(automata_programs_and_trying_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
