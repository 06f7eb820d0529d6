/* Which Authorization headers are credentials, and whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/table/credentials.h"
#include "compiler/table/facts.h"
#include "runtime/base/check.h"

struct row {
    const char *why, *header;
    const char *user, *password; /* NULL: it is none */
};

static const struct row rows[] = {
    {"RFC 7617 2", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"},
    {"RFC 7617 2.1: what is not ASCII", "Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},
    {"a scheme has no case", "bASIC YW5uYTpi", "anna", "b"},
    {"blanks behind it", "Basic   YW5uYTpi \t", "anna", "b"},
    {"a password may have colons", "Basic YW5uYTpiOmM=", "anna", "b:c"},
    {"a password may be empty", "Basic YW5uYTo=", "anna", ""},
    {"no blank behind the scheme", "BasicYW5uYTpi", NULL, NULL},
    {"nothing behind it", "Basic ", NULL, NULL},
    {"another scheme", "Bearer YW5uYTpi", NULL, NULL},
    {"no colon", "Basic YW5uYQ==", NULL, NULL},
    {"no user", "Basic OnNlY3JldA==", NULL, NULL},
    {"a control character", "Basic YW5uYToA", NULL, NULL},
    {"DEL", "Basic YW5uYTp/", NULL, NULL},
    {"without its padding", "Basic YW5uYTpiOmM", NULL, NULL},
    {"padding too much", "Basic YW5uYTpi====", NULL, NULL},
    {"padding in the middle", "Basic YW5=YTpi", NULL, NULL},
    {"nothing but padding", "Basic ====", NULL, NULL},
    {"bits behind the last byte", "Basic YW5uYTpiOmN=", NULL, NULL},
    {"base64url", "Basic YW5uYTr-", NULL, NULL},
    {"a blank inside", "Basic YW5u YTpi", NULL, NULL},
};

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct credentials c;
        const bool read = credentials_parse(slice_of(rows[i].header), &c);
        if (read != (rows[i].user != NULL))
            fail_msg("%s", rows[i].why);
        if (read && (!slice_eq(c.user, slice_of(rows[i].user)) ||
                     !slice_eq(c.password, slice_of(rows[i].password))))
            fail_msg("%s", rows[i].why);
    }
}

/* "Basic ", and the base64 of a user and a password of so many times `a`. */
static bool reads(size_t user, size_t password)
{
    static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char plain[2000] = "", header[4000] = "Basic ";
    memset(plain, 'a', user + 1 + password);
    plain[user] = ':';
    const size_t len = user + 1 + password;
    size_t at = strlen(header);
    for (size_t i = 0; i < len; i += 3) {
        const uint32_t bits =
            (uint32_t)plain[i] << 16 | (uint32_t)plain[i + 1] << 8 | (uint32_t)plain[i + 2];
        for (unsigned k = 0; k < 4; k++)
            header[at++] = i + k > len ? '=' : DIGIT[bits >> (18 - 6 * k) & 63];
    }
    struct credentials c;
    return credentials_parse((struct slice){header, at}, &c) && c.user.len == user &&
           c.password.len == password;
}

static void there_is_an_end_to_their_length(void **state)
{
    (void)state;
    assert_true(reads(CREDENTIALS_USER_MAX, CREDENTIALS_PASSWORD_MAX));
    assert_false(reads(CREDENTIALS_USER_MAX + 1, 1));
    assert_false(reads(1, CREDENTIALS_PASSWORD_MAX + 1));
    assert_false(reads(CREDENTIALS_USER_MAX, CREDENTIALS_PASSWORD_MAX + 1));
    assert_false(reads(900, 900));
}

static bool headers(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const unsigned *n = of;
    *value = SLICE("Basic YW5uYTpi");
    return slice_eq(name, SLICE("authorization")) && (*cursor)++ < *n;
}

static void of_two_neither_counts(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct facts f = {.header = headers, .request = &n};
    struct credentials c;
    assert_false(credentials_read(&f, &c));
    n = 1;
    assert_true(credentials_read(&f, &c));
    n = 2;
    assert_false(credentials_read(&f, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(there_is_an_end_to_their_length),
        cmocka_unit_test(of_two_neither_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
