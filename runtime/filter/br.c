/*
 * br (RFC 7932), by brotli: with a window of 64 KiB it takes 0.5 MiB at level 1, 1.5 MiB at most up
 * to 8, and 2.2 MiB at 9. From 128 KiB on levels above 6 would take 9 MiB and more.
 */
#include <brotli/encode.h>
#include <errno.h>

#include "runtime/filter/compress_priv.h"

#define WINDOW_BITS 16

static void *begin(uint32_t level)
{
    BrotliEncoderState *b = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    if (b && BrotliEncoderSetParameter(b, BROTLI_PARAM_QUALITY, level) &&
        BrotliEncoderSetParameter(b, BROTLI_PARAM_LGWIN, WINDOW_BITS))
        return b;
    BrotliEncoderDestroyInstance(b);
    return NULL;
}

static ssize_t run(void *state, struct slice *in, enum compress_step step, char *out, size_t room,
                   bool *done)
{
    static const BrotliEncoderOperation OPERATION[] = {[COMPRESS_MORE] = BROTLI_OPERATION_PROCESS,
                                                       [COMPRESS_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                       [COMPRESS_END] = BROTLI_OPERATION_FINISH};
    BrotliEncoderState *b = state;
    const uint8_t *next_in = (const uint8_t *)in->at;
    uint8_t *next_out = (uint8_t *)out;
    size_t left_in = in->len, left_out = room;
    if (!BrotliEncoderCompressStream(b, OPERATION[step], &left_in, &next_in, &left_out, &next_out,
                                     NULL))
        return -ENOMEM;
    *in = slice_from(*in, in->len - left_in);
    *done = step == COMPRESS_END ? BrotliEncoderIsFinished(b)
                                 : left_in == 0 && !BrotliEncoderHasMoreOutput(b);
    return (ssize_t)(room - left_out);
}

static void end(void *state)
{
    BrotliEncoderDestroyInstance(state);
}

/* The library has no way to begin anew with the same memory. */
const struct coder coder_br = {.most_bytes = 2304 * 1024, .begin = begin, .run = run, .end = end};
