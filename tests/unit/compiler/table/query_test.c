#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/table/cookie.h"
#include "compiler/table/match.h"
#include "compiler/table/query.h"

#define PAIRS_MAX 3

/* What is cut into what; a NULL name ends a row. */
struct row {
    const char *text;
    struct {
        const char *name, *value;
    } pair[PAIRS_MAX + 1];
};

static const struct row queries[] = {
    {"a=b&c=d", {{"a", "b"}, {"c", "d"}}},
    {"a=b=c", {{"a", "b=c"}}},
    {"a&b=", {{"a", ""}, {"b", ""}}},
    {"&&a=b&", {{"a", "b"}}},
    {"=v", {{"", "v"}}},
    {"a%3Db=c%26d", {{"a%3Db", "c%26d"}}}, /* still encoded */
    {"", {{NULL, NULL}}},
    {"a;b=c", {{"a;b", "c"}}},
};

static const struct row cookies[] = {
    {"a=b; c=d", {{"a", "b"}, {"c", "d"}}},
    {"a=b;c=d", {{"a", "b"}, {"c", "d"}}},
    {" a=b\t;; ;c=", {{"a", "b"}, {"c", ""}}},
    {"a=\"b c\"", {{"a", "\"b c\""}}},
    {"broken; a=b=c", {{"a", "b=c"}}},
    {" a =\t b ;c= d", {{"a", "b"}, {"c", "d"}}}, /* as servers and browsers read it */
    {"=v", {{"", "v"}}},
    {"", {{NULL, NULL}}},
};

typedef bool cut(struct slice *rest, struct slice *name, struct slice *value);

static void check(const struct row *rows, size_t n, cut *next)
{
    for (size_t i = 0; i < n; i++) {
        struct slice rest = slice_of(rows[i].text), name, value;
        size_t k = 0;
        for (; next(&rest, &name, &value); k++)
            if (k >= PAIRS_MAX || !rows[i].pair[k].name ||
                !slice_eq(name, slice_of(rows[i].pair[k].name)) ||
                !slice_eq(value, slice_of(rows[i].pair[k].value)))
                fail_msg("\"%s\": pair %zu", rows[i].text, k);
        if (rows[i].pair[k].name)
            fail_msg("\"%s\": only %zu pairs", rows[i].text, k);
    }
}

static void queries_are_cut_into_parameters(void **state)
{
    (void)state;
    check(queries, sizeof(queries) / sizeof(queries[0]), query_next);
}

static void cookie_headers_are_cut_into_pairs(void **state)
{
    (void)state;
    check(cookies, sizeof(cookies) / sizeof(cookies[0]), cookie_next);
}

static const struct {
    const char *raw;
    struct slice decoded;
} encoded[] = {
    {"abc", SLICE_INIT("abc")},         {"%61b%63", SLICE_INIT("abc")}, {"a+b", SLICE_INIT("a b")},
    {"a%2Bb", SLICE_INIT("a+b")},       {"%", SLICE_INIT("%")},         {"%4", SLICE_INIT("%4")},
    {"%zz", SLICE_INIT("%zz")},         {"%%41", SLICE_INIT("%A")},     {"%00", SLICE_INIT("\0")},
    {"%c3%A4", SLICE_INIT("\xc3\xa4")}, {"", SLICE_INIT("")},
};

static void values_compare_as_if_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
        const struct slice raw = slice_of(encoded[i].raw), decoded = encoded[i].decoded;
        if (!query_eq(raw, decoded) || query_decoded_bytes(raw) != decoded.len)
            fail_msg("\"%s\" is not decoded", encoded[i].raw);
        if (query_eq(raw, (struct slice){decoded.at, decoded.len + 1}) ||
            (decoded.len > 0 && query_eq(raw, (struct slice){decoded.at, decoded.len - 1})))
            fail_msg("\"%s\" equals more than it is", encoded[i].raw);
    }
}

/* Longer than what is decoded for looking it up in a set. */
static void long_values_are_found_in_sets(void **state)
{
    (void)state;
    char raw[3001], plain[1001];
    for (size_t i = 0; i < 1000; i++) {
        memcpy(raw + 3 * i, "%61", 3);
        plain[i] = 'a';
    }
    const struct slice string[] = {{plain, 1000}};
    const uint32_t slot[] = {1, 0};
    uint32_t turned[] = {0, 1};
    const bool at_0 = (string_set_hash(string[0]) & 1) == 0;
    const struct table_string_set set = {string, at_0 ? slot : turned, 1, 1};
    const struct table t = {.string_set = &set, .n_string_sets = 1};
    const struct table_atom atom = {.field = FIELD_QUERY_KEY, .op = OP_IN_STRINGS};
    assert_true(match_encoded(&t, &atom, (struct slice){raw, 3000}));
    assert_false(match_encoded(&t, &atom, (struct slice){raw, 2997}));
    assert_true(match_value(&t, &atom, string[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_cut_into_parameters),
        cmocka_unit_test(cookie_headers_are_cut_into_pairs),
        cmocka_unit_test(values_compare_as_if_decoded),
        cmocka_unit_test(long_values_are_found_in_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
