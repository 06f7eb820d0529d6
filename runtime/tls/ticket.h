/*
 * ticket - the keys of session tickets: made by chance, changed with time, shared by all workers.
 *
 * A ticket is what a client keeps of a session and brings along to resume it. Its key is used for
 * half of a session's life and kept for all of one more, so that a ticket is good as long as its
 * session is, and a stolen memory opens no older ones. Keys leave the process for the one
 * that takes its place, and never else; they survive hot swaps. A lock is held for the copy of a
 * key, once or twice in a handshake.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/check.h"

struct tickets;

#define TICKET_NAME_BYTES     16
#define TICKET_NONCE_BYTES    12
#define TICKET_TAG_BYTES      16
#define TICKET_OVERHEAD_BYTES (TICKET_NAME_BYTES + TICKET_NONCE_BYTES + TICKET_TAG_BYTES)

/* Pinned once. */
struct tickets *tickets_new(void);
struct tickets *tickets_pin(struct tickets *t);
void tickets_unpin(struct tickets *t); /* NULL is allowed */

/* How long a session lives, from now on. */
void tickets_set_life(struct tickets *t, int64_t life_ns);

/*
 * For another process, in whose place we are, or which comes in ours: the keys, newest first, a
 * name and a secret each, and when the newest one was made, by a clock that both have. Whoever
 * gets the bytes wipes them. tickets_write() says how many there are; there is one at least.
 * tickets_read() is for keys that nobody has used; false, and they stay as they are, where it is
 * not what the other one writes. Any thread.
 */
#define TICKET_SECRET_BYTES 32
#define TICKETS_BYTES_MAX   ((size_t)3 * (TICKET_NAME_BYTES + TICKET_SECRET_BYTES))
size_t tickets_write(struct tickets *t, int64_t now_ns, uint8_t out[TICKETS_BYTES_MAX],
                     int64_t *made_ns);
MUST_CHECK bool tickets_read(struct tickets *t, int64_t now_ns, const uint8_t *in, size_t len,
                             int64_t made_ns);

/* All of the following: any thread; now_ns never goes back. Writes len + TICKET_OVERHEAD_BYTES.
 * False when the library fails. */
MUST_CHECK bool tickets_seal(struct tickets *t, int64_t now_ns, uint8_t *out, const uint8_t *in,
                             size_t len);

/* The length of what was sealed, in `out`, which has room for `len`; or -1: it is none of ours, or
 * too old. */
ptrdiff_t tickets_open(struct tickets *t, int64_t now_ns, uint8_t *out, const uint8_t *in,
                       size_t len);
