#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "runtime/upstream/server_file.h"

/* Servers as "endpoint weight priority", with "b" where they are backups, or what is said. */
static const struct {
    const char *says, *text, *read;
} rows[] = {
    {"nothing", "", ""},
    {"a server", "127.0.0.1:80\n", "127.0.0.1:80 0 0; "},
    {"no line end behind the last", "127.0.0.1:80", "127.0.0.1:80 0 0; "},
    {"all kinds, in their order", "[::1]:80\nunix:/run/a.sock\n127.0.0.1:80",
     "[::1]:80 0 0; unix:/run/a.sock 0 0; 127.0.0.1:80 0 0; "},
    {"comments, blanks and empty lines", "# all\n\n \t \n  127.0.0.1:80\t# one\r\n",
     "127.0.0.1:80 0 0; "},
    {"weight and backup", "127.0.0.1:80 weight 256 backup\n127.0.0.1:81 backup weight 2",
     "127.0.0.1:80 256 0b; 127.0.0.1:81 2 0b; "},
    {"a priority", "127.0.0.1:80 priority 1000\n127.0.0.1:81 weight 2 priority 0 backup",
     "127.0.0.1:80 0 1000; 127.0.0.1:81 2 0b; "},
    {"a priority too large", "127.0.0.1:80 priority 1001",
     "line 1: a priority is between 0 and 1000"},
    {"no priority", "127.0.0.1:80 priority", "line 1: a priority is between 0 and 1000"},
    {"no port", "\n127.0.0.1", "line 2: a server is an address with its port, or unix: and a path"},
    {"a name", "a.test:80", "line 1: a server is an address with its port, or unix: and a path"},
    {"a word that there is not", "127.0.0.1:80 slow",
     "line 1: only `weight N`, `priority N` and `backup` can follow a server"},
    {"two on a line", "127.0.0.1:80 127.0.0.1:81",
     "line 1: only `weight N`, `priority N` and `backup` can follow a server"},
    {"no weight", "127.0.0.1:80 weight", "line 1: a weight is between 1 and 256"},
    {"a weight of 0", "127.0.0.1:80 weight 0", "line 1: a weight is between 1 and 256"},
    {"a weight too large", "127.0.0.1:80 weight 257", "line 1: a weight is between 1 and 256"},
    {"the same twice", "127.0.0.1:80\n127.0.0.1:80 backup",
     "line 2: this server stands here for the second time"},
};

static void files_are_read(void **state)
{
    (void)state;
    static struct discover_found found[DISCOVER_MEMBERS_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text said = {0};
        const int n = server_file_read(slice_of(rows[i].text), found, &said);
        assert_true(n >= 0 || (n == -EINVAL && said.len > 0));
        for (int k = 0; k < n; k++) {
            char at[ENDPOINT_TEXT_MAX];
            endpoint_format(&found[k].endpoint, at);
            text_addf(&said, "%s %u %u%s; ", at, found[k].weight, found[k].priority,
                      found[k].backup ? "b" : "");
        }
        if (!slice_eq(text_slice(&said), slice_of(rows[i].read)))
            fail_msg("%s: " SLICE_FMT, rows[i].says, SLICE_ARG(text_slice(&said)));
        text_done(&said);
    }
}

static void a_file_with_too_many_is_refused(void **state)
{
    (void)state;
    static struct discover_found found[DISCOVER_MEMBERS_MAX];
    struct text file = {0}, why = {0};
    for (unsigned i = 1; i <= DISCOVER_MEMBERS_MAX; i++)
        text_addf(&file, "127.0.0.1:%u\n", i);
    assert_int_equal(server_file_read(text_slice(&file), found, &why), DISCOVER_MEMBERS_MAX);
    text_addf(&file, "127.0.0.1:9999\n");
    assert_int_equal(server_file_read(text_slice(&file), found, &why), -EINVAL);
    assert_string_equal(why.at, "line 1025: more servers than a file may list");
    text_done(&file);
    text_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(a_file_with_too_many_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
