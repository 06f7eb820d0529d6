/* Who hears what: the whole first, then changes, and the whole again for those who were too slow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/push/hub.h"

#define SECOND INT64_C(1000000000)

static struct hub hub;
static int written, woken;

static void write_whole(void *of, struct text *out)
{
    (void)of;
    written++;
    text_addf(out, "whole %llu", (unsigned long long)hub.number);
}

static void wake(void *of)
{
    (void)of;
    woken++;
}

static int set_up(void **state)
{
    (void)state;
    written = woken = 0;
    hub_init(&hub, write_whole, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_done(&hub);
    return 0;
}

/* All that there is to read now, in pieces of `room`. */
static const char *hears(struct follower *f, size_t room, int64_t now_ns)
{
    static char all[1000];
    size_t n = 0;
    int64_t got;
    while ((got = follower_read(f, all + n, room, now_ns)) > 0)
        n += (size_t)got;
    snprintf(all + n, sizeof(all) - n, "%s", got < 0 ? "(over)" : "");
    return all;
}

static struct follower joins(void)
{
    return (struct follower){.wake = wake};
}

static void the_whole_then_changes(void **state)
{
    (void)state;
    struct follower a = joins(), b = joins();
    hub_join(&hub, &a, 0);
    assert_string_equal(hears(&a, 100, 0), "retry: 2000\n\n"); /* and nothing is known yet */
    hub_publish(&hub, SLICE(""), SECOND);
    assert_int_equal(woken, 1);
    assert_string_equal(hears(&a, 7, SECOND), "id: 1\nevent: all\ndata: whole 1\n\n");
    assert_string_equal(hears(&a, 100, SECOND), "");
    hub_publish(&hub, SLICE("{}"), 2 * SECOND);
    assert_string_equal(hears(&a, 1, 2 * SECOND), "id: 2\nevent: changes\ndata: {}\n\n");
    assert_int_equal(written, 1);

    hub_join(&hub, &b, 2 * SECOND); /* who comes later hears all at once */
    assert_string_equal(hears(&b, 100, 2 * SECOND),
                        "retry: 2000\n\nid: 2\nevent: all\ndata: whole 2\n\n");
    hub_publish(&hub, SLICE("{1}"), 3 * SECOND);
    assert_string_equal(hears(&a, 100, 3 * SECOND), "id: 3\nevent: changes\ndata: {1}\n\n");
    assert_string_equal(hears(&b, 100, 3 * SECOND), "id: 3\nevent: changes\ndata: {1}\n\n");
    assert_int_equal(written, 2);
    hub_leave(&a);
    hub_leave(&b);
}

static void who_missed_a_moment_hears_the_whole(void **state)
{
    (void)state;
    struct follower f = joins();
    char one[1];
    hub_join(&hub, &f, 0);
    hub_publish(&hub, SLICE(""), 0);
    hears(&f, 100, 0);
    hub_publish(&hub, SLICE("{1}"), SECOND);
    assert_int_equal(follower_read(&f, one, 1, SECOND), 1); /* and then is slow */
    hub_publish(&hub, SLICE("{2}"), 2 * SECOND);
    hub_publish(&hub, SLICE("{3}"), 3 * SECOND);
    assert_string_equal(hears(&f, 100, 3 * SECOND),
                        "d: 2\nevent: changes\ndata: {1}\n\nid: 4\nevent: all\ndata: whole 4\n\n");
    hub_leave(&f);
}

static void clusters_that_are_others_are_told_whole(void **state)
{
    (void)state;
    struct follower f = joins();
    hub_join(&hub, &f, 0);
    hub_publish(&hub, SLICE(""), 0);
    hears(&f, 100, 0);
    hub_publish(&hub, SLICE(""), SECOND);
    assert_string_equal(hears(&f, 100, SECOND), "id: 2\nevent: all\ndata: whole 2\n\n");
    hub_leave(&f);
}

static void who_does_not_read_is_slow(void **state)
{
    (void)state;
    struct follower f = joins();
    char one[1];
    hub_join(&hub, &f, 0);
    hub_publish(&hub, SLICE(""), 0);
    assert_false(follower_is_slow(&f, 100 * SECOND)); /* it was not asked */
    assert_int_equal(follower_read(&f, one, 1, 100 * SECOND), 1);
    assert_false(follower_is_slow(&f, 110 * SECOND));
    assert_true(follower_is_slow(&f, 110 * SECOND + 1));
    hears(&f, 100, 111 * SECOND);
    assert_false(follower_is_slow(&f, 200 * SECOND));
    hub_leave(&f); /* in the middle of nothing */
}

static void silence_is_broken(void **state)
{
    (void)state;
    struct follower f = joins();
    hub_join(&hub, &f, 5 * SECOND);
    hears(&f, 100, 5 * SECOND);
    hub_keep_alive(&hub, 19 * SECOND);
    assert_string_equal(hears(&f, 100, 19 * SECOND), "");
    hub_keep_alive(&hub, 20 * SECOND);
    assert_string_equal(hears(&f, 100, 20 * SECOND), ": still here\n\n");
    hub_keep_alive(&hub, 34 * SECOND);
    assert_string_equal(hears(&f, 100, 34 * SECOND), "");
    hub_leave(&f);
}

static void it_can_be_over(void **state)
{
    (void)state;
    struct follower f = joins();
    hub_join(&hub, &f, 0);
    hears(&f, 100, 0);
    hub_end_all(&hub);
    assert_int_equal(woken, 1);
    assert_string_equal(hears(&f, 100, 0), "(over)");
    hub_leave(&f);
}

static void what_is_forgotten_is_not_told(void **state)
{
    (void)state;
    struct follower f = joins();
    hub_publish(&hub, SLICE(""), 0);
    hub_forget(&hub);
    hub_join(&hub, &f, 0);
    assert_string_equal(hears(&f, 100, 0), "retry: 2000\n\n");
    assert_int_equal(written, 0);
    hub_leave(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_whole_then_changes),
        TEST(who_missed_a_moment_hears_the_whole),
        TEST(clusters_that_are_others_are_told_whole),
        TEST(who_does_not_read_is_slow),
        TEST(silence_is_broken),
        TEST(it_can_be_over),
        TEST(what_is_forgotten_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
