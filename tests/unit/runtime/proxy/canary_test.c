#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/proxy/canary.h"

#define CLIENTS 100000u

static struct address client(uint32_t i)
{
    return (struct address){
        {[10] = 0xff, [11] = 0xff, 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static uint32_t count(struct canary_share s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct address a = client(i);
        n += canary_gets(&s, &a);
    }
    return n;
}

static void a_share_is_about_that_share(void **state)
{
    (void)state;
    static const struct {
        uint32_t part, least, most;
    } rows[] = {{0, 0, 0},
                {1, 1, 30},
                {500, 4700, 5300},
                {5000, 49300, 50700},
                {CANARY_WHOLE, CLIENTS, CLIENTS}};
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            assert_in_range(count((struct canary_share){seed, rows[i].part}), rows[i].least,
                            rows[i].most);
}

static void a_greater_share_has_all_that_the_smaller_had(void **state)
{
    (void)state;
    const struct canary_share small = {7, 500}, great = {7, 2000}, other = {8, 500};
    uint32_t others = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct address a = client(i);
        assert_true(!canary_gets(&small, &a) || canary_gets(&great, &a));
        others += canary_gets(&small, &a) && canary_gets(&other, &a);
    }
    assert_in_range(others, 100, 500); /* it is another 5 % the next time */
}

static void an_ipv6_client_is_its_64(void **state)
{
    (void)state;
    const struct canary_share half = {7, 5000};
    uint32_t networks = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct address a = {{0x20, 1, 0xd, 0xb8, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}}, b = a;
        b.byte[15] = 77;
        b.byte[8] = (uint8_t)i;
        assert_int_equal(canary_gets(&half, &a), canary_gets(&half, &b));
        networks += canary_gets(&half, &a);
    }
    assert_in_range(networks, 400, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_about_that_share),
        cmocka_unit_test(a_greater_share_has_all_that_the_smaller_had),
        cmocka_unit_test(an_ipv6_client_is_its_64)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
