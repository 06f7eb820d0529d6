#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/http/accept_encoding.h"
#include "runtime/http/h1_head.h"

#define NO ACCEPT_UNSAID

static const struct {
    const char *says, *value, *coding;
    int weight;
} values[] = {
    {"a coding that is named is wanted as much as can be", "gzip", "gzip", 1000},
    {"one that is not is not spoken of", "gzip", "br", NO},
    {"nothing names nothing", "", "gzip", NO},
    {"case does not matter", "GZip;Q=0.5", "gzip", 500},
    {"blanks around items and weights do not", " br ,\tgzip ; q=0.8 ", "gzip", 800},
    {"three digits may follow", "gzip;q=0.123", "gzip", 123},
    {"none need to", "gzip;q=1", "gzip", 1000},
    {"nor behind the dot", "gzip;q=0.", "gzip", 0},
    {"one has noughts", "gzip;q=1.000", "gzip", 1000},
    {"zero is a weight", "gzip;q=0", "gzip", 0},
    {"an old name of gzip is gzip", "x-gzip", "gzip", 1000},
    {"a star is what it is called", "*;q=0.1", "*", 100},
    {"and no other", "*;q=0.1", "gzip", NO},
    {"the first of several counts", "gzip;q=0.2, gzip", "gzip", 200},
    {"empty items are none", ",, ,gzip", "gzip", 1000},
    {"a part of a name is another name", "gzipped, gz", "gzip", NO},
    {"more than one is no weight", "gzip;q=1.001", "gzip", NO},
    {"nor are four digits", "gzip;q=0.1234", "gzip", NO},
    {"nor is less than nothing", "gzip;q=-1", "gzip", NO},
    {"nor is a word", "gzip;q=yes", "gzip", NO},
    {"nor is nothing", "gzip;q=", "gzip", NO},
    {"no parameter but a weight is known", "gzip;level=9", "gzip", NO},
    {"what is malformed hides nothing behind it", "gzip;q=x, br", "br", 1000},
};

static void values_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const int got =
            accept_encoding_weight(slice_of(values[i].value), slice_of(values[i].coding));
        if (got != values[i].weight)
            fail_msg("%s: %d", values[i].says, got);
    }
}

static const struct {
    const char *says, *fields;
    int gzip, br, identity;
} requests[] = {
    {"who says nothing gets what there is", "", 0, 0, NO},
    {"who says that nothing is wanted, too", "Accept-Encoding:\r\n", 0, 0, NO},
    {"what is not named is not wanted", "Accept-Encoding: br\r\n", 0, 1000, NO},
    {"a star names all others", "Accept-Encoding: gzip;q=0.3, *;q=0.2\r\n", 300, 200, NO},
    {"it may exclude them", "Accept-Encoding: br, *;q=0\r\n", 0, 1000, NO},
    {"lines are one list", "Accept-Encoding: gzip\r\nAccept-Encoding: br;q=0.5\r\n", 1000, 500, NO},
    {"the body as it is may be wanted more", "Accept-Encoding: identity, gzip;q=0.5\r\n", 500, 0,
     1000},
};

static void requests_are_read(void **state)
{
    (void)state;
    static const struct slice CODINGS[] = {SLICE_INIT("gzip"), SLICE_INIT("br")};
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        char text[512];
        const int len =
            snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", requests[i].fields);
        struct http_head head;
        assert_int_equal(h1_request_parse(&head, text, (size_t)len), len);
        int weight[2], identity;
        accept_encoding(&head, CODINGS, weight, 2, &identity);
        if (weight[0] != requests[i].gzip || weight[1] != requests[i].br ||
            identity != requests[i].identity)
            fail_msg("%s: %d %d %d", requests[i].says, weight[0], weight[1], identity);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(requests_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
