#include "runtime/tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any chain has; a file with more is something else. */
#define CHAIN_MAX 32u

/* --- files ----------------------------------------------------------------------------------- */

static struct file_stamp stamp_of(const struct stat *st)
{
    return (struct file_stamp){.device = st->st_dev,
                               .inode = st->st_ino,
                               .bytes = (uint64_t)st->st_size,
                               .changed = st->st_ctim,
                               .modified = st->st_mtim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           same_time(a->changed, b->changed) && same_time(a->modified, b->modified);
}

static bool is_unchanged(const char *path, const struct file_stamp *before)
{
    struct stat st;
    struct file_stamp now = {0};
    if (stat(path, &st) == 0)
        now = stamp_of(&st);
    return same_stamp(&now, before);
}

static int read_all(int fd, struct text *out, struct file_stamp *stamp)
{
    struct stat st;
    if (fstat(fd, &st) == -1)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    *stamp = stamp_of(&st);
    char block[16 * 1024];
    for (;;) {
        const ssize_t n = read(fd, block, sizeof(block));
        if (n == -1)
            return -errno;
        if (n == 0)
            return 0;
        if (out->len + (size_t)n > CERTIFICATE_FILE_BYTES_MAX)
            return -EFBIG;
        text_add(out, (struct slice){block, (size_t)n});
    }
}

int certificate_file(const char *path, struct text *out, struct file_stamp *stamp)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    if (fd == -1)
        return -errno;
    const int rc = read_all(fd, out, stamp);
    close(fd);
    return rc;
}

static bool read_file(const char *path, struct text *out, struct file_stamp *stamp,
                      struct text *why)
{
    const int rc = certificate_file(path, out, stamp);
    if (rc != 0)
        text_addf(why, "%s: %s", path, strerror(-rc));
    return rc == 0;
}

/* Whoever has the key is us, for everybody who trusts the certificate. */
static bool is_private(const char *path, struct text *why)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return true;
    text_addf(why, "%s: others than its owner may use the file of the key (mode %04o); chmod 600",
              path, (unsigned)st.st_mode & 07777);
    return false;
}

/* --- PEM ------------------------------------------------------------------------------------- */

/* What one file has; later files add to it. */
struct found {
    CRYPTO_BUFFER *certificate[CHAIN_MAX];
    uint32_t n;
    EVP_PKEY *key;
    bool encrypted, too_many;
};

static void found_done(struct found *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        CRYPTO_BUFFER_free(f->certificate[i]);
    EVP_PKEY_free(f->key);
}

static void take_certificate(struct found *f, const uint8_t *der, long len)
{
    f->too_many |= f->n == CHAIN_MAX;
    if (f->n < CHAIN_MAX)
        f->certificate[f->n++] = CRYPTO_BUFFER_new(der, (size_t)len, NULL);
}

static void take_key(struct found *f, const char *header, const uint8_t *der, long len)
{
    f->encrypted |= header[0] != '\0';
    if (!f->key && header[0] == '\0')
        f->key = d2i_AutoPrivateKey(NULL, &der, len);
}

static void take_pems(struct found *f, const struct text *file, bool certificates)
{
    BIO *bio = BIO_new_mem_buf(file->at, (int)file->len);
    char *name, *header;
    uint8_t *der;
    long len;
    while (bio && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
        if (certificates && strcmp(name, PEM_STRING_X509) == 0)
            take_certificate(f, der, len);
        else if (strcmp(name, PEM_STRING_PKCS8) == 0)
            f->encrypted = true;
        else if (strcmp(name, PEM_STRING_PKCS8INF) == 0 || strcmp(name, PEM_STRING_RSA) == 0 ||
                 strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0)
            take_key(f, header, der, len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(bio);
}

/* --- what the certificate says --------------------------------------------------------------- */

static void add_name(struct certificate *c, const char *at, size_t len)
{
    while (len > 0 && at[len - 1] == '.')
        len--;
    if (len == 0 || memchr(at, '\0', len))
        return;
    char *name = must_calloc(len, 1);
    for (size_t i = 0; i < len; i++)
        name[i] = ascii_lower(at[i]);
    c->name[c->n_names++] = (struct slice){name, len};
}

/* The subject's common name, for a certificate so old that it has no other. */
static void take_common_name(struct certificate *c, X509 *x)
{
    char name[256];
    const int len =
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof(name));
    c->name = MUST_ARRAY(struct slice, 1);
    if (len > 0)
        add_name(c, name, (size_t)len);
}

static void take_names(struct certificate *c, X509 *x)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    if (!all) {
        take_common_name(c, x);
        return;
    }
    const size_t n = sk_GENERAL_NAME_num(all);
    c->name = MUST_ARRAY(struct slice, n);
    for (size_t i = 0; i < n; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type == GEN_DNS)
            add_name(c, (const char *)ASN1_STRING_get0_data(g->d.dNSName),
                     (size_t)ASN1_STRING_length(g->d.dNSName));
    }
    GENERAL_NAMES_free(all);
}

/* Seconds since 1970; the library has no function of its own for that. */
static int64_t seconds_of(const ASN1_TIME *t)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    if (epoch && ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
        days = seconds = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

static bool take_kind(struct certificate *c, const EVP_PKEY *key)
{
    const EC_KEY *ec = EVP_PKEY_id(key) == EVP_PKEY_EC ? EVP_PKEY_get0_EC_KEY(key) : NULL;
    c->kind = ec ? CERTIFICATE_ECDSA : CERTIFICATE_RSA;
    if (!ec)
        return EVP_PKEY_id(key) == EVP_PKEY_RSA;
    switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))) {
    case NID_X9_62_prime256v1: c->signature = SSL_SIGN_ECDSA_SECP256R1_SHA256; return true;
    case NID_secp384r1: c->signature = SSL_SIGN_ECDSA_SECP384R1_SHA384; return true;
    case NID_secp521r1: c->signature = SSL_SIGN_ECDSA_SECP521R1_SHA512; return true;
    default: return false;
    }
}

/* Half a sentence about what is wrong, or NULL. */
static const char *take(struct certificate *c, struct found *f)
{
    if (f->n == 0)
        return "it has no certificate in PEM form";
    if (f->too_many)
        return "it has more certificates than any chain needs";
    if (!f->key && f->encrypted)
        return "the private key is encrypted, and there is nobody to ask for its password";
    if (!f->key)
        return strcmp(c->chain_path, c->key_path) == 0
                   ? "it has no private key that can be read"
                   : "the file of its key has none that can be read";
    if (!take_kind(c, f->key))
        return "the private key is neither RSA's nor of P-256, P-384 or P-521";

    X509 *x = X509_parse_from_buffer(f->certificate[0]);
    if (!x)
        return "its first certificate is malformed";
    const bool fits = X509_check_private_key(x, f->key) == 1;
    c->not_before_s = seconds_of(X509_get0_notBefore(x));
    c->not_after_s = seconds_of(X509_get0_notAfter(x));
    take_names(c, x);
    X509_free(x);
    if (!fits)
        return "the private key is that of another certificate";
    c->chain = MUST_ARRAY(CRYPTO_BUFFER *, f->n);
    for (; c->n_chain < f->n; c->n_chain++)
        c->chain[c->n_chain] = f->certificate[c->n_chain];
    c->key = f->key;
    f->n = 0;
    f->key = NULL;
    return NULL;
}

/* --- its life -------------------------------------------------------------------------------- */

static char *copy(struct slice s)
{
    char *c = must_calloc(s.len + 1, 1);
    if (s.len > 0)
        memcpy(c, s.at, s.len);
    return c;
}

static struct certificate *certificate_new(const struct table_certificate *from, bool staple)
{
    struct certificate *c = MUST_NEW(struct certificate);
    atomic_init(&c->pins, 1);
    c->chain_path = copy(from->chain);
    c->key_path = copy(from->key);
    if (staple) {
        c->staple_path = must_calloc(from->chain.len + sizeof(".ocsp"), 1);
        memcpy(c->staple_path, from->chain.at, from->chain.len);
        memcpy(c->staple_path + from->chain.len, ".ocsp", sizeof(".ocsp"));
    }
    return c;
}

static bool load(struct certificate *c, struct text *why)
{
    struct text chain = {0}, key = {0};
    struct found found = {0};
    const bool apart = strcmp(c->chain_path, c->key_path) != 0;
    bool ok = read_file(c->chain_path, &chain, &c->chain_stamp, why) &&
              (!apart || read_file(c->key_path, &key, &c->key_stamp, why));
    if (ok) {
        take_pems(&found, &chain, true);
        if (apart)
            take_pems(&found, &key, false);
        else
            c->key_stamp = c->chain_stamp;
        const char *problem = take(c, &found);
        if (problem)
            text_addf(why, "%s: %s", c->chain_path, problem);
        ok = !problem && is_private(c->key_path, why);
    }
    found_done(&found);
    if (key.len > 0)
        OPENSSL_cleanse(key.at, key.len);
    if (chain.len > 0)
        OPENSSL_cleanse(chain.at, chain.len);
    text_done(&key);
    text_done(&chain);
    return ok;
}

/* A staple may be missing: whoever fetches it may not have come to it yet. */
static bool load_staple(struct certificate *c, struct text *why)
{
    if (!c->staple_path)
        return true;
    const int rc = certificate_file(c->staple_path, &c->staple, &c->staple_stamp);
    if (rc == 0 || rc == -ENOENT)
        return true;
    text_addf(why, "%s: %s", c->staple_path, strerror(-rc));
    return false;
}

struct certificate *certificate_load(const struct table_certificate *from, bool staple,
                                     struct text *why)
{
    struct certificate *c = certificate_new(from, staple);
    const bool ok = load(c, why) && load_staple(c, why);
    ERR_clear_error();
    if (ok)
        return c;
    certificate_unpin(c);
    return NULL;
}

bool certificate_is_current(const struct certificate *c, const struct table_certificate *from,
                            bool staple)
{
    return slice_eq(slice_of(c->chain_path), from->chain) &&
           slice_eq(slice_of(c->key_path), from->key) && (c->staple_path != NULL) == staple &&
           is_unchanged(c->chain_path, &c->chain_stamp) &&
           is_unchanged(c->key_path, &c->key_stamp) &&
           (!staple || is_unchanged(c->staple_path, &c->staple_stamp));
}

struct certificate *certificate_pin(struct certificate *c)
{
    atomic_fetch_add_explicit(&c->pins, 1, memory_order_relaxed);
    return c;
}

void certificate_unpin(struct certificate *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->pins, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < c->n_chain; i++)
        CRYPTO_BUFFER_free(c->chain[i]);
    free(c->chain);
    EVP_PKEY_free(c->key);
    for (uint32_t i = 0; i < c->n_names; i++)
        free((char *)(uintptr_t)c->name[i].at);
    free(c->name);
    text_done(&c->staple);
    free(c->chain_path);
    free(c->key_path);
    free(c->staple_path);
    free(c);
}

void certificate_date(int64_t at_s, char out[CERTIFICATE_DATE_BYTES])
{
    const time_t at = (time_t)at_s;
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(out, CERTIFICATE_DATE_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
