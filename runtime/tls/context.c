#include "runtime/tls/context.h"

#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/tls/authorities.h"
#include "runtime/tls/library.h"

static struct tls_context *context_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* --- choosing a certificate ------------------------------------------------------------------ */

#define HOST_BYTES_MAX 255

/* Room for what clients say they can verify; the first of them are the ones that they prefer. */
#define SIGNATURES_MAX 64

static uint16_t number_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_rsa(uint16_t signature)
{
    return signature == SSL_SIGN_RSA_PSS_RSAE_SHA256 || signature == SSL_SIGN_RSA_PSS_RSAE_SHA384 ||
           signature == SSL_SIGN_RSA_PSS_RSAE_SHA512 || (signature & 0xff) == 1;
}

/* The 16-bit numbers of an extension that is a list of them; 0 when there is none. */
static uint32_t numbers_of(const SSL_CLIENT_HELLO *hello, uint16_t extension, size_t length_bytes,
                           uint16_t *out, uint32_t room)
{
    const uint8_t *at;
    size_t len;
    if (!SSL_early_callback_ctx_extension_get(hello, extension, &at, &len) || len < length_bytes)
        return 0;
    uint32_t n = 0;
    for (size_t i = length_bytes; i + 2 <= len && n < room; i += 2)
        out[n++] = number_at(at + i);
    return n;
}

static bool offers_newest(const SSL_CLIENT_HELLO *hello)
{
    uint16_t version[SIGNATURES_MAX];
    const uint32_t n =
        numbers_of(hello, TLSEXT_TYPE_supported_versions, 1, version, COUNT_OF(version));
    for (uint32_t i = 0; i < n; i++)
        if (version[i] == TLS1_3_VERSION)
            return true;
    return false;
}

/* Until TLS 1.2 the cipher says which kind of certificate there is. */
static void accepted_by_ciphers(const SSL_CLIENT_HELLO *hello, struct names_accepted *out)
{
    bool rsa = false, ecdsa = false;
    for (size_t i = 0; i + 2 <= hello->cipher_suites_len; i += 2) {
        const SSL_CIPHER *c = SSL_get_cipher_by_value(number_at(hello->cipher_suites + i));
        const int kind = c ? SSL_CIPHER_get_auth_nid(c) : NID_undef;
        rsa |= kind == NID_auth_rsa;
        ecdsa |= kind == NID_auth_ecdsa;
    }
    out->rsa &= rsa;
    out->ecdsa &= ecdsa;
}

static struct names_accepted accepted(const SSL_CLIENT_HELLO *hello, bool newest,
                                      uint16_t signature[SIGNATURES_MAX])
{
    struct names_accepted a = {.rsa = true, .ecdsa = true};
    const uint32_t n =
        numbers_of(hello, TLSEXT_TYPE_signature_algorithms, 2, signature, SIGNATURES_MAX);
    if (n > 0) {
        a.signature = signature;
        a.n_signatures = n;
        a.rsa = false;
    }
    for (uint32_t i = 0; i < n; i++)
        a.rsa |= is_rsa(signature[i]);
    if (!newest || !offers_newest(hello))
        accepted_by_ciphers(hello, &a);
    return a;
}

static struct slice host_of(const SSL *ssl, char room[HOST_BYTES_MAX])
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t len = name ? strlen(name) : 0;
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len > HOST_BYTES_MAX)
        len = 0;
    for (size_t i = 0; i < len; i++)
        room[i] = ascii_lower(name[i]);
    return (struct slice){room, len};
}

static enum ssl_select_cert_result_t choose(const SSL_CLIENT_HELLO *hello)
{
    const struct tls_context *context = context_of(hello->ssl);
    char room[HOST_BYTES_MAX];
    uint16_t signature[SIGNATURES_MAX];
    const struct names_accepted client = accepted(hello, context->newest, signature);
    const struct certificate *c = names_choose(context->names, host_of(hello->ssl, room), &client);
    if (SSL_set_chain_and_key(hello->ssl, c->chain, c->n_chain, c->key, NULL) != 1)
        return ssl_select_cert_error;
    if (c->staple.len > 0 &&
        SSL_set_ocsp_response(hello->ssl, (const uint8_t *)c->staple.at, c->staple.len) != 1)
        return ssl_select_cert_error;
    return ssl_select_cert_success;
}

/* RFC 7301: in our order of preference; without one in common there is nothing to speak. */
static int choose_protocol(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
                           unsigned in_len, void *arg)
{
    (void)arg;
    const struct tls_context *c = context_of(ssl);
    uint8_t *chosen;
    if (SSL_select_next_proto(&chosen, out_len, c->alpn, c->alpn_bytes, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* --- tickets --------------------------------------------------------------------------------- */

static size_t ticket_overhead(SSL *ssl)
{
    (void)ssl;
    return TICKET_OVERHEAD_BYTES;
}

static int ticket_seal(SSL *ssl, uint8_t *out, size_t *out_len, size_t room, const uint8_t *in,
                       size_t len)
{
    if (room < len + TICKET_OVERHEAD_BYTES)
        return 0;
    *out_len = len + TICKET_OVERHEAD_BYTES;
    return tickets_seal(context_of(ssl)->tickets, clock_now_ns(), out, in, len);
}

static enum ssl_ticket_aead_result_t ticket_open(SSL *ssl, uint8_t *out, size_t *out_len,
                                                 size_t room, const uint8_t *in, size_t len)
{
    const ptrdiff_t n =
        room < len ? -1 : tickets_open(context_of(ssl)->tickets, clock_now_ns(), out, in, len);
    if (n < 0)
        return ssl_ticket_aead_ignore_ticket;
    *out_len = (size_t)n;
    return ssl_ticket_aead_success;
}

static const SSL_TICKET_AEAD_METHOD TICKETS = {ticket_overhead, ticket_seal, ticket_open};

/* --- its making ------------------------------------------------------------------------------ */

static uint16_t version_number(uint8_t version)
{
    return (uint16_t)(TLS1_VERSION + (version - 10));
}

static void set_protocols(struct tls_context *c, const struct table_tls *from)
{
    static const struct slice DEFAULT = SLICE_INIT(TLS_ALPN_DEFAULT);
    struct text wire = {0};
    for (uint32_t i = 0; i < from->n_alpn; i++) {
        text_addc(&wire, (char)from->alpn[i].len);
        text_add(&wire, from->alpn[i]);
    }
    if (from->n_alpn == 0)
        text_add(&wire, DEFAULT);
    c->alpn = (uint8_t *)wire.at;
    c->alpn_bytes = (uint32_t)wire.len;
    SSL_CTX_set_alpn_select_cb(c->library, choose_protocol, NULL);
}

static void set_sessions(struct tls_context *c, const struct table_tls *from)
{
    const uint32_t life_s = (uint32_t)(from->session_ttl_ns / NS_PER_S);
    SSL_CTX_set_session_cache_mode(c->library, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(c->library, life_s);
    SSL_CTX_set_session_psk_dhe_timeout(c->library, life_s);
    if (from->tickets)
        SSL_CTX_set_ticket_aead_method(c->library, &TICKETS);
    else
        SSL_CTX_set_options(c->library, SSL_OP_NO_TICKET);
}

/* What was verified by other rules is verified anew, and not resumed. */
static bool set_clients(struct tls_context *c, const struct table_tls *from, struct text *why)
{
    uint8_t rule[1 + sizeof(c->client_rule)] = {(uint8_t)from->client_verify};
    if (from->client_verify != CLIENT_VERIFY_OFF) {
        c->asks = true;
        if (!authorities_load(c->library, from->client_ca, from->n_client_ca, true, rule + 1, why))
            return false;
        SSL_CTX_set_verify(c->library,
                           SSL_VERIFY_PEER | (from->client_verify == CLIENT_VERIFY_REQUIRED
                                                  ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                  : 0),
                           NULL);
    }
    SHA256(rule, sizeof(rule), c->client_rule);
    return SSL_CTX_set_session_id_context(c->library, c->client_rule, sizeof(c->client_rule)) == 1;
}

/* Forward secrecy and authenticated encryption: the library would also offer RSA's key exchange,
 * CBC and 3DES. Those in brackets are equals, of which the client's order chooses: AES is slow
 * where there is no hardware for it. */
#define CIPHERS_NEW                                                                                \
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"                               \
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
/* TLS 1.1 and 1.0 have nothing better than these; whoever wants them, said so. */
#define CIPHERS_OLD                                                                                \
    ":ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"    \
    "AES128-SHA:AES256-SHA"

static bool set_ciphers(struct tls_context *c, const struct table_tls *from, struct text *why)
{
    const char *list = from->ciphers.len != 0   ? from->ciphers.at
                       : from->min_version < 12 ? CIPHERS_NEW CIPHERS_OLD
                                                : CIPHERS_NEW;
    if (SSL_CTX_set_strict_cipher_list(c->library, list) == 1)
        return true;
    text_addf(why, "its ciphers are not all known: " SLICE_FMT, SLICE_ARG(from->ciphers));
    return false;
}

static bool set_up(struct tls_context *c, const struct table_tls *from, struct text *why)
{
    SSL_CTX *ctx = c->library;
    SSL_CTX_set_app_data(ctx, c);
    SSL_CTX_set_min_proto_version(ctx, version_number(from->min_version));
    SSL_CTX_set_max_proto_version(ctx, version_number(from->max_version));
    c->newest = from->max_version >= 13;
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_cert_list(ctx, TLS_CHAIN_BYTES_MAX);
    SSL_CTX_set_select_certificate_cb(ctx, choose);
    set_protocols(c, from);
    set_sessions(c, from);
    return set_ciphers(c, from, why) && set_clients(c, from, why);
}

struct tls_context *tls_context_new(const struct table_tls *from,
                                    struct certificate *const *certificate, struct tickets *tickets,
                                    struct text *why)
{
    struct tls_context *c = MUST_NEW(struct tls_context);
    atomic_init(&c->pins, 1);
    c->library = SSL_CTX_new(TLS_method());
    if (!c->library)
        die_out_of_memory(1, sizeof(*c));
    c->tickets = tickets_pin(tickets);
    c->certificate = MUST_ARRAY(struct certificate *, from->n_certificates);
    for (; c->n_certificates < from->n_certificates; c->n_certificates++)
        c->certificate[c->n_certificates] = certificate_pin(certificate[c->n_certificates]);
    c->names = names_new(c->certificate, c->n_certificates);
    const bool ok = set_up(c, from, why);
    ERR_clear_error();
    if (ok)
        return c;
    tls_context_unpin(c);
    return NULL;
}

struct tls_context *tls_context_pin(struct tls_context *c)
{
    atomic_fetch_add_explicit(&c->pins, 1, memory_order_relaxed);
    return c;
}

void tls_context_unpin(struct tls_context *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->pins, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->library);
    names_free(c->names);
    for (uint32_t i = 0; i < c->n_certificates; i++)
        certificate_unpin(c->certificate[i]);
    free(c->certificate);
    tickets_unpin(c->tickets);
    free(c->alpn);
    free(c);
}
