/* Keys that signatures are verified by, out of what people store them in. */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "runtime/tls/signature.h"
#include "runtime/tls/signature_priv.h"

void signature_key_free(struct signature_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->public);
    if (k->secret)
        OPENSSL_cleanse(k->secret, k->secret_len);
    free(k->secret);
    free(k);
}

struct signature_key *signature_key_hmac(struct slice secret, const char **why)
{
    if (secret.len < SIGNATURE_HMAC_BYTES_MIN) {
        *why = "has less than 32 bytes, and could be guessed";
        return NULL;
    }
    struct signature_key *k = MUST_NEW(struct signature_key);
    k->kind = KIND_HMAC;
    k->secret = MUST_ARRAY(uint8_t, secret.len);
    k->secret_len = secret.len;
    memcpy(k->secret, secret.at, secret.len);
    return k;
}

/* NULL, or what is wrong with it. */
static const char *refused(const EVP_PKEY *public, enum signature_kind *kind)
{
    const int id = EVP_PKEY_id(public);
    if (id == EVP_PKEY_ED25519) {
        *kind = KIND_ED25519;
        return NULL;
    }
    if (id == EVP_PKEY_EC) {
        const int curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(public)));
        *kind = KIND_EC;
        return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1
                   ? NULL
                   : "is of a curve that is none of P-256, P-384 and P-521";
    }
    if (id != EVP_PKEY_RSA)
        return "is neither of RSA nor of a curve that is known here";
    const int bits = EVP_PKEY_bits(public);
    *kind = KIND_RSA;
    return bits < (int)SIGNATURE_RSA_BITS_MIN   ? "is of RSA with less than 2048 bits"
           : bits > (int)SIGNATURE_RSA_BITS_MAX ? "is of RSA with more than 8192 bits"
                                                : NULL;
}

/* Takes `public`, which may be NULL. */
static struct signature_key *key_of(EVP_PKEY *public, const char *malformed, const char **why)
{
    enum signature_kind kind = KIND_RSA;
    *why = public ? refused(public, &kind) : malformed;
    ERR_clear_error();
    if (*why) {
        EVP_PKEY_free(public);
        return NULL;
    }
    struct signature_key *k = MUST_NEW(struct signature_key);
    k->kind = kind;
    k->public = public;
    return k;
}

static BIGNUM *number(struct slice s)
{
    return BN_bin2bn((const uint8_t *)s.at, s.len, NULL);
}

/* --- out of their numbers -------------------------------------------------------------------- */

static EVP_PKEY *of_rsa(const uint8_t *der, size_t len)
{
    CBS in;
    CBS_init(&in, der, len);
    RSA *rsa = RSA_parse_public_key(&in);
    EVP_PKEY *public = rsa && CBS_len(&in) == 0 ? EVP_PKEY_new() : NULL;
    if (public)
        EVP_PKEY_set1_RSA(public, rsa);
    RSA_free(rsa);
    return public;
}

static RSA *rsa_of(struct slice modulus, struct slice exponent)
{
    RSA *rsa = RSA_new();
    BIGNUM *n = number(modulus), *e = number(exponent);
    if (rsa && n && e && RSA_set0_key(rsa, n, e, NULL))
        return rsa;
    BN_free(n);
    BN_free(e);
    RSA_free(rsa);
    return NULL;
}

/* Written and read again: whatever the library refuses of a key, it refuses here. */
static EVP_PKEY *rsa_public(struct slice modulus, struct slice exponent)
{
    RSA *rsa = rsa_of(modulus, exponent);
    uint8_t *der = NULL;
    size_t len;
    EVP_PKEY *out = rsa && RSA_public_key_to_bytes(&der, &len, rsa) ? of_rsa(der, len) : NULL;
    RSA_free(rsa);
    OPENSSL_free(der);
    return out;
}

struct signature_key *signature_key_rsa(struct slice modulus, struct slice exponent,
                                        const char **why)
{
    return key_of(rsa_public(modulus, exponent), "is no key of RSA", why);
}

static EVP_PKEY *ec_public(int curve, struct slice x, struct slice y)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(curve);
    BIGNUM *bx = number(x), *by = number(y);
    EVP_PKEY *out = NULL;
    if (ec && bx && by && EC_KEY_set_public_key_affine_coordinates(ec, bx, by))
        out = EVP_PKEY_new();
    if (out)
        EVP_PKEY_set1_EC_KEY(out, ec);
    BN_free(bx);
    BN_free(by);
    EC_KEY_free(ec);
    return out;
}

struct signature_key *signature_key_ec(struct slice curve, struct slice x, struct slice y,
                                       const char **why)
{
    static const struct {
        struct slice name;
        int id;
        size_t bytes;
    } CURVE[] = {{SLICE_INIT("P-256"), NID_X9_62_prime256v1, 32},
                 {SLICE_INIT("P-384"), NID_secp384r1, 48},
                 {SLICE_INIT("P-521"), NID_secp521r1, 66}};
    for (size_t i = 0; i < COUNT_OF(CURVE); i++)
        if (slice_eq(curve, CURVE[i].name)) {
            const bool whole = x.len == CURVE[i].bytes && y.len == CURVE[i].bytes;
            return key_of(whole ? ec_public(CURVE[i].id, x, y) : NULL, "is no point of its curve",
                          why);
        }
    *why = "is of a curve that is none of P-256, P-384 and P-521";
    return NULL;
}

struct signature_key *signature_key_ed25519(struct slice x, const char **why)
{
    EVP_PKEY *public =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)x.at, x.len);
    return key_of(public, "is no key of Ed25519", why);
}

/* --- out of PEM ------------------------------------------------------------------------------ */

static EVP_PKEY *of_certificate(const uint8_t *der, size_t len)
{
    const uint8_t *at = der;
    X509 *x = d2i_X509(NULL, &at, (long)len);
    EVP_PKEY *public = x ? X509_get_pubkey(x) : NULL;
    X509_free(x);
    return public;
}

static EVP_PKEY *of_info(const uint8_t *der, size_t len)
{
    CBS in;
    CBS_init(&in, der, len);
    EVP_PKEY *public = EVP_parse_public_key(&in);
    if (public && CBS_len(&in) == 0)
        return public;
    EVP_PKEY_free(public);
    return NULL;
}

static struct signature_key *of_block(const char *name, const uint8_t *der, size_t len,
                                      const char **why)
{
    static const char WRONG[] = "is malformed, or of a kind that is not known here";
    *why = "is in a block of PEM that is neither a public key nor a certificate";
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return key_of(of_info(der, len), WRONG, why);
    if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0)
        return key_of(of_rsa(der, len), WRONG, why);
    if (strcmp(name, PEM_STRING_X509) == 0)
        return key_of(of_certificate(der, len), WRONG, why);
    if (strstr(name, "PRIVATE KEY"))
        *why = "is a private one: who verifies needs the public half alone (openssl pkey -pubout)";
    return NULL;
}

size_t signature_keys_pem(struct slice pem, struct signature_key **out, size_t room,
                          const char **why)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    char *name = NULL, *header = NULL;
    uint8_t *der = NULL;
    long len = 0;
    size_t n = 0;
    bool ok = bio != NULL;
    *why = "is in no whole block of PEM";
    while (ok && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
        if (n < room)
            ok = (out[n] = of_block(name, der, (size_t)len, why)) != NULL;
        else
            ok = false, *why = "is one of too many";
        n += ok;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    /* A block that is cut short is no end of the text. */
    if (ok && n > 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        ok = false;
        *why = "is in no whole block of PEM";
    }
    BIO_free(bio);
    ERR_clear_error();
    for (size_t i = 0; !ok && i < n; i++)
        signature_key_free(out[i]);
    return ok ? n : 0;
}
