#include "runtime/control/handed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint endpoint(const char *text)
{
    struct endpoint e;
    if (!endpoint_parse(slice_of(text), &e))
        fail_msg("%s is no endpoint", text);
    return e;
}

static struct handed_server server(const char *cluster, const char *name, const char *at)
{
    return (struct handed_server){.cluster = slice_of(cluster),
                                  .name = slice_of(name),
                                  .endpoint = endpoint(at),
                                  .health = HEALTH_DOWN};
}

static struct handed_server *find(struct handed *h, const char *cluster, const char *name,
                                  const char *at)
{
    const struct endpoint e = endpoint(at);
    return handed_find(h, slice_of(cluster), slice_of(name), &e);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct text text = {0};
    const struct handed_server s[] = {server("web", "b", "[::1]:80"),
                                      server("web", "a", "10.0.0.1:80"),
                                      server("api", "unix:/run/a b", "unix:/run/a b")};
    handed_begin(&text);
    handed_add_descriptor(&text, HANDED_CHANNEL, 7);
    handed_add_descriptor(&text, HANDED_STATE, 11);
    handed_add_stats(&text, 9);
    handed_add_stats(&text, 10);
    handed_add_socket(&text, 12, true);
    handed_add_socket(&text, 13, false);
    for (size_t i = 0; i < 3; i++)
        handed_add_server(&text, &s[i]);
    handed_add_journal(&text, SLICE("lbc changes 1 4\n4\t1\t0\tuid 0\tset a/b weight 3\n"));
    handed_add_overrides(&text, SLICE("lbc changes 2 5\n5\t1\t0\tuid 0\t\tdrain a/b\tready\n"));

    struct handed h = {.text_fd = -1};
    assert_true(handed_parse(&h, text_slice(&text)));
    assert_int_equal(h.fd[HANDED_CHANNEL], 7);
    assert_int_equal(h.fd[HANDED_STATE], 11);
    assert_int_equal(h.fd[HANDED_STDERR], -1);
    assert_int_equal(h.stats.n, 2);
    assert_true(h.stats.at[0] == 9 && h.stats.at[1] == 10);
    assert_int_equal(h.socket.n, 2);
    assert_true(h.socket.at[0].fd == 12 && h.socket.at[0].own);
    assert_true(h.socket.at[1].fd == 13 && !h.socket.at[1].own);
    assert_string_equal(h.journal.at, "lbc changes 1 4\n4\t1\t0\tuid 0\tset a/b weight 3\n");
    assert_string_equal(h.overrides.at, "lbc changes 2 5\n5\t1\t0\tuid 0\t\tdrain a/b\tready\n");
    assert_int_equal(h.server.n, 3);
    const struct handed_server *a = find(&h, "web", "a", "10.0.0.1:80");
    assert_non_null(a);
    assert_int_equal(a->health, HEALTH_DOWN);
    assert_non_null(find(&h, "web", "b", "[::1]:80"));
    assert_non_null(find(&h, "api", "unix:/run/a b", "unix:/run/a b"));
    assert_null(find(&h, "web", "a", "10.0.0.2:80")); /* it has moved: nothing is known of it */
    assert_null(find(&h, "we", "ba", "10.0.0.1:80"));
    handed_done(&h);
    text_done(&text);
}

static void ejections_are_those_of_their_servers(void **state)
{
    (void)state;
    struct text text = {0};
    struct handed_server s = server("web", "a", "10.0.0.1:80"),
                         gone = server("web", "b", "10.0.0.2:80");
    s.ejected =
        (struct outlier){.until_ns = 5000000000, .times = 2, .why = {OUTLIER_ERROR_RATE, 7, 20}};
    handed_begin(&text);
    handed_add_ejected(&text, &s); /* in any order */
    handed_add_ejected(&text, &gone);
    handed_add_server(&text, &s);
    struct handed h = {.text_fd = -1};
    assert_true(handed_parse(&h, text_slice(&text)));
    const struct outlier *e = &find(&h, "web", "a", "10.0.0.1:80")->ejected;
    assert_true(e->until_ns == 5000000000 && e->times == 2);
    assert_true(e->why.reason == OUTLIER_ERROR_RATE && e->why.is == 7 && e->why.of == 20);
    assert_int_equal(h.broken, 0);
    handed_done(&h);
    text_done(&text);
}

static void a_path_that_no_line_holds_is_left_out(void **state)
{
    (void)state;
    struct text text = {0};
    struct handed_server s = server("web", "a", "unix:/run/a");
    s.endpoint.path[4] = '\n';
    handed_begin(&text);
    handed_add_server(&text, &s);
    struct handed h = {.text_fd = -1};
    assert_true(handed_parse(&h, text_slice(&text)));
    assert_int_equal(h.server.n, 0);
    handed_done(&h);
    text_done(&text);
}

static void what_is_not_understood_is_passed_over(void **state)
{
    (void)state;
    static const char *const line[] = {"of the future\t1",
                                       "socket\tx\town",
                                       "socket\t-1\town",
                                       "socket",
                                       "health\tweb\ta",
                                       "health\tweb\ta\tnowhere\tup",
                                       "health\tweb\ta\t10.0.0.1:80\tfine",
                                       "ejected\tweb\ta\t10.0.0.1:80\t5\t1\tin-a-row\t5",
                                       "ejected\tweb\ta\t10.0.0.1:80\t-5\t1\tin-a-row\t5\t0",
                                       "ejected\tweb\ta\t10.0.0.1:80\t5\t11\tin-a-row\t5\t0",
                                       "ejected\tweb\ta\t10.0.0.1:80\t5\t1\tmood\t5\t0",
                                       "memory\tx",
                                       "",
                                       "\t"};
    for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
        struct text text = {0};
        handed_begin(&text);
        text_addf(&text, "%s\nchannel\t5\n", line[i]);
        struct handed h = {.text_fd = -1};
        assert_true(handed_parse(&h, text_slice(&text)));
        const bool known = line[i][0] != '\0' && line[i][0] != '\t' && line[i][0] != 'o';
        if (h.server.n + h.ejected.n + h.socket.n > 0 || h.fd[HANDED_CHANNEL] != 5 ||
            h.broken != known)
            fail_msg("not passed over: %s", line[i]);
        handed_done(&h);
        text_done(&text);
    }
}

static void later_words_of_a_line_are_passed_over(void **state)
{
    (void)state;
    struct handed h = {.text_fd = -1};
    assert_true(
        handed_parse(&h, SLICE("lbc hands over 1\nhealth\tweb\ta\t10.0.0.1:80\tup\tmore\n")));
    assert_int_equal(h.server.n, 1);
    handed_done(&h);
}

/* A process of before had one of each, and a word for each. */
static void the_sockets_of_before_are_taken(void **state)
{
    (void)state;
    struct handed h = {.text_fd = -1};
    assert_true(handed_parse(&h, SLICE("lbc hands over 1\nstats\t9\nhaproxy\t10\nstats\t-1\n")));
    assert_int_equal(h.stats.n, 2);
    assert_true(h.stats.at[0] == 9 && h.stats.at[1] == 10);
    handed_done(&h);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    struct handed h = {.text_fd = -1};
    assert_false(handed_parse(&h, SLICE("")));
    assert_false(handed_parse(&h, SLICE("lbc hands over 2\nchannel\t5\n")));
    assert_false(handed_parse(&h, SLICE("lbc changes 1 4\n")));
    handed_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(ejections_are_those_of_their_servers),
        cmocka_unit_test(a_path_that_no_line_holds_is_left_out),
        cmocka_unit_test(what_is_not_understood_is_passed_over),
        cmocka_unit_test(later_words_of_a_line_are_passed_over),
        cmocka_unit_test(the_sockets_of_before_are_taken),
        cmocka_unit_test(another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
