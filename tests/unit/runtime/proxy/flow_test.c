/* A flow over a transport that takes as many bytes as the test allows, and remembers them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "runtime/proxy/flow.h"

static char taken[256 * 1024];
static size_t n_taken;
static size_t appetite; /* bytes the socket still takes */
static bool broken;

static ssize_t take(struct conn *c, const struct iovec *from, int n)
{
    (void)c;
    if (broken)
        return -EPIPE;
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        const size_t len = from[i].iov_len < appetite ? from[i].iov_len : appetite;
        memcpy(taken + n_taken, from[i].iov_base, len);
        n_taken += len;
        appetite -= len;
        total += len;
    }
    return total > 0 ? (ssize_t)total : -EAGAIN;
}

static const struct transport picky = {.write = take};
static struct conn peer = {.transport = &picky, .fd = -1};
static struct pool buffers;
static char scratch[4096];

static struct flow_scratch with_head(const char *head)
{
    memcpy(scratch, head, strlen(head));
    return (struct flow_scratch){
        .at = scratch, .head = strlen(head), .room = sizeof(scratch), .buffers = &buffers};
}

static void reset(size_t bytes)
{
    n_taken = 0;
    appetite = bytes;
    broken = false;
}

static void put(struct buffer *b, const char *bytes)
{
    assert_true(buffer_take(b, &buffers));
    memcpy(b->at + b->end, bytes, strlen(bytes));
    b->end += (uint32_t)strlen(bytes);
    b->at[b->end] = '\0';
}

struct row {
    const char *says;
    enum http_framing framing;
    uint64_t length;
    bool chunked;
    const char *in;  /* what was read */
    const char *out; /* what is written, behind the head "H" */
    enum flow_result result;
    const char *left; /* what is not the body's */
};

static const struct row rows[] = {
    {"no body: the head alone", FRAMING_NONE, 0, false, "", "H", FLOW_DONE, ""},
    {"a length, as it is", FRAMING_LENGTH, 3, false, "abc", "Habc", FLOW_DONE, ""},
    {"what follows a body is left", FRAMING_LENGTH, 3, false, "abcGET", "Habc", FLOW_DONE, "GET"},
    {"part of a body", FRAMING_LENGTH, 5, false, "abc", "Habc", FLOW_HUNGRY, ""},
    {"chunks become chunks of what was read at once", FRAMING_CHUNKED, 0, true,
     "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "H3\r\nabc\r\n0\r\n\r\n", FLOW_DONE, ""},
    {"chunk extensions do not go on", FRAMING_CHUNKED, 0, true, "3;x=y\r\nabc\r\n0\r\n\r\nrest",
     "H3\r\nabc\r\n0\r\n\r\n", FLOW_DONE, "rest"},
    {"chunks for whoever knows none", FRAMING_CHUNKED, 0, false, "3\r\nabc\r\n0\r\n\r\n", "Habc",
     FLOW_DONE, ""},
    {"trailers go on behind the last chunk", FRAMING_CHUNKED, 0, true,
     "3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\nrest", "H3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n", FLOW_DONE,
     "rest"},
    {"an empty chunked body", FRAMING_CHUNKED, 0, true, "0\r\n\r\n", "H0\r\n\r\n", FLOW_DONE, ""},
    {"half a chunk line waits", FRAMING_CHUNKED, 0, true, "3\r", "H", FLOW_HUNGRY, ""},
    {"until the end of the connection", FRAMING_CLOSE, 0, false, "abc", "Habc", FLOW_HUNGRY, ""},
    {"the same in chunks", FRAMING_CLOSE, 0, true, "abc", "H3\r\nabc\r\n", FLOW_HUNGRY, ""},
    {"a bad chunk size", FRAMING_CHUNKED, 0, true, "xyz\r\n", "", FLOW_MALFORMED, NULL},
};

/* With a socket that takes `step` bytes at a time, and leave to write `piece` of the body at a
 * time, or all of it where that is 0. */
static void run_row(const struct row *r, size_t step, uint64_t piece)
{
    struct flow f;
    struct buffer in = {0};
    uint64_t allowed = 0;
    reset(step);
    put(&in, r->in);
    flow_init(&f, &peer, r->framing, r->length, r->chunked);
    f.allowed = piece > 0 ? &allowed : NULL;

    enum flow_result result = flow_run(&f, &in, with_head("H"));
    for (int turns = 0; (result == FLOW_BLOCKED || result == FLOW_PACED) && turns < 1000; turns++) {
        appetite = result == FLOW_BLOCKED ? step : appetite;
        assert_true(result == FLOW_BLOCKED || allowed == 0);
        allowed += result == FLOW_PACED ? piece : 0;
        result = flow_run(&f, &in, with_head(""));
    }
    if (result != r->result)
        fail_msg("%s, %zu at a time: result %d", r->says, step, result);
    if (n_taken != strlen(r->out) || memcmp(taken, r->out, n_taken) != 0)
        fail_msg("%s, %zu at a time: wrote \"%.*s\"", r->says, step, (int)n_taken, taken);
    if (r->left && !slice_eq(buffer_slice(&in), slice_of(r->left)))
        fail_msg("%s, %zu at a time: left \"%.*s\"", r->says, step, (int)buffer_len(&in),
                 in.at + in.start);
    if (result != FLOW_MALFORMED)
        assert_int_equal(f.sent_bytes, n_taken);
    flow_done(&f, &buffers);
    buffer_give(&in, &buffers);
    assert_int_equal(buffers.in_use, 0);
}

static void a_flow_writes_the_same_however_little_the_socket_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t step = 1; step <= 64; step++)
            run_row(&rows[i], step, 0);
}

static void and_however_little_it_may_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t step = 1; step <= 16; step++)
            for (uint64_t piece = 1; piece <= 8; piece++)
                run_row(&rows[i], step, piece);
}

/* Nothing that comes behind what may not go yet, and no more of it. */
static void what_is_not_allowed_waits(void **state)
{
    (void)state;
    struct flow f;
    struct buffer in = {0};
    uint64_t allowed = 2;
    reset(1000);
    flow_init(&f, &peer, FRAMING_CHUNKED, 0, true);
    f.allowed = &allowed;
    put(&in, "3\r\nabc\r\n0\r\n\r\n");
    assert_int_equal(flow_run(&f, &in, with_head("H")), FLOW_PACED);
    assert_int_equal(n_taken, strlen("H3\r\nab"));
    assert_memory_equal(taken, "H3\r\nab", n_taken);
    assert_int_equal(flow_run(&f, &in, with_head("")), FLOW_PACED);
    assert_int_equal(n_taken, strlen("H3\r\nab"));
    allowed = 5;
    assert_int_equal(flow_run(&f, &in, with_head("")), FLOW_DONE);
    assert_int_equal(allowed, 4);
    flow_done(&f, &buffers);
    buffer_give(&in, &buffers);
}

static void the_end_of_the_source_ends_only_a_body_that_ends_so(void **state)
{
    (void)state;
    struct flow f;
    struct buffer in = {0};
    reset(1000);
    flow_init(&f, &peer, FRAMING_CLOSE, 0, true);
    put(&in, "abc");
    assert_int_equal(flow_run(&f, &in, with_head("")), FLOW_HUNGRY);
    assert_true(flow_source_closed(&f, SLICE_NONE));
    assert_int_equal(flow_run(&f, &in, with_head("")), FLOW_DONE);
    assert_memory_equal(taken, "3\r\nabc\r\n0\r\n\r\n", n_taken);

    flow_init(&f, &peer, FRAMING_LENGTH, 5, false);
    assert_false(flow_source_closed(&f, SLICE_NONE));
    flow_init(&f, &peer, FRAMING_CHUNKED, 0, true);
    assert_false(flow_source_closed(&f, SLICE_NONE));
    buffer_give(&in, &buffers);
}

static void a_broken_socket_is_said(void **state)
{
    (void)state;
    struct flow f;
    struct buffer in = {0};
    reset(0);
    broken = true;
    put(&in, "abc");
    flow_init(&f, &peer, FRAMING_LENGTH, 3, false);
    assert_int_equal(flow_run(&f, &in, with_head("H")), FLOW_BROKEN);
    flow_done(&f, &buffers);
    buffer_give(&in, &buffers);
}

static void without_a_block_for_the_rest_of_a_head_it_says_so(void **state)
{
    (void)state;
    struct flow f;
    struct pool none;
    pool_init(&none, BUFFER_BLOCK_BYTES, 1, 0);
    void *only = pool_take(&none);
    struct flow_scratch s = with_head("HEAD");
    s.buffers = &none;
    reset(2);
    flow_init(&f, &peer, FRAMING_NONE, 0, false);
    assert_int_equal(flow_run(&f, &(struct buffer){0}, s), FLOW_NO_MEMORY);
    pool_give(&none, only);
    pool_done(&none);
}

int main(void)
{
    pool_init(&buffers, BUFFER_BLOCK_BYTES, 0, 4);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_writes_the_same_however_little_the_socket_takes),
        cmocka_unit_test(and_however_little_it_may_write),
        cmocka_unit_test(what_is_not_allowed_waits),
        cmocka_unit_test(the_end_of_the_source_ends_only_a_body_that_ends_so),
        cmocka_unit_test(a_broken_socket_is_said),
        cmocka_unit_test(without_a_block_for_the_rest_of_a_head_it_says_so),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pool_done(&buffers);
    return failed;
}
