/* Choosing a server, by what is known of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/upstream/cluster.h"

#define SERVERS 4

/* a, b and c with weights 1, 1, 2; d is a backup. */
static struct table_server spec[SERVERS];
static struct table_cluster cluster_spec;
static struct cluster *live;
static struct server *server[SERVERS];
static struct cluster_view view;
static struct address client;

static int set_up(void **state)
{
    (void)state;
    static const char *const name[] = {"a", "b", "c", "d"};
    for (int i = 0; i < SERVERS; i++) {
        spec[i] = (struct table_server){
            .name = slice_of(name[i]), .weight = i == 2 ? 2 : 1, .backup = i == 3};
        spec[i].endpoint.port = (uint16_t)(9000 + i);
        server[i] = server_new(SLICE("web"), spec[i].name, &spec[i].endpoint, 1);
    }
    cluster_spec = (struct table_cluster){.name = SLICE("web"), .n_servers = SERVERS};
    live = cluster_new(SLICE("web"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < SERVERS; i++)
        server_unpin(server[i]);
    cluster_unpin(live);
    cluster_view_done(&view);
    return 0;
}

static struct cluster_choice choice(enum table_balance balance)
{
    cluster_spec.balance = balance;
    return (struct cluster_choice){.spec = &cluster_spec,
                                   .server_spec = spec,
                                   .live = live,
                                   .server = server,
                                   .client = &client,
                                   .now_ns = NS_PER_S};
}

/* Picks `n` times and writes how often each was chosen. */
static void count(struct cluster_choice c, unsigned n, unsigned times[SERVERS])
{
    memset(times, 0, SERVERS * sizeof(times[0]));
    for (unsigned i = 0; i < n; i++) {
        const uint32_t chosen = cluster_pick(&c, &view);
        assert_in_range(chosen, 0, SERVERS - 1);
        times[chosen]++;
    }
}

static void assert_times(const unsigned times[SERVERS], unsigned a, unsigned b, unsigned c,
                         unsigned d)
{
    const unsigned wanted[SERVERS] = {a, b, c, d};
    for (int i = 0; i < SERVERS; i++)
        if (times[i] != wanted[i])
            fail_msg("server %c: %u times, not %u", 'a' + i, times[i], wanted[i]);
}

static void set_health(int i, enum health_state health)
{
    atomic_store(&server[i]->health, health);
    cluster_changed(live);
}

static void all_usable_take_turns_and_backups_wait(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    count(choice(BALANCE_ROUND_ROBIN), 300, times);
    assert_times(times, 100, 100, 100, 0);
}

static void weights_are_exact(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    count(choice(BALANCE_WEIGHTED_ROUND_ROBIN), 400, times);
    assert_times(times, 100, 100, 200, 0);
}

static void a_server_that_is_down_is_left_out_evenly(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    set_health(0, HEALTH_DOWN);
    count(choice(BALANCE_WEIGHTED_ROUND_ROBIN), 300, times);
    assert_times(times, 0, 100, 200, 0);
    set_health(0, HEALTH_UP);
    count(choice(BALANCE_WEIGHTED_ROUND_ROBIN), 400, times);
    assert_times(times, 100, 100, 200, 0);
}

static void an_unchecked_server_is_up_and_a_checked_unknown_one_is_not(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    atomic_store(&server[1]->checked, true);
    cluster_changed(live);
    count(choice(BALANCE_ROUND_ROBIN), 200, times);
    assert_times(times, 100, 0, 100, 0);
}

static void a_drained_server_gets_nothing_new(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    atomic_store(&server[2]->admin, SERVER_DRAIN);
    cluster_changed(live);
    count(choice(BALANCE_ROUND_ROBIN), 200, times);
    assert_times(times, 100, 100, 0, 0);
}

static void backups_serve_when_nobody_else_can(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    for (int i = 0; i < 3; i++)
        set_health(i, HEALTH_DOWN);
    count(choice(BALANCE_ROUND_ROBIN), 10, times);
    assert_times(times, 0, 0, 0, 10);
    set_health(3, HEALTH_DOWN);
    const struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    assert_int_equal(cluster_pick(&c, &view), BALANCE_NONE);
}

static void a_suspect_is_avoided_while_there_is_another(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    atomic_store(&server[0]->suspect_until_ns, 2 * NS_PER_S);
    struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    count(c, 300, times);
    assert_int_equal(times[0], 0);
    for (int i = 1; i < 3; i++)
        atomic_store(&server[i]->suspect_until_ns, 2 * NS_PER_S);
    count(c, 300, times);
    assert_int_equal(times[0] + times[1] + times[2], 300);
    c.now_ns = 3 * NS_PER_S;
    count(c, 300, times);
    assert_times(times, 100, 100, 100, 0);
}

static void what_an_exchange_has_tried_is_not_chosen_again(void **state)
{
    (void)state;
    struct cluster_choice c = choice(BALANCE_LEAST_CONNECTIONS);
    for (; c.n_avoid < 3; c.n_avoid++) {
        const uint32_t chosen = cluster_pick(&c, &view);
        for (uint32_t i = 0; i < c.n_avoid; i++)
            assert_int_not_equal(chosen, c.avoid[i]);
        c.avoid[c.n_avoid] = chosen;
    }
    assert_int_equal(cluster_pick(&c, &view), BALANCE_NONE);
}

static void least_connections_looks_at_what_is_in_flight(void **state)
{
    (void)state;
    atomic_store(&server[0]->in_flight, 5);
    atomic_store(&server[1]->in_flight, 4);
    atomic_store(&server[2]->in_flight, 7); /* of weight 2: the least busy */
    const struct cluster_choice c = choice(BALANCE_LEAST_CONNECTIONS);
    assert_int_equal(cluster_pick(&c, &view), 2);
}

static void a_client_keeps_its_server_by_ip_hash(void **state)
{
    (void)state;
    client.byte[15] = 77;
    const struct cluster_choice c = choice(BALANCE_IP_HASH);
    const uint32_t first = cluster_pick(&c, &view);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cluster_pick(&c, &view), first);
    set_health((int)first, HEALTH_DOWN);
    assert_int_not_equal(cluster_pick(&c, &view), first);
    set_health((int)first, HEALTH_UP);
    assert_int_equal(cluster_pick(&c, &view), first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_usable_take_turns_and_backups_wait),
        TEST(weights_are_exact),
        TEST(a_server_that_is_down_is_left_out_evenly),
        TEST(an_unchecked_server_is_up_and_a_checked_unknown_one_is_not),
        TEST(a_drained_server_gets_nothing_new),
        TEST(backups_serve_when_nobody_else_can),
        TEST(a_suspect_is_avoided_while_there_is_another),
        TEST(what_an_exchange_has_tried_is_not_chosen_again),
        TEST(least_connections_looks_at_what_is_in_flight),
        TEST(a_client_keeps_its_server_by_ip_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
