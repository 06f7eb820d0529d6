#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/list.h"

struct item {
    int number;
    struct list link;
};

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    assert_true(list_empty(&head));
    struct item item[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 0}};
    for (size_t i = 0; i < 3; i++)
        list_add_last(&head, &item[i].link);
    list_add_first(&head, &item[3].link);
    int wanted = 0;
    LIST_EACH (it, &head, struct item, link)
        assert_int_equal(it->number, wanted++);
    assert_int_equal(wanted, 4);

    LIST_EACH (it, &head, struct item, link) /* the current one may be removed */
        if (it->number % 2 == 0)
            list_remove(&it->link);
    list_remove(&item[3].link); /* twice is harmless */
    wanted = 1;
    LIST_EACH (it, &head, struct item, link) {
        assert_int_equal(it->number, wanted);
        wanted += 2;
    }
    list_remove(&item[0].link);
    list_remove(&item[2].link);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_keep_their_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
