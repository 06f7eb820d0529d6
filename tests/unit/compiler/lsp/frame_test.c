/* Messages in a stream: each row is fed whole, and a byte more each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/lsp/frame.h"
#include "runtime/base/check.h"

static const struct row {
    const char *says, *in;
    enum frame_kind kind;
    size_t used;
    const char *body;
} rows[] = {
    {"nothing", "", FRAME_MORE, 0, NULL},
    {"a message", "Content-Length: 2\r\n\r\n{}x", FRAME_BODY, 23, "{}"},
    {"a bare \\n", "Content-Length: 2\n\n{}", FRAME_BODY, 21, "{}"},
    {"any case, no blank", "CONTENT-length:2\r\n\r\n{}", FRAME_BODY, 22, "{}"},
    {"another field", "Content-Type: x; y=z\r\nContent-Length: 1\r\n\r\n1", FRAME_BODY, 44, "1"},
    {"no body", "Content-Length: 0\r\n\r\nx", FRAME_BODY, 21, ""},
    {"half a head", "Content-Length: 2\r\n", FRAME_MORE, 0, NULL},
    {"half a body", "Content-Length: 2\r\n\r\n{", FRAME_MORE, 0, NULL},
    {"no length", "Content-Type: x\r\n\r\n{}", FRAME_GARBAGE, 19, NULL},
    {"a line that is no field", "{}\r\nContent-Length: 2\r\n\r\n{}", FRAME_GARBAGE, 4, NULL},
    {"a head in a line of garbage", "{}Content-Length: 2\r\n\r\n{}", FRAME_GARBAGE, 2, NULL},
    {"no number", "Content-Length: 0x2\r\n\r\n{}", FRAME_GARBAGE, 21, NULL},
    {"too large", "Content-Length: 33554433\r\n\r\n", FRAME_TOO_LARGE, 28, NULL},
    {"as large as may be", "Content-Length: 33554432\r\n\r\n", FRAME_MORE, 0, NULL},
};

static void frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        const struct frame f = frame_next(slice_of(r->in));
        if (f.kind != r->kind || f.used != r->used ||
            (r->body && !slice_eq(f.body, slice_of(r->body))))
            fail_msg("%s: kind %d, %zu used", r->says, (int)f.kind, f.used);
    }
}

static void a_message_is_whole_with_its_last_byte_and_not_before(void **state)
{
    (void)state;
    const struct slice in = SLICE("Content-Length: 5\r\n\r\nhello");
    for (size_t n = 0; n < in.len; n++)
        assert_int_equal(frame_next((struct slice){in.at, n}).kind, FRAME_MORE);
    assert_int_equal(frame_next(in).kind, FRAME_BODY);
}

/* However the head does not end, something is taken, and never more than there is. */
static void garbage_is_taken(void **state)
{
    (void)state;
    char in[FRAME_HEAD_BYTES_MAX + 1];
    for (int c = 1; c < 256; c++) {
        memset(in, c, sizeof(in));
        const struct frame f = frame_next((struct slice){in, sizeof(in)});
        assert_int_equal(f.kind, FRAME_GARBAGE);
        assert_in_range(f.used, 1, sizeof(in));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(a_message_is_whole_with_its_last_byte_and_not_before),
        cmocka_unit_test(garbage_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
