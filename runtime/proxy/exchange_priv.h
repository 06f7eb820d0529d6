/* What the steps share; only the exchange's own files include this. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/proxy/exchange.h"
#include "runtime/proxy/session.h"
#include "runtime/proxy/worker.h"

#define STEP(id, run) enum outcome run(struct exchange *x);
EXCHANGE_STEPS(STEP)
#undef STEP

static inline enum outcome go(struct exchange *x, enum exchange_step next)
{
    x->step = next;
    return GO_ON;
}

/* Ends with an answer of ours. `detail` is a sentence for the person who reads it. */
static inline enum outcome refuse(struct exchange *x, uint16_t status, enum access_end end,
                                  const char *detail)
{
    ASSERT(!x->response_known);
    x->status = status;
    x->end = end;
    x->lead = "";
    x->detail = detail;
    return go(x, EXCHANGE_ANSWER);
}

/* The server could not be reached or broke off: another try, an answer, or a visible end. */
enum outcome exchange_server_failed(struct exchange *x, uint16_t status, enum access_end end,
                                    const char *detail);

static inline struct flow_scratch exchange_scratch(const struct exchange *x, size_t head)
{
    return (struct flow_scratch){.at = x->worker->scratch,
                                 .head = head,
                                 .room = WORKER_SCRATCH_BYTES,
                                 .buffers = &x->worker->buffers};
}

/*
 * Reads once into the buffer. Returns bytes, 0 at the end, -EAGAIN, -ENOBUFS when there is no
 * block, or another negative errno. *readable becomes false when there was less than there was room
 * for.
 */
ssize_t exchange_fill(struct exchange *x, struct conn *from, struct buffer *into, bool *readable);

/* The request as it goes to the server, into the scratch. Returns its length, 0 when it does not
 * fit. */
size_t exchange_write_request(struct exchange *x);

/* Is a response on its way whose end the client sees by the end of the connection? Then only a
 * reset tells a part of it from the whole. */
bool exchange_ends_by_close(const struct exchange *x);

/* Closes the connection to the server, if there is one. */
void exchange_drop_link(struct exchange *x);

/* Fills the access record from what is known now; hands it to the log. */
void exchange_record(const struct exchange *x, struct access_record *out);
void exchange_log(struct exchange *x);

/* A tunnel's own waiting and end: it has no generation any more. */
void exchange_tunnel_settle(struct exchange *x);
void exchange_tunnel_done(struct exchange *x);
