/* Which htpasswd texts are taken, what is said of the others, and whose password matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/auth/password.h"
#include "runtime/auth/users.h"

/* "open sesame", by each form that is taken. */
#define ARGON2                                                                                     \
    "$argon2id$v=19$m=64,t=1,p=1$pqQ+6YpAuHgFT37T05L3VQ$R1zK5wESVu+"                               \
    "EQWf3dGjbSXDDz3h5FXdj2MfMDxNwIwo"
#define BCRYPT "$2b$04$CQgVy6aU6JBJZxnkeaA/fuFqkkjxszi/Ep47vt6V30O1Sm6iL6EGC"

static struct text why;

static int tear_down(void **state)
{
    (void)state;
    text_done(&why);
    return 0;
}

static void forms_that_are_taken_match_their_password_only(void **state)
{
    (void)state;
    static const char *const HASH[] = {ARGON2, BCRYPT};
    for (size_t i = 0; i < COUNT_OF(HASH); i++) {
        assert_null(password_refused(slice_of(HASH[i])));
        assert_true(password_matches(HASH[i], "open sesame"));
        assert_false(password_matches(HASH[i], "open sesam"));
        assert_false(password_matches(HASH[i], "open sesame "));
        assert_false(password_matches(HASH[i], ""));
    }
}

/* Of a hash that was cut, or has another byte, either nothing is taken or nothing matches. */
static void hashes_that_were_changed_match_nothing(void **state)
{
    (void)state;
    static const char *const HASH[] = {ARGON2, BCRYPT};
    for (size_t i = 0; i < COUNT_OF(HASH); i++) {
        char hash[PASSWORD_HASH_MAX + 1];
        const size_t len = strlen(HASH[i]);
        for (size_t cut = 0; cut < len; cut++) {
            memcpy(hash, HASH[i], cut);
            hash[cut] = '\0';
            assert_false(!password_refused(slice_of(hash)) &&
                         password_matches(hash, "open sesame"));
        }
        for (size_t at = len - 20; at < len - 2; at++) {
            memcpy(hash, HASH[i], len + 1);
            hash[at] = hash[at] == 'x' ? 'y' : 'x';
            assert_false(!password_refused(slice_of(hash)) &&
                         password_matches(hash, "open sesame"));
        }
    }
}

static void users_are_found(void **state)
{
    (void)state;
    struct users *u =
        users_new(SLICE("\n# all\nbert:" BCRYPT "\r\n\n  anna:" ARGON2 "  \nAnna:" BCRYPT), &why);
    assert_non_null(u);
    bool known;
    assert_string_equal(users_hash(u, SLICE("anna"), &known), ARGON2);
    assert_true(known);
    assert_string_equal(users_hash(u, SLICE("bert"), &known), BCRYPT);
    assert_true(known);
    assert_string_equal(users_hash(u, SLICE("Anna"), &known), BCRYPT);
    assert_true(known);
    assert_null(password_refused(slice_of(users_hash(u, SLICE("ann"), &known))));
    assert_false(known);
    (void)users_hash(u, SLICE("annas"), &known);
    assert_false(known);
    users_free(u);
}

static void refuses(struct slice text, const char *said)
{
    text_clear(&why);
    assert_null(users_new(text, &why));
    if (!strstr(why.at, said))
        fail_msg("\"%s\" is not in: %s", said, why.at);
}

static void what_is_stored_badly_is_refused_with_its_line(void **state)
{
    (void)state;
    refuses(SLICE("# x\nanna:$apr1$abc$def\n"),
            "line 2: the password of anna is stored as Apache's MD5");
    refuses(SLICE("anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), "line 1: the password of anna is");
    refuses(SLICE("anna:{SHA}x"), "store it anew: htpasswd -B FILE anna");
    refuses(SLICE("anna:$6$abc$def"), "SHA-512");
    refuses(SLICE("anna:abJnggxhB/yWI"), "by DES, or as it is");
    refuses(SLICE("anna:"), "by DES, or as it is");
    refuses(SLICE("anna:$argon2i$v=19$m=64,t=1,p=1$a$b"), "argon2id is taken");
    refuses(SLICE("anna:$argon2id$v=19$m=99999999,t=1,p=1$pqQ+6YpAuHgFT37T05L3VQ$R1zK5wESVu+"
                  "EQWf3dGjbSXDDz3h5FXdj2MfMDxNwIwo"),
            "line 1: the password of anna costs more");
    refuses(SLICE("anna:$2b$16$uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"),
            "takes seconds");
    refuses(SLICE("anna:$2b$03$uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"),
            "no whole hash");
    refuses(SLICE("anna"), "line 1: there is no colon");
    refuses(SLICE(":" BCRYPT), "a user's name has 1 to 128 bytes");
    refuses(SLICE("an\x01na:" BCRYPT), "control character");
    refuses(SLICE("anna:" BCRYPT "\nbert:" BCRYPT "\nanna:" ARGON2 "\n"),
            "line 3: anna stands in line 1, too");
    refuses(SLICE("# nobody\n"), "there is no user in it");
}

static void nothing_of_a_hash_is_shown(void **state)
{
    (void)state;
    refuses(SLICE("anna:hunter2"), "line 1");
    assert_null(strstr(why.at, "hunter2"));
    refuses(SLICE("hunter2"), "line 1");
    assert_null(strstr(why.at, "hunter2"));
    refuses(SLICE("anna:" BCRYPT "\nanna:" BCRYPT), "line 2");
    assert_null(strstr(why.at, "$2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_that_are_taken_match_their_password_only),
        cmocka_unit_test(hashes_that_were_changed_match_nothing),
        cmocka_unit_test_teardown(users_are_found, tear_down),
        cmocka_unit_test_teardown(what_is_stored_badly_is_refused_with_its_line, tear_down),
        cmocka_unit_test_teardown(nothing_of_a_hash_is_shown, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
