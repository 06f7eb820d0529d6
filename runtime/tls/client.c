#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tls/authorities.h"
#include "runtime/tls/client_priv.h"
#include "runtime/tls/library.h"
#include "runtime/tls/transport_priv.h"

/* Where systems keep all that they trust in one file. The library's own way, a folder that is
 * searched while a connection is verified, would block a worker. */
static const char *const SYSTEM[] = {"/etc/ssl/certs/ca-certificates.crt",
                                     "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                     "/etc/ssl/cert.pem"};

static const char *system_authorities(void)
{
    const char *wanted = getenv("SSL_CERT_FILE");
    if (wanted)
        return wanted;
    for (size_t i = 0; i < COUNT_OF(SYSTEM); i++)
        if (access(SYSTEM[i], R_OK) == 0)
            return SYSTEM[i];
    return NULL;
}

/* --- the key --------------------------------------------------------------------------------- */

static void add_text(SHA256_CTX *all, struct slice s)
{
    SHA256_Update(all, &s.len, sizeof(s.len));
    SHA256_Update(all, s.at, s.len);
}

/* The file by its name, and as what it is now. */
static void add_file(SHA256_CTX *all, struct slice path)
{
    struct stat st;
    add_text(all, path);
    if (path.len == 0 || stat(path.at, &st) != 0)
        return;
    const uint64_t stamp[] = {st.st_dev,
                              st.st_ino,
                              (uint64_t)st.st_size,
                              (uint64_t)st.st_mtim.tv_sec,
                              (uint64_t)st.st_mtim.tv_nsec,
                              (uint64_t)st.st_ctim.tv_sec,
                              (uint64_t)st.st_ctim.tv_nsec};
    SHA256_Update(all, stamp, sizeof(stamp));
}

void tls_client_key(const struct table_upstream_tls *from, uint8_t key[32])
{
    SHA256_CTX all;
    SHA256_Init(&all);
    const uint8_t numbers[] = {(uint8_t)from->verify, from->min_version, from->h2};
    SHA256_Update(&all, numbers, sizeof(numbers));
    add_text(&all, from->sni);
    for (uint32_t i = 0; i < from->n_ca; i++)
        add_file(&all, from->ca[i]);
    if (from->n_ca == 0 && from->verify != VERIFY_NONE && system_authorities())
        add_file(&all, slice_of(system_authorities()));
    add_file(&all, from->certificate.chain);
    add_file(&all, from->certificate.key);
    SHA256_Final(key, &all);
}

/* --- its making ------------------------------------------------------------------------------ */

static bool trust(struct tls_client *c, const struct table_upstream_tls *from, struct text *why)
{
    if (from->verify == VERIFY_NONE)
        return true;
    const char *system = from->n_ca == 0 ? system_authorities() : NULL;
    if (from->n_ca == 0 && !system) {
        text_adds(why, "no file with what this system trusts is found; name one with `ca`");
        return false;
    }
    const struct slice path = slice_of(system ? system : "");
    uint8_t digest[32];
    SSL_CTX_set_verify(c->library, SSL_VERIFY_PEER, NULL);
    return authorities_load(c->library, system ? &path : from->ca, system ? 1 : from->n_ca, false,
                            digest, why);
}

static bool show(struct tls_client *c, const struct table_upstream_tls *from, struct text *why)
{
    if (from->certificate.chain.len == 0)
        return true;
    c->certificate = certificate_load(&from->certificate, false, why);
    return c->certificate &&
           SSL_CTX_set_chain_and_key(c->library, c->certificate->chain, c->certificate->n_chain,
                                     c->certificate->key, NULL) == 1;
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_get_app_data(ssl);
    tls_session_keep(t->session, t->client, t->peer.sni, session);
    return 1; /* it is ours now */
}

static void set_up(struct tls_client *c, const struct table_upstream_tls *from)
{
    static const uint8_t HTTP1[] = "\x08http/1.1", H2[] = "\x02h2";
    SSL_CTX *ctx = c->library;
    SSL_CTX_set_min_proto_version(ctx, (uint16_t)(TLS1_VERSION + from->min_version - 10));
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_cert_list(ctx, TLS_CHAIN_BYTES_MAX);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, new_session);
    if (from->h2)
        SSL_CTX_set_alpn_protos(ctx, H2, sizeof(H2) - 1);
    else
        SSL_CTX_set_alpn_protos(ctx, HTTP1, sizeof(HTTP1) - 1);
}

struct tls_client *tls_client_new(const struct table_upstream_tls *from, struct text *why)
{
    struct tls_client *c = MUST_NEW(struct tls_client);
    atomic_init(&c->pins, 1);
    c->library = SSL_CTX_new(TLS_method());
    if (!c->library)
        die_out_of_memory(1, sizeof(*c));
    c->verify = from->verify;
    if (from->sni.len > 0) {
        c->sni = must_calloc(from->sni.len + 1, 1);
        memcpy(c->sni, from->sni.at, from->sni.len);
    }
    tls_client_key(from, c->key); /* first: a file that changes from here on has another one */
    set_up(c, from);
    const bool ok = trust(c, from, why) && show(c, from, why);
    ERR_clear_error();
    if (ok)
        return c;
    tls_client_unpin(c);
    return NULL;
}

struct tls_client *tls_client_pin(struct tls_client *c)
{
    atomic_fetch_add_explicit(&c->pins, 1, memory_order_relaxed);
    return c;
}

void tls_client_unpin(struct tls_client *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->pins, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->library);
    certificate_unpin(c->certificate);
    free(c->sni);
    free(c);
}

/* --- its connections ------------------------------------------------------------------------- */

struct slice tls_client_name(const struct tls_client *c, struct slice name)
{
    if (c->sni)
        return slice_of(c->sni);
    if (name.len > 1 && name.at[0] == '[') /* an IPv6 address, as a host has it */
        return (struct slice){name.at + 1, name.len - 2};
    return name;
}

static bool is_address(const char *name)
{
    struct in6_addr any;
    return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

bool tls_client_prepare(const struct tls_client *c, SSL *ssl, const char *name)
{
    const bool address = is_address(name);
    if (!address && name[0] && SSL_set_tlsext_host_name(ssl, name) != 1)
        return false;
    if (c->verify != VERIFY_FULL)
        return true;
    if (address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return name[0] && SSL_set1_host(ssl, name) == 1;
}

struct tls_session {
    SSL_SESSION *library;
    struct tls_client *client; /* pinned */
    struct slice name;         /* owned */
};

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_SESSION_free(s->library);
    tls_client_unpin(s->client);
    free((char *)(uintptr_t)s->name.at);
    free(s);
}

void tls_session_offer(const struct tls_session *s, const struct tls_client *c, struct slice name,
                       SSL *ssl)
{
    if (s && s->client == c && slice_eq(s->name, name) && SSL_SESSION_is_resumable(s->library))
        SSL_set_session(ssl, s->library);
}

void tls_session_keep(struct tls_session **slot, struct tls_client *c, struct slice name,
                      SSL_SESSION *session)
{
    struct tls_session *s = slot ? calloc(1, sizeof(*s)) : NULL;
    char *copy = s ? malloc(name.len + 1) : NULL;
    if (!copy) { /* then the next handshake is a full one */
        free(s);
        SSL_SESSION_free(session);
        return;
    }
    if (name.len > 0)
        memcpy(copy, name.at, name.len);
    *s = (struct tls_session){session, tls_client_pin(c), {copy, name.len}};
    tls_session_free(*slot);
    *slot = s;
}
