#include "runtime/auth/jwt_keys.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/base64.h"
#include "runtime/base/check.h"
#include "runtime/base/flat_json.h"

/* Of a number in a JWK: a modulus of 8192 bits, and one of HMAC that is longer than it needs to be.
 */
#define JWK_BYTES_MAX 1536u

static struct slice string_of(struct flat_json object, const char *name)
{
    const struct flat_json v = flat_json_member(object, slice_of(name));
    return v.kind == FLAT_JSON_STRING ? v.text : SLICE_NONE;
}

struct jwk_bytes {
    char at[JWK_BYTES_MAX];
};

/* Empty where they are not there. */
static struct slice bytes_of(struct flat_json object, const char *name, struct jwk_bytes *to)
{
    size_t len;
    const struct slice digits = string_of(object, name);
    const bool ok = digits.at && base64_decode(digits, BASE64_URL, to->at, sizeof(to->at), &len);
    return ok ? (struct slice){to->at, len} : SLICE("");
}

/* --- a JWK ----------------------------------------------------------------------------------- */

static bool has(struct flat_json list, const char *word)
{
    struct slice rest = list.text;
    struct flat_json v;
    while (flat_json_next(&rest, &v))
        if (v.kind == FLAT_JSON_STRING && slice_eq(v.text, slice_of(word)))
            return true;
    return false;
}

/* Is it one to verify by, as far as it says (RFC 7517 4.2 to 4.4)? */
static bool is_meant(struct flat_json jwk, enum signature_algorithm *only)
{
    const struct slice use = string_of(jwk, "use"), algorithm = string_of(jwk, "alg");
    const struct flat_json ops = flat_json_member(jwk, SLICE("key_ops"));
    *only = signature_algorithm_find(algorithm);
    return (!use.at || slice_eq(use, SLICE("sig"))) &&
           (ops.kind == FLAT_JSON_NONE || (ops.kind == FLAT_JSON_ARRAY && has(ops, "verify"))) &&
           (!algorithm.at || *only < SIGNATURE_ALGORITHM_COUNT);
}

static struct signature_key *read_secret(struct flat_json jwk, const char **why)
{
    struct jwk_bytes k;
    struct signature_key *key = signature_key_hmac(bytes_of(jwk, "k", &k), why);
    explicit_bzero(&k, sizeof(k));
    return key;
}

/* NULL with *why as it is where the type is not known. */
static struct signature_key *read_jwk(struct flat_json jwk, const char **why)
{
    struct jwk_bytes a, b;
    const struct slice type = string_of(jwk, "kty"), curve = string_of(jwk, "crv");
    const bool rsa = slice_eq(type, SLICE("RSA")), ec = slice_eq(type, SLICE("EC"));
    const bool ed = slice_eq(type, SLICE("OKP")) && slice_eq(curve, SLICE("Ed25519"));
    if (slice_eq(type, SLICE("oct")))
        return read_secret(jwk, why);
    if ((rsa || ec || ed) && flat_json_member(jwk, SLICE("d")).kind != FLAT_JSON_NONE) {
        *why = "is a private one: who verifies needs the public half alone, without `d`";
        return NULL;
    }
    return rsa  ? signature_key_rsa(bytes_of(jwk, "n", &a), bytes_of(jwk, "e", &b), why)
           : ec ? signature_key_ec(curve, bytes_of(jwk, "x", &a), bytes_of(jwk, "y", &b), why)
           : ed ? signature_key_ed25519(bytes_of(jwk, "x", &a), why)
                : NULL;
}

static char *copy_id(struct slice id)
{
    char *copy = id.at ? MUST_ARRAY(char, id.len + 1) : NULL;
    if (copy)
        memcpy(copy, id.at, id.len);
    return copy;
}

static bool add(struct jwt_keys *k, struct jwt_key key, const char **why)
{
    if (k->n < JWT_KEYS_MAX) {
        k->key[k->n++] = key;
        return true;
    }
    *why = "is one of more than 32";
    free(key.id);
    signature_key_free(key.key);
    return false;
}

/* False: *why says what of it can't be taken. */
static bool add_jwk(struct jwt_keys *k, struct flat_json jwk, const char **why)
{
    enum signature_algorithm only;
    if (jwk.kind != FLAT_JSON_OBJECT) {
        *why = "is no object";
        return false;
    }
    if (!is_meant(jwk, &only))
        return true;
    struct signature_key *key = read_jwk(jwk, why);
    if (!key)
        return *why == NULL;
    if (only < SIGNATURE_ALGORITHM_COUNT && !signature_key_fits(key, only)) {
        *why = "has an `alg` that is not for such a key";
        signature_key_free(key);
        return false;
    }
    return add(k, (struct jwt_key){copy_id(string_of(jwk, "kid")), key, only}, why);
}

/* --- a secret -------------------------------------------------------------------------------- */

static bool take_set(struct jwt_keys *k, struct flat_json all, struct text *why)
{
    const struct flat_json keys = flat_json_member(all, SLICE("keys"));
    const char *wrong = NULL;
    bool ok = true;
    uint32_t number = 0;
    if (keys.kind == FLAT_JSON_ARRAY) {
        struct slice rest = keys.text;
        struct flat_json jwk;
        while (ok && flat_json_next(&rest, &jwk)) {
            number++;
            ok = add_jwk(k, jwk, &wrong);
        }
    } else if (flat_json_member(all, SLICE("kty")).kind == FLAT_JSON_STRING) {
        ok = add_jwk(k, all, &wrong);
    }
    if (!ok && number > 0)
        text_addf(why, "key %u of the set %s", number, wrong);
    else if (!ok)
        text_addf(why, "the key %s", wrong);
    else if (k->n == 0)
        text_adds(why, "there is no key in it that signatures could be verified by");
    return ok && k->n > 0;
}

static bool take_json(struct jwt_keys *k, struct slice secret, struct text *why)
{
    char *text = MUST_ARRAY(char, secret.len);
    struct flat_json all;
    memcpy(text, secret.at, secret.len);
    bool ok = flat_json_make(text, secret.len, &all);
    if (ok)
        ok = take_set(k, all, why);
    else
        text_adds(why, "it begins as JSON, and is not sound");
    explicit_bzero(text, secret.len);
    free(text);
    return ok;
}

static bool take_plain(struct jwt_keys *k, struct slice secret, bool pem, struct text *why)
{
    struct signature_key *key[JWT_KEYS_MAX];
    const char *wrong = NULL;
    size_t n = 0;
    if (pem)
        n = signature_keys_pem(secret, key, JWT_KEYS_MAX, &wrong);
    else if ((key[0] = signature_key_hmac(secret, &wrong)) != NULL)
        n = 1;
    for (size_t i = 0; i < n; i++)
        k->key[k->n++] = (struct jwt_key){NULL, key[i], SIGNATURE_ALGORITHM_COUNT};
    if (n == 0)
        text_addf(why, "the key %s", wrong);
    return n > 0;
}

static void take_fingerprint(struct jwt_keys *k, struct slice secret)
{
    struct mac_key by;
    mac_key_init(&by, secret);
    mac_sign(&by, SLICE("these keys"), k->fingerprint);
    mac_key_done(&by);
}

/* What looks like a public key is never taken for one of HMAC: anybody has that. */
struct jwt_keys *jwt_keys_new(struct slice secret, struct text *why)
{
    static const struct slice BEGIN = SLICE_INIT("-----BEGIN");
    struct jwt_keys *k = MUST_NEW(struct jwt_keys);
    const bool json = slice_starts(slice_trim(secret), SLICE("{"));
    const bool pem = !json && memmem(secret.at, secret.len, BEGIN.at, BEGIN.len) != NULL;
    take_fingerprint(k, secret);
    if (json ? take_json(k, secret, why) : take_plain(k, secret, pem, why))
        return k;
    jwt_keys_free(k);
    return NULL;
}

void jwt_keys_free(struct jwt_keys *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->n; i++) {
        free(k->key[i].id);
        signature_key_free(k->key[i].key);
    }
    free(k);
}
