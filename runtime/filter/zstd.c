/*
 * zstd (RFC 8878), by its library: with a window of 128 KiB and these tables it takes 1.3 MiB at
 * most, whatever the level. Clients need not know more than 8 MiB of window (RFC 9659).
 */
#include <errno.h>
#include <zstd.h>

#include "runtime/filter/compress_priv.h"

#define WINDOW_LOG 17
#define HASH_LOG   15
#define CHAIN_LOG  16

static bool set(ZSTD_CCtx *z, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(z, parameter, value));
}

static void *begin(uint32_t level)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (z && set(z, ZSTD_c_compressionLevel, (int)level) && set(z, ZSTD_c_windowLog, WINDOW_LOG) &&
        set(z, ZSTD_c_hashLog, HASH_LOG) && set(z, ZSTD_c_chainLog, CHAIN_LOG))
        return z;
    ZSTD_freeCCtx(z);
    return NULL;
}

static bool again(void *state)
{
    return !ZSTD_isError(ZSTD_CCtx_reset(state, ZSTD_reset_session_only));
}

static ssize_t run(void *state, struct slice *in, enum compress_step step, char *out, size_t room,
                   bool *done)
{
    static const ZSTD_EndDirective DIRECTIVE[] = {[COMPRESS_MORE] = ZSTD_e_continue,
                                                  [COMPRESS_FLUSH] = ZSTD_e_flush,
                                                  [COMPRESS_END] = ZSTD_e_end};
    ZSTD_inBuffer from = {in->at, in->len, 0};
    ZSTD_outBuffer to = {out, room, 0};
    const size_t left = ZSTD_compressStream2(state, &to, &from, DIRECTIVE[step]);
    if (ZSTD_isError(left))
        return -ENOMEM;
    *in = slice_from(*in, from.pos);
    *done = step == COMPRESS_MORE ? in->len == 0 && to.pos < room : left == 0;
    return (ssize_t)to.pos;
}

static void end(void *state)
{
    ZSTD_freeCCtx(state);
}

const struct coder coder_zstd = {
    .most_bytes = 1344 * 1024, .begin = begin, .again = again, .run = run, .end = end};
