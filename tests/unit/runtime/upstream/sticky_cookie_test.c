/* What we have signed is believed until it is over, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/upstream/sticky_cookie.h"

#define NOW 1800000000

static struct mac_key key, other;

static int set_up(void **state)
{
    (void)state;
    sticky_cookie_key(&key, SLICE("a secret"));
    sticky_cookie_key(&other, SLICE("another"));
    return 0;
}

static struct slice written(uint64_t server, uint32_t until_s, char out[STICKY_COOKIE_BYTES])
{
    const struct sticky_cookie c = {.server = server, .until_s = until_s};
    sticky_cookie_write(&c, &key, out);
    return (struct slice){out, STICKY_COOKIE_BYTES};
}

static enum sticky_cookie_result read_at(struct slice value, int64_t now_s)
{
    struct sticky_cookie c;
    return sticky_cookie_read(value, &key, now_s, &c);
}

static void test_what_was_written_is_read(void **state)
{
    (void)state;
    static const struct sticky_cookie ROWS[] = {
        {1, 0}, {UINT64_C(0xffffffffff), UINT32_MAX}, {UINT64_C(0x0123456789), NOW + 1}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char value[STICKY_COOKIE_BYTES];
        struct sticky_cookie c = {0};
        const struct slice s = written(ROWS[i].server, ROWS[i].until_s, value);
        assert_int_equal(sticky_cookie_read(s, &key, NOW, &c), STICKY_COOKIE_GOOD);
        assert_true(c.server == ROWS[i].server && c.until_s == ROWS[i].until_s);
        assert_int_equal(sticky_cookie_read(s, &other, NOW, &c), STICKY_COOKIE_FORGED);
    }
}

/* Clients keep what was set by the version before. */
static void test_the_form_stays(void **state)
{
    (void)state;
    char value[STICKY_COOKIE_BYTES + 1] = "";
    written(UINT64_C(0x0123456789), NOW, value);
    assert_string_equal(value, "ASNFZ4lrSdIAdfQ8eohb7GsHmQX-I-I-");
}

static void test_each_changed_bit_is_forged(void **state)
{
    (void)state;
    char value[STICKY_COOKIE_BYTES];
    for (size_t i = 0; i < sizeof(value); i++) {
        for (int c = 0; c < 256; c++) {
            const struct slice s = written(77, NOW + 60, value);
            const bool same = (char)c == value[i];
            value[i] = (char)c;
            assert_int_equal(read_at(s, NOW), same ? STICKY_COOKIE_GOOD : STICKY_COOKIE_FORGED);
        }
    }
}

static void test_what_we_never_write_is_forged(void **state)
{
    (void)state;
    char value[STICKY_COOKIE_BYTES + 4];
    const struct slice s = written(77, 0, value);
    memcpy(value + STICKY_COOKIE_BYTES, "====", 4);
    static const struct slice ROWS[] = {SLICE_INIT(""), SLICE_INIT("\""), SLICE_INIT("\"\""),
                                        SLICE_INIT("web1"), SLICE_INIT("deleted")};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        assert_int_equal(read_at(ROWS[i], NOW), STICKY_COOKIE_FORGED);
    for (size_t n = 0; n < s.len; n++)
        assert_int_equal(read_at((struct slice){value, n}, NOW), STICKY_COOKIE_FORGED);
    assert_int_equal(read_at((struct slice){value, s.len + 1}, NOW), STICKY_COOKIE_FORGED);
    assert_int_equal(read_at((struct slice){value, s.len + 4}, NOW), STICKY_COOKIE_FORGED);
}

static void test_quotes_around_it_do_not_count(void **state)
{
    (void)state;
    char quoted[STICKY_COOKIE_BYTES + 2] = "\"";
    written(77, 0, quoted + 1);
    quoted[STICKY_COOKIE_BYTES + 1] = '"';
    assert_int_equal(read_at((struct slice){quoted, sizeof(quoted)}, NOW), STICKY_COOKIE_GOOD);
    assert_int_equal(read_at((struct slice){quoted, sizeof(quoted) - 1}, NOW),
                     STICKY_COOKIE_FORGED);
}

static void test_it_is_over_at_its_second(void **state)
{
    (void)state;
    char value[STICKY_COOKIE_BYTES];
    const struct slice s = written(77, NOW, value);
    assert_int_equal(read_at(s, NOW - 1), STICKY_COOKIE_GOOD);
    assert_int_equal(read_at(s, NOW), STICKY_COOKIE_EXPIRED);
    assert_int_equal(read_at(s, NOW + 1), STICKY_COOKIE_EXPIRED);
    assert_int_equal(read_at(written(77, 0, value), INT64_MAX), STICKY_COOKIE_GOOD);
}

static void test_when_it_is_set_anew(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        uint32_t until_s;
        int64_t ttl_s;
        bool ages;
    } ROWS[] = {{"fresh", NOW + 100, 100, false},
                {"more than half is left", NOW + 51, 100, false},
                {"half is over", NOW + 50, 100, true},
                {"its last second", NOW + 1, 100, true},
                {"the ttl is shorter now", NOW + 101, 100, true},
                {"neither has an end", 0, 0, false},
                {"it has none, and would now", 0, 100, true},
                {"it has one, and would have none now", NOW + 100, 0, true}};
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        const struct sticky_cookie c = {.server = 1, .until_s = ROWS[i].until_s};
        if (sticky_cookie_ages(&c, ROWS[i].ttl_s, NOW) != ROWS[i].ages)
            fail_msg("%s", ROWS[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_the_form_stays),
        cmocka_unit_test(test_each_changed_bit_is_forged),
        cmocka_unit_test(test_what_we_never_write_is_forged),
        cmocka_unit_test(test_quotes_around_it_do_not_count),
        cmocka_unit_test(test_it_is_over_at_its_second),
        cmocka_unit_test(test_when_it_is_set_anew),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
