/* What connections may take, with costs of a digit each: what was counted can be read off the sum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/table/memory.h"

static const struct memory_costs COSTS = {
    .buffer_bytes = 1000,
    .buffers_max = 50,
    .worker_bytes = 7,
    .idle_links_max = 5,
    .server_h2_max = 2,
    .session = {.bytes = 1},
    .exchange = {.bytes = 10, .buffers = 4},
    .question = {.bytes = 50},
    .link = {.bytes = 100},
    .tls_idle = {.bytes = 1000},
    .tls_most = {.bytes = 3000},
    .tls_chain = {.bytes = 10000},
    .h2_idle = {.bytes = 100000},
    .h2_most = {.bytes = 200000, .buffers = 1},
    .stream = {.bytes = 1000000, .buffers = 3},
    .server_h2 = {.bytes = 10000000, .buffers = 1},
    .found_max = 10,
    .compressors_max = 3,
    .coding_bytes = {[TABLE_CODING_GZIP] = 5, [TABLE_CODING_BR] = 9, [TABLE_CODING_ZSTD] = 100},
};

static const struct table_tls SHOWN[] = {{.client_verify = CLIENT_VERIFY_OFF},
                                         {.client_verify = CLIENT_VERIFY_OPTIONAL}};

/* One listener of two connections with two streams each, and one cluster of two servers. */
static const struct row {
    const char *sentence;
    bool tcp, server_tls, server_h2, server_proxied, asked;
    uint32_t tls;
    struct memory_cost idle, most, h2_idle, h2_most;
    uint64_t servers_bytes;
} rows[] = {
    {.sentence = "plain on both sides",
     .tls = TABLE_NO_TLS,
     .idle = {1, 0},
     .most = {11, 4},
     .h2_idle = {100001, 0},
     .h2_most = {200001 + 2 * 1000011, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 100},
    {.sentence = "TLS with clients",
     .tls = 0,
     .idle = {1001, 0},
     .most = {3011, 4},
     .h2_idle = {101001, 0},
     .h2_most = {203001 + 2 * 1000011, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 100},
    {.sentence = "clients that show certificates",
     .tls = 1,
     .idle = {11001, 0},
     .most = {13011, 4},
     .h2_idle = {111001, 0},
     .h2_most = {213001 + 2 * 1000011, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 100},
    {.sentence = "TLS with servers",
     .tls = TABLE_NO_TLS,
     .server_tls = true,
     .idle = {1, 0},
     .most = {13011, 4},
     .h2_idle = {100001, 0},
     .h2_most = {200001 + 2 * 1013011, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 11100},
    {.sentence = "HTTP/2 with servers",
     .tls = TABLE_NO_TLS,
     .server_h2 = true,
     .idle = {1, 0},
     .most = {1000011, 7},
     .h2_idle = {100001, 0},
     .h2_most = {200001 + 2 * 2000011, 1 + 2 * 10},
     .servers_bytes = 2 * 2 * (uint64_t)10001000},
    {.sentence = "servers that are told who the client is keep a connection for it",
     .tls = TABLE_NO_TLS,
     .server_proxied = true,
     .idle = {101, 0},
     .most = {111, 4},
     .h2_idle = {100001, 0},
     .h2_most = {200001 + 2 * 1000011, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 100},
    {.sentence = "each request may be asked about",
     .tls = TABLE_NO_TLS,
     .asked = true,
     .idle = {1, 0},
     .most = {61, 4},
     .h2_idle = {100001, 0},
     .h2_most = {200001 + 2 * 1000061, 1 + 2 * 7},
     .servers_bytes = 2 * 4 * 100},
    {.sentence = "and no connection of TCP",
     .tls = TABLE_NO_TLS,
     .tcp = true,
     .asked = true,
     .idle = {11, 0},
     .most = {11, 4},
     .servers_bytes = 2 * 2 * 100},
    {.sentence = "a silent connection of TCP has its server's",
     .tls = TABLE_NO_TLS,
     .tcp = true,
     .server_tls = true,
     .idle = {11011, 0},
     .most = {13011, 4},
     .servers_bytes = 2 * 2 * 11100},
};

static void same(const char *sentence, const char *what, struct memory_cost a, struct memory_cost b)
{
    if (a.bytes != b.bytes || a.buffers != b.buffers)
        fail_msg("%s, %s: %llu bytes and %llu buffers, not %llu and %llu", sentence, what,
                 (unsigned long long)a.bytes, (unsigned long long)a.buffers,
                 (unsigned long long)b.bytes, (unsigned long long)b.buffers);
}

struct fixture {
    struct table_bind bind;
    struct table_listener listener;
    struct table_cluster cluster;
    struct table t;
};

static void make(const struct row *r, struct fixture *f)
{
    f->bind = (struct table_bind){.tls = r->tls};
    f->listener = (struct table_listener){
        .bind = &f->bind, .n_binds = 1, .max_connections = 2, .max_streams = 2, .tcp = r->tcp};
    f->cluster = (struct table_cluster){.n_servers = 2,
                                        .h2 = r->server_h2,
                                        .proxy_protocol = r->server_proxied ? 2 : 0,
                                        .tls = {.on = r->server_tls}};
    f->t = (struct table){.listener = &f->listener,
                          .n_listeners = 1,
                          .cluster = &f->cluster,
                          .n_clusters = 1,
                          .n_auth_rules = r->asked,
                          .tls = SHOWN,
                          .n_tls = COUNT_OF(SHOWN)};
}

static void each_thing_is_counted_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        struct fixture f;
        make(r, &f);
        struct memory_listener l;
        memory_of_listener(&f.t, &COSTS, 0, &l);
        assert_int_equal(l.connections, 2);
        assert_int_equal(l.streams, r->tcp ? 0 : 2);
        same(r->sentence, "waiting", l.h1.idle, r->idle);
        same(r->sentence, "at most", l.h1.most, r->most);
        same(r->sentence, "waiting with HTTP/2", l.h2.idle, r->h2_idle);
        same(r->sentence, "at most with HTTP/2", l.h2.most, r->h2_most);
        struct memory_all all;
        memory_of_all(&f.t, &COSTS, &all);
        if (all.worker_servers_bytes != r->servers_bytes)
            fail_msg("%s: %llu bytes of connections to servers", r->sentence,
                     (unsigned long long)all.worker_servers_bytes);
    }
}

static void what_costs_more_is_counted_for_all(void **state)
{
    (void)state;
    struct fixture f;
    make(&rows[0], &f);
    struct memory_all all;
    memory_of_all(&f.t, &COSTS, &all);
    same("all", "waiting", all.connections.idle, (struct memory_cost){2 * 100001, 0});
    same("all", "at most", all.connections.most,
         (struct memory_cost){2 * (200001 + 2 * 1000011), 2 * 15});
    assert_int_equal(all.worker_bytes, 7);
    assert_int_equal(all.worker_buffers_bytes, 30 * 1000); /* none of its 50 is missing */
    f.listener.max_connections = 4;
    memory_of_all(&f.t, &COSTS, &all);
    assert_int_equal(all.worker_buffers_bytes, 50 * 1000);
    assert_int_equal(memory_bytes(&COSTS, all.connections.most),
                     4 * (200001 + 2 * 1000011) + 4 * 15 * 1000);
}

static void bodies_are_compressed_where_a_listener_says_so(void **state)
{
    (void)state;
    struct fixture f;
    make(&rows[0], &f);
    struct memory_all all;
    memory_of_all(&f.t, &COSTS, &all);
    assert_int_equal(all.worker_compress_bytes, 0);
    f.listener.compress.coding[0] = TABLE_CODING_BR;
    f.listener.compress.coding[1] = TABLE_CODING_GZIP;
    f.listener.compress.n_codings = 2;
    memory_of_all(&f.t, &COSTS, &all);
    assert_int_equal(all.worker_compress_bytes, 3 * 9);
    f.listener.max_connections = f.listener.max_streams = 1; /* no more than there are requests */
    memory_of_all(&f.t, &COSTS, &all);
    assert_int_equal(all.worker_compress_bytes, 9);
}

static void servers_that_will_be_found_are_counted_too(void **state)
{
    (void)state;
    struct fixture f;
    make(&rows[0], &f);
    struct memory_all written, found;
    memory_of_all(&f.t, &COSTS, &written);
    f.cluster.n_sources = 1;
    memory_of_all(&f.t, &COSTS, &found);
    assert_true(written.worker_servers_bytes > 0);
    assert_int_equal(found.worker_servers_bytes, written.worker_servers_bytes / 2 * 12);
}

static uint64_t ten_each(uint32_t entries)
{
    return 10 * (uint64_t)entries;
}

static void clients_are_remembered_where_no_cookie_says_all(void **state)
{
    (void)state;
    struct memory_costs costs = COSTS;
    struct memory_all all;
    struct fixture f;
    make(&rows[0], &f);
    costs.sticky_bytes = ten_each;
    memory_of_all(&f.t, &costs, &all);
    assert_int_equal(all.sticky_bytes, 0);
    static const enum table_sticky_kind KIND[] = {STICKY_SRC, STICKY_HEADER, STICKY_LEARN};
    for (size_t i = 0; i < sizeof(KIND) / sizeof(KIND[0]); i++) {
        f.cluster.sticky = (struct table_sticky){.kind = KIND[i], .entries = 7};
        memory_of_all(&f.t, &costs, &all);
        assert_int_equal(all.sticky_bytes, 70);
    }
    f.cluster.sticky = (struct table_sticky){.kind = STICKY_COOKIE};
    memory_of_all(&f.t, &costs, &all);
    assert_int_equal(all.sticky_bytes, 0);

    costs.told_bytes = 1000;
    f.cluster.sticky =
        (struct table_sticky){.kind = STICKY_SRC, .entries = 7, .shared = TABLE_NO_SHARED};
    memory_of_all(&f.t, &costs, &all);
    const uint64_t alone = all.worker_bytes;
    f.cluster.sticky.shared = 0;
    memory_of_all(&f.t, &costs, &all);
    assert_int_equal(all.worker_bytes, alone + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_is_counted_once),
        cmocka_unit_test(what_costs_more_is_counted_for_all),
        cmocka_unit_test(bodies_are_compressed_where_a_listener_says_so),
        cmocka_unit_test(servers_that_will_be_found_are_counted_too),
        cmocka_unit_test(clients_are_remembered_where_no_cookie_says_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
