#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/event/loop.h"

static struct loop *loop;
static int ends[2];
static char seen[256]; /* what happened, a letter each */

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    seen[0] = '\0';
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void note(char c)
{
    const size_t len = strlen(seen);
    assert_true(len < sizeof(seen) - 1);
    seen[len] = c;
    seen[len + 1] = '\0';
}

static void stop(void *of)
{
    (void)of;
    loop_stop(loop);
}

/* Lets whatever is ready happen. */
static void run_for(int64_t ns)
{
    struct timer t;
    timer_init(&t, loop, stop, NULL);
    timer_set(&t, ns);
    loop_run(loop);
    timer_stop(&t);
}

static void note_ready(void *of, unsigned ready)
{
    struct watch *w = of;
    assert_true(ready == WATCH_READ || ready == WATCH_WRITE);
    note(ready == WATCH_READ ? 'r' : 'w');
    watch_drop(w, ready); /* it would be ready again and again */
}

static void a_watch_reports_what_it_is_asked_for(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, loop, ends[0], note_ready, &w);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "");
    watch_want(&w, WATCH_READ);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "");
    assert_int_equal(write(ends[1], "x", 1), 1);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "r");
    watch_add(&w, WATCH_WRITE);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "rw");
    assert_int_equal(w.wants, 0);
    watch_done(&w);
}

static void both_sides_ready_are_two_calls(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, loop, ends[0], note_ready, &w);
    assert_int_equal(write(ends[1], "x", 1), 1);
    watch_want(&w, WATCH_READ | WATCH_WRITE);
    run_for(5 * NS_PER_MS);
    assert_int_equal(strlen(seen), 2);
    assert_non_null(strchr(seen, 'r'));
    assert_non_null(strchr(seen, 'w'));
    watch_done(&w);
}

static void interest_given_up_in_time_is_not_reported(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, loop, ends[0], note_ready, &w);
    watch_want(&w, WATCH_WRITE);
    watch_want(&w, 0);
    watch_want(&w, WATCH_READ);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "");
    watch_done(&w);
    watch_done(&w);
    struct watch never = {0};
    watch_done(&never);
}

static void note_and_free(void *of, unsigned ready)
{
    struct watch *w = of;
    (void)ready;
    note('f');
    watch_done(w);
    close(w->fd);
    free(w);
}

static void a_callback_may_close_and_free_what_it_is_for(void **state)
{
    (void)state;
    struct watch *w = MUST_NEW(struct watch);
    watch_init(w, loop, dup(ends[0]), note_and_free, w);
    assert_int_equal(write(ends[1], "x", 1), 1);
    watch_want(w, WATCH_READ | WATCH_WRITE); /* the second readiness must be forgotten */
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "f");
}

static void a_peer_that_leaves_is_readable(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, loop, ends[0], note_ready, &w);
    watch_want(&w, WATCH_READ);
    close(ends[1]);
    ends[1] = dup(ends[0]);
    run_for(5 * NS_PER_MS);
    assert_string_equal(seen, "r");
    watch_done(&w);
}

static void note_letter(void *of)
{
    note(*(const char *)of);
}

static void timers_fire_once_in_their_order(void **state)
{
    (void)state;
    static const char letter[] = "cab";
    struct timer t[3];
    for (size_t i = 0; i < 3; i++)
        timer_init(&t[i], loop, note_letter, (void *)(uintptr_t)&letter[i]);
    timer_set(&t[0], 60 * NS_PER_MS);
    timer_set(&t[1], 0);
    timer_set(&t[2], 30 * NS_PER_MS);
    run_for(150 * NS_PER_MS);
    assert_string_equal(seen, "abc");
}

static void a_timer_can_be_moved_and_stopped(void **state)
{
    (void)state;
    static const char letter[] = "abc";
    struct timer t[3];
    for (size_t i = 0; i < 3; i++) {
        timer_init(&t[i], loop, note_letter, (void *)(uintptr_t)&letter[i]);
        timer_set(&t[i], 10 * NS_PER_MS);
    }
    timer_set(&t[0], 60 * NS_PER_MS);
    timer_stop(&t[1]);
    timer_stop(&t[1]);
    run_for(120 * NS_PER_MS);
    assert_string_equal(seen, "ca");
    struct timer never = {0};
    timer_stop(&never);
}

static void a_timer_is_hardly_early_and_not_very_late(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms <= 64; ms *= 4) {
        const int64_t began_ns = clock_now_ns();
        run_for(ms * NS_PER_MS);
        const int64_t took_ns = clock_now_ns() - began_ns;
        assert_true(took_ns >= (ms - 10) * NS_PER_MS); /* the coarse clock ticks every 4 or 10 ms */
        assert_true(took_ns < ms * NS_PER_MS + NS_PER_S);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_watch_reports_what_it_is_asked_for),
        TEST(both_sides_ready_are_two_calls),
        TEST(interest_given_up_in_time_is_not_reported),
        TEST(a_callback_may_close_and_free_what_it_is_for),
        TEST(a_peer_that_leaves_is_readable),
        TEST(timers_fire_once_in_their_order),
        TEST(a_timer_can_be_moved_and_stopped),
        TEST(a_timer_is_hardly_early_and_not_very_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
