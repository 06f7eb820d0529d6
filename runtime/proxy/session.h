/*
 * session - a client's connection: exchanges, one after the other.
 *
 * While it is idle it holds no buffer and no exchange. It belongs to the worker that accepted it,
 * and survives hot swaps: each exchange takes the generation that is current when it begins.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/event/deadline.h"
#include "runtime/generation/generation.h"
#include "runtime/log/access.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"

struct exchange;
struct worker;

struct session {
    uint32_t magic;
#define SESSION_MAGIC 0x5e5510a3u
    struct worker *worker;
    struct conn conn;
    struct deadline deadline;
    struct list link;  /* in worker.session */
    struct gate *gate; /* pinned, and counted in */
    struct endpoint client;
    struct buffer in;
    struct exchange *exchange; /* NULL while idle */
    bool readable, writable;
    bool lingering; /* we have said our last; reading only to let it arrive */
};

/* Takes the descriptor over; the gate has been counted for it already and is pinned here. Closes it
 * when memory is out. */
void session_open(struct worker *w, int fd, const struct endpoint *client, struct gate *gate);

/* Runs what can be run. The session may be gone afterwards. */
void session_drive(struct session *s);

/* Ends it, with its exchange. */
void session_close(struct session *s, enum access_end end);

/* Closes it if it is idle: no request has begun. */
void session_close_if_idle(struct session *s);

/* The listener it came in by, in the worker's current generation, or NULL when that has none such.
 */
const struct table_listener *session_listener(const struct session *s);
