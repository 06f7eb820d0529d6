/*
 * callers - how many connections each client has open, over all workers, in a fixed room.
 *
 * A table of sets with CALLERS_WAYS places each, like keys.h. A place is one word: the client's tag
 * and its count, so that both change together: whoever comes again takes one compare-and-swap and
 * no lock. One that is new takes a place whose count is 0, under its set's lock of one byte.
 * Clients of one IPv6 /64 are one. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/address.h"

#define CALLERS_WAYS 8u

struct callers;

/* Room for `connections` at a time, above 0, were they each of another client. `seed` is a secret.
 * Ends the process when memory is out. callers_free(): NULL is allowed. */
struct callers *callers_new(uint32_t connections, uint64_t seed);
void callers_free(struct callers *s);

/* `s` itself where it has that much room; else one of twice its room or more, that keeps `s` for
 * those who have places there, and counts them with its own. */
struct callers *callers_for(struct callers *s, uint32_t connections, uint64_t seed);

/* Of it all. */
uint64_t callers_bytes(uint32_t connections);

enum caller_answer {
    CALLER_COUNTED,
    CALLER_REFUSED,  /* it has `most` already */
    CALLER_NO_PLACE, /* chance has filled its set: it is not counted */
};

/* One more connection of this client. Where it is counted, *place is to be given back. */
enum caller_answer callers_take(struct callers *s, const struct address *client, uint32_t most,
                                _Atomic uint64_t **place);
void callers_give(_Atomic uint64_t *place);
