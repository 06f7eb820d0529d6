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

static const struct sticky_asker *when(int64_t now_ns)
{
    static struct sticky_asker by = {.ttl_ns = TTL};
    by.now_ns = now_ns;
    return &by;
}

static int set_up(void **state)
{
    (void)state;
    s = sticky_new(8, SEED, 0); /* one row */
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
    assert_int_equal(sticky_find(s, 1, when(0)), 0);
    assert_false(sticky_note(s, 1, a, STICKY_CHOSEN, when(0)));
    assert_false(sticky_note(s, 2, b, STICKY_CHOSEN, when(0)));
    assert_true(sticky_find(s, 1, when(0)) == a);
    assert_true(sticky_find(s, 2, when(0)) == b);
    assert_false(sticky_note(s, 1, b, STICKY_CHOSEN, when(0)));
    assert_true(sticky_find(s, 1, when(0)) == b);
    assert_int_equal(sticky_find(s, 3, when(0)), 0);
}

static void test_it_is_forgotten_once_it_was_away_for_the_ttl(void **state)
{
    (void)state;
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    (void)sticky_note(s, 2, a, STICKY_CHOSEN, when(0));
    for (int64_t now = 0; now < 5 * HOUR; now += TTL - NS_PER_S)
        assert_true(sticky_find(s, 1, when(now)) == a); /* each use counts */
    (void)sticky_note(s, 2, a, STICKY_CHOSEN, when(5 * HOUR));
    assert_true(sticky_find(s, 2, when(5 * HOUR + TTL - NS_PER_S)) == a);
    (void)sticky_note(s, 2, a, STICKY_CHOSEN, when(6 * HOUR));
    assert_int_equal(sticky_find(s, 2, when(6 * HOUR + TTL)), 0);
}

static void test_a_full_row_gives_up_who_was_away_longest(void **state)
{
    (void)state;
    for (uint64_t key = 1; key <= STICKY_ROW; key++)
        assert_false(sticky_note(s, key, a, STICKY_CHOSEN, when((int64_t)key * NS_PER_S)));
    assert_true(sticky_find(s, 1, when(20 * NS_PER_S)) == a);
    assert_true(sticky_note(s, 100, b, STICKY_CHOSEN, when(21 * NS_PER_S)));
    assert_int_equal(sticky_find(s, 2, when(21 * NS_PER_S)), 0);
    assert_true(sticky_find(s, 1, when(21 * NS_PER_S)) == a);
    assert_true(sticky_find(s, 100, when(21 * NS_PER_S)) == b);
}

static void test_whose_time_is_over_makes_room_without_being_counted(void **state)
{
    (void)state;
    for (uint64_t key = 1; key <= STICKY_ROW; key++)
        (void)sticky_note(s, key, a, STICKY_CHOSEN, when(0));
    assert_true(sticky_note(s, 100, b, STICKY_CHOSEN, when(TTL - NS_PER_S)));
    assert_false(sticky_note(s, 101, b, STICKY_CHOSEN, when(TTL)));
}

static void test_a_clock_read_a_moment_earlier_forgets_nobody(void **state)
{
    (void)state;
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(10 * NS_PER_S));
    assert_true(sticky_find(s, 1, when(10 * NS_PER_S - 1)) == a);
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
    s = sticky_new(16000, SEED, 0);
    uint64_t forgotten = 0;
    for (int64_t now = NS_PER_S; now < 7 * 24 * HOUR; now += 7 * NS_PER_S) {
        const uint64_t c = rng_next(&rng) % (now / HOUR % 2 ? 4 : 1000);
        const uint64_t found = sticky_find(s, c, when(now));
        const bool due = last_ns[c] > 0 && now / NS_PER_S - last_ns[c] / NS_PER_S < TTL / NS_PER_S;
        assert_true(found == (due ? at[c] : 0));
        if (!found) {
            at[c] = rng_next(&rng) % 2 ? a : b;
            forgotten += sticky_note(s, c, at[c], STICKY_CHOSEN, when(now));
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
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    (void)sticky_note(s, 2, a, STICKY_CHOSEN, when(TTL / 2));
    assert_int_equal(sticky_clients(s, TTL, TTL - NS_PER_S), 2);
    assert_int_equal(sticky_clients(s, TTL, TTL), 1);
}

static void test_of_many_about_so_many_are_counted(void **state)
{
    (void)state;
    sticky_unpin(s);
    s = sticky_new(4000000, SEED, 0);
    assert_true(sticky_bytes(4000000) > UINT64_C(16) * 4000000);
    for (uint64_t key = 0; key < 400000; key++)
        (void)sticky_note(s, key, a, STICKY_CHOSEN, when(0));
    const uint64_t n = sticky_clients(s, TTL, 0);
    assert_true(n > 390000 && n < 410000);
}

/* --- with other processes --------------------------------------------------------------------- */

/* A table that tells others. */
static void begin_shared(void)
{
    sticky_unpin(s);
    s = sticky_new(8, SEED, 2);
}

static bool next(struct sticky_client *c, int64_t now_ns)
{
    return sticky_tell(s, c, now_ns);
}

static void test_others_are_told_who_came_and_who_moved(void **state)
{
    (void)state;
    struct sticky_client c;
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    assert_false(next(&c, 0)); /* nobody is told of one that is not shared */
    begin_shared();
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    assert_true(next(&c, 7));
    assert_true(c.server == a && !c.moved && c.used_ns == 7);
    const uint64_t hash = c.hash;
    assert_true(hash != 1);
    (void)sticky_note(s, 1, b, STICKY_CHOSEN, when(0)); /* it was elsewhere */
    assert_true(next(&c, 0));
    assert_true(c.hash == hash && c.server == b && c.moved);
    (void)sticky_note(s, 2, a, STICKY_MOVED, when(0));
    assert_true(next(&c, 0));
    assert_true(c.hash != hash && c.server == a && c.moved);
    (void)sticky_note(s, 1, b, STICKY_CHOSEN, when(TTL)); /* who was forgotten is a new one */
    assert_true(next(&c, 0));
    assert_true(c.server == b && !c.moved);
    assert_false(next(&c, 0));
}

static void test_who_stays_is_told_eight_times_in_a_ttl(void **state)
{
    (void)state;
    struct sticky_client c;
    int n = 0;
    begin_shared();
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    assert_true(next(&c, 0));
    for (int64_t now = 0; now < 10 * TTL; now += NS_PER_S / 3) {
        assert_true(sticky_find(s, 1, when(now)) == a);
        for (; next(&c, now); n++)
            assert_true(c.server == a && !c.moved);
    }
    assert_in_range(n, 79, 90);
    assert_true(sticky_news_ns(TTL) == 7 * NS_PER_S);
    assert_true(sticky_news_ns(NS_PER_S) == NS_PER_S);
}

static void test_what_finds_no_room_is_counted(void **state)
{
    (void)state;
    struct sticky_client c;
    begin_shared();
    for (uint64_t key = 0; key < TOLD_ROOM + 5; key++)
        (void)sticky_note(s, key, a, STICKY_CHOSEN, when(0));
    assert_int_equal(sticky_untold(s), 5);
    assert_int_equal(sticky_untold(s), 0);
    uint32_t n = 0;
    while (next(&c, 0))
        n++;
    assert_int_equal(n, TOLD_ROOM);
}

static bool learn(uint64_t hash, uint64_t server, int64_t used_ns, int64_t now_ns)
{
    const struct sticky_client c = {.hash = hash, .server = server, .used_ns = used_ns};
    return sticky_learn(s, &c, TTL, now_ns);
}

static void test_what_others_say_is_remembered(void **state)
{
    (void)state;
    struct sticky_client c, all[8];
    begin_shared();
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    assert_true(next(&c, 0));
    assert_false(learn(c.hash, b, 0, NS_PER_S));
    assert_true(sticky_find(s, 1, when(NS_PER_S)) == b);
    assert_false(learn(c.hash, b, -TTL, NS_PER_S)); /* of no use: it was here later */
    assert_true(sticky_find(s, 1, when(NS_PER_S)) == b);
    assert_false(next(&c, 0)); /* what was heard is not told again */

    assert_false(learn(50, a, -TTL + 2 * NS_PER_S, NS_PER_S)); /* before our clock began */
    assert_false(learn(51, a, -TTL, 0));                       /* over already */
    uint64_t at = 0;
    assert_int_equal(sticky_walk(s, &at, TTL, NS_PER_S, all, 8), 2);
    assert_true(at == STICKY_WALK_END);
    assert_int_equal(sticky_walk(s, &at, TTL, NS_PER_S, all, 8), 0);
}

static void test_what_others_say_displaces_only_who_was_here_before(void **state)
{
    (void)state;
    begin_shared();
    for (uint64_t key = 0; key < STICKY_ROW; key++)
        (void)sticky_note(s, key, a, STICKY_CHOSEN, when((int64_t)(10 + key) * NS_PER_S));
    assert_false(learn(99, b, 5 * NS_PER_S, 20 * NS_PER_S)); /* all were here later */
    assert_int_equal(sticky_clients(s, TTL, 20 * NS_PER_S), STICKY_ROW);
    assert_true(sticky_find(s, 0, when(10 * NS_PER_S)) == a);
    assert_true(learn(99, b, 19 * NS_PER_S, 20 * NS_PER_S));
    assert_int_equal(sticky_find(s, 0, when(20 * NS_PER_S)), 0);
}

static void test_a_walk_comes_to_each_once(void **state)
{
    (void)state;
    sticky_unpin(s);
    s = sticky_new(400000, SEED, 1);
    for (uint64_t key = 0; key < 1000; key++)
        (void)sticky_note(s, key, a, STICKY_CHOSEN, when((int64_t)(key % 100) * NS_PER_S));
    struct sticky_client c[64];
    uint64_t at = 0;
    uint32_t n = 0, calls = 0;
    for (; at != STICKY_WALK_END; calls++) {
        const uint32_t some = sticky_walk(s, &at, TTL, 99 * NS_PER_S, c, 64);
        assert_true(some <= 64);
        for (uint32_t i = 0; i < some; i++)
            assert_true(c[i].server == a && c[i].used_ns > 39 * NS_PER_S);
        n += some;
    }
    assert_int_equal(n, 600);
    assert_true(calls > 8); /* a part with each */
}

static void test_who_takes_its_place_knows_its_clients(void **state)
{
    (void)state;
    struct sticky *next = sticky_new(1000, ~SEED, 0), *shared = sticky_new(8, SEED, 2);
    struct sticky_client all[8];
    (void)sticky_note(s, 1, a, STICKY_CHOSEN, when(0));
    (void)sticky_note(s, 2, b, STICKY_CHOSEN, when(10 * NS_PER_S));
    assert_true(sticky_take_seed(next, sticky_seed(s)));
    uint64_t at = 0;
    const uint32_t n = sticky_walk(s, &at, TTL, 20 * NS_PER_S, all, 8);
    for (uint32_t i = 0; i < n; i++)
        assert_false(sticky_learn(next, &all[i], TTL, 20 * NS_PER_S));
    assert_true(sticky_find(next, 2, when(20 * NS_PER_S)) == b);
    assert_int_equal(sticky_find(next, 1, when(TTL)), 0); /* by the time that it was here */

    assert_true(sticky_take_seed(shared, SEED)); /* others go by it */
    assert_false(sticky_take_seed(shared, ~SEED));
    sticky_unpin(next);
    sticky_unpin(shared);
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
        cmocka_unit_test_setup_teardown(test_others_are_told_who_came_and_who_moved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_who_stays_is_told_eight_times_in_a_ttl, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_finds_no_room_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_others_say_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_others_say_displaces_only_who_was_here_before,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_comes_to_each_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_takes_its_place_knows_its_clients, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
