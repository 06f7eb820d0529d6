/* Which texts are sound JSON, and what is read of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/flat_json.h"
#include "runtime/base/text.h"

static void write(struct flat_json v, struct text *out);

static void write_inner(struct flat_json v, struct text *out)
{
    struct slice rest = v.text, name;
    struct flat_json one;
    const bool object = v.kind == FLAT_JSON_OBJECT;
    while (object ? flat_json_next_member(&rest, &name, &one) : flat_json_next(&rest, &one)) {
        if (object)
            text_addf(out, "%.*s=", (int)name.len, name.at);
        write(one, out);
        text_addc(out, ' ');
    }
}

/* Every value with the letter of its kind. */
static void write(struct flat_json v, struct text *out)
{
    text_addc(out, "?zbnsao"[v.kind]);
    if (v.kind == FLAT_JSON_ARRAY || v.kind == FLAT_JSON_OBJECT)
        write_inner(v, out);
    else
        text_add(out, v.text);
    text_addc(out, ';');
}

/* In a block of exactly its size, so that what reads beyond is seen. */
static bool reads(const char *json, size_t len, struct text *out)
{
    char *copy = must_calloc(len ? len : 1, 1);
    struct flat_json v;
    memcpy(copy, json, len);
    text_clear(out);
    const bool ok = flat_json_make(copy, len, &v);
    if (ok)
        write(v, out);
    free(copy);
    return ok;
}

static const struct row {
    const char *json, *read; /* NULL: it is not sound */
} rows[] = {
    {"{}", "o;"},
    {" [ ] ", "a;"},
    {"\"\"", "s;"},
    {"-0.5e+7", "n-0.5e+7;"},
    {"null", "znull;"},
    {"[true,false , null]", "abtrue; bfalse; znull; ;"},
    {"{\"a\":1,\"b\":\"x\" , \"c\" : [ 1 , {\"d\":\"\"} ] }", "oa=n1; b=sx; c=an1; od=s; ; ; ;"},
    {"[\"\\\"\\\\\\/\",\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"]",
     "as\"\\/; sA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80; ;"},
    {"[\"]\",\"}\",\"{[\",\"a,b:c\"]", "as]; s}; s{[; sa,b:c; ;"},
    {"[[\"\\n\",[2]],\"\\t\"]", "aas\n; an2; ; ; s\t; ;"},
    {"{\"\\u0061\":1}", "oa=n1; ;"},
    {"\"\xc3\xa9\"", "s\xc3\xa9;"},
    {"", NULL},
    {" ", NULL},
    {"{", NULL},
    {"[1,]", NULL},
    {"[,1]", NULL},
    {"[1 2]", NULL},
    {"{\"a\"}", NULL},
    {"{\"a\":}", NULL},
    {"{\"a\":1,}", NULL},
    {"{a:1}", NULL},
    {"{\"a\":1]", NULL},
    {"[1}", NULL},
    {"1 1", NULL},
    {"{}x", NULL},
    {"\"a", NULL},
    {"\"\\", NULL},
    {"\"\\x\"", NULL},
    {"\"\\u12\"", NULL},
    {"\"\\u12g4\"", NULL},
    {"\"\\u0000\"", NULL},
    {"\"\\ud83d\"", NULL},
    {"\"\\ud83d\\u0041\"", NULL},
    {"\"\\ude00\"", NULL},
    {"\"\n\"", NULL},
    {"\"\xc3\"", NULL},
    {"\"\xed\xa0\x80\"", NULL},
    {"01", NULL},
    {"1.", NULL},
    {".5", NULL},
    {"+1", NULL},
    {"1e", NULL},
    {"-", NULL},
    {"NaN", NULL},
    {"True", NULL},
    {"nul", NULL},
    {"\xef\xbb\xbf{}", NULL},
    {"{\"a\":1,\"a\":2}", NULL},
    {"{\"a\":1,\"\\u0061\":2}", NULL},
    {"[{\"b\":{\"a\":1,\"a\":2}}]", NULL},
};

static void texts_are_read(void **state)
{
    struct text out = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const bool ok = reads(rows[i].json, strlen(rows[i].json), &out);
        if (ok != (rows[i].read != NULL))
            fail_msg("%s is %s", rows[i].json, ok ? "read" : "refused");
        if (ok)
            assert_string_equal(out.at, rows[i].read);
        for (size_t cut = 0; ok && rows[i].json[0] != '-' && cut < strlen(rows[i].json); cut++)
            reads(rows[i].json, cut, &out); /* and nothing is read beyond */
    }
    text_done(&out);
}

static bool reads_nested(unsigned depth)
{
    struct text json = {0}, out = {0};
    for (unsigned i = 0; i < depth; i++)
        text_adds(&json, "[");
    for (unsigned i = 0; i < depth; i++)
        text_adds(&json, "]");
    const bool ok = reads(json.at, json.len, &out);
    text_done(&json);
    text_done(&out);
    return ok;
}

static bool reads_members(unsigned n)
{
    struct text json = {0}, out = {0};
    for (unsigned i = 0; i < n; i++)
        text_addf(&json, "%c\"m%u\":%u", i == 0 ? '{' : ',', i, i);
    text_addc(&json, '}');
    const bool ok = reads(json.at, json.len, &out);
    text_done(&json);
    text_done(&out);
    return ok;
}

static void there_are_limits(void **state)
{
    (void)state;
    assert_true(reads_nested(FLAT_JSON_DEPTH_MAX));
    assert_false(reads_nested(FLAT_JSON_DEPTH_MAX + 1));
    assert_true(reads_members(FLAT_JSON_MEMBERS_MAX));
    assert_false(reads_members(FLAT_JSON_MEMBERS_MAX + 1));
}

static void members_are_found(void **state)
{
    char json[] = "{\"a\":{\"x\":1},\"b\":\"\\u0041\",\"\":2}";
    struct flat_json v;
    (void)state;
    assert_true(flat_json_make(json, strlen(json), &v));
    assert_true(slice_eq(flat_json_member(v, SLICE("b")).text, SLICE("A")));
    assert_true(slice_eq(flat_json_member(v, SLICE("")).text, SLICE("2")));
    assert_int_equal(flat_json_member(v, SLICE("x")).kind, FLAT_JSON_NONE);
    assert_int_equal(flat_json_member(flat_json_member(v, SLICE("a")), SLICE("x")).kind,
                     FLAT_JSON_NUMBER);
    assert_int_equal(flat_json_member(flat_json_member(v, SLICE("b")), SLICE("x")).kind,
                     FLAT_JSON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(there_are_limits),
        cmocka_unit_test(members_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
