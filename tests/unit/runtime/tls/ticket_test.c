/* Keys of session tickets, with time as they are told it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/tls/ticket.h"

#define LIFE 1000

static const uint8_t PLAIN[] = "what a session is";

struct sealed {
    uint8_t at[sizeof(PLAIN) + TICKET_OVERHEAD_BYTES];
};

static struct sealed seal(struct tickets *t, int64_t now_ns)
{
    struct sealed s;
    assert_true(tickets_seal(t, now_ns, s.at, PLAIN, sizeof(PLAIN)));
    return s;
}

static bool opens(struct tickets *t, int64_t now_ns, const struct sealed *s)
{
    uint8_t out[sizeof(s->at)];
    const ptrdiff_t n = tickets_open(t, now_ns, out, s->at, sizeof(s->at));
    if (n < 0)
        return false;
    assert_int_equal(n, sizeof(PLAIN));
    assert_memory_equal(out, PLAIN, sizeof(PLAIN));
    return true;
}

static struct tickets *tickets(void)
{
    struct tickets *t = tickets_new();
    tickets_set_life(t, LIFE);
    return t;
}

static void a_ticket_is_good_for_a_life_and_not_for_two(void **state)
{
    (void)state;
    struct tickets *t = tickets();
    for (int64_t made = 0; made < 10 * LIFE; made += 137) { /* wherever in the life of a key */
        const struct sealed s = seal(t, made);
        struct tickets *same = tickets_pin(t);
        assert_true(opens(same, made, &s));
        assert_true(opens(same, made + LIFE / 2, &s));
        assert_true(opens(same, made + LIFE - 1, &s));
        assert_false(opens(same, made + 2 * LIFE, &s));
        tickets_unpin(same);
        made += 2 * LIFE;
    }
    tickets_unpin(t);
}

static void after_a_long_silence_nothing_old_opens(void **state)
{
    (void)state;
    struct tickets *t = tickets();
    const struct sealed s = seal(t, 0);
    assert_false(opens(t, 1000000 * (int64_t)LIFE, &s));
    const struct sealed later = seal(t, 1000000 * (int64_t)LIFE);
    assert_true(opens(t, 1000000 * (int64_t)LIFE + 1, &later));
    tickets_unpin(t);
}

static void what_was_touched_does_not_open(void **state)
{
    (void)state;
    struct tickets *t = tickets();
    const struct sealed s = seal(t, 0);
    for (size_t i = 0; i < sizeof(s.at); i++) {
        struct sealed touched = s;
        touched.at[i] ^= 1;
        assert_false(opens(t, 0, &touched));
    }
    uint8_t out[sizeof(s.at)];
    for (size_t len = 0; len < sizeof(s.at); len++)
        assert_int_equal(tickets_open(t, 0, out, s.at, len), -1);
    tickets_unpin(t);
}

static void another_process_opens_nothing(void **state)
{
    (void)state;
    struct tickets *one = tickets(), *other = tickets();
    const struct sealed s = seal(one, 0);
    (void)seal(other, 0);
    assert_false(opens(other, 0, &s));
    tickets_unpin(one);
    tickets_unpin(other);
}

static void who_takes_its_place_opens_what_it_sealed(void **state)
{
    (void)state;
    struct tickets *one = tickets(), *other = tickets();
    uint8_t keys[TICKETS_BYTES_MAX];
    int64_t made_ns;
    const struct sealed before = seal(one, 0), later = seal(one, LIFE / 2);
    const size_t len = tickets_write(one, LIFE / 2 + 1, keys, &made_ns);
    assert_int_equal(made_ns, LIFE / 2);
    assert_true(tickets_read(other, LIFE / 2 + 1, keys, len, made_ns));
    assert_true(opens(other, LIFE / 2 + 1, &before) && opens(other, LIFE / 2 + 1, &later));
    const struct sealed its = seal(other, LIFE / 2 + 1);
    assert_true(opens(one, LIFE / 2 + 1, &its));
    assert_false(opens(other, 2 * LIFE, &before)); /* keys go on to age */
    tickets_unpin(one);
    tickets_unpin(other);
}

static void what_is_no_key_is_not_taken(void **state)
{
    (void)state;
    struct tickets *one = tickets(), *other = tickets();
    uint8_t keys[TICKETS_BYTES_MAX + 1];
    int64_t made_ns;
    const size_t len = tickets_write(one, 0, keys, &made_ns); /* there is one now */
    assert_true(len > 0 && len <= TICKETS_BYTES_MAX);
    const struct sealed its = seal(other, 0);
    assert_false(tickets_read(other, 0, keys, 0, 0));
    assert_false(tickets_read(other, 0, keys, len - 1, 0));
    assert_false(tickets_read(other, 0, keys, sizeof(keys), 0));
    assert_false(tickets_read(other, 0, keys, len, 1)); /* made later than now */
    assert_false(tickets_read(other, 0, keys, len, -1));
    assert_true(opens(other, 0, &its));
    tickets_unpin(one);
    tickets_unpin(other);
}

static void two_tickets_of_the_same_session_differ(void **state)
{
    (void)state;
    struct tickets *t = tickets();
    const struct sealed a = seal(t, 0), b = seal(t, 0);
    assert_memory_not_equal(a.at, b.at, sizeof(a.at));
    tickets_unpin(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_for_a_life_and_not_for_two),
        cmocka_unit_test(after_a_long_silence_nothing_old_opens),
        cmocka_unit_test(what_was_touched_does_not_open),
        cmocka_unit_test(another_process_opens_nothing),
        cmocka_unit_test(who_takes_its_place_opens_what_it_sealed),
        cmocka_unit_test(what_is_no_key_is_not_taken),
        cmocka_unit_test(two_tickets_of_the_same_session_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
