/* check - assertions that stay on in production, checked sizes, and the few attributes we use. */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST_CHECK            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))

/* For mistakes of ours. What a peer, a file or the kernel can cause is never an ASSERT. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Objects that travel through a callback's void pointer carry a magic number as first member. */
#define CHECK_OBJ(obj, expected) ASSERT((obj) != NULL && (obj)->magic == (expected))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The object of `type` whose `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

_Noreturn static inline void die_out_of_memory(size_t n, size_t size)
{
    fprintf(stderr, "lbc: out of memory: %zu x %zu bytes\n", n, size);
    exit(EXIT_FAILURE);
}

/* Zeroed memory; never NULL. For start-up, the control plane and the compiler; what a client can
 * make grow is taken from pools and limited arenas, which can refuse. */
static inline void *must_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        die_out_of_memory(n, size);
    return p;
}

#define MUST_NEW(type)      ((type *)must_calloc(1, sizeof(type)))
#define MUST_ARRAY(type, n) ((type *)must_calloc((n), sizeof(type)))
