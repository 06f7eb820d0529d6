/* What a secret may be, and what is said of one that can't be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/secret/secrets.h"

static char path[] = "/tmp/secrets_test.XXXXXX";
static struct text warnings, why;

static int set_up(void **state)
{
    (void)state;
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    const int fd = mkstemp(path);
    return fd == -1 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    text_done(&warnings);
    text_done(&why);
    return unlink(path);
}

static void write_file(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static struct secrets *load(bool from_env, const char *source, const struct secrets *before)
{
    const struct table_secret secret = {.name = SLICE_INIT("key"),
                                        .place = {.file = SLICE_INIT("site.lbconf"), .line = 3},
                                        .from_env = from_env,
                                        .source = slice_of(source)};
    const struct table t = {.secret = &secret, .n_secrets = 1};
    return secrets_new(&t, before, &warnings, &why);
}

static void has(const struct secrets *s, struct slice value)
{
    assert_non_null(s);
    assert_true(slice_eq(secret_value(s, 0), value));
    assert_int_equal(secret_value(s, 0).at[value.len], '\0');
}

static void refuses(const char *from, bool from_env, const char *said)
{
    text_clear(&why);
    assert_null(load(from_env, from, NULL));
    text_addc(&why, '\0');
    assert_non_null(strstr(why.at, "site.lbconf:3: secret key: "));
    if (!strstr(why.at, said))
        fail_msg("not \"%s\" but \"%s\"", said, why.at);
}

static void test_a_variable_is_its_value(void **state)
{
    (void)state;
    assert_int_equal(setenv("SECRETS_TEST", "hunter 2\n", 1), 0);
    struct secrets *s = load(true, "SECRETS_TEST", NULL);
    has(s, SLICE("hunter 2\n"));
    secrets_unpin(s);
    assert_int_equal(setenv("SECRETS_TEST", "", 1), 0);
    refuses("SECRETS_TEST", true, "the variable SECRETS_TEST is empty\n");
    assert_int_equal(unsetenv("SECRETS_TEST"), 0);
    refuses("SECRETS_TEST", true, "the variable SECRETS_TEST is not set\n");
}

static void test_a_file_loses_one_line_end(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct slice file, value;
    } rows[] = {{"none", SLICE_INIT("abc"), SLICE_INIT("abc")},
                {"an editor's", SLICE_INIT("abc\n"), SLICE_INIT("abc")},
                {"another system's", SLICE_INIT("abc\r\n"), SLICE_INIT("abc")},
                {"one of two", SLICE_INIT("abc\n\n"), SLICE_INIT("abc\n")},
                {"blanks are part of it", SLICE_INIT(" abc \n"), SLICE_INIT(" abc ")},
                {"any byte may be", SLICE_INIT("a\0b\xff"), SLICE_INIT("a\0b\xff")}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("%s\n", rows[i].why);
        write_file(rows[i].file.at, rows[i].file.len);
        struct secrets *s = load(false, path, NULL);
        has(s, rows[i].value);
        secrets_unpin(s);
    }
    assert_int_equal(warnings.len, 0);
}

static void test_a_file_that_cannot_be_one_is_refused(void **state)
{
    (void)state;
    write_file("\n", 1);
    refuses(path, false, "is empty\n");
    write_file("", 0);
    refuses(path, false, "is empty\n");
    refuses("/nowhere/at/all", false, "/nowhere/at/all: No such file or directory\n");
    refuses("/tmp", false, "is no regular file\n");
    assert_int_equal(truncate(path, SECRET_BYTES_MAX + 1), 0);
    refuses(path, false, "is longer than a secret may be (1 MiB)\n");
    assert_int_equal(truncate(path, SECRET_BYTES_MAX), 0);
    struct secrets *s = load(false, path, NULL);
    assert_int_equal(secret_value(s, 0).len, SECRET_BYTES_MAX);
    secrets_unpin(s);
}

static void test_a_pipe_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuses(path, false, "is no regular file\n");
}

static void test_what_others_may_read_is_warned_about(void **state)
{
    (void)state;
    write_file("hunter2", 7);
    assert_int_equal(chmod(path, 0640), 0);
    secrets_unpin(load(false, path, NULL));
    assert_int_equal(warnings.len, 0);
    assert_int_equal(chmod(path, 0644), 0);
    struct secrets *s = load(false, path, NULL);
    has(s, SLICE("hunter2"));
    secrets_unpin(s);
    text_addc(&warnings, '\0');
    assert_non_null(strstr(warnings.at, "can be read or written by everybody"));
    assert_null(strstr(warnings.at, "hunter2"));
}

static void test_the_own_one_stays_and_no_other_has_it(void **state)
{
    (void)state;
    write_file("x", 1);
    struct secrets *one = load(false, path, NULL), *next = load(false, path, one),
                   *other = load(false, path, NULL);
    assert_int_equal(secret_own(one).len, SECRET_OWN_BYTES);
    assert_true(slice_eq(secret_own(one), secret_own(next)));
    assert_false(slice_eq(secret_own(one), secret_own(other)));
    assert_false(secrets_take_own(other, SLICE("short")));
    assert_true(secrets_take_own(other, secret_own(one))); /* it takes the place of that process */
    assert_true(slice_eq(secret_own(one), secret_own(other)));
    secrets_unpin(one);
    secrets_unpin(next);
    secrets_unpin(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_variable_is_its_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_loses_one_line_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_one_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_pipe_is_not_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_others_may_read_is_warned_about, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_own_one_stays_and_no_other_has_it, set_up,
                                        tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
