#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/upstream/grpc_health.h"

static void a_question_is_one_message(void **state)
{
    (void)state;
    struct text t = {0};
    grpc_health_ask(SLICE_NONE, &t);
    assert_int_equal(t.len, 5);
    assert_memory_equal(t.at, "\0\0\0\0\0", 5);
    text_done(&t);
    grpc_health_ask(SLICE("shop.Cart"), &t);
    assert_int_equal(t.len, 16);
    assert_memory_equal(t.at, "\0\0\0\0\x0b\x0a\x09shop.Cart", 16);
    text_done(&t);
    char name[200];
    memset(name, 'n', sizeof(name));
    grpc_health_ask((struct slice){name, sizeof(name)}, &t);
    assert_memory_equal(t.at, "\0\0\0\0\xcb\x0a\xc8\x01n", 9); /* a length of two bytes */
    text_done(&t);
}

#define M(bytes) SLICE_INIT(bytes)

static const struct {
    const char *says;
    struct slice message;
    enum grpc_health is;
} rows[] = {
    {"serving", M("\0\0\0\0\2\x08\1"), GRPC_HEALTH_SERVING},
    {"not serving", M("\0\0\0\0\2\x08\2"), GRPC_HEALTH_NOT_SERVING},
    {"a service that is not known", M("\0\0\0\0\2\x08\3"), GRPC_HEALTH_SERVICE_UNKNOWN},
    {"nothing said is the number 0", M("\0\0\0\0\0"), GRPC_HEALTH_UNKNOWN},
    {"a number of the future", M("\0\0\0\0\2\x08\x09"), GRPC_HEALTH_UNKNOWN},
    {"a number of two bytes that is 1", M("\0\0\0\0\3\x08\x81\0"), GRPC_HEALTH_SERVING},
    {"the last of two counts", M("\0\0\0\0\4\x08\2\x08\1"), GRPC_HEALTH_SERVING},
    {"nothing", M(""), GRPC_HEALTH_BAD},
    {"half a head", M("\0\0\0"), GRPC_HEALTH_BAD},
    {"compressed", M("\1\0\0\0\2\x08\1"), GRPC_HEALTH_BAD},
    {"shorter than it says", M("\0\0\0\0\3\x08\1"), GRPC_HEALTH_BAD},
    {"longer than it says", M("\0\0\0\0\1\x08\1"), GRPC_HEALTH_BAD},
    {"a tag without a value", M("\0\0\0\0\1\x08"), GRPC_HEALTH_BAD},
    {"a number that does not end", M("\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     GRPC_HEALTH_BAD},
    {"bytes that are not there", M("\0\0\0\0\2\x1a\5"), GRPC_HEALTH_BAD},
    {"a type that there is not", M("\0\0\0\0\2\x0b\1"), GRPC_HEALTH_BAD},
};

static void what_an_answer_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (grpc_health_read(rows[i].message) != rows[i].is)
            fail_msg("%s: %d", rows[i].says, (int)grpc_health_read(rows[i].message));
}

static void unknown_fields_are_skipped(void **state)
{
    (void)state;
    static const char message[] = "\0\0\0\0\x16\x10\x05\x1a\2ab\x25"
                                  "abcd\x29"
                                  "abcdefgh"
                                  "\x08\1";
    const struct slice m = {message, sizeof(message) - 1};
    assert_int_equal(m.len, 5 + 0x16);
    assert_int_equal(grpc_health_read(m), GRPC_HEALTH_SERVING);
}

static const struct {
    const char *lines;
    int status;
} statuses[] = {
    {"grpc-status: 0\r\n\r\n", 0},
    {"HTTP/1.1 200 \r\ncontent-type: x\r\ngrpc-status: 12\r\ngrpc-message: no\r\n\r\n", 12},
    {"Grpc-Status:5\r\n", 5},
    {"grpc-status: \r\n", -1},
    {"grpc-status: x\r\n", -1},
    {"grpc-status: 1000\r\n", -1},
    {"grpc-statuses: 1\r\n", -1},
    {"", -1},
};

static void the_status_of_a_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (grpc_health_status(slice_of(statuses[i].lines)) != statuses[i].status)
            fail_msg("%s", statuses[i].lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_one_message),
        cmocka_unit_test(what_an_answer_says),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(the_status_of_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
