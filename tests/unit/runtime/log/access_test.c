#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/log/access.h"

static void a_record_starts_empty(void **state)
{
    (void)state;
    struct access_ring *r = access_ring_new(2);
    assert_null(access_ring_first(r));
    for (int i = 0; i < 5; i++) {
        struct access_record *a = access_ring_begin(r);
        assert_int_equal(a->status, 0);
        assert_int_equal(a->uri.len, 0);
        assert_false(a->uri.cut);
        assert_int_equal(a->connect_ns, -1);
        a->status = 200;
        ACCESS_SET(a->uri, SLICE("/"));
        access_ring_end(r);
        assert_int_equal(access_ring_first(r)->status, 200);
        access_ring_drop(r);
    }
    access_ring_free(r);
    access_ring_free(NULL);
}

static void a_full_ring_refuses_and_keeps_the_oldest(void **state)
{
    (void)state;
    struct access_ring *r = access_ring_new(4);
    for (uint16_t i = 1; i <= 4; i++) {
        access_ring_begin(r)->status = i;
        access_ring_end(r);
    }
    assert_null(access_ring_begin(r));
    assert_int_equal(access_ring_first(r)->status, 1);
    access_ring_drop(r);
    access_ring_begin(r)->status = 5;
    access_ring_end(r);
    assert_null(access_ring_begin(r));
    for (uint16_t i = 2; i <= 5; i++) {
        assert_int_equal(access_ring_first(r)->status, i);
        access_ring_drop(r);
    }
    assert_null(access_ring_first(r));
    access_ring_free(r);
}

#define SENT 200000

static void *send_all(void *arg)
{
    struct access_ring *r = arg;
    for (uint64_t i = 0; i < SENT;) {
        struct access_record *a = access_ring_begin(r);
        if (!a) {
            sched_yield();
            continue;
        }
        a->sent_bytes = i;
        ACCESS_SET(a->uri, i % 2 ? SLICE("/odd") : SLICE("/even"));
        access_ring_end(r);
        i++;
    }
    return NULL;
}

static void every_record_arrives_once_and_in_order(void **state)
{
    (void)state;
    struct access_ring *r = access_ring_new(64);
    pthread_t worker;
    assert_int_equal(pthread_create(&worker, NULL, send_all, r), 0);
    for (uint64_t i = 0; i < SENT;) {
        const struct access_record *a = access_ring_first(r);
        if (!a) {
            sched_yield();
            continue;
        }
        if (a->sent_bytes != i || a->uri.len != (i % 2 ? 4 : 5))
            fail_msg("record %llu is %llu", (unsigned long long)i,
                     (unsigned long long)a->sent_bytes);
        access_ring_drop(r);
        i++;
    }
    pthread_join(worker, NULL);
    assert_null(access_ring_first(r));
    access_ring_free(r);
}

/* A record that is all there: what a proxied request leaves. */
static struct access_record whole(void)
{
    struct access_record a = {.wall_ns = 1772357400250999999,
                              .generation = 3,
                              .request_id = {0x0123456789abcdef, 0xfeull},
                              .client_port = 51234,
                              .status = 200,
                              .server_status = 200,
                              .minor_version = 1,
                              .tries = 1,
                              .end = ACCESS_COMPLETE,
                              .clause = 7,
                              .head_ns = 12345,
                              .connect_ns = 0,
                              .first_byte_ns = 1500 * NS_PER_US,
                              .total_ns = 61 * NS_PER_S + 1,
                              .received_bytes = 321,
                              .sent_bytes = UINT64_MAX};
    const bool parsed = address_parse(SLICE("10.0.0.7"), &a.client);
    assert_true(parsed);
    ACCESS_SET(a.method, SLICE("GET"));
    ACCESS_SET(a.listener, SLICE("public"));
    ACCESS_SET(a.route, SLICE("main"));
    ACCESS_SET(a.cluster, SLICE("web"));
    ACCESS_SET(a.server, SLICE("one"));
    ACCESS_SET(a.host, SLICE("www.example"));
    ACCESS_SET(a.uri, SLICE("/a?b=\"c\"\n\xff"));
    return a;
}

static void a_whole_record_has_every_key(void **state)
{
    (void)state;
    const struct access_record a = whole();
    struct text out = {0};
    access_format(&a, &out);
    assert_string_equal(
        out.at, "{\"time\":\"2026-03-01T09:30:00.250Z\","
                "\"request_id\":\"0123456789abcdef00000000000000fe\",\"client\":\"10.0.0.7\","
                "\"client_port\":51234,\"listener\":\"public\",\"method\":\"GET\",\"scheme\":"
                "\"http\",\"host\":\"www.example\","
                "\"uri\":\"/"
                "a?b=\\\"c\\\"\\n\\ufffd\",\"version\":\"1.1\",\"status\":200,\"end\":\"complete\","
                "\"generation\":3,\"clause\":\"main:7\",\"cluster\":\"web\",\"server\":\"one\","
                "\"server_status\":200,\"tries\":1,\"head_ms\":0.012,\"connect_ms\":0.000,"
                "\"first_byte_ms\":1.500,\"total_ms\":61000.000,\"received_bytes\":321,"
                "\"sent_bytes\":18446744073709551615}");
    text_done(&out);
}

static void what_is_absent_is_left_out(void **state)
{
    (void)state;
    const struct access_record a = {.wall_ns = 0,
                                    .generation = 1,
                                    .end = ACCESS_CLIENT_TIMEOUT,
                                    .connect_ns = -1,
                                    .first_byte_ns = -1};
    struct text out = {0};
    access_format(&a, &out);
    assert_string_equal(out.at, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"end\":\"client-timeout\","
                                "\"generation\":1,\"tries\":0,\"head_ms\":0.000,\"total_ms\":0.000,"
                                "\"received_bytes\":0,\"sent_bytes\":0}");
    text_done(&out);
}

static void what_was_cut_is_named(void **state)
{
    (void)state;
    struct access_record a = whole();
    char big[600];
    memset(big, 'x', sizeof(big));
    ACCESS_SET(a.uri, ((struct slice){big, 512}));
    struct text out = {0};
    access_format(&a, &out);
    assert_null(strstr(out.at, "\"cut\"")); /* it just fits */

    ACCESS_SET(a.uri, ((struct slice){big, 513}));
    ACCESS_SET(a.route, ((struct slice){big, 65}));
    text_clear(&out);
    access_format(&a, &out);
    assert_non_null(strstr(out.at, ",\"cut\":[\"uri\",\"clause\"]}"));

    a.clause = 0; /* then there is no key to be cut */
    text_clear(&out);
    access_format(&a, &out);
    assert_non_null(strstr(out.at, ",\"cut\":[\"uri\"]}"));
    assert_null(strstr(out.at, "clause"));
    text_done(&out);
}

static struct address at(const char *text)
{
    struct address a;
    assert_true(address_parse(slice_of(text), &a));
    return a;
}

/* What the line says between listener and time: who it was. */
static const struct {
    const char *says, *client, *peer;
    uint16_t client_port, peer_port;
    const char *is;
} whose[] = {
    /* clang-format off */
    {"who connected", "10.0.0.7", "10.0.0.7", 5, 5, ",\"client\":\"10.0.0.7\",\"client_port\":5,\"end\""},
    {"a PROXY header", "192.0.2.1", "10.0.0.7", 5, 6, ",\"client\":\"192.0.2.1\",\"client_port\":5,\"peer\":\"10.0.0.7\",\"peer_port\":6,\"end\""},
    {"a forwarded client has no port", "192.0.2.1", "10.0.0.7", 0, 6, ",\"client\":\"192.0.2.1\",\"peer\":\"10.0.0.7\",\"peer_port\":6,\"end\""},
    {"by a Unix socket", "::", "::", 0, 0, "Z\",\"end\""},
    {"by a Unix socket, for another", "192.0.2.1", "::", 5, 0, ",\"client\":\"192.0.2.1\",\"client_port\":5,\"end\""},
    /* clang-format on */
};

static void the_line_says_who_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(whose); i++) {
        const struct access_record a = {.client = at(whose[i].client),
                                        .peer = at(whose[i].peer),
                                        .client_port = whose[i].client_port,
                                        .peer_port = whose[i].peer_port};
        struct text out = {0};
        access_format(&a, &out);
        if (!strstr(out.at, whose[i].is))
            fail_msg("%s: %s", whose[i].says, out.at);
        text_done(&out);
    }
}

static void a_tcp_connection_has_no_request(void **state)
{
    (void)state;
    struct access_record a = {.tcp = true, .end = ACCESS_DRAINED};
    ACCESS_SET(a.host, SLICE("a.example"));
    struct text out = {0};
    access_format(&a, &out);
    assert_non_null(
        strstr(out.at, ",\"proto\":\"tcp\",\"host\":\"a.example\",\"end\":\"drained\""));
    assert_null(strstr(out.at, "scheme"));
    assert_null(strstr(out.at, "version"));
    text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_who_it_was),
        cmocka_unit_test(a_tcp_connection_has_no_request),
        cmocka_unit_test(a_record_starts_empty),
        cmocka_unit_test(a_full_ring_refuses_and_keeps_the_oldest),
        cmocka_unit_test(every_record_arrives_once_and_in_order),
        cmocka_unit_test(a_whole_record_has_every_key),
        cmocka_unit_test(what_is_absent_is_left_out),
        cmocka_unit_test(what_was_cut_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
