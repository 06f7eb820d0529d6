/*
 * overload - how near a worker is to the end of what it has, and what a listener leaves out then.
 *
 * One number, in percent: of the process's descriptors, of the worker's buffers, or of a second by
 * which its loop comes late, whichever is most. It rises at once and falls late, so that what was
 * begun is not ended in the next moment. Pure: what is measured comes in as an argument.
 */
#pragma once

#include <stdint.h>

#include "compiler/table/table.h"

struct overload_measures {
    uint64_t descriptors, descriptors_max; /* the latter above 0 */
    uint64_t buffers, buffers_max;
    int64_t late_ns; /* its last turns, smoothed */
};

enum overload_cause { OVERLOAD_DESCRIPTORS, OVERLOAD_BUFFERS, OVERLOAD_LOOP };

struct overload {
    uint32_t percent;
    enum overload_cause cause; /* what it was that rose last */
    int64_t late_ns;
};

/* What it falls behind by. */
#define OVERLOAD_PLAY 10u

/* The one that follows. */
struct overload overload_next(struct overload now, const struct overload_measures *m);

/* How late the loop is by and by, when it was this late now. One late turn says little. */
int64_t overload_lateness(int64_t so_far_ns, int64_t late_ns);

/* Each does what those before it do. */
enum overload_stage {
    OVERLOAD_NONE,
    OVERLOAD_SAVES,   /* connections are closed when they wait, and told so in answers */
    OVERLOAD_REFUSES, /* requests are answered 503 */
};

static inline enum overload_stage overload_stage(const struct overload *o,
                                                 const struct table_listener *l)
{
    if (o->percent < l->overload_saves)
        return OVERLOAD_NONE;
    return o->percent < l->overload_refuses ? OVERLOAD_SAVES : OVERLOAD_REFUSES;
}

/* In words: "descriptors"; static. */
const char *overload_cause_text(enum overload_cause cause);
