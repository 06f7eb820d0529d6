/* What is remembered of credentials, for how long, and what makes it forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/auth/verified.h"
#include "runtime/base/check.h"

static struct verified *v;

static int set_up(void **state)
{
    (void)state;
    v = verified_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    verified_free(v);
    return 0;
}

static struct verified_key key_of(const char *hash, const char *user, const char *password)
{
    const struct credentials c = {.user = slice_of(user), .password = slice_of(password)};
    struct verified_key key;
    verified_key(v, hash, &c, &key);
    return key;
}

static void it_is_remembered_for_its_time(void **state)
{
    (void)state;
    const struct verified_key key = key_of("h", "u", "p");
    assert_false(verified_has(v, &key, 1));
    verified_add(v, &key, 1);
    assert_true(verified_has(v, &key, 1));
    assert_true(verified_has(v, &key, VERIFIED_TTL_NS));
    assert_false(verified_has(v, &key, VERIFIED_TTL_NS + 1));
    verified_add(v, &key, VERIFIED_TTL_NS + 1);
    assert_true(verified_has(v, &key, VERIFIED_TTL_NS + 1));
}

static void whatever_differs_is_another(void **state)
{
    (void)state;
    const struct verified_key key = key_of("h", "u", "p");
    verified_add(v, &key, 1);
    const struct verified_key other[] = {key_of("g", "u", "p"), key_of("h", "v", "p"),
                                         key_of("h", "u", "q"), key_of("hu", "", "p"),
                                         key_of("h", "up", "")};
    for (size_t i = 0; i < COUNT_OF(other); i++)
        assert_false(verified_has(v, &other[i], 1));
    const struct verified_key same = key_of("h", "u", "p");
    assert_true(verified_has(v, &same, 1));
}

static void keys_of_two_processes_differ(void **state)
{
    (void)state;
    const struct verified_key key = key_of("h", "u", "p");
    verified_free(v);
    v = verified_new();
    const struct verified_key again = key_of("h", "u", "p");
    assert_memory_not_equal(key.mac, again.mac, sizeof(key.mac));
}

/* However many come, what came last is there, and room is taken from what is over first. */
static void there_is_room_for_a_fixed_number(void **state)
{
    (void)state;
    struct verified_key key = {0};
    uint32_t found = 0;
    for (uint32_t i = 0; i < 4 * VERIFIED_SLOTS; i++) {
        memcpy(key.mac, &i, sizeof(i));
        verified_add(v, &key, i + 1);
        assert_true(verified_has(v, &key, i + 1));
    }
    for (uint32_t i = 0; i < 4 * VERIFIED_SLOTS; i++) {
        memcpy(key.mac, &i, sizeof(i));
        found += verified_has(v, &key, 4 * VERIFIED_SLOTS);
    }
    assert_int_equal(found, VERIFIED_SLOTS);
    assert_true(verified_has(v, &key, 4 * VERIFIED_SLOTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_remembered_for_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_differs_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_two_processes_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_room_for_a_fixed_number, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
