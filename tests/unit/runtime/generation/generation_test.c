/* What survives from one generation to the next, and when one is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "grammar/diag.h"
#include "runtime/event/loop.h"
#include "runtime/generation/generation.h"

#define WORKERS 2

static struct loop *loop;
static struct mailbox box;
static struct text why;
static unsigned n_retired;

static void retired(struct message *m)
{
    n_retired++;
    generation_free(CONTAINER_OF(m, struct generation, retired));
}

static struct generation_home home = {.n_workers = WORKERS, .mailbox = &box, .retired = retired};

static int set_up(void **state)
{
    (void)state;
    n_retired = 0;
    home.last_id = 0;
    loop = loop_new();
    return mailbox_open(&box, loop);
}

static int tear_down(void **state)
{
    (void)state;
    mailbox_close(&box);
    loop_free(loop);
    text_done(&why);
    return 0;
}

static struct table *compiled(const char *text)
{
    struct sources *sources = sources_new();
    struct diags *diags = diags_new(sources, 0);
    struct arena arena = {0};
    assert_int_equal(sources_add(sources, SLICE("test"), slice_of(text)), 0);
    struct table *t = compile(sources, &(struct compile_options){0}, &arena, diags, NULL);
    struct text said = {0};
    diag_render(diags, DIAG_HUMAN, &said);
    if (!t)
        fail_msg("%s", said.at);
    text_done(&said);
    arena_free(&arena);
    diags_free(diags);
    sources_free(sources);
    return t;
}

#define LISTENER "listener front { bind unix:/tmp/lbc-generation-test.sock; route r }\n"
#define ROUTE    "route r { otherwise { forward web } }\n"

static const struct found_servers nobody = {0};

static struct generation *generation(const char *text, const struct generation *before)
{
    struct generation *g =
        generation_new(compiled(text), (struct generation_needs){0}, &nobody, before, &home, &why);
    if (!g)
        fail_msg("%s", why.at);
    return g;
}

static const char BEFORE[] = "lbconf 1\n"
                             "cluster web { server a 127.0.0.1:1; server b 127.0.0.1:2; "
                             "server c 127.0.0.1:3 }\n" LISTENER ROUTE;

/* As a worker does that goes on to the next generation. */
static void leave(struct generation *g)
{
    for (uint32_t w = 0; w < WORKERS; w++)
        generation_unpin(g, w);
}

static void what_is_the_same_is_the_same_object(void **state)
{
    (void)state;
    struct generation *one = generation(BEFORE, NULL);
    struct generation *two =
        generation("lbconf 1\n"
                   "cluster web { server c 127.0.0.1:3; server a 127.0.0.1:1 weight 7; "
                   "server b 127.0.0.1:22; server d 127.0.0.1:4 }\n" LISTENER ROUTE,
                   one);

    assert_ptr_equal(two->server[0], one->server[2]);     /* moved */
    assert_ptr_equal(two->server[1], one->server[0]);     /* another weight */
    assert_ptr_not_equal(two->server[2], one->server[1]); /* another endpoint: another server */
    assert_ptr_equal(two->cluster[0], one->cluster[0]);
    assert_ptr_equal(two->gate[0], one->gate[0]);
    assert_ptr_equal(two->socket[0], one->socket[0]);
    assert_int_equal(two->id, one->id + 1);
    assert_int_equal(atomic_load(&one->server[1]->generation), 1); /* it is in none that is newer */
    assert_int_equal(atomic_load(&two->server[0]->generation), 2);
    leave(one);
    leave(two);
}

#define CLUSTER "cluster web { server a 127.0.0.1:1 }\n"

/* What was counted of a clause goes on where its text stays, wherever it stands in its route;
 * blanks are no text. Of two alike the first is the first. */
static void what_clauses_have_decided_survives(void **state)
{
    (void)state;
    struct generation *one = generation(
        "lbconf 1\n" CLUSTER LISTENER "route r { when path == \"/a\" { tag \"x\"; continue } when "
        "path == \"/b\" { deny 404 } when path == \"/a\" { tag \"x\"; continue } otherwise { "
        "forward web } }\n",
        NULL);
    struct generation *two = generation(
        "lbconf 1\n" CLUSTER LISTENER
        "route r {\n when path == \"/c\" { deny 403 }\n when  path == \"/b\" {\n deny "
        "404 }\n when path == \"/a\" { tag \"x\"; continue }\n otherwise { deny 500 } }\n",
        one);
    const struct tally *const *before = (const struct tally *const *)one->tally;
    const struct tally *const *after = (const struct tally *const *)two->tally;

    assert_ptr_not_equal(before[0], before[2]); /* alike, and each its own */
    for (uint32_t i = 0; i < 4; i++)
        assert_ptr_not_equal(after[0], before[i]); /* new */
    assert_ptr_equal(after[1], before[1]);         /* written otherwise, the same words */
    assert_ptr_equal(after[2], before[0]);         /* moved */
    for (uint32_t i = 0; i < 4; i++)
        assert_ptr_not_equal(after[3], before[i]); /* it does something else */
    leave(one);
    leave(two);
}

static void health_and_drain_survive(void **state)
{
    (void)state;
    struct generation *one = generation(BEFORE, NULL);
    atomic_store(&one->server[0]->health, HEALTH_DOWN);
    atomic_store(&one->server[1]->admin, SERVER_DRAIN);
    struct generation *two = generation(BEFORE, one);
    leave(one);
    mailbox_close(&box); /* runs what was posted: the first generation is gone */
    assert_int_equal(n_retired, 1);
    assert_int_equal(atomic_load(&two->server[0]->health), HEALTH_DOWN);
    assert_int_equal(atomic_load(&two->server[1]->admin), SERVER_DRAIN);
    assert_int_equal(mailbox_open(&box, loop), 0);
    leave(two);
}

static void the_same_name_in_another_cluster_is_another_server(void **state)
{
    (void)state;
    struct generation *one = generation(BEFORE, NULL);
    struct generation *two = generation("lbconf 1\ncluster api { server a 127.0.0.1:1 }\n" LISTENER
                                        "route r { otherwise { forward api } }\n",
                                        one);
    assert_ptr_not_equal(two->server[0], one->server[0]);
    assert_ptr_not_equal(two->cluster[0], one->cluster[0]);
    leave(one);
    leave(two);
}

static void it_is_retired_once_with_its_last_pin(void **state)
{
    (void)state;
    struct generation *g = generation(BEFORE, NULL);
    generation_pin(g, 1); /* an exchange */
    assert_int_equal(generation_pins(g), WORKERS + 1);
    leave(g);
    assert_int_equal(generation_pins(g), 1);
    assert_null(atomic_load(&box.posted));
    generation_unpin(g, 1);
    assert_non_null(atomic_load(&box.posted));
    mailbox_close(&box);
    assert_int_equal(n_retired, 1);
}

static void a_socket_that_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    struct generation *one = generation(BEFORE, NULL);
    struct table *t = compiled("lbconf 1\ncluster web { server a 127.0.0.1:1 }\n"
                               "listener front { bind unix:/tmp/lbc-generation-test-2.sock\n"
                               "  bind unix:/nowhere/at/all.sock; route r }\n" ROUTE);
    assert_null(generation_new(t, (struct generation_needs){0}, &nobody, one, &home, &why));
    assert_non_null(strstr(why.at, "cannot listen on unix:/nowhere/at/all.sock"));
    assert_int_equal(atomic_load(&one->server[0]->pins), 1);
    assert_int_equal(atomic_load(&one->socket[0]->pins), 1);
    table_free(t);
    leave(one);
}

static void who_is_found_is_there_behind_the_cluster_s_own(void **state)
{
    (void)state;
    struct table_server server = {.name = SLICE_INIT(""), .weight = 5};
    assert_true(endpoint_parse(SLICE("127.0.0.1:9"), &server.endpoint));
    const struct found_servers one_more = {&server, 1};
    struct generation *one = generation(
        "lbconf 1\ncluster web { server a 127.0.0.1:1 }\ncluster api { server a 127.0.0.1:2 }\n" //
        LISTENER "route r { when path == \"/\" { forward api }\n otherwise { forward web } }\n",
        NULL);
    struct generation *two = generation_again(one, &one_more);
    assert_ptr_equal(two->table, one->table);
    assert_int_equal(two->n_servers, 3);
    assert_ptr_equal(two->server[0], one->server[0]);
    assert_ptr_equal(two->server[2], one->server[1]);
    assert_string_equal(two->server[1]->name, "127.0.0.1:9");
    assert_int_equal(two->part[0].n, 2);
    assert_int_equal(two->part[1].first, 2);
    assert_int_equal(two->spec[1].weight, 5);
    assert_int_equal(generation_find_server(two, 0, SLICE("127.0.0.1:9")), 1);
    assert_int_equal(generation_find_server(two, 1, SLICE("127.0.0.1:9")), UINT32_MAX);

    struct generation *three = generation_again(two, &one_more);
    assert_ptr_equal(three->server[1], two->server[1]);
    leave(one); /* the table stays, as others have it */
    leave(two);
    mailbox_close(&box);
    assert_int_equal(n_retired, 2);
    assert_int_equal(three->table->n_servers, 2);
    assert_int_equal(mailbox_open(&box, loop), 0);
    leave(three);
}

static int admin_of(const struct generation *g, uint32_t i)
{
    return atomic_load(&g->server[i]->admin);
}

/* Until it is promoted a canary changes nothing of what the other one has too. */
static void what_lives_apart_leaves_alone_what_others_have(void **state)
{
    (void)state;
    struct generation *one = generation(BEFORE, NULL);
    struct generation *two = generation_new_apart(
        compiled("lbconf 1\ncluster web { server a 127.0.0.1:1 { state drain; max-connections 5 }\n"
                 "  server d 127.0.0.1:4 { state drain } }\n" LISTENER ROUTE),
        (struct generation_needs){0}, &nobody, one, &home, &why);
    assert_non_null(two);
    assert_ptr_equal(two->server[0], one->server[0]);
    assert_int_equal(admin_of(one, 0), SERVER_READY);
    assert_int_equal(atomic_load(&one->server[0]->max_connections), 0);
    assert_int_equal(admin_of(two, 1), SERVER_DRAIN); /* its own */
    generation_stays(one);
    assert_int_equal(atomic_load(&one->server[1]->generation), two->id);

    struct generation *again = generation_again(two, &nobody);
    assert_int_equal(admin_of(one, 0), SERVER_READY);
    struct generation *three = generation_promote(again, one, &nobody);
    assert_int_equal(three->id, 4);
    assert_ptr_equal(three->server[1], two->server[1]);
    assert_int_equal(admin_of(three, 0), SERVER_DRAIN);
    assert_int_equal(atomic_load(&three->server[0]->max_connections), 5);
    assert_true(atomic_load(&one->server[1]->generation) < three->id); /* it has gone */
    leave(one);
    leave(two);
    leave(again);
    leave(three);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_the_same_is_the_same_object),
        TEST(what_clauses_have_decided_survives),
        TEST(health_and_drain_survive),
        TEST(the_same_name_in_another_cluster_is_another_server),
        TEST(it_is_retired_once_with_its_last_pin),
        TEST(a_socket_that_cannot_be_opened_changes_nothing),
        TEST(what_lives_apart_leaves_alone_what_others_have),
        TEST(who_is_found_is_there_behind_the_cluster_s_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
