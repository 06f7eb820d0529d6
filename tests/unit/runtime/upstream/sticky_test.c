/* Whom clients are remembered at, over simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/upstream/sticky.h"

#define SEED UINT64_C(0x7f4a7c159e3779b9)
#define TTL  (60 * NS_PER_S)
#define HOUR (3600 * NS_PER_S)

static struct sticky *s;
static uint64_t a, b;

static int set_up(void **state)
{
    (void)state;
    s = sticky_new(8, SEED); /* one row */
    a = sticky_server_id(SLICE("web"), SLICE("a"));
    b = sticky_server_id(SLICE("web"), SLICE("b"));
    return s ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sticky_unpin(s);
    return 0;
}

static void test_a_client_is_found_where_it_was_noted_last(void **state)
{
    (void)state;
    assert_int_equal(sticky_find(s, 1, TTL, 0), 0);
    assert_false(sticky_note(s, 1, a, TTL, 0));
    assert_false(sticky_note(s, 2, b, TTL, 0));
    assert_true(sticky_find(s, 1, TTL, 0) == a);
    assert_true(sticky_find(s, 2, TTL, 0) == b);
    assert_false(sticky_note(s, 1, b, TTL, 0));
    assert_true(sticky_find(s, 1, TTL, 0) == b);
    assert_int_equal(sticky_find(s, 3, TTL, 0), 0);
}

static void test_it_is_forgotten_once_it_was_away_for_the_ttl(void **state)
{
    (void)state;
    (void)sticky_note(s, 1, a, TTL, 0);
    (void)sticky_note(s, 2, a, TTL, 0);
    for (int64_t now = 0; now < 5 * HOUR; now += TTL - NS_PER_S)
        assert_true(sticky_find(s, 1, TTL, now) == a); /* each use counts */
    (void)sticky_note(s, 2, a, TTL, 5 * HOUR);
    assert_true(sticky_find(s, 2, TTL, 5 * HOUR + TTL - NS_PER_S) == a);
    (void)sticky_note(s, 2, a, TTL, 6 * HOUR);
    assert_int_equal(sticky_find(s, 2, TTL, 6 * HOUR + TTL), 0);
}

static void test_a_full_row_gives_up_who_was_away_longest(void **state)
{
    (void)state;
    for (uint64_t key = 1; key <= STICKY_ROW; key++)
        assert_false(sticky_note(s, key, a, TTL, (int64_t)key * NS_PER_S));
    assert_true(sticky_find(s, 1, TTL, 20 * NS_PER_S) == a);
    assert_true(sticky_note(s, 100, b, TTL, 21 * NS_PER_S));
    assert_int_equal(sticky_find(s, 2, TTL, 21 * NS_PER_S), 0);
    assert_true(sticky_find(s, 1, TTL, 21 * NS_PER_S) == a);
    assert_true(sticky_find(s, 100, TTL, 21 * NS_PER_S) == b);
}

static void test_whose_time_is_over_makes_room_without_being_counted(void **state)
{
    (void)state;
    for (uint64_t key = 1; key <= STICKY_ROW; key++)
        (void)sticky_note(s, key, a, TTL, 0);
    assert_true(sticky_note(s, 100, b, TTL, TTL - NS_PER_S));
    assert_false(sticky_note(s, 101, b, TTL, TTL));
}

static void test_a_clock_read_a_moment_earlier_forgets_nobody(void **state)
{
    (void)state;
    (void)sticky_note(s, 1, a, TTL, 10 * NS_PER_S);
    assert_true(sticky_find(s, 1, TTL, 10 * NS_PER_S - 1) == a);
}

/* 1,000 clients come and go over a week; whoever came within the ttl is where it was, as long as
 * there is room. */
static void test_a_week_with_room_forgets_nobody(void **state)
{
    (void)state;
    static int64_t last_ns[1000];
    static uint64_t at[1000];
    struct rng rng = {7};
    sticky_unpin(s);
    s = sticky_new(16000, SEED);
    uint64_t forgotten = 0;
    for (int64_t now = NS_PER_S; now < 7 * 24 * HOUR; now += 7 * NS_PER_S) {
        const uint64_t c = rng_next(&rng) % (now / HOUR % 2 ? 4 : 1000);
        const uint64_t found = sticky_find(s, c, TTL, now);
        const bool due = last_ns[c] > 0 && now / NS_PER_S - last_ns[c] / NS_PER_S < TTL / NS_PER_S;
        assert_true(found == (due ? at[c] : 0));
        if (!found) {
            at[c] = rng_next(&rng) % 2 ? a : b;
            forgotten += sticky_note(s, c, at[c], TTL, now);
        }
        last_ns[c] = now;
    }
    assert_int_equal(forgotten, 0);
}

/* What a cookie says, and so what clients bring from the version before. */
static void test_the_id_of_a_server_stays(void **state)
{
    (void)state;
    assert_true(a == UINT64_C(0x714179fcd1));
    assert_true(a != b);
    assert_true(a != sticky_server_id(SLICE("api"), SLICE("a")));
    assert_true(sticky_server_id(SLICE("we"), SLICE("ba")) != a);
    assert_int_equal(a >> 40, 0);
}

static void test_those_whose_time_is_not_over_are_counted(void **state)
{
    (void)state;
    assert_int_equal(sticky_clients(s, TTL, 0), 0);
    (void)sticky_note(s, 1, a, TTL, 0);
    (void)sticky_note(s, 2, a, TTL, TTL / 2);
    assert_int_equal(sticky_clients(s, TTL, TTL - NS_PER_S), 2);
    assert_int_equal(sticky_clients(s, TTL, TTL), 1);
}

static void test_of_many_about_so_many_are_counted(void **state)
{
    (void)state;
    sticky_unpin(s);
    s = sticky_new(4000000, SEED);
    assert_true(sticky_bytes(4000000) > UINT64_C(16) * 4000000);
    for (uint64_t key = 0; key < 400000; key++)
        (void)sticky_note(s, key, a, TTL, 0);
    const uint64_t n = sticky_clients(s, TTL, 0);
    assert_true(n > 390000 && n < 410000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_id_of_a_server_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_those_whose_time_is_not_over_are_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_of_many_about_so_many_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_is_found_where_it_was_noted_last, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_it_is_forgotten_once_it_was_away_for_the_ttl, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_row_gives_up_who_was_away_longest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_whose_time_is_over_makes_room_without_being_counted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_read_a_moment_earlier_forgets_nobody, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_week_with_room_forgets_nobody, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
