#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "runtime/event/mailbox.h"

#define THREADS  4
#define MESSAGES 50000

static struct loop *loop;
static struct mailbox box;

struct numbered {
    struct message message;
    uint32_t thread, number;
};

static uint32_t next[THREADS];
static uint32_t arrived;

static void arrive(struct message *m)
{
    struct numbered *n = CONTAINER_OF(m, struct numbered, message);
    if (n->number != next[n->thread]++)
        fail_msg("message %u of thread %u is out of order", n->number, n->thread);
    free(n);
    if (++arrived == THREADS * MESSAGES)
        loop_stop(loop);
}

static void *post_all(void *of)
{
    const uint32_t thread = (uint32_t)((uint32_t *)of - next);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct numbered *n = MUST_NEW(struct numbered);
        *n = (struct numbered){.message.run = arrive, .thread = thread, .number = i};
        mailbox_post(&box, &n->message);
    }
    return NULL;
}

static void four_threads_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    loop = loop_new();
    assert_int_equal(mailbox_open(&box, loop), 0);
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, post_all, &next[i]), 0);
    loop_run(loop);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(arrived, THREADS * MESSAGES);
    mailbox_close(&box);
    loop_free(loop);
}

static int runs;

static void count(struct message *m)
{
    (void)m;
    runs++;
}

static void post_again(struct message *m)
{
    m->run = count;
    mailbox_post(&box, m); /* from the owner itself: a message may go round */
}

static void closing_runs_what_is_left(void **state)
{
    (void)state;
    loop = loop_new();
    assert_int_equal(mailbox_open(&box, loop), 0);
    struct message once = {.run = count}, twice = {.run = post_again};
    mailbox_post(&box, &once);
    mailbox_post(&box, &twice);
    runs = 0;
    mailbox_close(&box);
    assert_int_equal(runs, 2);
    mailbox_close(&box);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads_lose_nothing_and_keep_their_order),
        cmocka_unit_test(closing_runs_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
