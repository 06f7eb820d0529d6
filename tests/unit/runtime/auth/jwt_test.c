/* What a token's claims must say, to the second. Which signatures hold:
 * tests/wire/test_require_jwt.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/auth/jwt.h"
#include "runtime/base/clock.h"

#define NOW 1000

static const struct slice ISSUERS[] = {SLICE_INIT("i"), SLICE_INIT("j")};
static const struct slice AUDIENCES[] = {SLICE_INIT("a"), SLICE_INIT("b")};

static const struct row {
    const char *claims;
    enum jwt_answer any,
        ours; /* where anybody's token will do; where issuer and audience are asked for */
} rows[] = {
    {"{\"exp\":991}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":990}", JWT_EXPIRED, JWT_EXPIRED},
    {"{\"exp\":990.5}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":1e9}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":253402300799}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":253402300800}", JWT_MALFORMED, JWT_MALFORMED}, /* the year 10000: it never ends */
    {"{\"exp\":-5}", JWT_EXPIRED, JWT_EXPIRED},
    {"{}", JWT_ENDLESS, JWT_ENDLESS},
    {"{\"exp\":null}", JWT_MALFORMED, JWT_MALFORMED},
    {"{\"exp\":\"2000\"}", JWT_MALFORMED, JWT_MALFORMED},
    {"{\"exp\":1e999}", JWT_MALFORMED, JWT_MALFORMED},
    {"{\"exp\":2000,\"nbf\":1010}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":2000,\"nbf\":1011}", JWT_EARLY, JWT_EARLY},
    {"{\"exp\":2000,\"iat\":1010}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":2000,\"iat\":1011}", JWT_EARLY, JWT_EARLY},
    {"{\"exp\":2000,\"nbf\":true}", JWT_MALFORMED, JWT_MALFORMED},
    {"{\"exp\":2000,\"iss\":\"i\"}", JWT_GOOD, JWT_AUDIENCE},
    {"{\"exp\":2000,\"iss\":\"i\",\"aud\":\"a\"}", JWT_GOOD, JWT_GOOD},
    {"{\"exp\":2000,\"iss\":\"j\",\"aud\":[\"x\",\"b\"]}", JWT_GOOD, JWT_GOOD},
    {"{\"exp\":2000,\"iss\":\"k\",\"aud\":\"a\"}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":2000,\"iss\":\"I\",\"aud\":\"a\"}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":2000,\"iss\":[\"i\"],\"aud\":\"a\"}", JWT_GOOD, JWT_ISSUER},
    {"{\"exp\":2000,\"iss\":\"i\",\"aud\":\"ab\"}", JWT_GOOD, JWT_AUDIENCE},
    {"{\"exp\":2000,\"iss\":\"i\",\"aud\":[[\"a\"]]}", JWT_GOOD, JWT_AUDIENCE},
    {"{\"exp\":2000,\"iss\":\"i\",\"aud\":{\"a\":\"a\"}}", JWT_GOOD, JWT_AUDIENCE},
};

static enum jwt_answer check(const struct table_jwt *rule, const char *claims)
{
    struct bearer b = {.found = BEARER_FOUND};
    memcpy(b.text, claims, strlen(claims));
    assert_true(flat_json_make(b.text, strlen(claims), &b.claims));
    return jwt_check_claims(rule, &b, NOW);
}

static void claims_are_looked_at(void **state)
{
    const struct table_jwt any = {.leeway_ns = 10 * NS_PER_S};
    const struct table_jwt ours = {.leeway_ns = 10 * NS_PER_S,
                                   .issuer = ISSUERS,
                                   .n_issuers = COUNT_OF(ISSUERS),
                                   .audience = AUDIENCES,
                                   .n_audiences = COUNT_OF(AUDIENCES)};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (check(&any, rows[i].claims) != rows[i].any)
            fail_msg("%s, where anybody's will do", rows[i].claims);
        if (check(&ours, rows[i].claims) != rows[i].ours)
            fail_msg("%s, where they must be ours", rows[i].claims);
    }
}

static void what_did_not_come_is_not_good(void **state)
{
    const struct table_jwt any = {.leeway_ns = 0};
    struct bearer b = {.found = BEARER_NONE};
    (void)state;
    assert_int_equal(jwt_check_claims(&any, &b, NOW), JWT_ABSENT);
    b.found = BEARER_WRONG;
    assert_int_equal(jwt_check_claims(&any, &b, NOW), JWT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_looked_at),
        cmocka_unit_test(what_did_not_come_is_not_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
