#include "runtime/control/override.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/upstream/server.h"

static const struct {
    const char *text, *sentence, *server;
    enum override_of of;
    uint32_t value, file;
} rows[] = {
    {"drain web/a\tready", "drain web/a", "web/a", OVERRIDE_STATE, SERVER_DRAIN, SERVER_READY},
    {"ready web/a\tmaintenance", "ready web/a", "web/a", OVERRIDE_STATE, SERVER_READY,
     SERVER_MAINTENANCE},
    {"maintenance web/unix:/run/a b\tdrain", "maintenance web/unix:/run/a b", "web/unix:/run/a b",
     OVERRIDE_STATE, SERVER_MAINTENANCE, SERVER_DRAIN},
    {"set weight web/a 5\t1", "set weight web/a 5", "web/a", OVERRIDE_WEIGHT, 5, 1},
    {"set weight web/[::1]:80 256\t0", "set weight web/[::1]:80 256", "web/[::1]:80",
     OVERRIDE_WEIGHT, 256, 0},
};

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct override o;
        struct text out = {0};
        assert_true(override_read(slice_of(rows[i].text), &o));
        assert_int_equal(o.of, rows[i].of);
        assert_int_equal(o.value, rows[i].value);
        assert_int_equal(o.file, rows[i].file);
        assert_true(slice_eq(o.server, slice_of(rows[i].server)));
        override_write(&o, &out);
        assert_string_equal(out.at, rows[i].text);
        assert_true(slice_eq(override_sentence(text_slice(&out)), slice_of(rows[i].sentence)));
        text_done(&out);
    }
}

static void what_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\t",
        "drain",
        "drain web/a",
        "drain web/a\t",
        "drain web/a\tup",
        "drain web\tready",
        "drain \tready",
        "drian web/a\tready",
        "set weight\t1",
        "set weight \t1",
        "set weight 5\t1",
        "set weight web/a\t1",
        "set weight web/a 0\t1",
        "set weight web/a 257\t1",
        "set weight web/a 5\tx",
        "set weight web/a 5\t257",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct override o;
        if (override_read(slice_of(bad[i]), &o))
            fail_msg("%s is one", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
