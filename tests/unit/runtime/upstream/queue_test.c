/* The queue of a cluster: alone in its order, and on threads, where nobody may be forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "runtime/event/loop.h"
#include "runtime/upstream/cluster.h"

#define WAITERS 8

static struct cluster *cluster;
static struct server *server;
static struct loop *loop;
static struct mailbox box;
static char order[64];
static unsigned n_gone;

struct guest {
    struct waiter waiter;
    char name;
};

static struct guest guest[WAITERS];

static void called(void *of)
{
    struct guest *g = of;
    const size_t n = strlen(order);
    order[n] = g->name;
    order[n + 1] = '\0';
}

static void gone(struct waiter *w)
{
    assert_int_equal(w->magic, 0);
    n_gone++;
}

static void stop(struct message *m)
{
    (void)m;
    loop_stop(loop);
}

/* Runs what has been posted. */
static void run(void)
{
    struct message last = {.run = stop};
    mailbox_post(&box, &last);
    loop_run(loop);
}

static int set_up(void **state)
{
    (void)state;
    const struct endpoint e = {.port = 80};
    cluster = cluster_new(SLICE("web"), 1);
    server = server_new(SLICE("web"), SLICE("a"), &e, 1);
    server->cluster = cluster_pin(cluster);
    loop = loop_new();
    assert_int_equal(mailbox_open(&box, loop), 0);
    order[0] = '\0';
    n_gone = 0;
    for (int i = 0; i < WAITERS; i++)
        guest[i] =
            (struct guest){.waiter = {.box = &box, .of = &guest[i], .call = called, .gone = gone},
                           .name = (char)('a' + i)};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mailbox_close(&box);
    loop_free(loop);
    server_unpin(server);
    cluster_unpin(cluster);
    return 0;
}

static void join(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_true(queue_join(&cluster->queue, &guest[i].waiter, WAITERS));
}

static void leave(int from, int to)
{
    for (int i = from; i < to; i++)
        queue_leave(&guest[i].waiter);
}

static void assert_called(const char *names)
{
    run();
    assert_string_equal(order, names);
    order[0] = '\0';
}

static void test_first_come_first_called(void **state)
{
    (void)state;
    join(0, 4);
    queue_next(&cluster->queue);
    assert_called("a");
    queue_next(&cluster->queue);
    queue_next(&cluster->queue);
    assert_called("bc");
    assert_true(queue_is_used(&cluster->queue));
    leave(0, 4);
    assert_false(queue_is_used(&cluster->queue));
    assert_int_equal(n_gone, 4);
    queue_next(&cluster->queue);
    assert_called("");
}

static void test_whoever_leaves_a_server_calls_the_next(void **state)
{
    (void)state;
    server->max_connections = 1;
    assert_true(server_enter(server));
    assert_false(server_enter(server));
    join(0, 2);
    server_leave(server);
    assert_called("a");
    leave(0, 2);
    server_leave(server);
    assert_called("");
}

static void test_who_found_no_room_stands_where_it_stood(void **state)
{
    (void)state;
    join(0, 4);
    queue_next(&cluster->queue);
    queue_next(&cluster->queue);
    assert_called("ab");
    queue_rejoin(&guest[1].waiter);
    queue_rejoin(&guest[0].waiter);
    queue_next(&cluster->queue);
    queue_next(&cluster->queue);
    queue_next(&cluster->queue);
    assert_called("abc");
    leave(0, 4);
}

static void test_a_turn_can_go_to_the_one_behind(void **state)
{
    (void)state;
    join(0, 3);
    queue_next(&cluster->queue);
    assert_called("a");
    queue_rejoin(&guest[0].waiter);
    queue_next_after(&guest[0].waiter);
    assert_called("b");
    queue_rejoin(&guest[1].waiter);
    queue_next_after(&guest[1].waiter);
    assert_called("c");
    queue_rejoin(&guest[2].waiter);
    queue_next_after(&guest[2].waiter);
    assert_called("");
    leave(0, 3);
}

static void test_who_leaves_while_its_turn_is_on_the_way_passes_it_on(void **state)
{
    (void)state;
    join(0, 3);
    queue_next(&cluster->queue);
    leave(0, 1);
    assert_int_equal(n_gone, 0); /* its message is under way */
    run();
    assert_int_equal(n_gone, 1);
    assert_called("b");
    leave(1, 3);
    assert_int_equal(n_gone, 3);
}

static void test_a_full_queue_takes_nobody(void **state)
{
    (void)state;
    assert_false(queue_join(&cluster->queue, &guest[0].waiter, 0));
    assert_true(queue_join(&cluster->queue, &guest[0].waiter, 1));
    assert_false(queue_join(&cluster->queue, &guest[1].waiter, 1));
    queue_next(&cluster->queue);
    assert_called("a");
    assert_false(queue_join(&cluster->queue, &guest[1].waiter, 1)); /* it has no server yet */
    leave(0, 1);
    assert_true(queue_join(&cluster->queue, &guest[1].waiter, 1));
    leave(1, 2);
}

static void test_a_change_of_servers_calls_everybody(void **state)
{
    (void)state;
    join(0, 3);
    cluster_changed(cluster);
    assert_called("abc");
    leave(0, 3);
}

/* --- on threads ------------------------------------------------------------------------------ */

/*
 * Each thread has guests that ask for the one server, keep it until the loop's next turn, and begin
 * again. Nothing but the queue wakes who waits, so the test ends only if nobody is forgotten.
 */
#define THREADS 4
#define GUESTS  12
#define ROUNDS  400
#define ROOM    3u

struct crowd;

struct asker {
    struct waiter waiter;
    struct message done; /* it has been served */
    struct crowd *crowd;
    bool waits;
    unsigned left;
};

struct crowd {
    pthread_t thread;
    struct loop *loop;
    struct mailbox box;
    struct asker asker[GUESTS];
    unsigned at_work;
};

static atomic_uint inside, most;

static void ask(struct asker *a);

static void its_turn(void *of)
{
    ask(of);
}

static void forgotten(struct waiter *w)
{
    (void)w;
}

static void served(struct message *m)
{
    struct asker *a = CONTAINER_OF(m, struct asker, done);
    atomic_fetch_sub(&inside, 1);
    server_leave(server);
    if (--a->left > 0)
        ask(a);
    else if (--a->crowd->at_work == 0)
        loop_stop(a->crowd->loop);
}

/* As an exchange does it. */
static void ask(struct asker *a)
{
    struct queue *q = &cluster->queue;
    if ((a->waits || !queue_is_used(q)) && server_enter(server)) {
        if (a->waits)
            queue_leave(&a->waiter);
        a->waits = false;
        const unsigned n = atomic_fetch_add(&inside, 1) + 1;
        unsigned before = atomic_load(&most);
        while (n > before && !atomic_compare_exchange_weak(&most, &before, n))
            ;
        mailbox_post(&a->crowd->box, &a->done);
        return;
    }
    if (a->waits) {
        queue_rejoin(&a->waiter);
    } else {
        a->waiter =
            (struct waiter){.box = &a->crowd->box, .of = a, .call = its_turn, .gone = forgotten};
        a->waits = queue_join(q, &a->waiter, THREADS * GUESTS);
        assert_true(a->waits);
    }
    if (server_has_room(server))
        queue_next(q);
}

static void *crowd_main(void *of)
{
    struct crowd *c = of;
    for (int i = 0; i < GUESTS; i++)
        ask(&c->asker[i]);
    loop_run(c->loop);
    return NULL;
}

static void test_nobody_is_forgotten_on_threads(void **state)
{
    (void)state;
    static struct crowd crowd[THREADS];
    server->max_connections = ROOM;
    for (int t = 0; t < THREADS; t++) {
        crowd[t] = (struct crowd){.loop = loop_new(), .at_work = GUESTS};
        assert_int_equal(mailbox_open(&crowd[t].box, crowd[t].loop), 0);
        for (int i = 0; i < GUESTS; i++)
            crowd[t].asker[i] =
                (struct asker){.done = {.run = served}, .crowd = &crowd[t], .left = ROUNDS};
    }
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&crowd[t].thread, NULL, crowd_main, &crowd[t]), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(crowd[t].thread, NULL);
    for (int t = 0; t < THREADS; t++) {
        mailbox_close(&crowd[t].box);
        loop_free(crowd[t].loop);
    }
    assert_int_equal(atomic_load(&server->in_flight), 0);
    assert_false(queue_is_used(&cluster->queue));
    assert_in_range(atomic_load(&most), 1, ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_first_come_first_called),
        TEST(test_whoever_leaves_a_server_calls_the_next),
        TEST(test_who_found_no_room_stands_where_it_stood),
        TEST(test_a_turn_can_go_to_the_one_behind),
        TEST(test_who_leaves_while_its_turn_is_on_the_way_passes_it_on),
        TEST(test_a_full_queue_takes_nobody),
        TEST(test_a_change_of_servers_calls_everybody),
        TEST(test_nobody_is_forgotten_on_threads),
    };
    alarm(120); /* who is forgotten waits for ever */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
