#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/text.h"

static void text_grows(void **state)
{
    (void)state;
    struct text t = {0};
    assert_int_equal(text_slice(&t).len, 0);
    assert_string_equal(text_slice(&t).at, "");
    for (int i = 0; i < 1000; i++)
        text_addf(&t, "%03d,", i);
    assert_int_equal(t.len, 4000);
    assert_int_equal(strlen(t.at), 4000);
    assert_memory_equal(t.at + 3996, "999,", 4);
    text_clear(&t);
    text_add(&t, SLICE_NONE);
    assert_string_equal(t.at, "");
    text_adds(&t, "a");
    text_addc(&t, 'b');
    assert_string_equal(t.at, "ab");
    text_done(&t);
    assert_null(t.at);
}

static void every_length_ends_in_a_nul(void **state)
{
    (void)state;
    for (size_t len = 0; len < 600; len++) {
        struct text t = {0};
        for (size_t i = 0; i < len; i++)
            text_addc(&t, 'x');
        text_addf(&t, "%*s", (int)len, "");
        assert_int_equal(t.len, 2 * len);
        if (t.at)
            assert_int_equal(strlen(t.at), 2 * len);
        text_done(&t);
    }
}

static const struct {
    struct slice s;
    const char *json;
} quoted[] = {
    {SLICE_INIT(""), "\"\""},
    {SLICE_INIT("a\"b\\c"), "\"a\\\"b\\\\c\""},
    {SLICE_INIT("\n\r\t"), "\"\\n\\r\\t\""},
    {SLICE_INIT("a\0b\x01\x7f"), "\"a\\u0000b\\u0001\\u007f\""},
    {SLICE_INIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {SLICE_INIT("\xc3"), "\"\\ufffd\""},
    {SLICE_INIT("\xff\xc3\xa4\x80"), "\"\\ufffd\xc3\xa4\\ufffd\""},
    {SLICE_INIT("</script>"), "\"</script>\""},
};

static void json_strings_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(quoted); i++) {
        struct text t = {0};
        text_add_json(&t, quoted[i].s);
        if (strcmp(t.at, quoted[i].json) != 0)
            fail_msg("row %zu: %s", i, t.at);
        text_done(&t);
    }
}

static const struct {
    uint64_t bytes;
    const char *says;
} sizes[] = {
    {0, "0 B"},
    {999, "999 B"},
    {1000, "1.0 KiB"},
    {1536, "1.5 KiB"},
    {100 * 1024, "100 KiB"},
    {1000 * 1024, "1.0 MiB"},
    {5368709120, "5.0 GiB"},
    {UINT64_MAX, "16.0 EiB"},
};

static void sizes_have_three_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char said[BYTES_TEXT_MAX];
        bytes_format(sizes[i].bytes, said);
        assert_string_equal(said, sizes[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(every_length_ends_in_a_nul),
        cmocka_unit_test(json_strings_are_valid),
        cmocka_unit_test(sizes_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
