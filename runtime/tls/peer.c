/* What a handshake came to. */
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "runtime/metrics/metrics.h"
#include "runtime/tls/transport_priv.h"

/* A longer subject is as good as none: no rule must see a part of it. */
#define SUBJECT_BYTES_MAX 4096

#define FINGERPRINT_BYTES ((size_t)2 * SHA256_DIGEST_LENGTH)

static struct slice lower_copy(const char *at, size_t len, char **owned)
{
    char *copy = malloc(len);
    if (!copy)
        return SLICE_NONE;
    for (size_t i = 0; i < len; i++)
        copy[i] = ascii_lower(at[i]);
    *owned = copy;
    return (struct slice){copy, len};
}

static void note_sni(struct tls *t)
{
    const char *name = SSL_get_servername(t->library, TLSEXT_NAMETYPE_host_name);
    size_t len = name ? strlen(name) : 0;
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len > 0)
        t->peer.sni = lower_copy(name, len, &t->sni);
}

static void note_subject(struct tls *t, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const uint8_t *at;
    size_t len;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0 &&
        BIO_mem_contents(bio, &at, &len) && len <= SUBJECT_BYTES_MAX &&
        (t->subject = malloc(len + 1))) {
        memcpy(t->subject, at, len);
        t->peer.subject = (struct slice){t->subject, len};
    }
    BIO_free(bio);
}

static void note_fingerprint(struct tls *t, X509 *x)
{
    static const char HEX[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    unsigned len;
    if (X509_digest(x, EVP_sha256(), digest, &len) != 1 ||
        !(t->fingerprint = malloc(FINGERPRINT_BYTES)))
        return;
    for (size_t i = 0; i < sizeof(digest); i++) {
        t->fingerprint[2 * i] = HEX[digest[i] >> 4];
        t->fingerprint[2 * i + 1] = HEX[digest[i] & 15];
    }
    t->peer.fingerprint = (struct slice){t->fingerprint, FINGERPRINT_BYTES};
}

/* One that is not good ends the handshake, so one that is there is good. */
static void note_certificate(struct tls *t)
{
    X509 *x = t->context && t->context->asks ? SSL_get_peer_certificate(t->library) : NULL;
    if (!x)
        return;
    t->peer.verified = SSL_get_verify_result(t->library) == X509_V_OK;
    note_subject(t, x);
    note_fingerprint(t, x);
    X509_free(x);
}

void tls_established(struct tls *t)
{
    const SSL *ssl = t->library;
    struct metrics *m = t->wire->metrics;
    const bool resumed = SSL_session_reused(ssl);
    if (t->context) {
        METRIC_ADD(m->tls_handshakes, 1);
        METRIC_ADD(m->tls_resumed, resumed);
        note_sni(t);
    } else {
        METRIC_ADD(m->tls_server_handshakes, 1);
        METRIC_ADD(m->tls_server_resumed, resumed);
    }
    const uint8_t *protocol;
    unsigned len;
    SSL_get0_alpn_selected(ssl, &protocol, &len);
    if (len > 0)
        t->peer.protocol = (struct slice){(const char *)protocol, len};
    t->peer.version = (uint8_t)(10 + SSL_version(ssl) - TLS1_VERSION);
    t->peer.context = t->context;
    note_certificate(t);
    ERR_clear_error();
}

static bool is_about_certificate(int reason)
{
    return reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
           reason == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

/* A client that does not like our certificate has no key yet to say so with, and says it in clear.
 */
static bool is_alert(int reason)
{
    return reason >= SSL_AD_REASON_OFFSET || reason == SSL_R_INVALID_OUTER_RECORD_TYPE ||
           reason == SSL_R_BAD_PACKET_LENGTH;
}

/* For whoever operates it. */
static const char *reason_of(const struct tls *t, int reason)
{
    const long verified = SSL_get_verify_result(t->library);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    if (reason >= SSL_AD_REASON_OFFSET)
        return SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
    return reason ? "nothing in common, or no TLS at all" : "the handshake was broken off";
}

void tls_failed(struct tls *t)
{
    struct metrics *m = t->wire->metrics;
    const uint32_t error = ERR_peek_error();
    const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    if (!t->context) {
        METRIC_ADD(m->tls_server_failed, 1);
        t->why = reason_of(t, reason);
    } else if (error == 0)
        METRIC_ADD(m->tls_failed_closed, 1);
    else if (is_alert(reason))
        METRIC_ADD(m->tls_failed_alert, 1);
    else if (is_about_certificate(reason))
        METRIC_ADD(m->tls_failed_certificate, 1);
    else
        METRIC_ADD(m->tls_failed_protocol, 1);
    ERR_clear_error();
}
