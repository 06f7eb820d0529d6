#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "runtime/upstream/server.h"

static struct server *make(uint32_t n_workers)
{
    struct endpoint e;
    assert_true(endpoint_parse(SLICE("127.0.0.1:8080"), &e));
    return server_new(SLICE("web"), SLICE("one"), &e, n_workers);
}

static void it_copies_what_it_is_given(void **state)
{
    (void)state;
    char name[] = "one";
    struct endpoint e;
    assert_true(endpoint_parse(SLICE("[::1]:80"), &e));
    struct server *s = server_new(SLICE("web"), slice_of(name), &e, 1);
    name[0] = 'x';
    assert_string_equal(s->cluster_name, "web");
    assert_string_equal(s->name, "one");
    assert_int_equal(s->addr.addr.ss_family, AF_INET6);
    server_unpin(s);
    server_unpin(NULL);
}

static void every_worker_has_a_cache_line_of_its_own(void **state)
{
    (void)state;
    struct server *s = make(7);
    for (uint32_t i = 0; i < s->n_workers; i++) {
        assert_int_equal((uintptr_t)s->worker[i] % 64, 0);
        assert_true(list_empty(&s->worker[i]->idle));
        for (uint32_t j = 0; j < i; j++)
            assert_ptr_not_equal(s->worker[i], s->worker[j]);
    }
    server_unpin(s);
}

static const struct {
    const char *says;
    enum health_state health;
    bool checked;
    enum server_admin admin;
    bool usable;
} rows[] = {
    {"an up server is used", HEALTH_UP, true, SERVER_READY, true},
    {"a down one is not", HEALTH_DOWN, true, SERVER_READY, false},
    {"one that is to be checked is not before it was", HEALTH_UNKNOWN, true, SERVER_READY, false},
    {"one that is never checked is", HEALTH_UNKNOWN, false, SERVER_READY, true},
    {"a draining one is not, though it is up", HEALTH_UP, true, SERVER_DRAIN, false},
    {"nor when it is never checked", HEALTH_UNKNOWN, false, SERVER_DRAIN, false},
};

static void usable_is_alive_and_ready(void **state)
{
    (void)state;
    struct server *s = make(1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        atomic_store(&s->health, (int)rows[i].health);
        atomic_store(&s->checked, rows[i].checked);
        atomic_store(&s->admin, (int)rows[i].admin);
        if (server_usable(s) != rows[i].usable)
            fail_msg("%s", rows[i].says);
    }
    server_unpin(s);
}

static void *pin_and_unpin(void *arg)
{
    struct server *s = arg;
    for (int i = 0; i < 20000; i++)
        server_unpin(server_pin(s));
    server_unpin(s); /* the one it was given */
    return NULL;
}

/* Which thread is last, chance decides; that there is exactly one, the sanitizers do. */
static void the_last_pin_frees_it_whoever_has_it(void **state)
{
    (void)state;
    struct server *s = make(2);
    pthread_t thread[4];
    for (size_t i = 0; i < COUNT_OF(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, pin_and_unpin, server_pin(s)), 0);
    server_unpin(s);
    for (size_t i = 0; i < COUNT_OF(thread); i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_copies_what_it_is_given),
        cmocka_unit_test(every_worker_has_a_cache_line_of_its_own),
        cmocka_unit_test(usable_is_alive_and_ready),
        cmocka_unit_test(the_last_pin_frees_it_whoever_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
