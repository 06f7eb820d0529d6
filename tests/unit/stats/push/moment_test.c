/* Two moments as JSON: rates, what changed, and what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "stats/push/moment.h"

/* A cluster `web` of these servers, `at_s` seconds after the beginning. */
static struct sample *sample_of(int64_t at_s, uint64_t generation, uint32_t n,
                                const struct control_server *server)
{
    struct sample *s = MUST_NEW(struct sample);
    s->at_ns = at_s * NS_PER_S;
    s->wall_ns = (1000 + at_s) * NS_PER_S;
    s->info = (struct control_info){
        .version = "0.1.0", .file = "a.lbconf", .generation = generation, .serving = true};
    s->metric = ARENA_ARRAY(&s->arena, int64_t, metric_count);
    for (size_t i = 0; i < metric_count; i++)
        if (metric_info[i].offset == offsetof(struct metrics, requests_total))
            s->metric[i] = at_s * 20;
    s->cluster = ARENA_ARRAY(&s->arena, struct control_cluster, 1);
    s->cluster[0] = (struct control_cluster){
        .name = SLICE("web"), .balance = "round-robin", .servers = n, .usable = 1, .in_use = 1};
    s->cluster[0].first_byte.bucket[5] = (uint64_t)at_s;
    s->n_clusters = 1;
    s->server = ARENA_ARRAY(&s->arena, struct control_server, n);
    if (n > 0)
        memcpy(s->server, server, n * sizeof(*server));
    s->n_servers = n;
    return s;
}

static struct control_server server_of(const char *name, uint64_t requests)
{
    return (struct control_server){.cluster = SLICE("web"),
                                   .name = slice_of(name),
                                   .endpoint = "127.0.0.1:1",
                                   .last_check = "",
                                   .weight = 1,
                                   .since_wall_ns = 900 * NS_PER_S,
                                   .requests = requests,
                                   .answers = requests,
                                   .answers_ns = requests * 3 * NS_PER_MS};
}

static void has(const struct text *t, const char *what)
{
    if (!strstr(t->at, what))
        fail_msg("%s is not in\n%s", what, t->at);
}

static void rates(void **state)
{
    (void)state;
    assert_true(moment_rate(30, 10, 2 * NS_PER_S) == 10);
    assert_true(moment_rate(10, 10, NS_PER_S) == 0);
    assert_true(moment_rate(9, 10, NS_PER_S) < 0);
    assert_true(moment_rate(30, 10, 0) < 0);
}

static void the_first_moment_has_no_rates(void **state)
{
    (void)state;
    const struct control_server one = server_of("a\"b", 10);
    struct moment *s = moment_new(sample_of(1, 1, 1, &one), NULL);
    struct text out = {0};
    moment_write(s, &out);
    has(&out, "\"version\":\"0.1.0\",\"file\":\"a.lbconf\",\"generation\":1,");
    has(&out, "\"requests_s\":null");
    has(&out, "{\"name\":\"web\",\"balance\":\"round-robin\","
              "\"row\":[1,1,1,false,0,0,false,null,null,null,null]}");
    has(&out, "{\"cluster\":0,\"name\":\"a\\\"b\",\"endpoint\":\"127.0.0.1:1\",\"backup\":false,"
              "\"priority\":0,\"row\":[\"unchecked\",\"\",900,1,0,0,null,null,null,10]}");
    text_done(&out);
    moment_free(s);
}

static void only_what_changed_is_told(void **state)
{
    (void)state;
    struct control_server then[] = {server_of("a", 10), server_of("b", 10), server_of("c", 10)};
    struct control_server now[] = {then[0], then[1], then[2]};
    struct moment *zero = moment_new(sample_of(0, 1, 3, then), NULL);
    struct moment *one = moment_new(sample_of(2, 1, 3, then), zero->now);
    now[1].requests += 6; /* in 2 seconds */
    now[1].statuses.of_class[5] += 1;
    now[1].answers += 3;
    now[1].answers_ns += 30 * NS_PER_MS;
    struct moment *two = moment_new(sample_of(4, 1, 3, now), one->now);
    struct text out = {0};
    moment_write_changes(two, one, &out);
    has(&out, "\"requests_s\":20.0");
    has(&out, "\"clusters\":{\"0\":[3,1,1,false,0,0,false,3.00,0.50,");
    has(&out, "\"servers\":{\"1\":[\"unchecked\",\"\",900,1,0,0,3.00,0.50,10.0,16]}}");
    text_done(&out);
    moment_free(zero);
    moment_free(one);
    moment_free(two);
}

static void other_servers_are_not_told_as_changes(void **state)
{
    (void)state;
    const struct control_server then[] = {server_of("a", 10), server_of("b", 10)};
    struct control_server now[] = {server_of("new", 0), server_of("b", 14)};
    struct moment *one = moment_new(sample_of(0, 1, 2, then), NULL);
    struct moment *two = moment_new(sample_of(1, 2, 2, now), one->now);
    struct text out = {0};
    moment_write_changes(two, one, &out);
    assert_int_equal(out.len, 0);
    moment_write(two, &out);
    has(&out, "\"name\":\"new\",\"endpoint\":\"127.0.0.1:1\",\"backup\":false,\"priority\":0,"
              "\"row\":[\"unchecked\",\"\",900,1,0,0,null,null,null,0]");
    has(&out, "0,0,4.00,0,3.00,14]"); /* b is found again where it is now */
    text_done(&out);
    moment_free(one);
    moment_free(two);
}

static void one_word_says_how_a_server_is(void **state)
{
    (void)state;
    static const struct {
        struct control_server s;
        const char *row;
    } ROW[] = {
        {{.checked = true, .health = HEALTH_UP, .last_check = "status 200"},
         "[\"up\",\"status 200\""},
        {{.checked = true, .health = HEALTH_DOWN, .last_check = "refused"},
         "[\"down\",\"refused\""},
        {{.checked = true, .health = HEALTH_UNKNOWN, .last_check = ""}, "[\"checking\",\"\""},
        {{.standby = true}, "[\"standby\",\"\""},
        {{.ejected_for_ns = 1, .ejected_why = {OUTLIER_IN_A_ROW, 5, 0}},
         "[\"ejected\",\"5 errors in a row\""},
        {{.admin = SERVER_DRAIN, .checked = true, .health = HEALTH_DOWN, .last_check = "x"},
         "[\"drain\",\"x\""},
        {{.admin = SERVER_MAINTENANCE,
          .ejected_for_ns = 1,
          .ejected_why = {OUTLIER_IN_A_ROW, 1, 0}},
         "[\"maintenance\",\"1 error in a row\""},
    };
    for (size_t i = 0; i < COUNT_OF(ROW); i++) {
        struct control_server one = ROW[i].s;
        one.cluster = SLICE("web");
        one.name = SLICE("a");
        struct moment *s = moment_new(sample_of(1, 1, 1, &one), NULL);
        struct text out = {0};
        moment_write(s, &out);
        has(&out, ROW[i].row);
        text_done(&out);
        moment_free(s);
    }
}

static void there_may_be_nothing(void **state)
{
    (void)state;
    struct moment *s = moment_new(sample_of(1, 1, 0, NULL), NULL);
    struct text out = {0};
    moment_write(s, &out);
    has(&out, "\"servers\":[]}");
    text_done(&out);
    moment_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(the_first_moment_has_no_rates),
        cmocka_unit_test(only_what_changed_is_told),
        cmocka_unit_test(other_servers_are_not_told_as_changes),
        cmocka_unit_test(one_word_says_how_a_server_is),
        cmocka_unit_test(there_may_be_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
