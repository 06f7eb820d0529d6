/*
 * trace - the steps of some exchanges, each with its time, for an operator who asked for them.
 *
 * The steps themselves know nothing of it. After each of them the exchange is looked at, and what
 * has become of it since the last look is noted: trace_follow(). Where no trace is on, which is
 * nearly always, all of it is a number of the worker that is zero.
 *
 * A trace has places for as many exchanges as were asked for, made before it begins. Workers take
 * them until there are none; each place is then that worker's until its exchange is over, or the
 * trace is.
 */
#pragma once

#include <stdatomic.h>

#include "runtime/base/address.h"
#include "runtime/event/mailbox.h"
#include "runtime/log/access.h"

struct exchange;
struct worker;

#define TRACES_MAX          4u   /* at a time */
#define TRACE_EXCHANGES_MAX 100u /* of one */
#define TRACE_STEPS_MAX     48u  /* of an exchange; what comes then is counted */
#define TRACE_TEXT_MAX      160u
#define TRACE_PATH_MAX      512u

/* STEP(id, word) */
#define TRACE_STEPS(STEP)                                                                          \
    STEP(ACCEPTED, "accepted") /* the connection */                                                \
    STEP(TLS, "tls")           /* its handshake is over */                                         \
    STEP(BEGUN, "begun")       /* the first byte of the request */                                 \
    STEP(REQUEST, "request")   /* its head has been read */                                        \
    STEP(DECIDED, "decided")                                                                       \
    STEP(CHECKS, "checks") /* credentials, or asks another server */                               \
    STEP(LIMITED, "limited")                                                                       \
    STEP(QUEUED, "queued")                                                                         \
    STEP(PAUSED, "paused")                                                                         \
    STEP(SERVER, "server") /* chosen */                                                            \
    STEP(FAILED, "failed") /* a server */                                                          \
    STEP(CONNECTED, "connected")                                                                   \
    STEP(SENT, "sent")         /* the request, to the server */                                    \
    STEP(RESPONSE, "response") /* its head has come */                                             \
    STEP(ANSWER, "answer")     /* one of our own */                                                \
    STEP(TUNNEL, "tunnel")                                                                         \
    STEP(COMPLETE, "complete") /* the whole response is on its way */                              \
    STEP(TARPIT, "tarpit")                                                                         \
    STEP(END, "end")

enum trace_step_kind {
#define STEP(id, word) TRACE_##id,
    TRACE_STEPS(STEP)
#undef STEP
};

const char *trace_step_name(enum trace_step_kind kind);

struct trace_step {
    enum trace_step_kind kind;
    int64_t at_ns;             /* since the exchange's start */
    char text[TRACE_TEXT_MAX]; /* half a sentence, printable ASCII */
};

/* What was known of the exchange at the last look. */
struct trace_seen {
    int64_t connected_ns;
    const char *reason;
    uint8_t step, tries;
    uint16_t server_status;
    bool decided, limited, head_sent, body_sent, complete, tunnel;
};

/* A place. Its worker's, from `trace` taking it until `message` is posted to the control thread. */
struct trace_place {
    struct message message;
    struct trace *trace;
    _Atomic uint32_t worker; /* whose it is, from 1; 0: nobody's */
    struct exchange *exchange;
    struct trace_seen seen;
    int64_t start_ns;
    bool is_over; /* else it was under way when the trace ended */
    uint32_t n_steps, left_out;
    struct trace_step step[TRACE_STEPS_MAX];
    struct access_record record;
};

/* What is wanted; an exchange has to meet all of it. */
struct trace_filter {
    bool by_source;
    struct network source; /* canonical; of who asks, as trusted proxies tell */
    struct slice path;     /* it, and what is under it; empty: any */
};

struct trace {
    struct trace_filter filter; /* its path is in `path` */
    char path[TRACE_PATH_MAX];
    int64_t armed_ns; /* what began before is not looked at */
    void (*noted)(struct trace_place *p);
    void (*let_go)(struct trace *t); /* no worker knows of it any more */
    void *of;
    uint32_t places;         /* room */
    _Atomic uint32_t taken;  /* of it; may be more, for those that came too late */
    _Atomic uint32_t others; /* exchanges that match and found no place */
    _Atomic uint32_t workers_left;
    struct message gone;
    struct trace_place place[];
};

/* For the control thread. `noted` is called there for each exchange that is over, and `let_go` once
 * all workers have heard of its end. To be freed after that, with free(). */
struct trace *trace_new(const struct trace_filter *f, uint32_t places, uint32_t n_workers);

/* The worker begins with it, or ends it: what is under way is noted as it is. */
void worker_trace(struct worker *w, struct trace *t);
void worker_untrace(struct worker *w, struct trace *t);

/* Would an exchange of this client and path be traced? Pure. `path` may be empty: it has none. */
bool trace_wants(const struct trace_filter *f, const struct address *client, struct slice path);

/* The worker's, when any trace is on: after a step, and before it is freed. */
void trace_follow(struct exchange *x);
void trace_end(struct exchange *x);
