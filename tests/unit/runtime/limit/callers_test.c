/* How many connections a client has: exactly, over all threads, in a room that does not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#include "runtime/base/check.h"
#include "runtime/limit/callers.h"

static struct address address(const char *text)
{
    struct address a;
    assert_true(address_parse(slice_of(text), &a));
    return a;
}

static void a_client_has_its_number_and_no_more(void **state)
{
    (void)state;
    struct callers *s = callers_new(100, 1);
    _Atomic uint64_t *place[3], *other;
    const struct address a = address("192.0.2.1"), b = address("192.0.2.2");
    for (int i = 0; i < 3; i++)
        assert_int_equal(callers_take(s, &a, 3, &place[i]), CALLER_COUNTED);
    assert_int_equal(callers_take(s, &a, 3, &other), CALLER_REFUSED);
    assert_int_equal(callers_take(s, &b, 3, &other), CALLER_COUNTED);
    callers_give(place[0]);
    assert_int_equal(callers_take(s, &a, 3, &other), CALLER_COUNTED);
    assert_int_equal(callers_take(s, &a, 3, &other), CALLER_REFUSED);
    assert_int_equal(callers_take(s, &a, 4, &other), CALLER_COUNTED); /* it may change */
    callers_free(s);
}

static void a_network_of_ipv6_is_one_client(void **state)
{
    (void)state;
    struct callers *s = callers_new(100, 1);
    _Atomic uint64_t *place;
    const struct address a = address("2001:db8::1"), b = address("2001:db8::ffff:1"),
                         c = address("2001:db8:0:1::1");
    assert_int_equal(callers_take(s, &a, 1, &place), CALLER_COUNTED);
    assert_int_equal(callers_take(s, &b, 1, &place), CALLER_REFUSED);
    assert_int_equal(callers_take(s, &c, 1, &place), CALLER_COUNTED);
    callers_free(s);
}

static void a_larger_one_keeps_the_places_of_the_smaller(void **state)
{
    (void)state;
    struct callers *small = callers_new(4, 1);
    const struct address a = address("10.0.0.1"), b = address("10.0.0.2");
    _Atomic uint64_t *before, *after, *other;
    assert_int_equal(callers_take(small, &a, 1, &before), CALLER_COUNTED);
    assert_ptr_equal(callers_for(small, 3, 2), small);
    struct callers *large = callers_for(small, 100, 2);
    assert_ptr_not_equal(large, small);
    assert_ptr_equal(callers_for(large, 100, 3), large);
    assert_int_equal(callers_take(large, &a, 1, &after), CALLER_REFUSED);
    assert_int_equal(callers_take(large, &b, 1, &after), CALLER_COUNTED);
    assert_int_equal(callers_take(large, &a, 2, &after), CALLER_COUNTED);
    struct callers *huge = callers_for(large, 1000, 3); /* one in each of the two before it */
    assert_int_equal(callers_take(huge, &a, 2, &other), CALLER_REFUSED);
    assert_int_equal(callers_take(huge, &a, 3, &other), CALLER_COUNTED);
    callers_give(before);
    callers_give(after);
    assert_int_equal(callers_take(huge, &a, 1, &before), CALLER_REFUSED);
    callers_give(other);
    assert_int_equal(callers_take(huge, &a, 1, &before), CALLER_COUNTED);
    callers_free(huge);
}

/* A hundred thousand clients, one after the other, through room for a hundred. */
static void places_are_used_again(void **state)
{
    (void)state;
    struct callers *s = callers_new(100, 7);
    for (uint32_t i = 0; i < 100000; i++) {
        struct address a = address("10.0.0.0");
        a.byte[13] = (uint8_t)(i >> 16);
        a.byte[14] = (uint8_t)(i >> 8);
        a.byte[15] = (uint8_t)i;
        _Atomic uint64_t *place;
        assert_int_equal(callers_take(s, &a, 1, &place), CALLER_COUNTED);
        callers_give(place);
    }
    callers_free(s);
}

static void who_finds_no_place_is_not_counted(void **state)
{
    (void)state;
    struct callers *s = callers_new(1, 7); /* one set */
    _Atomic uint64_t *place;
    for (uint32_t i = 0; i <= CALLERS_WAYS; i++) {
        struct address a = address("10.0.0.0");
        a.byte[15] = (uint8_t)i;
        assert_int_equal(callers_take(s, &a, 1, &place),
                         i < CALLERS_WAYS ? CALLER_COUNTED : CALLER_NO_PLACE);
    }
    callers_free(s);
}

#define THREADS 4
#define ROUNDS  20000

struct crowd {
    struct callers *s;
    _Atomic int64_t open;
    _Atomic uint32_t too_many;
};

/* Clients that meet in a set, so that places change hands all the time. */
static void *come_and_go(void *of)
{
    struct crowd *c = of;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct address a = address("10.0.0.0");
        a.byte[15] = (uint8_t)(i % 12);
        _Atomic uint64_t *place;
        if (callers_take(c->s, &a, 2, &place) != CALLER_COUNTED)
            continue;
        if (a.byte[15] == 0 && atomic_fetch_add(&c->open, 1) >= 2)
            atomic_fetch_add(&c->too_many, 1);
        if (a.byte[15] == 0)
            atomic_fetch_sub(&c->open, 1);
        callers_give(place);
    }
    return NULL;
}

static void workers_count_together(void **state)
{
    (void)state;
    struct crowd c = {.s = callers_new(1, 3)};
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&c.too_many), 0);
    _Atomic uint64_t *place;
    for (uint32_t i = 0; i < 2 * 8; i++) { /* all is given back */
        struct address a = address("10.0.0.0");
        a.byte[15] = (uint8_t)(i / 2);
        assert_int_equal(callers_take(c.s, &a, 2, &place), CALLER_COUNTED);
    }
    callers_free(c.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_its_number_and_no_more),
        cmocka_unit_test(a_network_of_ipv6_is_one_client),
        cmocka_unit_test(a_larger_one_keeps_the_places_of_the_smaller),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(who_finds_no_place_is_not_counted),
        cmocka_unit_test(workers_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
