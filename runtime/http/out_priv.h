/* out_priv - writing into given room, counting what would have been needed. */
#pragma once

#include <stddef.h>

#include "runtime/base/slice.h"

/* len <= room: all of it was written. */
struct out {
    char *at;
    size_t room, len;
};

static inline void put(struct out *o, struct slice s)
{
    if (s.len > 0 && o->len <= o->room && s.len <= o->room - o->len)
        memcpy(o->at + o->len, s.at, s.len);
    o->len += s.len;
}

#define PUT(o, literal) put((o), SLICE(literal))
