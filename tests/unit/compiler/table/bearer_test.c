/* Which Authorization headers are tokens, and what is read of their claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/table/bearer.h"
#include "compiler/table/facts.h"
#include "runtime/base/text.h"

/* {"alg":"none"} . {"a":1} . x */
#define HEADER    "eyJhbGciOiJub25lIn0"
#define CLAIMS    "eyJhIjoxfQ"
#define SIGNATURE "eA"
#define TOKEN     HEADER "." CLAIMS "." SIGNATURE

static const struct row {
    const char *why, *header;
    enum bearer_found found;
} rows[] = {
    {"a token", "Bearer " TOKEN, BEARER_FOUND},
    {"a scheme has no case", "bEARER " TOKEN, BEARER_FOUND},
    {"blanks around it", "Bearer   " TOKEN " \t", BEARER_FOUND},
    {"another scheme", "Basic " TOKEN, BEARER_NONE},
    {"a longer scheme", "BearerX " TOKEN, BEARER_NONE},
    {"no blank", "Bearer", BEARER_NONE},
    {"nothing", "", BEARER_NONE},
    {"nothing behind it", "Bearer ", BEARER_WRONG},
    {"one part", "Bearer " HEADER, BEARER_WRONG},
    {"two parts", "Bearer " HEADER "." CLAIMS, BEARER_WRONG},
    {"no signature", "Bearer " HEADER "." CLAIMS ".", BEARER_WRONG},
    {"four parts", "Bearer " TOKEN "." SIGNATURE, BEARER_WRONG},
    {"a dot behind it", "Bearer " TOKEN ".", BEARER_WRONG},
    {"a dot in front of it", "Bearer ." TOKEN, BEARER_WRONG},
    {"padding", "Bearer " TOKEN "==", BEARER_WRONG},
    {"a blank inside", "Bearer " HEADER ". " CLAIMS "." SIGNATURE, BEARER_WRONG},
    {"the other alphabet", "Bearer " HEADER "." CLAIMS ".e/8A", BEARER_WRONG},
    {"bits behind the last byte", "Bearer " HEADER "." CLAIMS ".eB", BEARER_WRONG},
    {"claims that are an array", "Bearer " HEADER ".W10." SIGNATURE, BEARER_WRONG},
    {"claims that are no JSON", "Bearer " HEADER ".e30x." SIGNATURE, BEARER_WRONG},
    {"a header that is a number", "Bearer MQ." CLAIMS "." SIGNATURE, BEARER_WRONG},
};

static void headers_are_read(void **state)
{
    (void)state;
    struct bearer *b = MUST_NEW(struct bearer);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bearer_parse(slice_of(rows[i].header), b);
        if (b->found != rows[i].found)
            fail_msg("%s", rows[i].why);
    }
    bearer_parse(SLICE("Bearer " TOKEN), b);
    assert_true(slice_eq(b->token, SLICE(TOKEN)));
    assert_true(slice_eq(b->is_signed, SLICE(HEADER "." CLAIMS)));
    assert_true(slice_eq(b->signature, SLICE("x")));
    free(b);
}

static void encode(struct slice from, struct text *out)
{
    static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < from.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < from.len ? (unsigned char)from.at[i + k] : 0u);
        for (size_t k = 0; k < 4 && i + k <= from.len; k++)
            text_addc(out, DIGIT[bits >> (18 - 6 * k) & 63]);
    }
}

static void make(const char *claims, struct bearer *b, struct text *header)
{
    text_clear(header);
    text_adds(header, "Bearer " HEADER ".");
    encode(slice_of(claims), header);
    text_adds(header, "." SIGNATURE);
    bearer_parse(text_slice(header), b);
    assert_int_equal(b->found, BEARER_FOUND);
}

static const struct claim {
    const char *claims, *name, *values; /* each with a '|' behind it */
} claims[] = {
    {"{\"a\":\"x\"}", "a", "x|"},
    {"{\"a\":\"x\"}", "b", ""},
    {"{\"a\":\"\"}", "a", "|"},
    {"{\"a\":-1.50}", "a", "-1.50|"},
    {"{\"a\":true,\"b\":false}", "b", "false|"},
    {"{\"a\":null}", "a", ""},
    {"{\"a\":{}}", "a", ""},
    {"{\"a\":[]}", "a", ""},
    {"{\"a\":[\"x\",\"y\"],\"b\":[\"z\"]}", "a", "x|y|"},
    {"{\"a\":[1,true,null,[\"no\"],{\"b\":\"no\"},\"\\u0041\"]}", "a", "1|true|A|"},
    {"{\"a\":[\"b\"],\"c\":1}", "a", "b|"},
    {"{\"a\":\"x\\ny\"}", "a", ""},
    {"{\"a\":[\"x\\u007f\",\"y\"]}", "a", "y|"},
    {"{\"a\":\"\\u00e9\"}", "a", "\xc3\xa9|"},
    {"{\"a\":{\"b\":{\"c\":\"x\"}}}", "a.b.c", "x|"},
    {"{\"a\":{\"b.c\":\"x\"}}", "a.b.c", "x|"},
    {"{\"a.b\":{\"c\":\"x\"}}", "a.b.c", "x|"},
    {"{\"a.b\":\"whole\",\"a\":{\"b\":\"part\"}}", "a.b", "whole|"},
    {"{\"a\":{\"b\":[1,2]}}", "a.b", "1|2|"},
    {"{\"a\":\"x\"}", "a.b", ""},
    {"{\"a\":[{\"b\":1}]}", "a.b", ""},
    {"{\"https://a.example/roles\":[\"x\"]}", "https://a.example/roles", "x|"},
    {"{\".\":1}", ".", "1|"},
    {"{\"a\":1}", "", ""},
};

static void claims_are_read(void **state)
{
    struct text header = {0}, out = {0};
    struct bearer *b = MUST_NEW(struct bearer);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        struct slice value;
        uint32_t cursor = 0;
        make(claims[i].claims, b, &header);
        text_clear(&out);
        while (bearer_claim(b, slice_of(claims[i].name), &cursor, &value)) {
            text_add(&out, value);
            text_addc(&out, '|');
        }
        assert_false(bearer_claim(b, slice_of(claims[i].name), &cursor, &value));
        if (!slice_eq(text_slice(&out), slice_of(claims[i].values)))
            fail_msg("%s of %s is %.*s", claims[i].name, claims[i].claims, (int)out.len, out.at);
    }
    text_done(&header);
    text_done(&out);
    free(b);
}

/* As long as a token may be, and a digit more. */
static void a_token_has_so_many_bytes(void **state)
{
    struct bearer *b = MUST_NEW(struct bearer);
    struct text header = {0};
    (void)state;
    text_adds(&header, "Bearer " HEADER "." CLAIMS ".");
    while (header.len < strlen("Bearer ") + BEARER_BYTES_MAX)
        text_addc(&header, 'A');
    bearer_parse(text_slice(&header), b);
    const bool whole = (BEARER_BYTES_MAX - strlen(HEADER "." CLAIMS ".")) % 4 != 1;
    assert_int_equal(b->found, whole ? BEARER_FOUND : BEARER_WRONG);
    text_adds(&header, "AA");
    bearer_parse(text_slice(&header), b);
    assert_int_equal(b->found, BEARER_WRONG);
    text_done(&header);
    free(b);
}

static bool next_header(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    if (!slice_eq(name, SLICE("authorization")) || *cursor == *(const uint32_t *)of)
        return false;
    ++*cursor;
    *value = SLICE("Bearer " TOKEN);
    return true;
}

static void two_are_none(void **state)
{
    struct bearer *b = MUST_NEW(struct bearer);
    uint32_t n = 0;
    const struct facts f = {.header = next_header, .request = &n};
    (void)state;
    for (; n < 3; n++) {
        bearer_read(&f, b);
        assert_int_equal(b->found, n == 1 ? BEARER_FOUND : BEARER_NONE);
    }
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(claims_are_read),
        cmocka_unit_test(a_token_has_so_many_bytes),
        cmocka_unit_test(two_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
