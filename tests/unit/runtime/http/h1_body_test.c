#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/text.h"
#include "runtime/http/h1_body.h"
#include "runtime/http/h1_write.h"
#include "tests/unit/runtime/http/guarded.h"

#define HUNGRY 1 /* all used, not done: more must come */
#define DONE   0

/* Chunked bodies (RFC 9112 7.1). */
static const struct {
    const char *says;
    struct slice in;
    int is; /* DONE, HUNGRY or an h1_error */
    const char *data, *trailer, *rest;
} rows[] = {
    /* clang-format off */
    {"one chunk",                    SLICE_INIT("5\r\nhello\r\n0\r\n\r\n"), DONE, "hello", "", ""},
    {"three chunks are one run",     SLICE_INIT("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), DONE, "abcdef", "", ""},
    {"no chunk",                     SLICE_INIT("0\r\n\r\n"), DONE, "", "", ""},
    {"zero in several digits",       SLICE_INIT("000\r\n\r\n"), DONE, "", "", ""},
    {"what is behind is not touched", SLICE_INIT("1\r\na\r\n0\r\n\r\nGET /"), DONE, "a", "", "GET /"},
    {"hex in any case",              SLICE_INIT("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), DONE, "01234567890123456789a", "", ""},
    {"leading zeros",                SLICE_INIT("0000000000000001\r\na\r\n0\r\n\r\n"), DONE, "a", "", ""},
    {"17 digits",                    SLICE_INIT("00000000000000001\r\na\r\n0\r\n\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"NUL and CR LF in the data",    SLICE_INIT("5\r\n\r\n\0\r\n\r\n0\r\n\r\n"), DONE, 0, "", ""},
    {"an extension",                 SLICE_INIT("1;a=b\r\nx\r\n0;c\r\n\r\n"), DONE, "x", "", ""},
    {"a quoted extension",           SLICE_INIT("1;a=\"b;c\"\r\nx\r\n0\r\n\r\n"), DONE, "x", "", ""},
    {"blanks before an extension",   SLICE_INIT("1 \t;a\r\nx\r\n0\r\n\r\n"), DONE, "x", "", ""},
    {"trailers",                     SLICE_INIT("0\r\nA: b\r\nC: d\r\n\r\nrest"), DONE, "", "A: b\r\nC: d\r\n\r\n", "rest"},
    {"trailers behind data",         SLICE_INIT("1\r\na\r\n1\r\nb\r\n0\r\nA: b\r\n\r\n"), DONE, "ab", "A: b\r\n\r\n", ""},
    {"half a size",                  SLICE_INIT("5"), HUNGRY, "", "", ""},
    {"half a chunk",                 SLICE_INIT("5\r\nhel"), HUNGRY, "hel", "", ""},
    {"no last chunk yet",            SLICE_INIT("5\r\nhello\r\n"), HUNGRY, "hello", "", ""},
    {"half the end",                 SLICE_INIT("0\r\n"), HUNGRY, "", "", ""},
    {"2^62",                         SLICE_INIT("4000000000000000\r\n"), HUNGRY, "", "", ""},
    {"2^62 and 1",                   SLICE_INIT("4000000000000001\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"2^64 - 1",                     SLICE_INIT("ffffffffffffffff\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"no size",                      SLICE_INIT("\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"an extension without a size",  SLICE_INIT(";a\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"0x",                           SLICE_INIT("0x5\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"+5",                           SLICE_INIT("+5\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"-0",                           SLICE_INIT("-0\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a blank before the size",      SLICE_INIT(" 5\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a blank behind the size",      SLICE_INIT("5 \r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a digit behind a blank",       SLICE_INIT("5 5\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a bare LF behind the size",    SLICE_INIT("5\nhello"), H1_BAD_CHUNK, 0, 0, 0},
    {"a bare CR behind the size",    SLICE_INIT("5\rhello"), H1_BAD_CHUNK, 0, 0, 0},
    {"a bare LF in an extension",    SLICE_INIT("5;a\nhello"), H1_BAD_CHUNK, 0, 0, 0},
    {"a bare CR in an extension",    SLICE_INIT("5;a\rb\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a quoted LF in an extension",  SLICE_INIT("5;a=\"\n\"\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a NUL in an extension",        SLICE_INIT("5;\0\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a NUL for a size",             SLICE_INIT("\0"), H1_BAD_CHUNK, 0, 0, 0},
    {"more data than announced",     SLICE_INIT("3\r\nhello\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"data without its CR LF",       SLICE_INIT("5\r\nhello0\r\n\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"data with a bare LF",          SLICE_INIT("5\r\nhello\n0\r\n\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"data with a bare CR",          SLICE_INIT("5\r\nhello\r0\r\n\r\n"), H1_BAD_CHUNK, 0, 0, 0},
    {"a bare LF for the end",        SLICE_INIT("0\r\n\n"), H1_BAD_TRAILER, 0, 0, 0},
    {"a bare LF in trailers",        SLICE_INIT("0\r\nA: b\n\r\n"), H1_BAD_TRAILER, 0, 0, 0},
    /* clang-format on */
};

/* What a body came to; the run of bytes that a caller would have sent on. */
struct result {
    int is;
    struct text data, trailer, rest;
};

static void result_done(struct result *r)
{
    text_done(&r->data);
    text_done(&r->trailer);
    text_done(&r->rest);
}

/* Decodes `in`, which comes `step` bytes at a time, as a caller does: unused bytes are given again.
 */
static struct result decode(struct slice in, enum http_framing framing, uint64_t length,
                            size_t step)
{
    struct result r = {.is = HUNGRY};
    struct text pending = {0};
    struct h1_body b;
    h1_body_init(&b, framing, length);
    for (size_t given = 0; r.is == HUNGRY && given < in.len;) {
        const size_t n = in.len - given < step ? in.len - given : step;
        text_add(&pending, (struct slice){in.at + given, n});
        given += n;

        char *at = guarded(text_slice(&pending));
        struct h1_decoded d;
        const int e = h1_body_decode(&b, at, pending.len, &d);
        if (e < 0) {
            r.is = e;
            break;
        }
        assert_true(d.used <= pending.len);
        assert_true(d.data_len == 0 || (d.data >= at && d.data + d.data_len <= at + d.used));
        text_add(&r.data, (struct slice){d.data, d.data_len});
        text_add(&r.trailer, d.trailer);
        r.is = d.done ? DONE : HUNGRY;
        const struct slice left = {at + d.used, pending.len - d.used};
        text_clear(&pending);
        text_add(&pending, left);
        if (d.done) {
            text_add(&r.rest, left);
            text_add(&r.rest, slice_from(in, given));
        }
    }
    if (r.is >= 0)
        assert_int_equal(b.total, r.data.len);
    if (framing != FRAMING_CLOSE)
        assert_int_equal(h1_body_may_end(&b), r.is == DONE);
    text_done(&pending);
    return r;
}

static void chunked_bodies_decode_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t step = 1; step <= rows[i].in.len; step++) {
            struct result r = decode(rows[i].in, FRAMING_CHUNKED, 0, step);
            if (r.is != rows[i].is)
                fail_msg("%s: by %zu: %d, not %d", rows[i].says, step, r.is, rows[i].is);
            const struct slice nul = SLICE("\r\n\0\r\n");
            const struct slice data = rows[i].data ? slice_of(rows[i].data) : nul;
            if (r.is >= 0 && (!slice_eq(text_slice(&r.data), data) ||
                              !slice_eq(text_slice(&r.trailer), slice_of(rows[i].trailer)) ||
                              !slice_eq(text_slice(&r.rest), slice_of(rows[i].rest))))
                fail_msg("%s: by %zu: \"%s\" \"%s\" \"%s\"", rows[i].says, step, r.data.at,
                         r.trailer.at, r.rest.at);
            result_done(&r);
        }
}

static void a_body_of_known_length_ends_there(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 10; step++) {
        struct result r = decode(SLICE("helloGET /"), FRAMING_LENGTH, 5, step);
        assert_int_equal(r.is, DONE);
        assert_true(slice_eq(text_slice(&r.data), SLICE("hello")));
        assert_true(slice_eq(text_slice(&r.rest), SLICE("GET /")));
        result_done(&r);

        r = decode(SLICE("hell"), FRAMING_LENGTH, 5, step);
        assert_int_equal(r.is, HUNGRY);
        assert_int_equal(r.data.len, 4);
        result_done(&r);
    }
}

static void a_body_until_the_close_is_never_done(void **state)
{
    (void)state;
    struct result r = decode(SLICE("0\r\n\r\n"), FRAMING_CLOSE, 0, 2);
    assert_int_equal(r.is, HUNGRY);
    assert_int_equal(r.data.len, 5);
    result_done(&r);
    struct h1_body b;
    h1_body_init(&b, FRAMING_CLOSE, 0);
    assert_true(h1_body_may_end(&b));
}

static void no_body_is_done_at_once(void **state)
{
    (void)state;
    static const enum http_framing framing[] = {FRAMING_NONE, FRAMING_LENGTH};
    for (size_t i = 0; i < COUNT_OF(framing); i++) {
        struct h1_body b;
        struct h1_decoded d;
        h1_body_init(&b, framing[i], 0);
        assert_true(h1_body_may_end(&b));
        assert_int_equal(h1_body_decode(&b, guarded(SLICE("GET /")), 5, &d), 0);
        assert_true(d.done);
        assert_int_equal(d.used, 0);
        assert_int_equal(d.data_len, 0);
    }
}

static void bytes_without_framing_may_pass_undecoded(void **state)
{
    (void)state;
    struct h1_body b;
    struct h1_decoded d;
    h1_body_init(&b, FRAMING_NONE, 0);
    assert_int_equal(h1_body_unframed(&b), 0);
    assert_true(h1_body_is_done(&b));

    h1_body_init(&b, FRAMING_LENGTH, 5);
    assert_int_equal(h1_body_unframed(&b), 5);
    h1_body_passed(&b, 3);
    assert_int_equal(h1_body_unframed(&b), 2);
    assert_false(h1_body_may_end(&b));
    assert_int_equal(h1_body_decode(&b, guarded(SLICE("xyGET")), 5, &d), 0);
    assert_int_equal(d.used, 2);
    assert_int_equal(b.total, 5);
    assert_true(h1_body_is_done(&b));

    h1_body_init(&b, FRAMING_LENGTH, 5);
    h1_body_passed(&b, 5);
    assert_true(h1_body_is_done(&b) && h1_body_may_end(&b));
    assert_int_equal(h1_body_unframed(&b), 0);

    h1_body_init(&b, FRAMING_CLOSE, 0);
    h1_body_passed(&b, 7);
    assert_true(h1_body_unframed(&b) == UINT64_MAX);
    assert_false(h1_body_is_done(&b));

    h1_body_init(&b, FRAMING_CHUNKED, 0);
    assert_int_equal(h1_body_decode(&b, guarded(SLICE("5\r\na")), 4, &d), 0);
    assert_int_equal(h1_body_unframed(&b), 0); /* its end is not for who passes bytes to see */
}

/* The line before a chunk and the trailer section have limits: met exactly, and passed by one. */
static void lines_have_limits(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct text t = {0};
        text_adds(&t, "1;");
        while (t.len < H1_CHUNK_LINE_MAX - 1 + more)
            text_addc(&t, 'x');
        text_adds(&t, "\r\na\r\n0\r\n\r\n");
        struct result r = decode(text_slice(&t), FRAMING_CHUNKED, 0, 7);
        assert_int_equal(r.is, more ? H1_BAD_CHUNK : DONE);
        result_done(&r);

        text_clear(&t);
        text_adds(&t, "A: ");
        while (t.len < H1_TRAILER_BYTES_MAX - 4 + more)
            text_addc(&t, 'x');
        text_adds(&t, "\r\n\r\n");
        struct text whole = {0};
        text_adds(&whole, "0\r\n");
        text_add(&whole, text_slice(&t));
        for (size_t step = 1; step < whole.len * 2; step *= 2) {
            r = decode(text_slice(&whole), FRAMING_CHUNKED, 0, step);
            assert_int_equal(r.is, more ? H1_BAD_TRAILER : DONE);
            if (r.is == DONE)
                assert_true(slice_eq(text_slice(&r.trailer), text_slice(&t)));
            result_done(&r);
        }
        text_done(&whole);
        text_done(&t);
    }
}

static void chunk_heads_are_read_back(void **state)
{
    (void)state;
    static const uint64_t len[] = {1, 9, 10, 15, 16, 17, 255, 256, 4096, 65535, UINT64_C(1) << 62};
    for (size_t i = 0; i < COUNT_OF(len); i++) {
        char head[H1_CHUNK_HEAD_MAX];
        struct h1_body b;
        struct h1_decoded d;
        const size_t n = h1_write_chunk_head(head, len[i]);
        h1_body_init(&b, FRAMING_CHUNKED, 0);
        assert_int_equal(h1_body_decode(&b, head, n, &d), 0);
        assert_int_equal(d.used, n);
        assert_int_equal(b.left, len[i]);
        assert_true(head[0] != '0');
    }
    char head[H1_CHUNK_HEAD_MAX];
    assert_int_equal(h1_write_chunk_head(head, UINT64_MAX), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_bodies_decode_in_any_pieces),
        cmocka_unit_test(a_body_of_known_length_ends_there),
        cmocka_unit_test(a_body_until_the_close_is_never_done),
        cmocka_unit_test(no_body_is_done_at_once),
        cmocka_unit_test(bytes_without_framing_may_pass_undecoded),
        cmocka_unit_test(lines_have_limits),
        cmocka_unit_test(chunk_heads_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
