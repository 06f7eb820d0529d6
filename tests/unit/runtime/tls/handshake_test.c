/* A TLS 1.3 handshake in memory: the BoringSSL that was built is whole, and does what we need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string.h>

#include "runtime/base/check.h"
#include "runtime/tls/library.h"

#define ALPN_H2_H1 "\x02h2\x08http/1.1"
#define ALPN_H1    "\x08http/1.1"

/* Both ends of one connection, with a pair of BIOs for the wire. */
struct pair {
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
};

static EVP_PKEY *new_p256_key(void)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    assert_non_null(ec);
    assert_int_equal(EC_KEY_generate_key(ec), 1);
    EVP_PKEY *key = EVP_PKEY_new();
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_assign_EC_KEY(key, ec), 1);
    return key;
}

static X509 *new_self_signed(EVP_PKEY *key, const char *name)
{
    X509 *cert = X509_new();
    assert_non_null(cert);
    assert_int_equal(X509_set_version(cert, 2), 1); /* counts from 0: X.509 v3 */
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    X509_NAME *subject = X509_get_subject_name(cert);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(cert, subject), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

/* RFC 7301: the server chooses, here in its own order of preference. */
static int choose_protocol(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
                           unsigned in_len, void *arg)
{
    (void)ssl;
    const char *ours = arg;
    uint8_t *chosen;
    const int rc = SSL_select_next_proto(&chosen, out_len, (const uint8_t *)ours,
                                         (unsigned)strlen(ours), in, in_len);
    *out = chosen;
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void pair_open(struct pair *p, const char *server_alpn, bool client_trusts)
{
    EVP_PKEY *key = new_p256_key();
    X509 *cert = new_self_signed(key, "balancer.test");

    p->server_ctx = SSL_CTX_new(TLS_method());
    p->client_ctx = SSL_CTX_new(TLS_method());
    assert_non_null(p->server_ctx);
    assert_non_null(p->client_ctx);
    assert_int_equal(SSL_CTX_set_min_proto_version(p->client_ctx, TLS1_3_VERSION), 1);
    assert_int_equal(SSL_CTX_use_certificate(p->server_ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(p->server_ctx, key), 1);
    SSL_CTX_set_alpn_select_cb(p->server_ctx, choose_protocol, (void *)(uintptr_t)server_alpn);
    SSL_CTX_set_verify(p->client_ctx, SSL_VERIFY_PEER, NULL);
    if (client_trusts)
        assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(p->client_ctx), cert), 1);
    X509_free(cert);
    EVP_PKEY_free(key);

    p->server = SSL_new(p->server_ctx);
    p->client = SSL_new(p->client_ctx);
    /* Alone among these, SSL_set_alpn_protos returns 0 for success. */
    assert_int_equal(
        SSL_set_alpn_protos(p->client, (const uint8_t *)ALPN_H2_H1, strlen(ALPN_H2_H1)), 0);
    assert_int_equal(SSL_set_tlsext_host_name(p->client, "balancer.test"), 1);
    BIO *one, *other;
    assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(p->server, one, one);
    SSL_set_bio(p->client, other, other);
    SSL_set_accept_state(p->server);
    SSL_set_connect_state(p->client);
}

static void pair_close(struct pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    SSL_CTX_free(p->client_ctx);
    SSL_CTX_free(p->server_ctx);
    ERR_clear_error();
}

/* SSL_ERROR_NONE when this end is done, SSL_ERROR_WANT_READ when it waits for the other. */
static int step(SSL *ssl)
{
    ERR_clear_error();
    return SSL_get_error(ssl, SSL_do_handshake(ssl));
}

/* True when both ends are done; false when one refused. A handshake takes few turns. */
static bool pair_shake_hands(struct pair *p)
{
    for (int turn = 0; turn < 10; turn++) {
        const int client = step(p->client), server = step(p->server);
        if (client == SSL_ERROR_NONE && server == SSL_ERROR_NONE)
            return true;
        if (client == SSL_ERROR_SSL || server == SSL_ERROR_SSL)
            return false;
    }
    fail_msg("the handshake neither ends nor fails");
    return false;
}

static void carry(SSL *from, SSL *to, const char *text)
{
    char got[64];
    const int len = (int)strlen(text);
    assert_int_equal(SSL_write(from, text, len), len);
    assert_int_equal(SSL_read(to, got, sizeof(got)), len);
    assert_memory_equal(got, text, (size_t)len);
}

static void a_tls_1_3_connection_carries_bytes_both_ways(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, ALPN_H2_H1, true);
    assert_true(pair_shake_hands(&p));

    assert_int_equal(SSL_version(p.client), TLS1_3_VERSION);
    assert_int_equal(SSL_version(p.server), TLS1_3_VERSION);
    assert_int_equal(SSL_get_verify_result(p.client), X509_V_OK);
    assert_string_equal(SSL_get_servername(p.server, TLSEXT_NAMETYPE_host_name), "balancer.test");
    carry(p.client, p.server, "GET / HTTP/1.1\r\n\r\n");
    carry(p.server, p.client, "HTTP/1.1 204 No Content\r\n\r\n");

    assert_int_equal(SSL_shutdown(p.client), 0); /* ours is sent, theirs is still to come */
    char c;
    assert_int_equal(SSL_get_error(p.server, SSL_read(p.server, &c, 1)), SSL_ERROR_ZERO_RETURN);
    pair_close(&p);
}

static void the_servers_preference_decides_the_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *server, *chosen;
    } rows[] = {
        {ALPN_H2_H1, "h2"},
        {ALPN_H1, "http/1.1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pair p;
        pair_open(&p, rows[i].server, true);
        assert_true(pair_shake_hands(&p));
        const uint8_t *name;
        unsigned len;
        SSL_get0_alpn_selected(p.client, &name, &len);
        assert_int_equal(len, strlen(rows[i].chosen));
        assert_memory_equal(name, rows[i].chosen, len);
        pair_close(&p);
    }
}

static void a_certificate_nobody_trusts_is_refused(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, ALPN_H2_H1, false);
    assert_false(pair_shake_hands(&p));
    assert_int_not_equal(SSL_get_verify_result(p.client), X509_V_OK);
    pair_close(&p);
}

static void no_protocol_in_common_ends_the_handshake(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, "\x06spdy/1", true);
    assert_false(pair_shake_hands(&p));
    pair_close(&p);
}

static void the_version_names_the_library(void **state)
{
    (void)state;
    assert_memory_equal(tls_library_version(), "BoringSSL, API ", 15);
    assert_non_null(strstr(tls_library_version(), "assembly"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tls_1_3_connection_carries_bytes_both_ways),
        cmocka_unit_test(the_servers_preference_decides_the_protocol),
        cmocka_unit_test(a_certificate_nobody_trusts_is_refused),
        cmocka_unit_test(no_protocol_in_common_ends_the_handshake),
        cmocka_unit_test(the_version_names_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
