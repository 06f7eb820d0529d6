#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "runtime/log/log.h"
#include "runtime/log/stamp.h"

static char got[8192];

/* What one call writes to standard error, without its time; it must be one write. */
#define LOGGED(...)                                                                                \
    (begin_capture(), log_line(__VA_ARGS__), end_capture(), (const char *)got + STAMP_LEN)

static int before, ends[2];

static void begin_capture(void)
{
    before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static void end_capture(void)
{
    dup2(before, STDERR_FILENO);
    close(before);
    const ssize_t n = read(ends[0], got, sizeof(got) - 1);
    assert_true(n > STAMP_LEN);
    got[n] = '\0';
    close(ends[0]);
}

static void a_line_has_time_level_and_text(void **state)
{
    (void)state;
    assert_string_equal(LOGGED(LOG_INFO, "generation %d", 3), " info: generation 3\n");
    assert_int_equal(got[STAMP_LEN - 1], 'Z');
    assert_string_equal(LOGGED(LOG_WARNING, "x"), " warning: x\n");
    assert_string_equal(LOGGED(LOG_ERROR, "%s", ""), " error: \n");
}

static void a_line_stays_one_line(void **state)
{
    (void)state;
    assert_string_equal(LOGGED(LOG_INFO, "a\nb\x1b[0m\r"), " info: a b [0m \n");
}

static void a_line_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    const char *text = LOGGED(LOG_INFO, "%5000d", 1);
    const size_t len = strlen(text);
    assert_int_equal(len + STAMP_LEN, 2048);
    assert_string_equal(text + len - 4, "...\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_and_text),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(a_line_too_long_is_cut_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
