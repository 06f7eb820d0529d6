/* gzip (RFC 1952), by zlib: a window of 32 KiB, 261 KiB in all whatever the level. */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "runtime/filter/compress_priv.h"

#define WINDOW_BITS 15
#define AS_GZIP     16 /* added to them */
#define MEMORY      8

static void *begin(uint32_t level)
{
    z_stream *z = calloc(1, sizeof(*z));
    if (z && deflateInit2(z, (int)level, Z_DEFLATED, WINDOW_BITS + AS_GZIP, MEMORY,
                          Z_DEFAULT_STRATEGY) == Z_OK)
        return z;
    free(z);
    return NULL;
}

static bool again(void *state)
{
    return deflateReset(state) == Z_OK;
}

static ssize_t run(void *state, struct slice *in, enum compress_step step, char *out, size_t room,
                   bool *done)
{
    static const int FLUSH[] = {
        [COMPRESS_MORE] = Z_NO_FLUSH, [COMPRESS_FLUSH] = Z_SYNC_FLUSH, [COMPRESS_END] = Z_FINISH};
    z_stream *z = state;
    z->next_in = (unsigned char *)(uintptr_t)in->at;
    z->avail_in = (unsigned)in->len;
    z->next_out = (unsigned char *)out;
    z->avail_out = (unsigned)room;
    const int rc = deflate(z, FLUSH[step]);
    ASSERT(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR); /* the last: nothing to do */
    *in = slice_from(*in, in->len - z->avail_in);
    *done = step == COMPRESS_END ? rc == Z_STREAM_END : z->avail_in == 0 && z->avail_out > 0;
    return (ssize_t)(room - z->avail_out);
}

static void end(void *state)
{
    deflateEnd(state);
    free(state);
}

const struct coder coder_gzip = {
    .most_bytes = 264 * 1024, .begin = begin, .again = again, .run = run, .end = end};
