/* One cookie goes, and the others don't notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/http/cookie_cut.h"

static void test_what_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct slice line, left;
    } ROWS[] = {
        {"it is alone", SLICE_INIT("lb=x"), SLICE_INIT("")},
        {"it comes first", SLICE_INIT("lb=x; a=1"), SLICE_INIT("a=1")},
        {"in the middle", SLICE_INIT("a=1; lb=x; b=2"), SLICE_INIT("a=1; b=2")},
        {"last", SLICE_INIT("a=1; lb=x"), SLICE_INIT("a=1")},
        {"twice", SLICE_INIT("lb=x; a=1; lb=y; b=2"), SLICE_INIT("a=1; b=2")},
        {"twice and alone", SLICE_INIT("lb=x; lb=y"), SLICE_INIT("")},
        {"without a blank", SLICE_INIT("a=1;lb=x;b=2"), SLICE_INIT("a=1;b=2")},
        {"with many", SLICE_INIT("a=1;   lb=x  ;\tb=2"), SLICE_INIT("a=1;\tb=2")},
        {"with quotes", SLICE_INIT("a=\"1\"; lb=\"x\"; b=2"), SLICE_INIT("a=\"1\"; b=2")},
        {"empty", SLICE_INIT("a=1; lb=; b=2"), SLICE_INIT("a=1; b=2")},
        {"with blanks around its name", SLICE_INIT("a=1; lb =x;\tlb\t= y; b=2"),
         SLICE_INIT("a=1; b=2")},
        {"with = in it", SLICE_INIT("a=1; lb=x=lb=y"), SLICE_INIT("a=1")},
        {"names like it stay", SLICE_INIT("xlb=1; lb2=2; LB=3; lb.=4"),
         SLICE_INIT("xlb=1; lb2=2; LB=3; lb.=4")},
        {"values like it stay", SLICE_INIT("a=lb=x; b=\"lb=x\""), SLICE_INIT("a=lb=x; b=\"lb=x\"")},
        {"what is no pair stays", SLICE_INIT("lb; ; a=1;"), SLICE_INIT("lb; ; a=1;")},
        {"nothing is nothing", SLICE_INIT(""), SLICE_INIT("")},
        {"blanks at the front stay where nothing went", SLICE_INIT(" a=1; lb=x"),
         SLICE_INIT(" a=1")},
    };
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        char *out = must_calloc(ROWS[i].line.len, 1); /* not a byte more */
        const struct slice left = {out, cookie_cut(ROWS[i].line, SLICE("lb"), out)};
        if (!slice_eq(left, ROWS[i].left))
            fail_msg("%s: " SLICE_FMT, ROWS[i].why, SLICE_ARG(left));
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
