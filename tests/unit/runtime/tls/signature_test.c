/* The examples of RFC 7515 A and RFC 8037 A.4, and what must not hold beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/base64.h"
#include "runtime/base/text.h"
#include "runtime/tls/signature.h"

struct bytes {
    char at[1024];
    size_t len;
};

static struct slice decoded(const char *digits, struct bytes *b)
{
    assert_true(base64_decode(slice_of(digits), BASE64_URL, b->at, sizeof(b->at), &b->len));
    return (struct slice){b->at, b->len};
}

#define CLAIMS                                                                                     \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const struct example {
    const char *why, *algorithm;
    const char *a, *b; /* of the key: k; n and e; x and y; x */
    const char *text, *signature;
} examples[] = {
    {"RFC 7515 A.1", "HS256",
     "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", "",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS,
     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515 A.2", "RS256",
     "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
     "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
     "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
     "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
     "AQAB", "eyJhbGciOiJSUzI1NiJ9." CLAIMS,
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
     "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
     "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
     "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515 A.3", "ES256", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
     "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "eyJhbGciOiJFUzI1NiJ9." CLAIMS,
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 7515 A.4", "ES512",
     "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
     "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
     "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
    {"RFC 8037 A.4", "EdDSA", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

static struct signature_key *key_of(const struct example *e)
{
    struct bytes a, b;
    const char *why = NULL;
    const struct slice first = decoded(e->a, &a), second = decoded(e->b, &b);
    struct signature_key *k =
        e->algorithm[0] == 'H'   ? signature_key_hmac(first, &why)
        : e->algorithm[0] == 'R' ? signature_key_rsa(first, second, &why)
        : e->algorithm[1] == 'd'
            ? signature_key_ed25519(first, &why)
            : signature_key_ec(first.len > 32 ? SLICE("P-521") : SLICE("P-256"), first, second,
                               &why);
    if (!k)
        fail_msg("%s: %s", e->why, why);
    return k;
}

static void the_examples_hold_and_nothing_near_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        const struct example *e = &examples[i];
        const enum signature_algorithm a = signature_algorithm_find(slice_of(e->algorithm));
        struct signature_key *k = key_of(e);
        struct bytes b;
        struct slice s = decoded(e->signature, &b), text = slice_of(e->text);
        assert_true(signature_key_fits(k, a));
        if (!signature_holds(k, a, text, s))
            fail_msg("%s does not hold", e->why);
        assert_false(signature_holds(k, a, (struct slice){text.at, text.len - 1}, s));
        assert_false(signature_holds(k, a, text, (struct slice){s.at, s.len - 1}));
        assert_false(signature_holds(k, a, text, SLICE("")));
        for (size_t at = 0; at < s.len; at += 7) {
            b.at[at] ^= 1;
            if (signature_holds(k, a, text, s))
                fail_msg("%s holds with byte %zu changed", e->why, at);
            b.at[at] ^= 1;
        }
        signature_key_free(k);
    }
}

/* Of all algorithms, which are there for the key of each example? */
static void a_key_has_its_own_algorithms(void **state)
{
    static const struct {
        const char *names;
    } fit[] = {{"HS256 HS384 HS512 "},
               {"RS256 RS384 RS512 PS256 PS384 PS512 "},
               {"ES256 "},
               {"ES512 "},
               {"EdDSA "}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct signature_key *k = key_of(&examples[i]);
        struct text names = {0};
#define ALGORITHM(name, kind)                                                                      \
    text_adds(&names, signature_key_fits(k, SIGNATURE_##name) ? #name " " : "");
        SIGNATURE_ALGORITHMS(ALGORITHM)
#undef ALGORITHM
        assert_string_equal(names.at, fit[i].names);
        text_done(&names);
        assert_false(signature_key_fits(k, SIGNATURE_ALGORITHM_COUNT));
        signature_key_free(k);
    }
}

static void a_secret_is_as_long_as_its_hash(void **state)
{
    static const char bytes[65] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const char *why = NULL;
    (void)state;
    assert_null(signature_key_hmac((struct slice){bytes, 31}, &why));
    assert_string_equal(why, "has less than 32 bytes, and could be guessed");
    for (size_t len = 32; len <= 64; len++) {
        struct signature_key *k = signature_key_hmac((struct slice){bytes, len}, &why);
        assert_true(signature_key_fits(k, SIGNATURE_HS256));
        assert_int_equal(signature_key_fits(k, SIGNATURE_HS384), len >= 48);
        assert_int_equal(signature_key_fits(k, SIGNATURE_HS512), len >= 64);
        signature_key_free(k);
    }
}

static void none_is_no_algorithm(void **state)
{
    static const char *const names[] = {"none", "", "hs256", "HS25", "HS2566", "ES256K", "EDDSA"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_int_equal(signature_algorithm_find(slice_of(names[i])), SIGNATURE_ALGORITHM_COUNT);
    assert_int_equal(signature_algorithm_find(SLICE("EdDSA")), SIGNATURE_EdDSA);
}

static void numbers_that_are_no_key(void **state)
{
    static const char zeros[66];
    const char *why = NULL;
    struct bytes x, y;
    (void)state;
    decoded(examples[2].a, &x);
    decoded(examples[2].b, &y);
    const struct slice good_x = {x.at, x.len}, good_y = {y.at, y.len};
    assert_null(signature_key_ec(SLICE("P-256"), good_x, good_x, &why));
    assert_null(signature_key_ec(SLICE("P-256"), (struct slice){zeros, 32}, good_y, &why));
    assert_null(signature_key_ec(SLICE("P-256"), (struct slice){x.at, 31}, good_y, &why));
    assert_null(signature_key_ec(SLICE("P-384"), good_x, good_y, &why));
    assert_null(signature_key_ec(SLICE("secp256k1"), good_x, good_y, &why));
    assert_null(signature_key_ed25519((struct slice){zeros, 31}, &why));
    assert_null(signature_key_rsa(SLICE(""), SLICE(""), &why));
    decoded(examples[1].a, &x);
    assert_null(signature_key_rsa((struct slice){x.at, x.len}, SLICE("\1"), &why));
    assert_null(signature_key_rsa((struct slice){x.at, x.len}, SLICE("\4"), &why));
    assert_null(signature_key_rsa((struct slice){x.at, x.len / 2}, SLICE("\3"), &why));
    assert_non_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_hold_and_nothing_near_them),
        cmocka_unit_test(a_key_has_its_own_algorithms),
        cmocka_unit_test(a_secret_is_as_long_as_its_hash),
        cmocka_unit_test(none_is_no_algorithm),
        cmocka_unit_test(numbers_that_are_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
