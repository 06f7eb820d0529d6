#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "runtime/balance/balance.h"
#include "runtime/base/hash.h"
#include "runtime/base/rng.h"

#define SERVERS_MAX 128u
#define ORDER_MAX   (SERVERS_MAX * TABLE_WEIGHT_MAX)
#define PICKS       100000u
#define IN_FLIGHT   1000u /* requests that a group has at a time */

/* A group, what the policy made of it, and the picks so far. */
struct group {
    const struct balance_policy *policy;
    struct balance_candidate candidate[SERVERS_MAX];
    uint32_t order[ORDER_MAX];
    uint32_t picked[SERVERS_MAX];
    struct balance_in in;
};

static struct group group;

static struct group *group_of(const struct balance_policy *policy, uint32_t n,
                              uint32_t weight(uint32_t i))
{
    struct group *g = &group;
    memset(g->picked, 0, sizeof(g->picked));
    g->policy = policy;
    for (uint32_t i = 0; i < n; i++)
        g->candidate[i] =
            (struct balance_candidate){.id = hash_bytes(&i, sizeof(i), 7), .weight = weight(i)};
    const uint32_t n_order = policy->order(g->order, ORDER_MAX, g->candidate, n);
    assert_true(n_order >= n && n_order <= ORDER_MAX);
    g->in = (struct balance_in){
        .candidate = g->candidate, .n = n, .order = g->order, .n_order = n_order};
    return g;
}

static uint32_t pick(struct group *g)
{
    const uint32_t i = g->policy->pick(&g->in);
    g->in.tick++;
    assert_true(i < g->in.n);
    g->picked[i]++;
    return i;
}

static uint32_t weight_1(uint32_t i)
{
    (void)i;
    return 1;
}

static uint32_t weight_200(uint32_t i)
{
    (void)i;
    return 200;
}

static uint32_t weight_few(uint32_t i)
{
    static const uint32_t few[] = {5, 1, 1, 3};
    return few[i % COUNT_OF(few)];
}

static uint32_t weight_steep(uint32_t i)
{
    return i == 0 ? 100 : 1;
}

static struct rng weights;

static uint32_t weight_random(uint32_t i)
{
    (void)i;
    return 1 + rng_below(&weights, TABLE_WEIGHT_MAX);
}

static void every_policy_has_its_row(void **state)
{
    (void)state;
    for (int i = 0; i < BALANCE_COUNT; i++) {
        const struct balance_policy *p = balance_policy((enum table_balance)i);
        assert_non_null(p->order);
        assert_non_null(p->pick);
    }
    assert_ptr_equal(balance_policy(BALANCE_IP_HASH), &balance_ip_hash);
}

static void nobody_is_picked_of_none(void **state)
{
    (void)state;
    for (int i = 0; i < BALANCE_COUNT; i++) {
        struct group *g = group_of(balance_policy((enum table_balance)i), 0, weight_1);
        assert_int_equal(g->policy->pick(&g->in), BALANCE_NONE);
    }
}

static void one_takes_all(void **state)
{
    (void)state;
    for (int i = 0; i < BALANCE_COUNT; i++) {
        struct group *g = group_of(balance_policy((enum table_balance)i), 1, weight_200);
        for (g->in.key = 0; g->in.key < 100; g->in.key++)
            assert_int_equal(pick(g), 0);
        g->in.avoid[g->in.n_avoid++] = 0;
        assert_int_equal(g->policy->pick(&g->in), BALANCE_NONE);
    }
}

/* An exchange that fails on one server after the other sees each of them once. */
static void what_was_tried_is_avoided(void **state)
{
    (void)state;
    for (int i = 0; i < BALANCE_COUNT; i++)
        for (uint64_t start = 0; start < 200; start++) {
            struct group *g = group_of(balance_policy((enum table_balance)i), 4, weight_few);
            g->in.tick = start;
            g->in.key = hash_bytes(&start, sizeof(start), 1);
            for (uint32_t k = 0; k < BALANCE_AVOID_MAX; k++) {
                g->in.avoid[k] = pick(g);
                g->in.n_avoid = k + 1;
            }
            for (uint32_t k = 0; k < 4; k++)
                assert_int_equal(g->picked[k], 1);
            assert_int_equal(g->policy->pick(&g->in), BALANCE_NONE);
        }
}

static void an_order_says_how_much_room_it_needs(void **state)
{
    (void)state;
    for (int i = 0; i < BALANCE_COUNT; i++) {
        struct group *g = group_of(balance_policy((enum table_balance)i), 4, weight_few);
        uint32_t *exact = malloc(g->in.n_order * sizeof(*exact));
        assert_non_null(exact);
        for (uint32_t room = 0; room <= g->in.n_order; room++)
            assert_int_equal(g->policy->order(exact, room, g->candidate, 4), g->in.n_order);
        assert_memory_equal(exact, g->order, g->in.n_order * sizeof(*exact));
        free(exact);
    }
}

static void round_robin_ignores_weights(void **state)
{
    (void)state;
    struct group *g = group_of(&balance_round_robin, 3, weight_steep);
    g->in.tick = UINT64_MAX - 3000; /* a counter may wrap, at worst with one turn out of turn */
    for (uint32_t i = 0; i < 3000; i++)
        pick(g);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(g->picked[i], 1000);
}

/* Over a cycle each as often as its weight says, and never a turn away from its share. */
static void check_cycle(struct group *g, uint32_t divisor)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < g->in.n; i++)
        total += g->candidate[i].weight / divisor;
    assert_int_equal(g->in.n_order, total);

    for (uint64_t place = 1; place <= total; place++) {
        const uint32_t i = pick(g);
        const uint32_t weight = g->candidate[i].weight / divisor;
        /* The k-th turn lies in [floor((k-1) total / weight), ceil(k total / weight)). */
        const uint64_t k = g->picked[i];
        assert_true(place > (k - 1) * total / weight);
        assert_true(place <= (k * total + weight - 1) / weight);
    }
    for (uint32_t i = 0; i < g->in.n; i++)
        assert_int_equal(g->picked[i], g->candidate[i].weight / divisor);
}

static void weighted_round_robin_is_exact_and_even(void **state)
{
    (void)state;
    check_cycle(group_of(&balance_weighted_round_robin, 4, weight_few), 1);
    check_cycle(group_of(&balance_weighted_round_robin, 101, weight_steep), 1);
    check_cycle(group_of(&balance_weighted_round_robin, 100, weight_200), 200);
    for (uint64_t seed = 0; seed < 200; seed++) {
        weights.state = seed;
        const uint32_t n = 2 + rng_below(&weights, 40);
        struct group *g = group_of(&balance_weighted_round_robin, n, weight_random);
        g->candidate[0].weight = 255; /* 255 and 256 share no divisor */
        g->candidate[1].weight = 256;
        g->in.n_order = g->policy->order(g->order, ORDER_MAX, g->candidate, n);
        check_cycle(g, 1);
    }
}

static void a_heavy_one_is_not_starved_by_many_light_ones(void **state)
{
    (void)state;
    struct group *g = group_of(&balance_weighted_round_robin, 101, weight_steep);
    for (uint32_t place = 0; place < 200; place += 2)
        assert_int_equal(g->order[place], 0);
}

/* Every request takes as long as IN_FLIGHT picks: the shares are then the policy's, not of chance.
 */
static void pick_with_load(struct group *g, uint32_t picks)
{
    static uint32_t flying[IN_FLIGHT];
    for (uint32_t i = 0; i < picks; i++) {
        if (i >= IN_FLIGHT)
            g->candidate[flying[i % IN_FLIGHT]].in_flight--;
        flying[i % IN_FLIGHT] = pick(g);
        g->candidate[flying[i % IN_FLIGHT]].in_flight++;
    }
}

/* Each of 100 within 2 % of its share, over 100,000 picks. The hash is judged as chance is, below.
 */
static void check_shares(const struct group *g, bool by_weight, const char *says)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->in.n; i++)
        sum += by_weight ? g->candidate[i].weight : 1;
    for (uint32_t i = 0; i < g->in.n; i++) {
        const double share = (double)PICKS * (by_weight ? g->candidate[i].weight : 1) / (double)sum;
        if (fabs(g->picked[i] - share) > share * 0.02 + 1)
            fail_msg("%s: server %u: %u picks, not %.0f", says, i, g->picked[i], share);
    }
}

static void shares_are_even(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const struct balance_policy *policy;
        uint32_t (*weight)(uint32_t);
        bool by_weight, loaded;
    } row[] = {
        {"round robin", &balance_round_robin, weight_few, false, false},
        {"weighted round robin", &balance_weighted_round_robin, weight_few, true, false},
        {"weighted round robin, equal weights", &balance_weighted_round_robin, weight_200, true,
         false},
        {"least connections, idle", &balance_least_connections, weight_few, true, false},
        {"least connections, idle, equal weights", &balance_least_connections, weight_200, true,
         false},
        {"least connections, loaded", &balance_least_connections, weight_few, true, true},
        {"least connections, loaded, equal weights", &balance_least_connections, weight_1, true,
         true},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct group *g = group_of(row[i].policy, 100, row[i].weight);
        if (row[i].loaded)
            pick_with_load(g, PICKS);
        else
            for (uint32_t k = 0; k < PICKS; k++)
                pick(g);
        check_shares(g, row[i].by_weight, row[i].says);
    }
}

static void least_connections_takes_the_freest(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct balance_candidate c[3];
        uint32_t is;
    } row[] = {
        {"the fewest", {{0, 1, 3}, {0, 1, 2}, {0, 1, 4}}, 1},
        {"by weight", {{0, 1, 3}, {0, 4, 8}, {0, 1, 4}}, 1},
        {"an idle one before a heavy one", {{0, 256, 1}, {0, 256, 1}, {0, 1, 0}}, 2},
        {"a difference of one in 2^32",
         {{0, 256, UINT32_MAX}, {0, 256, UINT32_MAX - 1}, {0, 255, UINT32_MAX}},
         1},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++)
        for (uint64_t tick = 0; tick < 10; tick++) {
            const struct balance_in in = {.candidate = row[i].c, .n = 3, .tick = tick};
            if (balance_least_connections.pick(&in) != row[i].is)
                fail_msg("%s", row[i].says);
        }
}

static void equally_free_ones_alternate(void **state)
{
    (void)state;
    const struct balance_candidate c[] = {{0, 1, 9}, {0, 1, 2}, {0, 1, 5}, {0, 1, 2}};
    struct balance_in in = {.candidate = c, .n = 4};
    for (; in.tick < 10; in.tick++)
        assert_int_equal(balance_least_connections.pick(&in), in.tick % 2 ? 3 : 1);
}

static uint64_t key_of(uint32_t i)
{
    return hash_bytes(&i, sizeof(i), 42);
}

/* Chi-squared with 99 degrees of freedom stays below 149 in 999 of 1,000 samples of pure chance. */
static void ip_hash_spreads_by_weight(void **state)
{
    (void)state;
    static uint32_t (*const weight[])(uint32_t) = {weight_1, weight_few, weight_random};
    for (size_t w = 0; w < COUNT_OF(weight); w++) {
        struct group *g = group_of(&balance_ip_hash, 100, weight[w]);
        double sum = 0, chi2 = 0;
        for (uint32_t i = 0; i < PICKS; i++) {
            g->in.key = key_of(i);
            pick(g);
        }
        for (uint32_t i = 0; i < 100; i++)
            sum += g->candidate[i].weight;
        for (uint32_t i = 0; i < 100; i++) {
            const double share = PICKS * g->candidate[i].weight / sum;
            chi2 += (g->picked[i] - share) * (g->picked[i] - share) / share;
        }
        if (chi2 > 149)
            fail_msg("weights %zu: chi-squared is %.1f", w, chi2);
    }
}

static void only_the_keys_of_a_gone_server_move(void **state)
{
    (void)state;
    enum { N = 50, GONE = 17, KEYS = 20000 };
    static uint64_t before[KEYS];
    weights.state = 5;
    struct group *g = group_of(&balance_ip_hash, N, weight_few);
    for (uint32_t i = 0; i < KEYS; i++) {
        g->in.key = key_of(i);
        before[i] = g->candidate[pick(g)].id;
    }
    /* One goes, and the others change places. */
    const struct balance_candidate gone = g->candidate[GONE];
    g->candidate[GONE] = g->candidate[0];
    g->candidate[0] = g->candidate[N - 1];
    g->in.n--;

    unsigned moved = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        g->in.key = key_of(i);
        const uint64_t after = g->candidate[pick(g)].id;
        moved += after != before[i];
        if (before[i] != gone.id)
            assert_true(after == before[i]);
    }
    double sum = 0;
    for (uint32_t i = 0; i < N; i++)
        sum += weight_few(i);
    assert_true(moved > 0 && moved <= KEYS * 1.25 * gone.weight / sum);
}

static void a_key_whose_server_was_tried_has_one_second_choice(void **state)
{
    (void)state;
    struct group *g = group_of(&balance_ip_hash, 20, weight_few);
    for (uint32_t i = 0; i < 1000; i++) {
        g->in.n_avoid = 0;
        g->in.key = key_of(i);
        g->in.avoid[0] = pick(g);
        g->in.n_avoid = 1;
        const uint32_t second = pick(g);
        assert_true(second != g->in.avoid[0]);
        g->in.tick += 7;
        assert_int_equal(pick(g), second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_has_its_row),
        cmocka_unit_test(nobody_is_picked_of_none),
        cmocka_unit_test(one_takes_all),
        cmocka_unit_test(what_was_tried_is_avoided),
        cmocka_unit_test(an_order_says_how_much_room_it_needs),
        cmocka_unit_test(round_robin_ignores_weights),
        cmocka_unit_test(weighted_round_robin_is_exact_and_even),
        cmocka_unit_test(a_heavy_one_is_not_starved_by_many_light_ones),
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(least_connections_takes_the_freest),
        cmocka_unit_test(equally_free_ones_alternate),
        cmocka_unit_test(ip_hash_spreads_by_weight),
        cmocka_unit_test(only_the_keys_of_a_gone_server_move),
        cmocka_unit_test(a_key_whose_server_was_tried_has_one_second_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
