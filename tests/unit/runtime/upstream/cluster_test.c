/* Choosing a server, by what is known of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/upstream/cluster.h"
#include "runtime/upstream/sticky.h"

#define SERVERS 4

/* a, b and c with weights 1, 1, 2; d is a backup. */
static struct table_server spec[SERVERS];
static struct table_cluster cluster_spec;
static struct cluster *live;
static struct server *server[SERVERS];
static struct cluster_view view;

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
    live = cluster_new(SLICE("web"), 1);
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
                                   .n_servers = SERVERS,
                                   .live = live,
                                   .server = server,
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

static void set_ejected(int i, bool ejected)
{
    atomic_store(&server[i]->ejected, ejected);
    cluster_changed(live);
}

static void an_ejected_server_is_left_out_while_there_is_another(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    set_ejected(0, true);
    count(choice(BALANCE_ROUND_ROBIN), 200, times);
    assert_times(times, 0, 100, 100, 0);
    set_ejected(1, true);
    set_ejected(2, true); /* a backup that answers well is better than one that does not */
    count(choice(BALANCE_ROUND_ROBIN), 10, times);
    assert_times(times, 0, 0, 0, 10);
    set_health(3, HEALTH_DOWN); /* and one that does not is better than none */
    count(choice(BALANCE_ROUND_ROBIN), 300, times);
    assert_times(times, 100, 100, 100, 0);
    set_health(1, HEALTH_DOWN); /* but who is down is down */
    count(choice(BALANCE_ROUND_ROBIN), 200, times);
    assert_times(times, 100, 0, 100, 0);
    set_ejected(2, false);
    count(choice(BALANCE_ROUND_ROBIN), 10, times);
    assert_times(times, 0, 0, 10, 0);
}

static void who_is_ejected_is_away_for_those_that_keep_places(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    struct cluster_choice c = choice(BALANCE_CONSISTENT);
    set_ejected(1, true);
    for (uint64_t key = 0; key < 1000; key++) {
        c.key = key * UINT64_C(0x9e3779b97f4a7c15);
        count(c, 1, times);
        assert_int_equal(times[1] + times[3], 0);
    }
}

static void it_is_avoided_who_may_be_used_later(void **state)
{
    (void)state;
    struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    assert_true(cluster_has_room(&c, &view));
    assert_false(cluster_avoids(&c, &view));
    atomic_store(&server[1]->suspect_until_ns, 2 * NS_PER_S);
    assert_true(cluster_avoids(&c, &view));
    c.now_ns = 2 * NS_PER_S;
    assert_false(cluster_avoids(&c, &view));
}

static void what_ends_badly_is_counted_where_there_is_a_rule(void **state)
{
    (void)state;
    cluster_judge(&cluster_spec, server[0], 0, true, NS_PER_MS, NULL);
    assert_int_equal(server_seen(server[0]).requests, 0);
    cluster_spec.outlier = (struct table_outlier){.given = true, .consecutive_errors = 5};
    for (int i = 0; i < 3; i++)
        cluster_judge(&cluster_spec, server[0], 0, true, NS_PER_MS, NULL);
    assert_int_equal(server_seen(server[0]).in_a_row, 3);
    cluster_judge(&cluster_spec, server[0], 0, false, NS_PER_MS, NULL);
    const struct outlier_seen seen = server_seen(server[0]);
    assert_int_equal(seen.in_a_row, 0);
    assert_int_equal(seen.requests, 4);
    assert_int_equal(seen.errors, 3);
    assert_int_equal(seen.timed, 1);
    assert_int_equal(seen.time_ns, NS_PER_MS);
}

static void the_lowest_priority_that_can_serve_does(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    spec[1].priority = 1;
    spec[2].priority = 7;
    const struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    count(c, 10, times);
    assert_times(times, 10, 0, 0, 0);
    set_health(0, HEALTH_DOWN);
    count(c, 10, times);
    assert_times(times, 0, 10, 0, 0);
    set_health(1, HEALTH_DOWN);
    count(c, 10, times);
    assert_times(times, 0, 0, 10, 0);
    set_health(2, HEALTH_DOWN); /* the backup is behind every priority */
    count(c, 10, times);
    assert_times(times, 0, 0, 0, 10);
    set_health(1, HEALTH_UP);
    count(c, 10, times);
    assert_times(times, 0, 10, 0, 0);
    set_health(0, HEALTH_UP);
    count(c, 10, times);
    assert_times(times, 10, 0, 0, 0);
}

/* Who waits for room is not sent where it is not meant to go. */
static void a_full_group_is_no_reason_for_the_next(void **state)
{
    (void)state;
    for (int i = 1; i < 3; i++)
        spec[i].priority = 1;
    atomic_store(&server[0]->max_connections, 1);
    atomic_store(&server[0]->in_flight, 1);
    const struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    assert_int_equal(cluster_pick(&c, &view), CLUSTER_FULL);
}

static void backups_have_priorities_too(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    for (int i = 0; i < SERVERS; i++)
        spec[i].backup = i > 0;
    spec[1].priority = 2;
    spec[2].priority = 1;
    spec[3].priority = 1;
    set_health(0, HEALTH_DOWN);
    count(choice(BALANCE_ROUND_ROBIN), 10, times);
    assert_times(times, 0, 0, 5, 5);
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
    struct cluster_choice c = choice(BALANCE_IP_HASH);
    c.key = 77;
    const uint32_t first = cluster_pick(&c, &view);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cluster_pick(&c, &view), first);
    set_health((int)first, HEALTH_DOWN);
    assert_int_not_equal(cluster_pick(&c, &view), first);
    set_health((int)first, HEALTH_UP);
    assert_int_equal(cluster_pick(&c, &view), first);
}

static void an_operators_weight_counts(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    atomic_store(&server[0]->weight, 7);
    cluster_changed(live);
    count(choice(BALANCE_WEIGHTED_ROUND_ROBIN), 1000, times);
    assert_times(times, 700, 100, 200, 0);
}

static void a_server_in_maintenance_gets_nothing(void **state)
{
    (void)state;
    unsigned times[SERVERS];
    atomic_store(&server[0]->admin, SERVER_MAINTENANCE);
    cluster_changed(live);
    count(choice(BALANCE_ROUND_ROBIN), 200, times);
    assert_times(times, 0, 100, 100, 0);
}

/* Without anybody saying that something has changed. */
static void a_share_grows_after_a_server_rose(void **state)
{
    (void)state;
    static const enum table_balance balance[] = {BALANCE_ROUND_ROBIN, BALANCE_WEIGHTED_ROUND_ROBIN};
    for (size_t b = 0; b < COUNT_OF(balance); b++) {
        unsigned times[SERVERS];
        struct cluster_choice c = choice(balance[b]);
        c.now_ns = 100 * NS_PER_S;
        spec[0].slow_start_ns = 64 * NS_PER_S;
        server_rises(server[0], c.now_ns);
        server_rises(server[1], c.now_ns); /* is not to begin slowly */
        spec[2].weight = 1;
        cluster_changed(live);
        count(c, 1290, times);
        assert_times(times, 10, 640, 640, 0);
        c.now_ns += 16 * NS_PER_S;
        count(c, 900, times);
        assert_times(times, 100, 400, 400, 0);
        c.now_ns += 48 * NS_PER_S;
        count(c, 300, times);
        assert_times(times, 100, 100, 100, 0);
        spec[2].weight = 2;
        spec[0].slow_start_ns = 0;
    }
}

static bool one_header(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    if (!slice_eq(name, SLICE("x-user")) || (*cursor)++ > 0)
        return false;
    *value = slice_of(of);
    return value->len > 0;
}

static uint64_t key_of(const char *user, uint8_t client)
{
    static const struct table t;
    static struct verdict unchanged;
    const struct table_cluster by_user = {.field = FIELD_HEADER, .key = SLICE("x-user")};
    const struct facts f = {.header = one_header, .request = user, .src.byte[15] = client};
    return cluster_key(&t, &by_user, &f, &unchanged);
}

static void a_request_without_the_value_goes_by_its_client(void **state)
{
    (void)state;
    assert_true(key_of("anna", 1) == key_of("anna", 2));
    assert_true(key_of("anna", 1) != key_of("bert", 1));
    assert_true(key_of("", 1) != key_of("", 2));
    assert_true(key_of("", 1) == key_of("", 1));
}

static void least_time_goes_by_what_this_worker_has_seen(void **state)
{
    (void)state;
    const struct cluster_choice c = choice(BALANCE_LEAST_TIME);
    for (int i = 0; i < 3; i++)
        cluster_timed(&cluster_spec, server[i], 0, (i == 1 ? 1 : 9) * NS_PER_S, NS_PER_S);
    for (int i = 0; i < 10; i++)
        assert_int_equal(cluster_pick(&c, &view), 1);
    cluster_timed(&cluster_spec, server[1], 0, 60 * NS_PER_S, 2 * NS_PER_S);
    cluster_note(&cluster_spec, server[1], 1, 0, &view);
    assert_int_equal(cluster_pick(&c, &view), 2);
}

static void all_requests_of_a_bounded_cluster_are_counted(void **state)
{
    (void)state;
    choice(BALANCE_CONSISTENT);
    server[0]->cluster = cluster_pin(live);
    assert_false(cluster_begin(&cluster_spec, server[0]));
    assert_int_equal(atomic_load(&live->in_flight), 0);
    cluster_spec.bounded_percent = 125;
    assert_true(cluster_begin(&cluster_spec, server[0]));
    assert_int_equal(atomic_load(&live->in_flight), 1);
    cluster_end(server[0]);
    assert_int_equal(atomic_load(&live->in_flight), 0);
}

static bool keeps(const char *name)
{
    const struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    const uint32_t at = cluster_find(&c, &view, sticky_server_id(SLICE("web"), slice_of(name)));
    assert_in_range(at, 0, SERVERS - 1);
    assert_string_equal(server[at]->name, name);
    return cluster_keeps(&c, &view, at);
}

static void set_admin(int i, enum server_admin admin)
{
    atomic_store(&server[i]->admin, admin);
    cluster_changed(live);
}

static void whom_a_server_keeps_follows_from_its_state(void **state)
{
    (void)state;
    cluster_spec.sticky.kind = STICKY_SRC;
    assert_true(keeps("a"));
    set_admin(0, SERVER_DRAIN);
    assert_true(keeps("a"));
    set_health(0, HEALTH_DOWN);
    assert_false(keeps("a"));
    set_health(0, HEALTH_UP);
    set_admin(0, SERVER_MAINTENANCE);
    assert_false(keeps("a"));
    set_admin(0, SERVER_READY);
    set_health(0, HEALTH_DOWN);
    assert_false(keeps("a"));
    set_health(0, HEALTH_UP);
    atomic_store(&server[0]->suspect_until_ns, 2 * NS_PER_S);
    assert_false(keeps("a"));
}

static void a_backup_keeps_nobody_once_it_is_not_needed(void **state)
{
    (void)state;
    cluster_spec.sticky.kind = STICKY_SRC;
    assert_false(keeps("d"));
    for (int i = 0; i < 3; i++)
        set_health(i, HEALTH_DOWN);
    assert_true(keeps("d"));
    set_health(1, HEALTH_UP);
    assert_false(keeps("d"));
}

static void one_that_was_tried_or_is_not_known_is_not_kept_to(void **state)
{
    (void)state;
    cluster_spec.sticky.kind = STICKY_SRC;
    struct cluster_choice c = choice(BALANCE_ROUND_ROBIN);
    c.n_avoid = 1;
    c.avoid[0] = cluster_find(&c, &view, sticky_server_id(SLICE("web"), SLICE("b")));
    assert_int_equal(c.avoid[0], 1);
    assert_false(cluster_keeps(&c, &view, 1));
    assert_true(cluster_keeps(&c, &view, 2));
    assert_int_equal(cluster_find(&c, &view, sticky_server_id(SLICE("web"), SLICE("e"))),
                     BALANCE_NONE);
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
        TEST(an_ejected_server_is_left_out_while_there_is_another),
        TEST(who_is_ejected_is_away_for_those_that_keep_places),
        TEST(it_is_avoided_who_may_be_used_later),
        TEST(what_ends_badly_is_counted_where_there_is_a_rule),
        TEST(the_lowest_priority_that_can_serve_does),
        TEST(a_full_group_is_no_reason_for_the_next),
        TEST(backups_have_priorities_too),
        TEST(a_suspect_is_avoided_while_there_is_another),
        TEST(what_an_exchange_has_tried_is_not_chosen_again),
        TEST(least_connections_looks_at_what_is_in_flight),
        TEST(a_client_keeps_its_server_by_ip_hash),
        TEST(an_operators_weight_counts),
        TEST(a_server_in_maintenance_gets_nothing),
        TEST(a_share_grows_after_a_server_rose),
        TEST(a_request_without_the_value_goes_by_its_client),
        TEST(least_time_goes_by_what_this_worker_has_seen),
        TEST(all_requests_of_a_bounded_cluster_are_counted),
        TEST(whom_a_server_keeps_follows_from_its_state),
        TEST(a_backup_keeps_nobody_once_it_is_not_needed),
        TEST(one_that_was_tried_or_is_not_known_is_not_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
