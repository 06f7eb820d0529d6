/* The vectors of RFC 4231, of keys that are shorter and longer than a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "runtime/base/check.h"
#include "runtime/tls/mac.h"

static void repeat(char *at, char c, size_t n)
{
    memset(at, c, n);
}

static void expect(struct slice secret, struct slice text, const char *hex)
{
    struct mac_key k;
    uint8_t mac[MAC_BYTES];
    char said[2 * MAC_BYTES + 1];
    mac_key_init(&k, secret);
    for (int twice = 0; twice < 2; twice++) { /* a key is as good the second time */
        mac_sign(&k, text, mac);
        for (size_t i = 0; i < sizeof(mac); i++)
            snprintf(said + 2 * i, 3, "%02x", mac[i]);
        assert_string_equal(said, hex);
    }
    mac_key_done(&k);
    for (size_t i = 0; i < sizeof(k.inner); i++)
        assert_int_equal(k.inner[i] | k.outer[i], 0);
}

static void test_it_is_rfc_4231s(void **state)
{
    (void)state;
    char key[131], text[50];
    repeat(key, '\x0b', 20);
    expect((struct slice){key, 20}, SLICE("Hi There"),
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect(SLICE("Jefe"), SLICE("what do ya want for nothing?"),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    repeat(key, '\xaa', 20);
    repeat(text, '\xdd', 50);
    expect((struct slice){key, 20}, (struct slice){text, 50},
           "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    repeat(key, '\xaa', 131);
    expect((struct slice){key, 131},
           SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_what_differs_anywhere_differs(void **state)
{
    (void)state;
    char a[15] = "abcdefghijklmn", b[15];
    for (size_t i = 0; i < sizeof(a); i++) {
        memcpy(b, a, sizeof(a));
        assert_true(mac_eq(a, b, sizeof(a)));
        b[i] ^= 1;
        assert_false(mac_eq(a, b, sizeof(a)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_is_rfc_4231s),
                                       cmocka_unit_test(test_what_differs_anywhere_differs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
