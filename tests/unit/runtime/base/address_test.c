#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/address.h"

static const struct {
    const char *text, *written; /* NULL: refused */
} addresses[] = {
    {"10.0.0.7", "10.0.0.7"},
    {"0.0.0.0", "0.0.0.0"},
    {"2001:DB8::1", "2001:db8::1"},
    {"::", "::"},
    {"::ffff:10.0.0.7", "10.0.0.7"},
    {"", NULL},
    {"10.0.0", NULL},
    {"10.0.0.256", NULL},
    {"10.0.0.7 ", NULL},
    {"010.0.0.1", NULL},
    {":::", NULL},
    {"[::1]", NULL},
    {"fe80::1%eth0", NULL},
    {"localhost", NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1", NULL},
};

static void addresses_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct address a;
        char text[ADDRESS_TEXT_MAX] = "";
        const bool ok = address_parse(slice_of(addresses[i].text), &a);
        if (ok && address_format(&a, text) != strlen(text))
            fail_msg("\"%s\": the length of \"%s\" is wrong", addresses[i].text, text);
        if (ok != (addresses[i].written != NULL) || (ok && strcmp(text, addresses[i].written) != 0))
            fail_msg("\"%s\": %s", addresses[i].text, ok ? text : "refused");
    }
    struct address a;
    assert_false(address_parse(SLICE_NONE, &a));
    assert_false(address_parse(SLICE("10.0.0.1\0x"), &a));
}

static const struct {
    const char *text, *canonical, *last; /* NULL: refused */
    bool is_canonical;
} networks[] = {
    {"10.0.0.0/8", "10.0.0.0/8", "10.255.255.255", true},
    {"10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", false},
    {"10.1.2.3/9", "10.0.0.0/9", "10.127.255.255", false},
    {"10.0.0.7", "10.0.0.7", "10.0.0.7", true},
    {"10.0.0.7/32", "10.0.0.7", "10.0.0.7", true},
    {"10.0.0.7/31", "10.0.0.6/31", "10.0.0.7", false},
    {"0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", true},
    {"::/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    {"2001:db8::/33", "2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", true},
    {"::1/128", "::1", "::1", true},
    {"10.0.0.0/33", NULL, NULL, false},
    {"::/129", NULL, NULL, false},
    {"10.0.0.0/", NULL, NULL, false},
    {"10.0.0.0/-1", NULL, NULL, false},
    {"10.0.0.0/8/8", NULL, NULL, false},
    {"/8", NULL, NULL, false},
    {"", NULL, NULL, false},
};

static void networks_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        struct network n;
        if (!network_parse(slice_of(networks[i].text), &n)) {
            if (networks[i].canonical)
                fail_msg("\"%s\": refused", networks[i].text);
            continue;
        }
        if (!networks[i].canonical)
            fail_msg("\"%s\": taken", networks[i].text);
        const struct network c = network_canonical(&n);
        const struct address last = network_last(&c);
        char text[NETWORK_TEXT_MAX], last_text[ADDRESS_TEXT_MAX];
        network_format(&c, text);
        address_format(&last, last_text);
        if (strcmp(text, networks[i].canonical) != 0 || strcmp(last_text, networks[i].last) != 0 ||
            network_is_canonical(&n) != networks[i].is_canonical || !network_is_canonical(&c))
            fail_msg("\"%s\": %s, last %s", networks[i].text, text, last_text);
    }
}

static const struct {
    const char *text, *written; /* NULL: refused */
} endpoints[] = {
    {"10.0.0.1:80", "10.0.0.1:80"},
    {"[::1]:443", "[::1]:443"},
    {"[::]:65535", "[::]:65535"},
    {"unix:/run/app.sock", "unix:/run/app.sock"},
    {"10.0.0.1", NULL},
    {"10.0.0.1:", NULL},
    {"10.0.0.1:0", NULL},
    {"10.0.0.1:65536", NULL},
    {"10.0.0.1: 80", NULL},
    {"::1:80", NULL},
    {"[::1]", NULL},
    {"[::1:80", NULL},
    {"[10.0.0.1]x:80", NULL},
    {":80", NULL},
    {"unix:", NULL},
    {"unix:run/app.sock", NULL},
    {"", NULL},
};

static void endpoints_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        struct endpoint e;
        char text[ENDPOINT_TEXT_MAX] = "";
        const bool ok = endpoint_parse(slice_of(endpoints[i].text), &e);
        if (ok)
            endpoint_format(&e, text);
        if (ok != (endpoints[i].written != NULL) || (ok && strcmp(text, endpoints[i].written) != 0))
            fail_msg("\"%s\": %s", endpoints[i].text, ok ? text : "refused");
    }
}

static void a_unix_path_fits_with_its_nul(void **state)
{
    (void)state;
    struct endpoint e;
    char text[200] = "unix:/";
    memset(text + 6, 'x', sizeof(text) - 6);
    assert_true(endpoint_parse((struct slice){text, 5 + 107}, &e));
    assert_int_equal(strlen(e.path), 107);
    char written[ENDPOINT_TEXT_MAX];
    assert_int_equal(endpoint_format(&e, written), 5 + 107);
    assert_false(endpoint_parse((struct slice){text, 5 + 108}, &e));
    assert_false(endpoint_parse(SLICE("unix:/a\0b"), &e));
}

static void addresses_follow_one_another(void **state)
{
    (void)state;
    struct address a, next, wanted;
    assert_true(address_parse(SLICE("10.0.255.255"), &a));
    assert_true(address_next(&a, &next));
    assert_true(address_parse(SLICE("10.1.0.0"), &wanted));
    assert_int_equal(address_compare(&next, &wanted), 0);
    assert_true(address_compare(&a, &next) < 0);
    memset(&a, 0xff, sizeof(a));
    assert_false(address_next(&a, &next));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_parsed),
        cmocka_unit_test(networks_are_parsed),
        cmocka_unit_test(endpoints_are_parsed),
        cmocka_unit_test(a_unix_path_fits_with_its_nul),
        cmocka_unit_test(addresses_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
