#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "runtime/event/descriptors.h"

static void one_more_is_one_more(void **state)
{
    (void)state;
    int fd[10];
    const int64_t before = descriptors_open(true);
    assert_true(before >= 3);
    for (int i = 0; i < 10; i++)
        assert_true((fd[i] = dup(0)) >= 0);
    assert_true(descriptors_open(true) == before + 10);
    close(fd[0]); /* also where numbers are left out */
    assert_true(descriptors_open(true) == before + 9);
    for (int i = 1; i < 10; i++)
        close(fd[i]);
    assert_true(descriptors_open(true) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_more_is_one_more)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
