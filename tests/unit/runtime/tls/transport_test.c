/* TLS behind `struct conn`, both ends in one thread over a pair of sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/metrics/metrics.h"
#include "runtime/tls/transport.h"

#define MB ((size_t)1024 * 1024)

static char folder[] = "/tmp/lbc-tls-XXXXXX";
static char pem[64];
static struct metrics metrics;
static struct wire wire;
static struct loop *loop;
static struct tickets *tickets;
static struct tls_context *context;
static struct tls_client *client_tls;

struct end {
    struct conn conn;
    int called; /* how often it was ready for reading */
};

struct pair {
    struct end server, client;
};

static void ready(void *of, unsigned what)
{
    struct end *e = of;
    e->called += what == WATCH_READ;
    conn_want(&e->conn, 0);
    loop_stop(loop);
}

static void write_pem(void)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EVP_PKEY *key = EVP_PKEY_new();
    assert_int_equal(EC_KEY_generate_key(ec), 1);
    assert_int_equal(EVP_PKEY_assign_EC_KEY(key, ec), 1);
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const uint8_t *)"a.test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(pem, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_int_equal(PEM_write_X509(f, x), 1);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(pem, sizeof(pem), "%s/a.pem", folder);
    write_pem();
    struct text why = {0};
    const struct table_certificate files = {slice_of(pem), slice_of(pem)};
    struct certificate *certificate = certificate_load(&files, false, &why);
    assert_non_null(certificate);
    const struct table_tls block = {.certificate = &files,
                                    .n_certificates = 1,
                                    .min_version = 12,
                                    .max_version = 13,
                                    .tickets = true,
                                    .session_ttl_ns = INT64_C(3600) * 1000000000};
    const struct table_upstream_tls up = {
        .on = true, .verify = VERIFY_NONE, .min_version = 12, .sni = SLICE_INIT("A.test.")};
    tickets = tickets_new();
    tickets_set_life(tickets, block.session_ttl_ns);
    context = tls_context_new(&block, &certificate, tickets, &why);
    client_tls = tls_client_new(&up, &why);
    assert_non_null(context);
    assert_non_null(client_tls);
    certificate_unpin(certificate);
    text_done(&why);
    wire_init(&wire, &metrics);
    loop = loop_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_client_unpin(client_tls);
    tls_context_unpin(context);
    tickets_unpin(tickets);
    wire_done(&wire); /* with nothing held: every connection gave back what it kept */
    loop_free(loop);
    unlink(pem);
    rmdir(folder);
    return 0;
}

static struct pair *pair_open(struct tls_session **session)
{
    struct pair *p = MUST_NEW(struct pair);
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    assert_true(tls_accept(&p->server.conn, &wire, context, loop, fd[0], ready, &p->server));
    assert_true(tls_connect(&p->client.conn, &wire, client_tls, SLICE("b.test"), session, loop,
                            fd[1], ready, &p->client));
    return p;
}

static void pair_close(struct pair *p)
{
    conn_close(&p->client.conn);
    conn_close(&p->server.conn);
    free(p);
}

static void shake_hands(struct pair *p)
{
    char c;
    for (int turn = 0; turn < 10; turn++) {
        const int done = conn_handshake(&p->client.conn);
        assert_true(done == 0 || done == -EAGAIN);
        assert_int_equal(conn_read(&p->server.conn, &c, 1), -EAGAIN);
        if (done == 0 && tls_peer(&p->server.conn))
            return;
    }
    fail_msg("the handshake does not end");
}

static struct pair *pair_ready(void)
{
    struct pair *p = pair_open(NULL);
    shake_hands(p);
    return p;
}

static char *pattern(size_t len)
{
    char *at = MUST_ARRAY(char, len);
    for (size_t i = 0; i < len; i++)
        at[i] = (char)(i * 7 + i / 251);
    return at;
}

static ssize_t write_from(struct conn *c, const char *at, size_t len)
{
    /* Three parts, a small one first: what a head, a body and its end are. */
    const size_t a = len > 100 ? 100 : len, b = len - a > 50000 ? 50000 : len - a;
    const struct iovec part[3] = {{(char *)(uintptr_t)at, a},
                                  {(char *)(uintptr_t)at + a, b},
                                  {(char *)(uintptr_t)at + a + b, len - a - b}};
    return conn_write(c, part, 3);
}

/* Moves all of it, reading `room` bytes at a time. */
static void move(struct conn *from, struct conn *to, size_t len, size_t room)
{
    char *out = pattern(len), *in = MUST_ARRAY(char, len + room);
    size_t sent = 0, got = 0;
    while (got < len) {
        const ssize_t w = sent < len ? write_from(from, out + sent, len - sent) : 0;
        assert_true(w >= 0 || w == -EAGAIN);
        sent += w > 0 ? (size_t)w : 0;
        for (ssize_t r; got < len && (r = conn_read(to, in + got, room)) != -EAGAIN;) {
            assert_true(r > 0 && (size_t)r <= room);
            got += (size_t)r;
        }
    }
    assert_int_equal(sent, len);
    assert_int_equal(got, len);
    assert_memory_equal(in, out, len);
    free(in);
    free(out);
}

static void a_handshake_says_what_it_came_to(void **state)
{
    (void)state;
    struct pair *p = pair_open(NULL);
    assert_null(tls_peer(&p->server.conn));
    shake_hands(p);
    const struct tls_peer *server = tls_peer(&p->server.conn), *client = tls_peer(&p->client.conn);
    assert_int_equal(server->version, 13);
    assert_true(slice_eq(server->sni, SLICE("a.test"))); /* as it is compared */
    assert_true(slice_eq(client->protocol, SLICE("http/1.1")));
    assert_false(server->verified);
    assert_true(tls_is_by(&p->client.conn, client_tls));
    assert_false(tls_is_by(&p->client.conn, NULL));
    pair_close(p);
}

static void bytes_go_both_ways_however_they_are_cut(void **state)
{
    (void)state;
    static const struct {
        size_t len, room;
    } rows[] = {{1, 1},          {100, 7},        {16384, 16384},  {16385, 16384}, {65536, 1000},
                {100000, 48000}, {3 * MB, 48000}, {3 * MB, 16384}, {200000, 3},    {MB, 2 * MB}};
    struct pair *p = pair_ready();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        move(&p->client.conn, &p->server.conn, rows[i].len, rows[i].room);
        move(&p->server.conn, &p->client.conn, rows[i].len, rows[i].room);
    }
    pair_close(p);
}

static void what_is_written_is_out(void **state)
{
    (void)state;
    struct pair *p = pair_ready();
    char *out = pattern(8 * MB), *in = MUST_ARRAY(char, 8 * MB);
    ssize_t n;
    size_t sent = 0, got = 0;
    while ((n = write_from(&p->server.conn, out + sent, 8 * MB - sent)) > 0)
        sent += (size_t)n;
    assert_int_equal(n, -EAGAIN);
    /* What it said that it took can be read, although nobody writes again. */
    while (got < sent && (n = conn_read(&p->client.conn, in + got, 48000)) > 0)
        got += (size_t)n;
    assert_true(got >= sent);
    assert_memory_equal(in, out, got);
    free(out);
    free(in);
    pair_close(p);
}

static void a_read_that_filled_its_room_is_followed_by_a_call(void **state)
{
    (void)state;
    struct pair *p = pair_ready();
    char room[1000], *out = pattern(40000);
    assert_int_equal(write_from(&p->client.conn, out, 40000), 40000);
    size_t got = 0;
    ssize_t n = conn_read(&p->server.conn, room, sizeof(room));
    for (; n > 0; got += (size_t)n, n = conn_read(&p->server.conn, room, sizeof(room))) {
        if (n < (ssize_t)sizeof(room))
            continue;
        const int before = p->server.called;
        conn_want(&p->server.conn, WATCH_READ); /* there may be nothing in the socket any more */
        if (got + (size_t)n < 40000) {
            loop_run(loop);
            assert_int_equal(p->server.called, before + 1);
        }
        conn_want(&p->server.conn, 0);
    }
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(got, 40000);
    free(out);
    pair_close(p);
}

static void an_end_is_told_and_a_reset_is_not_one(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct pair *p = pair_ready();
        char room[100];
        assert_int_equal(write_from(&p->server.conn, "abc", 3), 3);
        if (reset)
            conn_reset(&p->server.conn);
        else
            conn_close(&p->server.conn);
        assert_int_equal(conn_read(&p->client.conn, room, sizeof(room)), 3);
        const ssize_t end = conn_read(&p->client.conn, room, sizeof(room));
        if (reset)
            assert_true(end < 0 && end != -EAGAIN);
        else
            assert_int_equal(end, 0);
        pair_close(p);
    }
}

static void one_side_may_end_and_the_other_go_on(void **state)
{
    (void)state;
    struct pair *p = pair_ready();
    char room[100];
    conn_shut(&p->client.conn);
    assert_int_equal(conn_read(&p->server.conn, room, sizeof(room)), 0);
    move(&p->server.conn, &p->client.conn, 100000, 48000);
    pair_close(p);
}

static void a_letter_makes_it_a_plain_connection(void **state)
{
    (void)state;
    struct pair *p = MUST_NEW(struct pair);
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    assert_true(tls_accept(&p->server.conn, &wire, context, loop, fd[0], ready, &p->server));
    char room[100];
    assert_int_equal(conn_read(&p->server.conn, room, sizeof(room)), -EAGAIN);
    assert_int_equal(send(fd[1], "G", 1, 0), 1);
    assert_int_equal(conn_read(&p->server.conn, room, sizeof(room)), -EPROTONOSUPPORT);
    assert_int_equal(write_from(&p->server.conn, "no", 2), 2);
    assert_int_equal(recv(fd[1], room, sizeof(room), 0), 2);
    assert_memory_equal(room, "no", 2);
    assert_null(tls_peer(&p->server.conn));
    conn_close(&p->server.conn);
    close(fd[1]);
    free(p);
}

static void a_session_is_resumed(void **state)
{
    (void)state;
    struct tls_session *session = NULL;
    const int64_t before = metrics.tls_resumed;
    for (int i = 0; i < 3; i++) {
        struct pair *p = pair_open(&session);
        shake_hands(p);
        move(&p->server.conn, &p->client.conn, 10, 100); /* its tickets come along */
        pair_close(p);
    }
    assert_non_null(session);
    assert_int_equal(metrics.tls_resumed, before + 2);
    tls_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_says_what_it_came_to),
        cmocka_unit_test(bytes_go_both_ways_however_they_are_cut),
        cmocka_unit_test(what_is_written_is_out),
        cmocka_unit_test(a_read_that_filled_its_room_is_followed_by_a_call),
        cmocka_unit_test(an_end_is_told_and_a_reset_is_not_one),
        cmocka_unit_test(one_side_may_end_and_the_other_go_on),
        cmocka_unit_test(a_letter_makes_it_a_plain_connection),
        cmocka_unit_test(a_session_is_resumed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
