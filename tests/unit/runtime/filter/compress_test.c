/* What goes in comes out again of a decoder that is not ours; a flush lets out all that went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/rng.h"
#include "runtime/filter/compress.h"

#define BODY_BYTES ((size_t)600 * 1024)

static char body[BODY_BYTES], packed[2 * BODY_BYTES];

/* Text that is worth it, then bytes that are not. */
static void make_body(void)
{
    struct rng rng = {.state = 5};
    static const char *const WORDS[] = {"<p>", "lorem ", "ipsum ", "dolor ", "sit ", "amet\n"};
    size_t n = 0;
    while (n < BODY_BYTES - 100 * 1024) {
        const char *word = WORDS[rng_below(&rng, COUNT_OF(WORDS))];
        memcpy(body + n, word, strlen(word));
        n += strlen(word);
    }
    for (; n < BODY_BYTES; n++)
        body[n] = (char)rng_next(&rng);
}

/* Runs a step to its end, `room` bytes at a time. */
static size_t step(struct compressor *c, const char *at, size_t len, enum compress_step what,
                   size_t room, size_t packed_bytes)
{
    struct slice in = {at, len};
    bool done = false;
    for (unsigned calls = 0; !done; calls++) {
        assert_true(calls < 100000);
        const ssize_t n = compressor_run(c, &in, what, packed + packed_bytes, room, &done);
        assert_true(n >= 0 && (size_t)n <= room);
        packed_bytes += (size_t)n;
    }
    assert_int_equal(in.len, 0);
    return packed_bytes;
}

/* The decoders are programs of the distribution. */
static void unpack_and_compare(enum table_coding coding, size_t packed_bytes, size_t body_bytes,
                               bool whole)
{
    static const char *const PROGRAM[] = {"gzip -dc", "brotli -dc", "zstd -dc -q"};
    char path[] = "/tmp/compress_test.XXXXXX", command[256];
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, packed, packed_bytes) == (ssize_t)packed_bytes);
    close(fd);
    snprintf(command, sizeof(command), "%s < %s 2>/dev/null", PROGRAM[coding], path);
    FILE *f = popen(command, "r");
    char *out = malloc(BODY_BYTES + 1);
    const size_t n = fread(out, 1, BODY_BYTES + 1, f);
    const int status = pclose(f);
    unlink(path);
    assert_int_equal(n, body_bytes);
    assert_memory_equal(out, body, n);
    assert_true(!whole || status == 0);
    free(out);
}

/* What was flushed ends where another block may begin: with an empty last one it is whole. */
static void unpack_flushed(enum table_coding coding, size_t packed_bytes, size_t body_bytes)
{
    static const struct slice LAST[] = {[TABLE_CODING_GZIP] = SLICE_INIT(""),
                                        [TABLE_CODING_BR] = SLICE_INIT("\3"),
                                        [TABLE_CODING_ZSTD] = SLICE_INIT("\1\0\0")};
    memcpy(packed + packed_bytes, LAST[coding].at, LAST[coding].len);
    unpack_and_compare(coding, packed_bytes + LAST[coding].len, body_bytes,
                       coding != TABLE_CODING_GZIP); /* which wants its checksum, too */
}

static void whatever_the_pieces_are_it_is_the_same_body(void **state)
{
    (void)state;
    static const struct {
        size_t piece, room;
    } CUTS[] = {{BODY_BYTES, 48 * 1024}, {48 * 1024, 48 * 1024}, {10000, 64}, {777, 4096}};
    struct compressors all = {0};
    for (enum table_coding coding = 0; coding < TABLE_CODING_COUNT; coding++) {
        for (size_t i = 0; i < COUNT_OF(CUTS); i++) {
            struct compressor *c = compressor_take(&all, coding, 1 + (uint32_t)i * 2);
            assert_non_null(c);
            size_t n = 0;
            for (size_t at = 0; at < BODY_BYTES; at += CUTS[i].piece) {
                const size_t left = BODY_BYTES - at;
                n = step(c, body + at, left < CUTS[i].piece ? left : CUTS[i].piece, COMPRESS_MORE,
                         CUTS[i].room, n);
            }
            n = step(c, NULL, 0, COMPRESS_END, CUTS[i].room, n);
            assert_true(n < BODY_BYTES / 2);
            unpack_and_compare(coding, n, BODY_BYTES, true);
            compressor_give(&all, c);
        }
    }
    compressors_done(&all);
}

static void a_flush_lets_out_all_that_went_in(void **state)
{
    (void)state;
    struct compressors all = {0};
    for (enum table_coding coding = 0; coding < TABLE_CODING_COUNT; coding++) {
        struct compressor *c = compressor_take(&all, coding, 4);
        size_t n = step(c, body, 1000, COMPRESS_MORE, 4096, 0);
        n = step(c, body + 1000, 500, COMPRESS_FLUSH, 4096, n);
        unpack_flushed(coding, n, 1500);
        n = step(c, NULL, 0, COMPRESS_FLUSH, 4096, n); /* nothing more: harmless */
        n = step(c, body + 1500, 1, COMPRESS_END, 4096, n);
        unpack_and_compare(coding, n, 1501, true);
        compressor_give(&all, c);
    }
    compressors_done(&all);
}

static void nothing_is_a_body_too(void **state)
{
    (void)state;
    struct compressors all = {0};
    for (enum table_coding coding = 0; coding < TABLE_CODING_COUNT; coding++) {
        struct compressor *c = compressor_take(&all, coding, 4);
        unpack_and_compare(coding, step(c, NULL, 0, COMPRESS_END, 64, 0), 0, true);
        compressor_give(&all, c);
    }
    compressors_done(&all);
}

/* What a body left behind it, broken off or whole, is not in the next. */
static void they_are_used_again(void **state)
{
    (void)state;
    struct compressors all = {0};
    for (enum table_coding coding = 0; coding < TABLE_CODING_COUNT; coding++) {
        for (int round = 0; round < 3; round++) {
            struct compressor *c = compressor_take(&all, coding, 4);
            step(c, body, 5000, round ? COMPRESS_FLUSH : COMPRESS_MORE, 4096, 0);
            compressor_give(&all, c);
            c = compressor_take(&all, coding, 4);
            unpack_and_compare(coding, step(c, body, 3000, COMPRESS_END, 4096, 0), 3000, true);
            compressor_give(&all, c);
        }
    }
    assert_int_equal(all.n_kept[TABLE_CODING_GZIP], 1);
    compressors_done(&all);
}

static void there_are_so_many_at_a_time(void **state)
{
    (void)state;
    static struct compressor *taken[COMPRESSORS_MAX];
    struct compressors all = {0};
    for (uint32_t i = 0; i < COMPRESSORS_MAX; i++)
        assert_non_null(taken[i] = compressor_take(&all, TABLE_CODING_GZIP, 1));
    assert_null(compressor_take(&all, TABLE_CODING_GZIP, 1));
    compressor_give(&all, taken[0]);
    assert_non_null(taken[0] = compressor_take(&all, TABLE_CODING_GZIP, 1));
    for (uint32_t i = 0; i < COMPRESSORS_MAX; i++)
        compressor_give(&all, taken[i]);
    assert_int_equal(all.n_kept[TABLE_CODING_GZIP], COMPRESSORS_KEPT);
    compressors_done(&all);
}

int main(void)
{
    make_body();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_pieces_are_it_is_the_same_body),
        cmocka_unit_test(a_flush_lets_out_all_that_went_in),
        cmocka_unit_test(nothing_is_a_body_too),
        cmocka_unit_test(they_are_used_again),
        cmocka_unit_test(there_are_so_many_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
