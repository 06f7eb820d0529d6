/*
 * h2_front - a client's connection that speaks HTTP/2: each stream is a session of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/slice.h"
#include "runtime/log/access.h"

struct h2_front;
struct session;

/* The connection has begun with the preface, which is in `got` with what came behind it, in the
 * session's buffer. False when memory is out. */
MUST_CHECK bool h2_front_begin(struct session *s, struct slice got);

/* NULL is allowed. Its streams must be closed. */
void h2_front_free(struct h2_front *f);

void h2_front_ready(struct h2_front *f, unsigned what);
void h2_front_late(struct h2_front *f);

/* Puts a stream's session among its others. */
void h2_front_add(struct h2_front *f, struct session *stream);

void h2_front_close_streams(struct h2_front *f, enum access_end end);

/* Is nothing asked on it now? */
bool h2_front_is_idle(const struct h2_front *f);

/* How many streams are open, and the oldest of them, or NULL. */
uint32_t h2_front_streams(const struct h2_front *f);
const struct session *h2_front_first(const struct h2_front *f);

/* Announces the end; it comes when what was asked for has been answered. */
void h2_front_drain(struct h2_front *f);

/* What one takes of memory, without what h2_session.h says. */
size_t h2_front_bytes(void);
