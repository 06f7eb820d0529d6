#include "runtime/filter/compress.h"

#include <stdlib.h>

#include "runtime/filter/compress_priv.h"

struct compressor {
    uint32_t magic;
#define COMPRESSOR_MAGIC 0x2ed1c0deu
    enum table_coding coding;
    uint32_t level;
    void *state;
    struct compressor *next; /* while it waits */
};

static const struct coder *coder_of(enum table_coding coding)
{
    switch (coding) {
    case TABLE_CODING_GZIP: return &coder_gzip;
    case TABLE_CODING_BR: return &coder_br;
    case TABLE_CODING_ZSTD: return &coder_zstd;
    case TABLE_CODING_COUNT: break;
    }
    ASSERT(!"a coding");
    return NULL;
}

uint64_t compressor_most_bytes(enum table_coding coding)
{
    return coder_of(coding)->most_bytes;
}

static void compressor_free(struct compressor *c)
{
    coder_of(c->coding)->end(c->state);
    c->magic = 0;
    free(c);
}

void compressors_done(struct compressors *all)
{
    ASSERT(all->in_use == 0);
    while (all->kept) {
        struct compressor *c = all->kept;
        all->kept = c->next;
        compressor_free(c);
    }
}

static struct compressor *take_kept(struct compressors *all, enum table_coding coding,
                                    uint32_t level)
{
    for (struct compressor **at = &all->kept; *at; at = &(*at)->next) {
        struct compressor *c = *at;
        if (c->coding != coding || c->level != level)
            continue;
        *at = c->next;
        all->n_kept[coding]--;
        return c;
    }
    return NULL;
}

static struct compressor *compressor_new(enum table_coding coding, uint32_t level)
{
    struct compressor *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    *c = (struct compressor){.magic = COMPRESSOR_MAGIC, .coding = coding, .level = level};
    c->state = coder_of(coding)->begin(level);
    if (c->state)
        return c;
    free(c);
    return NULL;
}

struct compressor *compressor_take(struct compressors *all, enum table_coding coding,
                                   uint32_t level)
{
    if (all->in_use == COMPRESSORS_MAX)
        return NULL;
    struct compressor *c = take_kept(all, coding, level);
    if (!c)
        c = compressor_new(coding, level);
    all->in_use += c != NULL;
    return c;
}

void compressor_give(struct compressors *all, struct compressor *c)
{
    if (!c)
        return;
    CHECK_OBJ(c, COMPRESSOR_MAGIC);
    all->in_use--;
    const struct coder *coder = coder_of(c->coding);
    if (all->n_kept[c->coding] >= COMPRESSORS_KEPT || !coder->again || !coder->again(c->state)) {
        compressor_free(c);
        return;
    }
    all->n_kept[c->coding]++;
    c->next = all->kept;
    all->kept = c;
}

ssize_t compressor_run(struct compressor *c, struct slice *in, enum compress_step step, char *out,
                       size_t room, bool *done)
{
    CHECK_OBJ(c, COMPRESSOR_MAGIC);
    ASSERT(room >= 64); /* a flush begins where its mark fits, or it would be made twice */
    return coder_of(c->coding)->run(c->state, in, step, out, room, done);
}
