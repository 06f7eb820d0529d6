#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/net/client_hello.h"
#include "tests/unit/runtime/http/guarded.h"

#define MESSAGE_MAX 40000u

/* A ClientHello with these extensions, without records. */
static size_t message(char *out, struct slice extensions)
{
    size_t n = 4;
    memcpy(out + n, "\x03\x03", 2);
    memset(out + n + 2, 'r', 32);
    n += 34;
    memcpy(out + n,
           "\x04sess"
           "\0\x02\x13\x01"
           "\x01\0",
           11);
    n += 11;
    out[n++] = (char)(extensions.len >> 8);
    out[n++] = (char)extensions.len;
    memcpy(out + n, extensions.at, extensions.len);
    n += extensions.len;
    out[0] = 1;
    out[1] = (char)((n - 4) >> 16);
    out[2] = (char)((n - 4) >> 8);
    out[3] = (char)(n - 4);
    return n;
}

/* The message in records of at most `piece` bytes. */
static size_t records(char *out, const char *at, size_t len, size_t piece)
{
    size_t n = 0;
    for (size_t done = 0; done < len;) {
        const size_t now = len - done < piece ? len - done : piece;
        memcpy(out + n, "\x16\x03\x01", 3);
        out[n + 3] = (char)(now >> 8);
        out[n + 4] = (char)now;
        memcpy(out + n + 5, at + done, now);
        n += 5 + now;
        done += now;
    }
    return n;
}

static int read_guarded(struct slice s, struct client_hello *out)
{
    return client_hello_read((struct slice){guarded(s), s.len}, out);
}

#define ROW(says, extensions, is, name)                                                            \
    {                                                                                              \
        says, {extensions, sizeof(extensions) - 1}, is, name                                       \
    }

static const struct {
    const char *says;
    struct slice extensions;
    int is;
    const char *name;
} rows[] = {
    /* clang-format off */
    ROW("a name", "\0\0\0\x06\0\x04\0\0\x01" "a", 1, "a"),
    ROW("a name behind others", "\0\x0b\0\x02\x01\0" "\0\0\0\x0a\0\x08\0\0\x05" "a.b.c" "\0\x17\0\0", 1, "a.b.c"),
    ROW("no name", "\0\x0b\0\x02\x01\0", 1, ""),
    ROW("no extensions", "", 1, ""),
    ROW("two names in one list", "\0\0\0\x0a\0\x08\0\0\x01" "a" "\0\0\x01" "b", CLIENT_HELLO_NONE, ""),
    ROW("the extension twice", "\0\0\0\x06\0\x04\0\0\x01" "a" "\0\0\0\x06\0\x04\0\0\x01" "b", CLIENT_HELLO_NONE, ""),
    ROW("a name of another kind", "\0\0\0\x06\0\x04\x01\0\x01" "a", CLIENT_HELLO_NONE, ""),
    ROW("an empty name", "\0\0\0\x05\0\x03\0\0\0", CLIENT_HELLO_NONE, ""),
    ROW("a name longer than its list", "\0\0\0\x06\0\x04\0\0\x02" "a", CLIENT_HELLO_NONE, ""),
    ROW("a list shorter than its extension", "\0\0\0\x06\0\x03\0\0\x01" "a", CLIENT_HELLO_NONE, ""),
    ROW("an extension beyond the end", "\0\x0b\0\x09\x01\0", CLIENT_HELLO_NONE, ""),
    ROW("half an extension", "\0\x0b\0", CLIENT_HELLO_NONE, ""),
    /* clang-format on */
};

static void names_are_found_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t PIECE[] = {16384, 40, 7, 1};
    char hello[512], bytes[4096];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t len = message(hello, rows[i].extensions);
        for (size_t p = 0; p < COUNT_OF(PIECE); p++) {
            struct client_hello out = {0};
            const size_t n = records(bytes, hello, len, PIECE[p]);
            const int is = read_guarded((struct slice){bytes, n}, &out);
            if (is != rows[i].is || (is == 1 && !slice_eq((struct slice){out.name, out.name_len},
                                                          slice_of(rows[i].name))))
                fail_msg("%s, in records of %zu: %d", rows[i].says, PIECE[p], is);
        }
    }
}

static void more_is_needed_until_the_last_byte(void **state)
{
    (void)state;
    char hello[512], bytes[4096];
    const size_t len = message(hello, rows[1].extensions);
    for (size_t piece = 1; piece < len; piece += 6) {
        const size_t n = records(bytes, hello, len, piece);
        for (size_t i = 0; i < n; i++) {
            struct client_hello out;
            if (read_guarded((struct slice){bytes, i}, &out) != 0)
                fail_msg("%zu of %zu bytes are enough, in records of %zu", i, n, piece);
        }
    }
}

static const struct {
    const char *says;
    struct slice bytes;
} others[] = {
    {"a request", SLICE_INIT("G")},
    {"an alert", SLICE_INIT("\x15")},
    {"a record of SSL 2", SLICE_INIT("\x80\x2e\x01")},
    {"another major version", SLICE_INIT("\x16\x02")},
    {"a record longer than one may be", SLICE_INIT("\x16\x03\x01\x40\x01")},
    {"an empty record", SLICE_INIT("\x16\x03\x01\x00\x00")},
    {"another message", SLICE_INIT("\x16\x03\x01\x00\x04\x02\x00\x00\x01")},
    {"a message beyond the bound", SLICE_INIT("\x16\x03\x01\x00\x04\x01\x01\x00\x00")},
    {"a message without room for a random",
     SLICE_INIT("\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03")},
};

static void anything_else_is_known_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct client_hello out;
        if (read_guarded(others[i].bytes, &out) != CLIENT_HELLO_NONE)
            fail_msg("%s", others[i].says);
    }
}

/* Tiny records cost five bytes each: the bound is on all of it. */
static void it_is_not_looked_at_for_ever(void **state)
{
    (void)state;
    static char hello[MESSAGE_MAX], bytes[6 * MESSAGE_MAX], extension[20000];
    memcpy(extension, "\0\x0b\x4e\x1c", 4);
    const size_t len = message(hello, (struct slice){extension, sizeof(extension)});
    const size_t n = records(bytes, hello, len, 1);
    struct client_hello out;
    const struct slice most = {bytes, CLIENT_HELLO_BYTES_MAX}, less = {bytes, most.len - 1};
    assert_true(n > CLIENT_HELLO_BYTES_MAX);
    assert_int_equal(read_guarded(less, &out), 0);
    assert_int_equal(read_guarded(most, &out), CLIENT_HELLO_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_however_they_are_cut),
        cmocka_unit_test(more_is_needed_until_the_last_byte),
        cmocka_unit_test(anything_else_is_known_at_once),
        cmocka_unit_test(it_is_not_looked_at_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
