#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grammar/edit/list.h"
#include "runtime/base/arena.h"

#define ADD(text)                                                                                  \
    {                                                                                              \
        .entry = SLICE_INIT(text)                                                                  \
    }
#define REMOVE(text)                                                                               \
    {                                                                                              \
        .removes = true, .entry = SLICE_INIT(text)                                                 \
    }

#define PAIR(text)                                                                                 \
    {                                                                                              \
        .pairs = true, .entry = SLICE_INIT(text)                                                   \
    }
#define REMOVE_PAIR(text)                                                                          \
    {                                                                                              \
        .pairs = true, .removes = true, .entry = SLICE_INIT(text)                                  \
    }

static const struct {
    const char *says, *before;
    struct list_change change[4];
    uint32_t n;
    const char *after;
    bool was_there;
} rows[] = {
    {"one more", "a\nb\n", {ADD("c")}, 1, "a\nb\nc\n", false},
    {"one less", "a\nb\nc\n", {REMOVE("b")}, 1, "a\nc\n", true},
    {"one that is not there", "a\n", {REMOVE("b")}, 1, "a\n", false},
    {"one that is there", "a\nb\n", {ADD("a")}, 1, "b\na\n", true},
    {"no end of the last line", "a", {ADD("b")}, 1, "a\nb\n", false},
    {"nothing before", "", {ADD("b")}, 1, "b\n", false},
    {"blanks and comments belong to a line",
     "# one\n  a   # why\n\nb\n",
     {REMOVE("a")},
     1,
     "# one\n\nb\n",
     true},
    {"a # within a word is no comment", "a#b\na\n", {REMOVE("a")}, 1, "a#b\n", true},
    {"what a comment says is no entry", "# a\n", {REMOVE("a")}, 1, "# a\n", false},
    {"all lines of it go", "a\nb\na\n", {REMOVE("a")}, 1, "b\n", true},
    {"several", "a\nb\n", {ADD("c"), REMOVE("a"), ADD("d")}, 3, "b\nc\nd\n", false},
    {"the last about an entry counts", "a\n", {ADD("b"), REMOVE("b")}, 2, "a\n", true},
    {"the other way round", "a\nb\n", {REMOVE("b"), ADD("b")}, 2, "a\nb\n", false},
    {"lines that end in CR LF", "a\r\nb\r\n", {REMOVE("a"), ADD("c")}, 2, "b\r\nc\r\n", false},
    {"one of them", "a\r\nb\r\n", {REMOVE("a")}, 1, "b\r\n", true},
    {"a network in other words", "10.0.0.1/32\n", {REMOVE("10.0.0.1")}, 1, "", true},
    {"and the other way round", "10.0.0.1\n", {ADD("10.0.0.1/32")}, 1, "10.0.0.1/32\n", true},
    {"IPv6 in other letters", "2001:DB8:0::/32\n", {REMOVE("2001:db8::/32")}, 1, "", true},
    {"another network", "10.0.0.0/8\n", {REMOVE("10.0.0.0/9")}, 1, "10.0.0.0/8\n", false},
    {"a pair more", "x a\n", {PAIR("y a")}, 1, "x a\ny a\n", false},
    {"a key that leads elsewhere", "x\ta # x\ny b\n", {PAIR("x c")}, 1, "y b\nx c\n", true},
    {"a key less", "x a\nx y  a\n", {REMOVE_PAIR("x y")}, 1, "x a\n", true},
    {"a key that is not there", "x y a\n", {REMOVE_PAIR("x")}, 1, "x y a\n", false},
    {"one that came and leads elsewhere", "", {PAIR("x a"), PAIR("x b")}, 2, "x b\n", true},
    {"twice the same", "", {ADD("b"), ADD("b")}, 2, "b\n", true},
};

static void a_list_is_changed_in_one_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena = {0};
        bool was_there;
        const struct slice got =
            list_changed(slice_of(rows[i].before), rows[i].change, rows[i].n, &arena, &was_there);
        if (!slice_eq(got, slice_of(rows[i].after)) || was_there != rows[i].was_there)
            fail_msg("%s: " SLICE_FMT " %d", rows[i].says, SLICE_ARG(got), was_there);
        arena_free(&arena);
    }
}

static const char file[] = "lbconf 1\n"
                           "set banned : network from file \"lists/banned.txt\"\n"
                           "set office : network = { 10.0.0.0/8 }\n"
                           "set names : host from file \"names\"\n"
                           "map tenants : string -> cluster from file \"tenants\"\n";

static const struct {
    const char *sentence, *path, *entry; /* no path: it is about no list */
    bool removes;
} sentences[] = {
    {"add banned 10.0.0.0/8", "lists/banned.txt", "10.0.0.0/8", false},
    {"remove banned 2001:db8::/32", "lists/banned.txt", "2001:db8::/32", true},
    {"add set:banned 10.0.0.1", "lists/banned.txt", "10.0.0.1", false},
    {"add names \"a.example\"", "names", "a.example", false},
    {"add office 10.1.0.0/16", NULL, NULL, false},
    {"remove banned", NULL, NULL, false},
    {"add nobody 10.0.0.1", NULL, NULL, false},
    {"set banned 10.0.0.1", NULL, NULL, false},
    {"add tenants \"x y\" -> web", "tenants", "x y web", false},
    {"set tenants \"x\" -> web", "tenants", "x web", false},
    {"remove tenants \"x\"", "tenants", "x", true},
    {"remove tenants \"x\" -> web", "tenants", "x", true},
    {"add tenants \"x\"", NULL, NULL, false},
    {"set tenants \"x\" web", NULL, NULL, false},
    {"nonsense", NULL, NULL, false},
    {"", NULL, NULL, false},
};

static void a_sentence_may_be_about_a_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sentences); i++) {
        struct arena arena = {0};
        struct sources *s = sources_new();
        assert_int_equal(sources_add(s, SLICE("site.lbconf"), SLICE(file)), 0);
        assert_int_equal(sources_add(s, SLICE("request"), slice_of(sentences[i].sentence)), 1);
        struct list_change c;
        const bool is = list_change_of(s, 0, 1, &arena, &c);
        if (is != (sentences[i].path != NULL))
            fail_msg("%s", sentences[i].sentence);
        if (is &&
            (!slice_eq(c.path, slice_of(sentences[i].path)) ||
             !slice_eq(c.entry, slice_of(sentences[i].entry)) || c.removes != sentences[i].removes))
            fail_msg("%s: " SLICE_FMT " in " SLICE_FMT, sentences[i].sentence, SLICE_ARG(c.entry),
                     SLICE_ARG(c.path));
        sources_free(s);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_changed_in_one_pass),
        cmocka_unit_test(a_sentence_may_be_about_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
