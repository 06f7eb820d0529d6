#include "runtime/tls/signature.h"

#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <string.h>

#include "runtime/tls/signature_priv.h"

static const struct {
    struct slice name;
    enum signature_kind kind;
} ALGORITHMS[] = {
#define ALGORITHM(name, kind) {SLICE_INIT(#name), KIND_##kind},
    SIGNATURE_ALGORITHMS(ALGORITHM)
#undef ALGORITHM
};

enum signature_algorithm signature_algorithm_find(struct slice name)
{
    enum signature_algorithm a = 0;
    while (a < SIGNATURE_ALGORITHM_COUNT && !slice_eq(name, ALGORITHMS[a].name))
        a++;
    return a;
}

/* --- what there is for a key ----------------------------------------------------------------- */

static const EVP_MD *hash_of(enum signature_algorithm a)
{
    switch (a) {
    case SIGNATURE_HS256:
    case SIGNATURE_RS256:
    case SIGNATURE_PS256:
    case SIGNATURE_ES256: return EVP_sha256();
    case SIGNATURE_HS384:
    case SIGNATURE_RS384:
    case SIGNATURE_PS384:
    case SIGNATURE_ES384: return EVP_sha384();
    case SIGNATURE_HS512:
    case SIGNATURE_RS512:
    case SIGNATURE_PS512:
    case SIGNATURE_ES512: return EVP_sha512();
    case SIGNATURE_EdDSA:
    case SIGNATURE_ALGORITHM_COUNT: break;
    }
    return NULL;
}

static int curve_of(enum signature_algorithm a)
{
    return a == SIGNATURE_ES256   ? NID_X9_62_prime256v1
           : a == SIGNATURE_ES384 ? NID_secp384r1
                                  : NID_secp521r1;
}

static int key_curve(const struct signature_key *k)
{
    return EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(k->public)));
}

bool signature_key_fits(const struct signature_key *k, enum signature_algorithm a)
{
    if (a >= SIGNATURE_ALGORITHM_COUNT || ALGORITHMS[a].kind != k->kind)
        return false;
    switch (k->kind) {
    case KIND_HMAC: return k->secret_len >= EVP_MD_size(hash_of(a));
    case KIND_EC: return key_curve(k) == curve_of(a);
    case KIND_RSA:
    case KIND_ED25519: break;
    }
    return true;
}

/* --- verifying ------------------------------------------------------------------------------- */

static bool hmac_holds(const struct signature_key *k, const EVP_MD *md, struct slice text,
                       struct slice signature)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len;
    return HMAC(md, k->secret, k->secret_len, (const uint8_t *)text.at, text.len, mac, &len) &&
           signature.len == len && CRYPTO_memcmp(mac, signature.at, len) == 0;
}

/* PSS has a salt that is as long as the hash (RFC 7518 3.5). */
static bool rsa_holds(const struct signature_key *k, enum signature_algorithm a,
                      const uint8_t *digest, size_t len, struct slice signature)
{
    const EVP_MD *md = hash_of(a);
    RSA *rsa = EVP_PKEY_get0_RSA(k->public);
    const uint8_t *at = (const uint8_t *)signature.at;
    if (signature.len != RSA_size(rsa))
        return false;
    if (a == SIGNATURE_PS256 || a == SIGNATURE_PS384 || a == SIGNATURE_PS512)
        return RSA_verify_pss_mgf1(rsa, digest, len, md, md, -1, at, signature.len) == 1;
    return RSA_verify(EVP_MD_type(md), digest, len, at, signature.len, rsa) == 1;
}

/* The two numbers side by side, each as long as the curve's (RFC 7518 3.4). */
static bool ec_holds(const struct signature_key *k, const uint8_t *digest, size_t len,
                     struct slice signature)
{
    const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(k->public);
    const size_t half = ((size_t)EC_GROUP_get_degree(EC_KEY_get0_group(ec)) + 7) / 8;
    const uint8_t *at = (const uint8_t *)signature.at;
    if (signature.len != 2 * half)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    const bool holds = sig && BN_bin2bn(at, half, sig->r) && BN_bin2bn(at + half, half, sig->s) &&
                       ECDSA_do_verify(digest, len, sig, ec) == 1;
    ECDSA_SIG_free(sig);
    return holds;
}

static bool ed25519_holds(const struct signature_key *k, struct slice text, struct slice signature)
{
    EVP_MD_CTX ctx;
    EVP_MD_CTX_init(&ctx);
    const bool holds = EVP_DigestVerifyInit(&ctx, NULL, NULL, NULL, k->public) == 1 &&
                       EVP_DigestVerify(&ctx, (const uint8_t *)signature.at, signature.len,
                                        (const uint8_t *)text.at, text.len) == 1;
    EVP_MD_CTX_cleanup(&ctx);
    return holds;
}

static bool holds(const struct signature_key *k, enum signature_algorithm a, struct slice text,
                  struct slice signature)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (k->kind == KIND_HMAC)
        return hmac_holds(k, hash_of(a), text, signature);
    if (k->kind == KIND_ED25519)
        return ed25519_holds(k, text, signature);
    if (!EVP_Digest(text.at, text.len, digest, &len, hash_of(a), NULL))
        return false;
    return k->kind == KIND_RSA ? rsa_holds(k, a, digest, len, signature)
                               : ec_holds(k, digest, len, signature);
}

bool signature_holds(const struct signature_key *k, enum signature_algorithm a, struct slice text,
                     struct slice signature)
{
    ASSERT(signature_key_fits(k, a));
    const bool it_does = holds(k, a, text, signature);
    ERR_clear_error();
    return it_does;
}
