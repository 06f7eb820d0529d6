/* May a request be tried again? A table of what failed, and pauses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/upstream/retry.h"

static const struct table_statuses STATUS[] = {{503, 503}, {520, 529}};
static const struct slice METHOD[] = {SLICE_INIT("POST")};

static const struct table_retry NONE = {0};
static const struct table_retry CONNECTIONS = {.given = true, .more = 2, .connect_failure = true};
static const struct table_retry ANSWERS = {
    .given = true, .more = 2, .reset = true, .timeout = true, .status = STATUS, .n_statuses = 2};
static const struct table_retry POSTS = {.given = true,
                                         .more = 1,
                                         .reset = true,
                                         .status = STATUS,
                                         .n_statuses = 1,
                                         .method = METHOD,
                                         .n_methods = 1};
static const struct table_retry ZERO = {
    .given = true, .connect_failure = true, .reset = true, .timeout = true};

/* A request with nothing in the way of another try. */
#define REQUEST .method = SLICE_INIT("GET"), .idempotent = true, .repeatable = true
#define GET(...)                                                                                   \
    {                                                                                              \
        REQUEST, __VA_ARGS__                                                                       \
    }
#define POST(...)                                                                                  \
    {                                                                                              \
        .method = SLICE_INIT("POST"), .repeatable = true, __VA_ARGS__                              \
    }

static const struct {
    const char *sentence;
    const struct table_retry *rule;
    struct retry_case c;
    enum retry_verdict verdict;
    bool counted;
} rows[] = {
    {"without a rule, what reached nobody goes elsewhere", &NONE, GET(.cause = RETRY_CONNECT),
     RETRY_AGAIN, false},
    {"whatever its method", &NONE, POST(.cause = RETRY_CONNECT), RETRY_AGAIN, false},
    {"so does what a server refused", &NONE, POST(.cause = RETRY_REFUSED), RETRY_AGAIN, false},
    {"at most four are tried", &NONE, GET(.cause = RETRY_CONNECT, .tries = 4), RETRY_TRIES, false},
    {"nothing else is tried again: a reset", &NONE, GET(.cause = RETRY_RESET), RETRY_NOT_ASKED,
     false},
    {"nor a timeout", &NONE, GET(.cause = RETRY_TIMEOUT), RETRY_NOT_ASKED, false},
    {"nor a status", &NONE, GET(.cause = RETRY_STATUS, .status = 503), RETRY_NOT_ASKED, false},
    {"a connection that died while idle is no failure", &NONE, GET(.cause = RETRY_STALE),
     RETRY_AGAIN, false},
    {"unless the request might be executed twice", &NONE, POST(.cause = RETRY_STALE),
     RETRY_NOT_ASKED, false},
    {"or its body is gone",
     &NONE,
     {.method = SLICE_INIT("PUT"), .idempotent = true, .cause = RETRY_STALE},
     RETRY_NOT_ASKED,
     false},
    {"it costs nothing where there is a rule", &ZERO, GET(.cause = RETRY_STALE), RETRY_AGAIN,
     false},
    {"a rule counts its own tries", &CONNECTIONS, GET(.cause = RETRY_CONNECT, .tries = 9),
     RETRY_AGAIN, true},
    {"and ends them", &CONNECTIONS, GET(.cause = RETRY_CONNECT, .retries = 2), RETRY_TRIES, true},
    {"none at all", &ZERO, GET(.cause = RETRY_CONNECT), RETRY_TRIES, true},
    {"a POST that reached nobody is tried again", &CONNECTIONS, POST(.cause = RETRY_CONNECT),
     RETRY_AGAIN, true},
    {"a connection that took too long is a failure to connect", &CONNECTIONS,
     GET(.cause = RETRY_CONNECT, .timed_out = true), RETRY_AGAIN, true},
    {"and a timeout", &ANSWERS, GET(.cause = RETRY_CONNECT, .timed_out = true), RETRY_AGAIN, true},
    {"a refused connection is no timeout", &ANSWERS, GET(.cause = RETRY_CONNECT), RETRY_NOT_ASKED,
     true},
    {"a rule that names connections names nothing else", &CONNECTIONS, GET(.cause = RETRY_RESET),
     RETRY_NOT_ASKED, true},
    {"a reset", &ANSWERS, GET(.cause = RETRY_RESET), RETRY_AGAIN, true},
    {"a timeout", &ANSWERS, GET(.cause = RETRY_TIMEOUT), RETRY_AGAIN, true},
    {"a status", &ANSWERS, GET(.cause = RETRY_STATUS, .status = 503), RETRY_AGAIN, true},
    {"the first of a range", &ANSWERS, GET(.cause = RETRY_STATUS, .status = 520), RETRY_AGAIN,
     true},
    {"the last of it", &ANSWERS, GET(.cause = RETRY_STATUS, .status = 529), RETRY_AGAIN, true},
    {"the one behind it", &ANSWERS, GET(.cause = RETRY_STATUS, .status = 530), RETRY_NOT_ASKED,
     true},
    {"what is no response is never asked for again", &ANSWERS, GET(.cause = RETRY_BROKEN),
     RETRY_NOT_ASKED, true},
    {"a POST may have been executed", &ANSWERS, POST(.cause = RETRY_RESET), RETRY_METHOD, true},
    {"even where a status came", &ANSWERS, POST(.cause = RETRY_STATUS, .status = 503), RETRY_METHOD,
     true},
    {"a stale connection's POST too", &ANSWERS, POST(.cause = RETRY_STALE), RETRY_METHOD, true},
    {"unless the rule says POST", &POSTS, POST(.cause = RETRY_STALE), RETRY_AGAIN, true},
    {"which then is all it says", &POSTS, GET(.cause = RETRY_RESET), RETRY_METHOD, true},
    {"a body that is gone cannot be sent again",
     &ANSWERS,
     {.method = SLICE_INIT("PUT"), .idempotent = true, .cause = RETRY_RESET},
     RETRY_BODY,
     true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (retry_decide(rows[i].rule, &rows[i].c) != rows[i].verdict)
            fail_msg("%s: is %d", rows[i].sentence, (int)retry_decide(rows[i].rule, &rows[i].c));
        if (retry_is_counted(rows[i].rule, &rows[i].c) != rows[i].counted)
            fail_msg("%s: counted is not %d", rows[i].sentence, rows[i].counted);
    }
}

/* Whatever else holds: once sent, what is not idempotent goes out again only where it is named. */
static void test_nothing_is_executed_twice_unless_asked_for(void **state)
{
    (void)state;
    const struct table_retry *const rules[] = {&NONE, &CONNECTIONS, &ANSWERS, &ZERO};
    for (size_t r = 0; r < COUNT_OF(rules); r++) {
        for (enum retry_cause cause = RETRY_STALE; cause <= RETRY_BROKEN; cause++) {
            struct retry_case c = POST(.cause = cause, .status = 503);
            assert_int_not_equal(retry_decide(rules[r], &c), RETRY_AGAIN);
            c.idempotent = true;
            c.repeatable = false;
            assert_int_not_equal(retry_decide(rules[r], &c), RETRY_AGAIN);
        }
    }
}

static void test_pauses_are_doubled_and_scattered(void **state)
{
    (void)state;
    const int64_t ms = NS_PER_MS;
    int64_t sum = 0;
    for (uint64_t random = 0; random < 9; random++)
        sum += retry_pause_ns(80 * ms, 1, random);
    assert_int_equal(sum, 9 * 80 * ms);
    assert_int_equal(retry_pause_ns(80 * ms, 1, 0), 40 * ms);
    assert_int_equal(retry_pause_ns(80 * ms, 1, 8), 120 * ms);
    assert_int_equal(retry_pause_ns(80 * ms, 3, 4), 320 * ms);
    assert_int_equal(retry_pause_ns(60 * NS_PER_S, 10, 8), 90 * NS_PER_S);
    assert_int_equal(retry_pause_ns(40 * NS_PER_S, 2, 4), 60 * NS_PER_S);
    assert_true(retry_pause_ns(ms, 1, 0) > 0);
}

static void only_what_is_safe_or_named_is_hedged(void **state)
{
    (void)state;
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
    static const char *const unsafe[] = {"POST", "PUT", "DELETE", "PATCH", "get", "QUERY", ""};
    const struct slice post[] = {SLICE("POST"), SLICE("PUT")};
    const struct table_retry plain = {.given = true};
    const struct table_retry named = {.given = true, .method = post, .n_methods = 2};
    for (size_t i = 0; i < COUNT_OF(safe); i++) {
        assert_true(retry_may_hedge(&plain, slice_of(safe[i])));
        assert_false(retry_may_hedge(&named, slice_of(safe[i])));
    }
    for (size_t i = 0; i < COUNT_OF(unsafe); i++) {
        assert_false(retry_may_hedge(&plain, slice_of(unsafe[i])));
        assert_int_equal(retry_may_hedge(&named, slice_of(unsafe[i])), i < 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nothing_is_executed_twice_unless_asked_for),
        cmocka_unit_test(test_pauses_are_doubled_and_scattered),
        cmocka_unit_test(only_what_is_safe_or_named_is_hedged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
