#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "runtime/balance/balance.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"
#include "runtime/base/rng.h"

#define SERVERS_MAX 1024u
#define FLYING_MAX  40000u
#define MS          INT64_C(1000000)

/* A group, what the policy made of it, and the picks so far. */
struct group {
    const struct balance_policy *policy;
    struct balance_candidate candidate[SERVERS_MAX];
    struct balance_load load[SERVERS_MAX];
    uint32_t picked[SERVERS_MAX];
    struct balance_plan plan;
    struct balance_in in;
    struct rng rng;
};

static struct group group;

static struct balance_load look(const void *of, uint32_t i)
{
    return ((const struct group *)of)->load[i];
}

static void lay(struct group *g)
{
    g->plan.candidate = g->candidate;
    balance_lay(g->policy, &g->plan, &g->in);
}

static struct group *group_of(enum table_balance balance, uint32_t n, uint32_t weight(uint32_t i))
{
    struct group *g = &group;
    balance_plan_done(&g->plan);
    *g = (struct group){.policy = balance_policy(balance), .rng = {11}};
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t whole = weight(i) * BALANCE_UNIT;
        g->candidate[i] = (struct balance_candidate){hash_bytes(&i, sizeof(i), 7), whole, whole};
    }
    g->in = (struct balance_in){.load = look, .of = g};
    g->plan.n = g->plan.n_all = n;
    lay(g);
    return g;
}

static uint32_t pick(struct group *g)
{
    g->in.random = rng_next(&g->rng);
    const uint32_t i = g->policy->pick(&g->plan, &g->in);
    g->in.tick++;
    assert_true(i < g->plan.n);
    g->picked[i]++;
    return i;
}

static uint64_t key_of(uint32_t i)
{
    return hash_bytes(&i, sizeof(i), 42);
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

#define EACH_POLICY(b) (enum table_balance b = 0; b < BALANCE_COUNT; b++)

static void every_policy_has_its_row(void **state)
{
    (void)state;
    for
        EACH_POLICY(b)
    assert_non_null(balance_policy(b)->pick);
    assert_ptr_equal(balance_policy(BALANCE_IP_HASH), &balance_ip_hash);
}

static void nobody_is_picked_of_none(void **state)
{
    (void)state;
    for
        EACH_POLICY(b)
        {
            struct group *g = group_of(b, 0, weight_1);
            assert_int_equal(g->policy->pick(&g->plan, &g->in), BALANCE_NONE);
        }
}

static void one_takes_all(void **state)
{
    (void)state;
    for
        EACH_POLICY(b)
        {
            struct group *g = group_of(b, 1, weight_200);
            for (g->in.key = 0; g->in.key < 100; g->in.key++)
                assert_int_equal(pick(g), 0);
            g->in.avoid[g->in.n_avoid++] = 0;
            assert_int_equal(g->policy->pick(&g->plan, &g->in), BALANCE_NONE);
        }
}

/* An exchange that fails on one server after the other sees each of them once. */
static void what_was_tried_is_avoided(void **state)
{
    (void)state;
    for
        EACH_POLICY(b)
    for (uint32_t start = 0; start < 400; start++) {
        struct group *g = group_of(b, start % 2 ? 4 : 40, weight_steep);
        g->in.tick = g->rng.state = start;
        g->in.key = key_of(start);
        for (uint32_t k = 0; k < BALANCE_AVOID_MAX; k++) {
            const uint32_t i = pick(g);
            assert_int_equal(g->picked[i], 1);
            g->in.avoid[k] = i;
            g->in.n_avoid = k + 1;
        }
        if (g->plan.n == 4)
            assert_int_equal(g->policy->pick(&g->plan, &g->in), BALANCE_NONE);
        else
            assert_int_equal(g->picked[pick(g)], 1);
    }
}

/* --- shares ---------------------------------------------------------------------------------- */

/* What chi-squared exceeds in one of 1,000 samples of pure chance (Wilson and Hilferty 1931). */
static double chi2_limit(uint32_t freedom)
{
    const double a = 2.0 / (9.0 * freedom), cube = 1 - a + 3.09 * sqrt(a);
    return freedom * cube * cube * cube;
}

/* More regular than chance is good, too. */
static void check_shares(const struct group *g, double picks, bool by_share, const char *says)
{
    double sum = 0, chi2 = 0;
    for (uint32_t i = 0; i < g->plan.n; i++)
        sum += by_share ? g->candidate[i].share : 1;
    for (uint32_t i = 0; i < g->plan.n; i++) {
        const double due = picks * (by_share ? g->candidate[i].share : 1) / sum;
        chi2 += (g->picked[i] - due) * (g->picked[i] - due) / due;
    }
    if (chi2 > chi2_limit(g->plan.n - 1))
        fail_msg("%s, %u servers: chi-squared is %.1f, above %.1f", says, g->plan.n, chi2,
                 chi2_limit(g->plan.n - 1));
}

/* 1,000,000 with LBC_ROUNDS=1000000. */
static uint32_t picks(void)
{
    const char *rounds = getenv("LBC_ROUNDS");
    uint64_t n;
    return rounds && number_parse(slice_of(rounds), 100000000, &n) && n > 50000 ? (uint32_t)n
                                                                                : 50000;
}

/* Requests end in the order in which they began, `flying` picks later: the shares are then the
 * policy's, not of chance. There are 100,000 a second. */
static void pick_many(struct group *g, uint32_t n, uint32_t flying)
{
    static uint32_t who[FLYING_MAX];
    assert_true(flying <= FLYING_MAX);
    for (uint32_t k = 0; k < n; k++) {
        g->in.key = key_of(k);
        if (flying > 0 && k >= flying) {
            const uint32_t done = who[k % flying];
            g->load[done].in_flight--;
            g->in.in_flight--;
            response_time_note(&g->load[done].time, 10 * MS, (k + 1) * (MS / 100));
            if (g->policy->note)
                g->policy->note(&g->plan, done, g->load[done]);
        }
        const uint32_t i = pick(g);
        if (flying == 0)
            continue;
        who[k % flying] = i;
        g->load[i].in_flight++;
        g->in.in_flight++;
    }
}

static void everybody_gets_a_share(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum table_balance balance;
        uint32_t flying;
        bool by_share;
    } row[] = {
        {"round robin", BALANCE_ROUND_ROBIN, 0, true},
        {"weighted round robin", BALANCE_WEIGHTED_ROUND_ROBIN, 0, true},
        {"least connections, idle", BALANCE_LEAST_CONNECTIONS, 0, true},
        {"least connections, loaded", BALANCE_LEAST_CONNECTIONS, 40000, true},
        {"ip hash", BALANCE_IP_HASH, 0, true},
        {"hash", BALANCE_HASH, 0, true},
        {"consistent", BALANCE_CONSISTENT, 0, true},
        {"random", BALANCE_RANDOM, 0, true},
        {"two choices, idle", BALANCE_TWO_CHOICES, 0, true},
        {"least time, idle", BALANCE_LEAST_TIME, 0, true},
        {"least time, loaded", BALANCE_LEAST_TIME, 40000, true},
    };
    static uint32_t (*const weight[])(uint32_t) = {weight_1, weight_200, weight_few, weight_random,
                                                   weight_steep};
    static const uint32_t sizes[] = {2, 20, 24, 25, 100};
    for (size_t i = 0; i < COUNT_OF(row); i++)
        for (size_t w = 0; w < COUNT_OF(weight); w++)
            for (size_t n = 0; n < COUNT_OF(sizes); n++) {
                weights.state = 3;
                struct group *g = group_of(row[i].balance, sizes[n], weight[w]);
                for (uint32_t k = 0; k < sizes[n] && g->policy->ignores_weight; k++)
                    g->candidate[k].whole = g->candidate[k].share = BALANCE_UNIT;
                lay(g);
                pick_many(g, picks(), row[i].flying);
                check_shares(g, picks(), row[i].by_share, row[i].says);
            }
}

static void one_that_starts_slowly_gets_its_part(void **state)
{
    (void)state;
    static const enum table_balance balance[] = {
        BALANCE_ROUND_ROBIN, BALANCE_WEIGHTED_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS,
        BALANCE_HASH,        BALANCE_CONSISTENT,           BALANCE_RANDOM,
        BALANCE_TWO_CHOICES};
    static const uint32_t sizes[] = {3, 60};
    for (size_t b = 0; b < COUNT_OF(balance); b++)
        for (size_t n = 0; n < COUNT_OF(sizes); n++) {
            struct group *g = group_of(balance[b], sizes[n], weight_1);
            g->candidate[1].share = BALANCE_UNIT / 8;
            g->candidate[2].share = BALANCE_UNIT / 2;
            lay(g);
            pick_many(g, picks(), 0);
            check_shares(g, picks(), true, "slowly");
        }
}

/* Those that are left share what the avoided one had. */
static void what_is_avoided_goes_to_all_others(void **state)
{
    (void)state;
    static const enum table_balance balance[] = {BALANCE_WEIGHTED_ROUND_ROBIN, BALANCE_RANDOM,
                                                 BALANCE_HASH, BALANCE_LEAST_CONNECTIONS};
    for (size_t b = 0; b < COUNT_OF(balance); b++) {
        struct group *g = group_of(balance[b], 30, weight_few);
        g->in.avoid[0] = 29;
        g->in.n_avoid = 1;
        pick_many(g, 50000, 0);
        assert_int_equal(g->picked[29], 0);
        g->plan.n = 29;
        check_shares(g, 50000, true, "without the last");
    }
}

/* --- turns ----------------------------------------------------------------------------------- */

static void round_robin_takes_the_next(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_ROUND_ROBIN, 3, weight_1);
    g->in.tick = UINT64_MAX - 3000; /* a counter may wrap, at worst with one turn out of turn */
    uint32_t last = pick(g);
    for (uint32_t i = 1; i < 3000; i++) {
        const uint32_t now = pick(g);
        assert_int_equal(now, (last + 1) % 3);
        last = now;
    }
}

/* Over a cycle each as often as its weight says, and never two turns away from its part. */
static void check_cycle(struct group *g)
{
    const uint64_t total = g->plan.share / BALANCE_UNIT;
    for (uint64_t turn = 1; turn <= total; turn++) {
        pick(g);
        for (uint32_t i = 0; i < g->plan.n; i++) {
            const double due = (double)turn * g->candidate[i].share / (double)g->plan.share;
            assert_true(fabs(g->picked[i] - due) < 2);
        }
    }
    for (uint32_t i = 0; i < g->plan.n; i++)
        assert_int_equal(g->picked[i] * BALANCE_UNIT, g->candidate[i].share);
}

static void weighted_round_robin_is_exact_and_smooth(void **state)
{
    (void)state;
    check_cycle(group_of(BALANCE_WEIGHTED_ROUND_ROBIN, 4, weight_few));
    check_cycle(group_of(BALANCE_WEIGHTED_ROUND_ROBIN, 101, weight_steep));
    for (uint64_t seed = 0; seed < 40; seed++) {
        weights.state = seed;
        check_cycle(
            group_of(BALANCE_WEIGHTED_ROUND_ROBIN, 2 + rng_below(&weights, 40), weight_random));
    }
}

static void a_heavy_one_is_not_starved_by_many_light_ones(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_WEIGHTED_ROUND_ROBIN, 101, weight_steep);
    const bool first = pick(g) == 0;
    for (uint32_t k = 1; k < 200; k++)
        assert_int_equal(pick(g) == 0, first == (k % 2 == 0));
}

/* --- loads ----------------------------------------------------------------------------------- */

static void least_connections_takes_the_freest(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint32_t weight[3], in_flight[3], is;
    } row[] = {
        {"the fewest", {1, 1, 1}, {3, 2, 4}, 1},
        {"by weight", {1, 4, 1}, {3, 8, 4}, 1},
        {"an idle one before a heavy one", {256, 256, 1}, {1, 1, 0}, 2},
        {"a difference of one in 2^32",
         {256, 256, 255},
         {UINT32_MAX, UINT32_MAX - 1, UINT32_MAX},
         1},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++)
        for (uint32_t tick = 0; tick < 10; tick++) {
            struct group *g = group_of(BALANCE_LEAST_CONNECTIONS, 3, weight_1);
            for (uint32_t k = 0; k < 3; k++) {
                g->candidate[k].whole = g->candidate[k].share = row[i].weight[k] * BALANCE_UNIT;
                g->load[k].in_flight = row[i].in_flight[k];
            }
            lay(g);
            g->in.tick = tick;
            if (pick(g) != row[i].is)
                fail_msg("%s", row[i].says);
        }
}

static void equally_free_ones_alternate(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_LEAST_CONNECTIONS, 4, weight_1);
    static const uint32_t in_flight[] = {9, 2, 5, 2};
    for (uint32_t i = 0; i < 4; i++)
        g->load[i].in_flight = in_flight[i];
    lay(g);
    uint32_t last = pick(g);
    for (uint32_t k = 0; k < 10; k++) {
        const uint32_t now = pick(g);
        assert_int_equal(now + last, 1 + 3);
        last = now;
    }
}

/* Alone, a worker that notes what ends always has the exact choice: the least of all. */
static void what_is_noted_is_known(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_LEAST_CONNECTIONS, 1000, weight_1);
    for (uint32_t i = 0; i < 1000; i++)
        g->load[i].in_flight = 5;
    lay(g);
    for (uint32_t k = 0; k < 2000; k++) {
        const uint32_t ends = rng_below(&g->rng, 1000);
        if (g->load[ends].in_flight > 0)
            g->load[ends].in_flight--;
        g->policy->note(&g->plan, ends, g->load[ends]);
        const uint32_t i = pick(g);
        for (uint32_t other = 0; other < 1000; other++)
            assert_true(g->load[other].in_flight >= g->load[i].in_flight);
        g->load[i].in_flight++;
    }
}

/* What others do: nobody is taken who has got more, and who has got less is found in time. */
static void what_others_did_is_found(void **state)
{
    (void)state;
    enum { N = 100 };
    struct group *g = group_of(BALANCE_LEAST_CONNECTIONS, N, weight_1);
    for (uint32_t i = 0; i < N; i++)
        g->load[i].in_flight = i == 7 ? 1 : 3;
    lay(g);
    g->load[7].in_flight = 50;
    assert_int_not_equal(pick(g), 7);
    g->load[61].in_flight = 0;
    uint32_t k = 0;
    while (pick(g) != 61)
        assert_true(++k < N / 2);
    for (uint32_t i = 0; i < N; i++)
        g->load[i].in_flight = i == 30 ? 8 : 9; /* more than can be passed over at once */
    for (k = 0; k <= N / 2; k++)
        pick(g);
    assert_int_equal(pick(g), 30);
}

static void of_two_the_freer_is_taken(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_TWO_CHOICES, 2, weight_1);
    g->load[0].in_flight = 1;
    for (uint32_t k = 0; k < 200; k++)
        assert_int_equal(pick(g), 1);

    g = group_of(BALANCE_TWO_CHOICES, 100, weight_1);
    uint32_t most = 0;
    for (uint32_t k = 0; k < 10000; k++) /* chance alone would come to about 130 */
        g->load[pick(g)].in_flight++;
    for (uint32_t i = 0; i < 100; i++)
        most = g->load[i].in_flight > most ? g->load[i].in_flight : most;
    assert_in_range(most, 100, 105);
}

static void first_is_the_first_that_is_left(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_FIRST, 5, weight_few);
    for (uint32_t k = 0; k < 3; k++) {
        assert_int_equal(pick(g), k);
        g->in.avoid[g->in.n_avoid++] = k;
    }
}

/* --- response times -------------------------------------------------------------------------- */

static void a_peak_counts_at_once_and_fades(void **state)
{
    (void)state;
    const int64_t decay = RESPONSE_TIME_DECAY_NS;
    struct response_time t = {0}, other = {0};
    response_time_note(&t, 100, decay);
    assert_true(t.ns >= 100 && t.ns <= 100);
    response_time_note(&t, 900, decay + 1);
    assert_true(t.ns >= 900 && t.ns <= 900);
    response_time_note(&t, 100, 2 * decay + 1);
    assert_true(fabs(t.ns - (100 + 800 * exp(-1))) < 1e-6);

    /* One that was asked two decays ago has faded to e^-2 beside one that is asked now. */
    response_time_note(&other, 1000, decay);
    response_time_note(&t, 1000, 3 * decay);
    assert_true(fabs(t.log - other.log - 2) < 1e-9);
    response_time_note(&t, -5, 4 * decay);
    assert_true(t.ns >= 1);
}

static void least_time_asks_the_unknown_once(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_LEAST_TIME, 4, weight_1);
    response_time_note(&g->load[0].time, 5 * MS, MS);
    lay(g);
    for (uint32_t k = 0; k < 3; k++)
        g->load[pick(g)].in_flight++;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(g->picked[i], i > 0);
    for (uint32_t k = 0; k < 10; k++) /* and not again while they are silent */
        assert_int_equal(pick(g), 0);
}

static void least_time_takes_the_shortest_wait(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint32_t ms[3], in_flight[3], weight[3], is;
    } row[] = {
        {"the fastest", {30, 10, 20}, {0, 0, 0}, {1, 1, 1}, 1},
        {"unless it has much to do", {30, 10, 20}, {0, 2, 0}, {1, 1, 1}, 2},
        {"by weight", {30, 10, 20}, {0, 0, 0}, {4, 1, 1}, 0},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct group *g = group_of(BALANCE_LEAST_TIME, 3, weight_1);
        for (uint32_t k = 0; k < 3; k++) {
            g->candidate[k].whole = g->candidate[k].share = row[i].weight[k] * BALANCE_UNIT;
            g->load[k].in_flight = row[i].in_flight[k];
            response_time_note(&g->load[k].time, row[i].ms[k] * MS, MS);
        }
        lay(g);
        if (pick(g) != row[i].is)
            fail_msg("%s", row[i].says);
    }
}

static void a_server_that_was_slow_is_tried_again(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_LEAST_TIME, 2, weight_1);
    int64_t now = MS;
    response_time_note(&g->load[0].time, 10 * MS, now);
    response_time_note(&g->load[1].time, 1000 * MS, now);
    lay(g);
    uint32_t asked = 0;
    while (pick(g) == 0) {
        now += 100 * MS;
        response_time_note(&g->load[0].time, 10 * MS, now);
        g->policy->note(&g->plan, 0, g->load[0]);
        asked++;
    }
    assert_in_range(asked, 440, 480); /* ln 100 times ten seconds: 46 s */
}

/* --- keys ------------------------------------------------------------------------------------ */

enum { KEYS = 40000 };

static void who_has(struct group *g, uint64_t who[KEYS])
{
    for (uint32_t k = 0; k < KEYS; k++) {
        g->in.key = key_of(k);
        who[k] = g->candidate[pick(g)].id;
    }
}

static void swap(struct group *g, uint32_t a, uint32_t b)
{
    const struct balance_candidate c = g->candidate[a];
    g->candidate[a] = g->candidate[b];
    g->candidate[b] = c;
}

/* How many keys are elsewhere; those of others than `gone` must be none where it is only away. */
static uint32_t moved(const uint64_t before[KEYS], const uint64_t after[KEYS], uint64_t gone,
                      bool away)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        n += before[k] != after[k];
        if (away && before[k] != gone)
            assert_true(before[k] == after[k]);
    }
    return n;
}

/* Server 0 of `n` goes; the others change places, for places must not matter. */
static void check_leaving(enum table_balance balance, uint32_t n, uint32_t weight(uint32_t),
                          uint32_t *n_grown)
{
    static uint64_t before[KEYS], after[KEYS];
    struct group *g = group_of(balance, n, weight);
    const double part = g->candidate[0].share / (double)g->plan.share;
    const double most = KEYS * 1.25 * part + 4 * sqrt(KEYS * part);
    const uint64_t gone = g->candidate[0].id;
    who_has(g, before);
    swap(g, 0, n - 1);
    g->plan.n--; /* it is away */
    lay(g);
    who_has(g, after);
    uint32_t moves = moved(before, after, gone, true);
    assert_true(moves > 0 && moves <= most);
    g->plan.n++; /* and back again */
    lay(g);
    who_has(g, after);
    assert_int_equal(moved(before, after, gone, true), 0);
    g->plan.n_all = --g->plan.n; /* it is no more in the configuration */
    lay(g);
    who_has(g, after);
    moves = moved(before, after, gone, false);
    if (moves > KEYS / 2 && n > 20)
        ++*n_grown; /* the table has another size */
    else if (moves > most)
        fail_msg("%u of %u keys moved when one of %u went", moves, KEYS, n);
}

/* When a server leaves the configuration, too, but for the two sizes where the table grows. */
static void only_the_keys_of_a_gone_server_move(void **state)
{
    (void)state;
    static const enum table_balance balance[] = {BALANCE_IP_HASH, BALANCE_HASH, BALANCE_CONSISTENT};
    static const uint32_t sizes[] = {2, 10, 24, 26, 50, 84, 86, 87, 100, 300};
    for (size_t b = 0; b < COUNT_OF(balance); b++) {
        uint32_t grown = 0, grown_by_weight = 0;
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            check_leaving(balance[b], sizes[s], weight_1, &grown);
            check_leaving(balance[b], sizes[s], weight_few, &grown_by_weight);
        }
        assert_int_equal(grown, 1); /* with 86 servers */
        assert_in_range(grown_by_weight, 0, 1);
    }
}

static void a_key_whose_server_was_tried_has_one_second_choice(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {20, 60};
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        struct group *g = group_of(BALANCE_IP_HASH, sizes[s], weight_few);
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
}

/* Nearly all are away: the places of the others are still found, or else they draw. */
static void few_of_many_share_the_keys(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_HASH, 1000, weight_few);
    static const uint32_t left[] = {40, 3, 2};
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        memset(g->picked, 0, sizeof(g->picked));
        g->plan.n = left[i];
        lay(g);
        pick_many(g, 50000, 0);
        check_shares(g, 50000, true, "few of many");
    }
}

/* Most ask for a few keys, and still nobody has more than the bound says, at any time. */
static void a_bounded_load_holds_its_bound(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {3, 20, 100}, bounds[] = {101, 125, 200};
    static uint32_t who[500];
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (size_t b = 0; b < COUNT_OF(bounds); b++) {
            struct group *g = group_of(BALANCE_CONSISTENT, sizes[s], weight_few);
            g->in.bounded_percent = bounds[b];
            uint32_t passed_on = 0;
            for (uint32_t k = 0; k < 20000; k++) {
                if (k >= COUNT_OF(who)) {
                    g->load[who[k % COUNT_OF(who)]].in_flight--;
                    g->in.in_flight--;
                }
                const uint32_t r = rng_below(&g->rng, 100);
                g->in.key = key_of(r < 60 ? r % 3 : k);
                const uint32_t i = pick(g);
                g->in.in_flight++;
                g->load[i].in_flight++;
                const double part = g->candidate[i].share / (double)g->plan.share;
                assert_true(g->load[i].in_flight <=
                            ceil(bounds[b] / 100.0 * (double)g->in.in_flight * part + 1e-9));
                who[k % COUNT_OF(who)] = i;
                const uint32_t percent = g->in.bounded_percent;
                g->in.bounded_percent = 0;
                passed_on += g->policy->pick(&g->plan, &g->in) != i;
                g->in.bounded_percent = percent;
            }
            assert_true(passed_on > 1000 || sizes[s] == 3);
        }
}

static void without_a_bound_a_busy_server_is_still_its_keys(void **state)
{
    (void)state;
    struct group *g = group_of(BALANCE_CONSISTENT, 100, weight_1);
    g->in.key = key_of(1);
    const uint32_t i = pick(g);
    g->in.in_flight = g->load[i].in_flight = 1000;
    assert_int_equal(pick(g), i);
    g->in.bounded_percent = 125;
    assert_int_not_equal(pick(g), i);
    for (uint32_t k = 0; k < 100; k++) /* nobody has room: counts are others' meanwhile */
        g->load[k].in_flight = 1000;
    assert_int_equal(pick(g), i);
}

static int tear_down(void **state)
{
    (void)state;
    balance_plan_done(&group.plan);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_has_its_row),
        cmocka_unit_test(nobody_is_picked_of_none),
        cmocka_unit_test(one_takes_all),
        cmocka_unit_test(what_was_tried_is_avoided),
        cmocka_unit_test(everybody_gets_a_share),
        cmocka_unit_test(one_that_starts_slowly_gets_its_part),
        cmocka_unit_test(what_is_avoided_goes_to_all_others),
        cmocka_unit_test(round_robin_takes_the_next),
        cmocka_unit_test(weighted_round_robin_is_exact_and_smooth),
        cmocka_unit_test(a_heavy_one_is_not_starved_by_many_light_ones),
        cmocka_unit_test(least_connections_takes_the_freest),
        cmocka_unit_test(equally_free_ones_alternate),
        cmocka_unit_test(what_is_noted_is_known),
        cmocka_unit_test(what_others_did_is_found),
        cmocka_unit_test(of_two_the_freer_is_taken),
        cmocka_unit_test(first_is_the_first_that_is_left),
        cmocka_unit_test(a_peak_counts_at_once_and_fades),
        cmocka_unit_test(least_time_asks_the_unknown_once),
        cmocka_unit_test(least_time_takes_the_shortest_wait),
        cmocka_unit_test(a_server_that_was_slow_is_tried_again),
        cmocka_unit_test(only_the_keys_of_a_gone_server_move),
        cmocka_unit_test(a_key_whose_server_was_tried_has_one_second_choice),
        cmocka_unit_test(few_of_many_share_the_keys),
        cmocka_unit_test(a_bounded_load_holds_its_bound),
        cmocka_unit_test(without_a_bound_a_busy_server_is_still_its_keys),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
