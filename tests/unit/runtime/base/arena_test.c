#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdalign.h>
#include <stdint.h>

#include "runtime/base/arena.h"

static void what_is_taken_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena a = {0};
    for (size_t bytes = 0; bytes < 3000; bytes += 7) {
        unsigned char *p = arena_take(&a, bytes, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, bytes);
    }
    arena_free(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void rewinding_gives_back_what_came_after(void **state)
{
    (void)state;
    struct arena a = {0};
    char *kept = arena_take(&a, 100, 1);
    memcpy(kept, "kept", 5);
    const struct arena_mark mark = arena_mark(&a);
    char *gone = arena_take(&a, 100, 1);
    memcpy(gone, "gone", 5);
    for (int i = 0; i < 10; i++)
        arena_take(&a, 10000, 1);
    arena_rewind(&a, mark);
    assert_string_equal(kept, "kept");
    assert_int_equal(a.used_bytes, mark.used_bytes);
    char *again = arena_take(&a, 100, 1);
    assert_ptr_equal(again, gone);
    assert_int_equal(again[0], 0); /* zeroed once more */
    arena_free(&a);
}

static void a_limit_is_never_passed(void **state)
{
    (void)state;
    struct arena a = {.limit_bytes = 100000};
    size_t taken = 0;
    while (arena_try(&a, 1000, 1))
        taken += 1000;
    assert_in_range(taken, 98000, 100000);
    assert_true(a.used_bytes <= a.limit_bytes);
    assert_null(arena_try(&a, 100000, 1));
    arena_free(&a);
    void *after = arena_try(&a, 1000, 1);
    assert_non_null(after);
    arena_free(&a);
}

static void sizes_do_not_overflow(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_null(arena_try(&a, SIZE_MAX, 2));
    assert_null(arena_try(&a, SIZE_MAX, 1));
    assert_null(arena_try(&a, PTRDIFF_MAX, 1));
    arena_free(&a);
}

static void text_is_copied_with_a_nul(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct slice copy = arena_copy(&a, (struct slice){"abc", 2});
    assert_int_equal(copy.len, 2);
    assert_string_equal(copy.at, "ab");
    assert_string_equal(arena_copy(&a, SLICE_NONE).at, "");
    const struct slice made = arena_format(&a, "%d-%s", 7, "x");
    assert_int_equal(made.len, 3);
    assert_string_equal(made.at, "7-x");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_zeroed_and_aligned),
        cmocka_unit_test(rewinding_gives_back_what_came_after),
        cmocka_unit_test(a_limit_is_never_passed),
        cmocka_unit_test(sizes_do_not_overflow),
        cmocka_unit_test(text_is_copied_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
