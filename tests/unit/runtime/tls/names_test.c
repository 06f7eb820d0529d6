/* Which certificate for which name and client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/tls/names.h"

#define P256 0x0403
#define P384 0x0503

/* Certificates that have nothing but names. */
static struct slice first_name[] = {SLICE_INIT("first.test")};
static struct slice both_names[] = {SLICE_INIT("both.test"), SLICE_INIT("*.wild.test")};
static struct slice deep_name[] = {SLICE_INIT("a.wild.test")};
static struct slice top_name[] = {SLICE_INIT("*.test")};

static struct certificate first = {
    .kind = CERTIFICATE_ECDSA, .signature = P256, .name = first_name, .n_names = 1};
static struct certificate rsa = {.kind = CERTIFICATE_RSA, .name = both_names, .n_names = 2};
static struct certificate ecdsa = {
    .kind = CERTIFICATE_ECDSA, .signature = P256, .name = both_names, .n_names = 2};
static struct certificate second = {
    .kind = CERTIFICATE_ECDSA, .signature = P256, .name = both_names, .n_names = 2};
static struct certificate deep = {
    .kind = CERTIFICATE_ECDSA, .signature = P384, .name = deep_name, .n_names = 1};
static struct certificate twin = {.kind = CERTIFICATE_RSA, .name = first_name, .n_names = 1};
static struct certificate top = {.kind = CERTIFICATE_RSA, .name = top_name, .n_names = 1};
static struct certificate *const all[] = {&first, &rsa, &ecdsa, &second, &deep, &twin, &top};

static const uint16_t p256[] = {P256}, p384[] = {P384};
static const struct names_accepted ANY = {.rsa = true, .ecdsa = true};
static const struct names_accepted RSA = {.rsa = true};
static const struct names_accepted ONLY_P256 = {
    .ecdsa = true, .signature = p256, .n_signatures = 1};
static const struct names_accepted ONLY_P384 = {
    .ecdsa = true, .signature = p384, .n_signatures = 1};

static void the_right_one_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const struct names_accepted *client;
        const struct certificate *chosen;
        const char *what;
    } rows[] = {
        {"first.test", &ANY, &first, "its own"},
        {"first.test", &RSA, &twin, "its own of the other kind"},
        {"both.test", &ANY, &ecdsa, "ECDSA is preferred, and the first of two"},
        {"both.test", &RSA, &rsa, "RSA where there is no choice"},
        {"both.test", &ONLY_P384, &ecdsa,
         "none can be verified: the handshake fails by its name's"},
        {"b.wild.test", &ANY, &ecdsa, "below a wildcard"},
        {"a.wild.test", &ANY, &deep, "an exact name before a wildcard"},
        {"a.wild.test", &ONLY_P256, &ecdsa, "a wildcard when the exact one can't be verified"},
        {"a.wild.test", &ONLY_P384, &deep, "an exact one that can"},
        {"x.b.wild.test", &ANY, &first, "a wildcard is one label"},
        {"wild.test", &ANY, &top, "and not none"},
        {".wild.test", &ANY, &first, "nor an empty one"},
        {"wild", &ANY, &first, "no dot at all"},
        {"", &ANY, &first, "no name at all"},
        {"", &RSA, &twin, "no name at all, RSA"},
        {"nobody.example", &ANY, &first, "nobody's name"},
    };
    struct names *n = names_new(all, COUNT_OF(all));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct certificate *c = names_choose(n, slice_of(rows[i].host), rows[i].client);
        if (c != rows[i].chosen)
            fail_msg("%s: %s", rows[i].host, rows[i].what);
    }
    names_free(n);
}

static void what_is_only_the_first_is_not_there_for_a_name(void **state)
{
    (void)state;
    struct certificate *const two[] = {&first, &ecdsa};
    struct names *n = names_new(two, 2);
    assert_true(names_has(n, SLICE("first.test")));
    assert_true(names_has(n, SLICE("x.wild.test")));
    assert_false(names_has(n, SLICE("wild.test")));
    assert_false(names_has(n, SLICE("nobody.test")));
    assert_false(names_has(n, SLICE("")));
    names_free(n);
}

static void a_certificate_without_names_is_for_everybody(void **state)
{
    (void)state;
    static struct certificate none = {.kind = CERTIFICATE_RSA};
    struct certificate *const one[] = {&none};
    struct names *n = names_new(one, 1);
    assert_ptr_equal(names_choose(n, SLICE("a.test"), &ANY), &none);
    assert_ptr_equal(names_choose(n, SLICE("a.test"), &ONLY_P256), &none);
    names_free(n);
}

static void ten_thousand_names_are_all_found(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct certificate *c = MUST_ARRAY(struct certificate, N);
    struct certificate **p = MUST_ARRAY(struct certificate *, N);
    struct slice *name = MUST_ARRAY(struct slice, N);
    char(*text)[32] = must_calloc(N, sizeof(*text));
    for (int i = 0; i < N; i++) {
        const int len = snprintf(text[i], sizeof(text[i]), "%shost%d.test", i % 2 ? "*." : "", i);
        name[i] = (struct slice){text[i], (size_t)len};
        c[i] = (struct certificate){.kind = CERTIFICATE_RSA, .name = &name[i], .n_names = 1};
        p[i] = &c[i];
    }
    struct names *n = names_new(p, N);
    for (int i = 0; i < N; i++) {
        char host[40];
        const int len = snprintf(host, sizeof(host), "%shost%d.test", i % 2 ? "www." : "", i);
        assert_ptr_equal(names_choose(n, (struct slice){host, (size_t)len}, &ANY), p[i]);
    }
    names_free(n);
    free(text);
    free(name);
    free(p);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_one_is_chosen),
        cmocka_unit_test(what_is_only_the_first_is_not_there_for_a_name),
        cmocka_unit_test(a_certificate_without_names_is_for_everybody),
        cmocka_unit_test(ten_thousand_names_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
