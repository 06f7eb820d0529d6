/* Each check that was taken is answered once, whatever becomes of whoever asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/auth/checks.h"
#include "runtime/event/loop.h"

#define ALL (CHECKS_WAITING_MAX + CHECKS_THREADS + 8)

/* "open sesame", quick and slow. */
static const char QUICK[] = "$2b$04$CQgVy6aU6JBJZxnkeaA/fuFqkkjxszi/Ep47vt6V30O1Sm6iL6EGC";
static const char SLOW[] = "$2b$11$CQgVy6aU6JBJZxnkeaA/fuKM0nB9wH8CEC4DuuVvsQtLDXLeAvz8O";

static struct loop *loop;
static struct mailbox box;
static struct checks *checks;
static struct check check[ALL];
static unsigned n_answers, n_wanted;

static void answered(struct message *m)
{
    const struct check *c = CONTAINER_OF(m, struct check, message);
    for (size_t i = 0; i < sizeof(c->password); i++)
        assert_int_equal(c->password[i], 0);
    if (++n_answers == n_wanted)
        loop_stop(loop);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    checks = checks_new();
    n_answers = n_wanted = 0;
    memset(check, 0, sizeof(check));
    return mailbox_open(&box, loop);
}

static int tear_down(void **state)
{
    (void)state;
    checks_free(checks);
    mailbox_close(&box);
    loop_free(loop);
    return 0;
}

static bool ask(struct check *c, const char *hash, const char *password, bool known)
{
    c->message.run = answered;
    c->to = &box;
    c->known = known;
    atomic_init(&c->wanted, true);
    memcpy(c->hash, hash, strlen(hash) + 1);
    memcpy(c->password, password, strlen(password) + 1);
    list_init(&c->link);
    return checks_ask(checks, c);
}

static void wait_for(unsigned n)
{
    n_wanted = n;
    if (n_answers < n)
        loop_run(loop);
}

static void passwords_are_right_or_wrong(void **state)
{
    (void)state;
    assert_true(ask(&check[0], QUICK, "open sesame", true));
    assert_true(ask(&check[1], QUICK, "open barley", true));
    assert_true(ask(&check[2], QUICK, "open sesame", false));
    wait_for(3);
    assert_int_equal(check[0].answer, CHECK_RIGHT);
    assert_int_equal(check[1].answer, CHECK_WRONG);
    assert_int_equal(check[2].answer, CHECK_WRONG);
}

/* How many of those that are asked for at once are taken. */
static unsigned ask_for_all(void)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < ALL; i++)
        if (ask(&check[taken], SLOW, "open sesame", true))
            taken++;
    return taken;
}

static void so_many_wait_and_no_more(void **state)
{
    (void)state;
    const unsigned taken = ask_for_all();
    assert_in_range(taken, CHECKS_WAITING_MAX, ALL - 1);
}

static void the_end_answers_those_that_wait(void **state)
{
    (void)state;
    const unsigned taken = ask_for_all();
    checks_free(checks);
    checks = NULL;
    wait_for(taken);
    unsigned made = 0;
    for (unsigned i = 0; i < taken; i++)
        made += check[i].answer != CHECK_NOT_MADE;
    assert_in_range(made, 0, taken - 1);
}

static void what_nobody_waits_for_is_not_made(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CHECKS_THREADS + 2; i++)
        assert_true(ask(&check[i], SLOW, "open sesame", true));
    for (unsigned i = 0; i < CHECKS_THREADS + 2; i++)
        atomic_store(&check[i].wanted, false);
    wait_for(CHECKS_THREADS + 2);
    assert_int_equal(check[CHECKS_THREADS].answer, CHECK_NOT_MADE);
    assert_int_equal(check[CHECKS_THREADS + 1].answer, CHECK_NOT_MADE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passwords_are_right_or_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_many_wait_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_answers_those_that_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_waits_for_is_not_made, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
