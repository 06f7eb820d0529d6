/* What `lbc top` reads, orders and draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/base/utf8.h"
#include "stats/top/screen.h"

#define INFO(requests, c2, c5)                                                                     \
    "{\"version\":\"0.1.0\",\"file\":\"/etc/site.lbconf\",\"draining\":false,\"generation\":7,"    \
    "\"uptime_s\":3723.5,\"metrics\":{\"requests_total\":" #requests ",\"responses_2xx\":" #c2     \
    ",\"responses_3xx\":0,\"responses_4xx\":0,\"responses_5xx\":" #c5                              \
    ",\"client_received_bytes\":1000,\"client_sent_bytes\":2048000,\"connections_open\":64,"       \
    "\"requests_in_flight\":3}}"
#define CLUSTERS                                                                                   \
    "[{\"cluster\":\"web\",\"balance\":\"round-robin\",\"servers\":2,\"usable\":1,\"in_flight\":"  \
    "5,"                                                                                           \
    "\"waiting\":2},{\"cluster\":\"api\",\"balance\":\"first\",\"servers\":1,"                     \
    "\"usable\":1,"                                                                                \
    "\"in_flight\":0}]"
#define SERVER(cluster, name, health, state, n, errors, failed)                                    \
    "{\"cluster\":\"" cluster "\",\"server\":\"" name                                              \
    "\",\"endpoint\":\"127.0.0.1:9001\",\"health\":\"" health "\",\"state\":\"" state              \
    "\",\"weight\":2,\"in_flight\":4,\"requests\":" #n ",\"connect_errors\":" #errors              \
    ",\"response_errors\":1,\"responses\":" #n ",\"first_byte_sum_s\":" #n                         \
    ",\"responses_5xx\":" #failed "}"

static struct snapshot before, now;
static struct rows rows;

static struct snapshot snapshot(const char *info, const char *servers, int64_t at_s)
{
    struct snapshot s;
    assert_true(
        snapshot_read(slice_of(info), SLICE(CLUSTERS), slice_of(servers), at_s * NS_PER_S, &s));
    return s;
}

/* Two seconds apart. */
static int begin(void **state)
{
    (void)state;
    before = snapshot(INFO(1000, 900, 10),
                      "[" SERVER("web", "a", "up", "ready", 100, 0, 0) "," SERVER(
                          "web", "b", "down", "ready", 50, 3, 1) "," SERVER("api", "c", "unchecked",
                                                                            "drain", 10, 0, 0) "]",
                      10);
    now = snapshot(INFO(3000, 2800, 110),
                   "[" SERVER("web", "a", "up", "ready", 300, 0, 0) "," SERVER(
                       "web", "b", "down", "ready", 1050, 23,
                       11) "," SERVER("api", "c", "unchecked", "drain", 10, 0, 0) "]",
                   12);
    rows = (struct rows){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    rows_done(&rows);
    snapshot_done(&before);
    snapshot_done(&now);
    return 0;
}

static void answers_become_numbers(void **state)
{
    (void)state;
    assert_string_equal(now.file, "/etc/site.lbconf");
    assert_int_equal(now.generation, 7);
    assert_int_equal(now.totals.requests, 3000);
    assert_int_equal(now.totals.class[5], 110);
    assert_int_equal(now.cluster.n, 2);
    assert_int_equal(now.cluster.at[0].waiting, 2);
    assert_int_equal(now.server.n, 3);
    assert_int_equal(now.server.at[1].errors, 24);
    assert_int_equal(now.server.at[1].failed, 11);
}

static void what_lbc_does_not_say_is_refused_or_nothing(void **state)
{
    static const char *const bad[] = {"", "[", "{}", "null", "12"};
    struct snapshot s;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(snapshot_read(SLICE("{}"), SLICE("[]"), slice_of(bad[i]), 1, &s));
        assert_int_equal(s.server.n, 0);
        snapshot_done(&s);
    }
    assert_true(snapshot_read(SLICE("{\"generation\":-3,\"metrics\":7}"), SLICE("[3]"),
                              SLICE("[{\"requests\":1e300,\"weight\":\"x\",\"server\":5}]"), 1,
                              &s));
    assert_int_equal(s.generation, 0);
    assert_int_equal(s.server.at[0].requests, 0);
    assert_string_equal(s.server.at[0].name, "");
    snapshot_done(&s);
}

static void a_counter_that_fell_has_no_rate(void **state)
{
    (void)state;
    assert_true(snapshot_rate(10, 30, 2 * NS_PER_S) == 10.0);
    assert_true(snapshot_rate(30, 10, NS_PER_S) < 0);
    assert_true(snapshot_rate(1, 2, 0) < 0);
}

static void latency_is_of_the_answers_between(void **state)
{
    const struct top_server a = {.answers = 10, .answers_s = 0.5},
                            b = {.answers = 14, .answers_s = 0.75};
    (void)state;
    assert_true(snapshot_latency(&a, &b) == 62.5);
    assert_true(snapshot_latency(&a, &a) < 0);
    assert_true(snapshot_latency(&b, &a) < 0);
}

static void rows_are_clusters_with_their_servers(void **state)
{
    (void)state;
    rows_make(&rows, &before, &now);
    assert_int_equal(rows.list.n, 5);
    assert_null(rows.list.at[0].server);
    assert_true(rows.list.at[0].rate == 600.0); /* of both */
    assert_string_equal(rows.list.at[1].server->name, "a");
    assert_true(rows.list.at[1].rate == 100.0);
    assert_true(rows.list.at[2].errors == 10.0);
    assert_true(rows.list.at[2].failed == 5.0);
    assert_string_equal(rows.list.at[3].cluster->name, "api");
}

static void without_a_look_before_there_are_no_rates(void **state)
{
    const struct snapshot nothing = {0};
    (void)state;
    rows_make(&rows, &nothing, &now);
    assert_int_equal(rows.list.n, 5);
    assert_true(rows.list.at[0].rate < 0 && rows.list.at[1].rate < 0);
}

static void servers_are_sorted_within_their_cluster(void **state)
{
    static const char *const first[N_ORDERS] = {"a", "b", "b", "a", "a", "a"};
    (void)state;
    for (enum top_order o = 0; o < N_ORDERS; o++) {
        rows.order = o;
        rows_make(&rows, &before, &now);
        if (strcmp(rows.list.at[1].server->name, first[o]) != 0)
            fail_msg("by %s: %s", rows_order_name(o), rows.list.at[1].server->name);
        assert_string_equal(rows.list.at[4].server->name, "c");
    }
}

static void what_is_looked_for_is_shown_with_its_cluster(void **state)
{
    (void)state;
    snprintf(rows.wanted, sizeof(rows.wanted), "%s", "b");
    rows_make(&rows, &before, &now);
    assert_int_equal(rows.list.n, 3); /* web has it itself, and so all of it */
    snprintf(rows.wanted, sizeof(rows.wanted), "%s", "c");
    rows_make(&rows, &before, &now);
    assert_int_equal(rows.list.n, 2);
    snprintf(rows.wanted, sizeof(rows.wanted), "%s", "nobody");
    rows_make(&rows, &before, &now);
    assert_int_equal(rows.list.n, 0);
    rows_move(&rows, 1);
    assert_int_equal(rows_chosen(&rows), 0);
}

static void who_is_chosen_stays_so_when_rows_move(void **state)
{
    (void)state;
    rows_make(&rows, &before, &now);
    assert_int_equal(rows_chosen(&rows), 0);
    rows_move(&rows, 1);
    assert_int_equal(rows_chosen(&rows), 1);
    rows.order = ORDER_RATE; /* b comes first now */
    rows_make(&rows, &before, &now);
    assert_int_equal(rows_chosen(&rows), 2);
    rows_move(&rows, 100);
    assert_int_equal(rows_chosen(&rows), 4);
    rows_move(&rows, -100);
    assert_int_equal(rows_chosen(&rows), 0);
}

static void draw(const struct screen *s, struct text *page)
{
    text_clear(page);
    rows_make(&rows, &before, &now);
    screen_draw(s, &rows, &before, &now, page);
}

static void a_page(void **state)
{
    const struct screen s = {.columns = 120};
    struct text page = {0};
    (void)state;
    draw(&s, &page);
    assert_string_equal(page.at, "lbc 0.1.0  /etc/site.lbconf  generation 7  up 1h 2m\n"
                                 "1000 req/s  2xx 95.0%  3xx 0.0%  4xx 0.0%  5xx 5.0%\n"
                                 "64 connections  3 active  in 0 B/s  out 0 B/s\n"
                                 "\n"
                                 "cluster/server             state          weight  active     "
                                 "req/s   5xx/s   err/s      ms\n"
                                 "web                        1 of 2                      5       "
                                 "600     5.0      10          "
                                 "round-robin  2 waiting\n"
                                 "  a                        up                  2       4       "
                                 "100       0       0    1000  "
                                 "127.0.0.1:9001\n"
                                 "  b                        down                2       4       "
                                 "500     5.0      10    1000  "
                                 "127.0.0.1:9001\n"
                                 "api                        1 of 1                      0         "
                                 "0       0       0          "
                                 "first\n"
                                 "  c                        drain               2       4         "
                                 "0       0       0       -  "
                                 "127.0.0.1:9001\n");
    text_done(&page);
}

static uint32_t shown_width(struct slice line)
{
    uint32_t n = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] == '\x1b')
            while (line.at[i] != 'm')
                i++;
        else
            n += ((unsigned char)line.at[i] & 0xc0) != 0x80;
    }
    return n;
}

/* On every terminal there may be, with and without colours. */
static void no_line_is_wider_and_no_page_longer_than_the_terminal(void **state)
{
    struct text page = {0};
    (void)state;
    for (uint32_t columns = 1; columns < 140; columns++)
        for (uint32_t lines = 1; lines < 14; lines++)
            for (int colors = 0; colors < 2; colors++) {
                const struct screen s = {
                    .lines = lines, .columns = columns, .colors = colors, .said = "web/a drains"};
                draw(&s, &page);
                struct slice rest = text_slice(&page), line;
                uint32_t n = 0;
                for (; slice_split(&rest, '\n', &line); n++)
                    assert_in_range(shown_width(line), 0, columns);
                assert_in_range(n, lines < 8 ? lines : 8, lines);
            }
    text_done(&page);
}

static void who_is_chosen_is_always_seen(void **state)
{
    struct text page = {0};
    (void)state;
    rows_make(&rows, &before, &now);
    for (uint32_t lines = 1; lines < 12; lines++) {
        const struct screen s = {.lines = lines, .columns = 80, .colors = true};
        rows_move(&rows, -5);
        for (uint32_t i = 0; i < 5; i++) {
            draw(&s, &page);
            assert_int_equal(rows_chosen(&rows), i);
            assert_non_null(strstr(page.at, "\x1b[7m"));
            rows_move(&rows, 1);
        }
    }
    text_done(&page);
}

static void a_name_moves_no_cursor(void **state)
{
    const struct screen s = {.columns = 100};
    struct text page = {0};
    (void)state;
    now.server.at[0].name[0] = '\x1b';
    memcpy(now.server.at[0].endpoint, "\xff\x7f\xc2\x9b\xc3\xbc",
           sizeof("\xff\x7f\xc2\x9b\xc3\xbc"));
    draw(&s, &page);
    assert_null(strchr(page.at, '\x1b'));
    assert_non_null(strstr(page.at, "???\xc3\xbc\n"));
    assert_int_equal(utf8_valid_bytes(text_slice(&page)), page.len);
    text_done(&page);
}

static void nobody_has_answered(void **state)
{
    const struct screen s = {.columns = 80, .lines = 24, .said = "no answer"};
    const struct snapshot nothing = {0};
    struct text page = {0};
    (void)state;
    rows_make(&rows, &nothing, &nothing);
    screen_draw(&s, &rows, &nothing, &nothing, &page);
    assert_string_equal(page.at, "no answer\n");
    text_done(&page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(answers_become_numbers),
        TEST(what_lbc_does_not_say_is_refused_or_nothing),
        TEST(a_counter_that_fell_has_no_rate),
        TEST(latency_is_of_the_answers_between),
        TEST(rows_are_clusters_with_their_servers),
        TEST(without_a_look_before_there_are_no_rates),
        TEST(servers_are_sorted_within_their_cluster),
        TEST(what_is_looked_for_is_shown_with_its_cluster),
        TEST(who_is_chosen_stays_so_when_rows_move),
        TEST(a_page),
        TEST(no_line_is_wider_and_no_page_longer_than_the_terminal),
        TEST(who_is_chosen_is_always_seen),
        TEST(a_name_moves_no_cursor),
        TEST(nobody_has_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
