/* vec - a typed array that grows, for the compiler and the control plane: VEC(struct x) name; */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *at;                                                                                  \
        uint32_t n, room;                                                                          \
    }

/* Ends the program when memory is out. The value is evaluated first, so it may add to the same
 * array. */
#define VEC_ADD(v, ...)                                                                            \
    do {                                                                                           \
        const __typeof__(*(v)->at) vec_added = __VA_ARGS__;                                        \
        if ((v)->n == (v)->room)                                                                   \
            (v)->at = vec_grow((v)->at, &(v)->room, sizeof(*(v)->at));                             \
        ASSERT((v)->at);                                                                           \
        (v)->at[(v)->n++] = vec_added;                                                             \
    } while (0)

#define VEC_DONE(v)                                                                                \
    do {                                                                                           \
        free((v)->at);                                                                             \
        (v)->at = NULL;                                                                            \
        (v)->n = (v)->room = 0;                                                                    \
    } while (0)

static inline void *vec_grow(void *at, uint32_t *room, size_t size)
{
    ASSERT(*room < UINT32_MAX / 2);
    const uint32_t more = *room ? *room * 2 : 8;
    void *grown = reallocarray(at, more, size);
    if (!grown)
        die_out_of_memory(more, size);
    *room = more;
    return grown;
}
