#include "runtime/base/pool.h"

struct pool_block {
    struct pool_block *next;
};

void pool_init(struct pool *p, size_t block_bytes, uint32_t limit, uint32_t keep_max)
{
    ASSERT(block_bytes >= sizeof(struct pool_block));
    *p = (struct pool){.block_bytes = block_bytes, .limit = limit, .keep_max = keep_max};
}

void *pool_take(struct pool *p)
{
    void *block = NULL;
    if (p->limit == 0 || p->in_use < p->limit) {
        block = p->free_blocks;
        if (block) {
            p->free_blocks = p->free_blocks->next;
            p->kept--;
        } else {
            block = malloc(p->block_bytes);
        }
    }
    if (!block) {
        p->refused++;
        return NULL;
    }
    p->in_use++;
    return block;
}

void pool_give(struct pool *p, void *block)
{
    if (!block)
        return;
    ASSERT(p->in_use > 0);
    p->in_use--;
    if (p->kept >= p->keep_max) {
        free(block);
        return;
    }
    struct pool_block *b = block;
    b->next = p->free_blocks;
    p->free_blocks = b;
    p->kept++;
}

void pool_done(struct pool *p)
{
    ASSERT(p->in_use == 0);
    while (p->free_blocks) {
        struct pool_block *b = p->free_blocks;
        p->free_blocks = b->next;
        free(b);
    }
    p->kept = 0;
}
