/* What happened: the last of it is kept, in its order, each as a line that is cut well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/log/events.h"

static struct event last[EVENTS_MAX];
static uint32_t n_last;

static void note(void *to, const struct event *e)
{
    assert_null(to);
    assert_in_range(n_last, 0, EVENTS_MAX - 1);
    last[n_last++] = *e;
}

static const struct event *newest(uint32_t n)
{
    n_last = 0;
    events_each(n, note, NULL);
    return n_last > 0 ? &last[n_last - 1] : NULL;
}

static void none_at_first(void **state)
{
    (void)state;
    assert_null(newest(EVENTS_MAX));
    assert_int_equal(events_total(), 0);
}

static void an_event_has_all_that_was_said(void **state)
{
    (void)state;
    const int64_t before_ns = clock_wall_ns();
    event_log(EVENT_SERVER, LOG_WARNING, ABOUT(SLICE("web"), SLICE("a")), "server %s is %s", "a",
              "down");
    const struct event *e = newest(1);
    assert_int_equal(e->number, events_total());
    assert_in_range(e->wall_ns, before_ns, clock_wall_ns());
    assert_string_equal(event_kind_name(e->kind), "server");
    assert_int_equal(e->level, LOG_WARNING);
    assert_string_equal(e->about, "web/a");
    assert_string_equal(e->text, "server a is down");
    event_log(EVENT_CLUSTER, LOG_INFO, ABOUT(SLICE("web")), "serves");
    assert_string_equal(newest(1)->about, "web");
    event_log(EVENT_PROCESS, LOG_INFO, ABOUT_PROCESS, "ends");
    assert_string_equal(newest(1)->about, "");
}

static void a_line_stays_one(void **state)
{
    (void)state;
    event_log(EVENT_SERVER, LOG_INFO, ABOUT(SLICE("a\nb")), "one\ntwo\x7f%s", "");
    assert_string_equal(newest(1)->about, "a b");
    assert_string_equal(newest(1)->text, "one two ");
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    static const size_t around[] = {EVENT_TEXT_MAX - 2, EVENT_TEXT_MAX - 1, EVENT_TEXT_MAX,
                                    EVENT_TEXT_MAX + 1, 5000};
    char text[5001];
    for (size_t i = 0; i < COUNT_OF(around); i++) {
        memset(text, 'x', around[i]);
        text[around[i]] = '\0';
        event_log(EVENT_SERVER, LOG_INFO, ABOUT((struct slice){text, around[i]}), "%s", text);
        const struct event *e = newest(1);
        const bool cut = around[i] >= EVENT_TEXT_MAX;
        assert_int_equal(strlen(e->text), cut ? EVENT_TEXT_MAX - 1 : around[i]);
        assert_int_equal(strcmp(e->text + strlen(e->text) - 3, "...") == 0, cut);
        assert_int_equal(strlen(e->about), EVENT_ABOUT_MAX - 1);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 <= 600; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        event_log(EVENT_SERVER, LOG_INFO, ABOUT_PROCESS, "%s", text);
        const char *dots = strstr(newest(1)->text, "...");
        assert_non_null(dots);
        assert_int_equal((dots - newest(1)->text - (ptrdiff_t)shift) % 3, 0);
    }
}

static void the_oldest_are_overwritten(void **state)
{
    (void)state;
    const uint64_t before = events_total();
    for (uint32_t i = 0; i < EVENTS_MAX + 10; i++)
        event_log(EVENT_RELOAD, LOG_INFO, ABOUT_PROCESS, "number %u", i);
    assert_int_equal(events_total(), before + EVENTS_MAX + 10);
    assert_string_equal(newest(EVENTS_MAX)->text, "number 1033");
    assert_int_equal(n_last, EVENTS_MAX);
    assert_string_equal(last[0].text, "number 10");
    for (uint32_t i = 1; i < n_last; i++)
        assert_int_equal(last[i].number, last[i - 1].number + 1);
    assert_string_equal(newest(3)->text, "number 1033");
    assert_int_equal(n_last, 3);
    assert_string_equal(last[0].text, "number 1031");
    newest(0);
    assert_int_equal(n_last, 0);
    newest(UINT32_MAX);
    assert_int_equal(n_last, EVENTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_at_first),
        cmocka_unit_test(an_event_has_all_that_was_said),
        cmocka_unit_test(a_line_stays_one),
        cmocka_unit_test(what_is_too_long_is_cut_between_characters),
        cmocka_unit_test(the_oldest_are_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
