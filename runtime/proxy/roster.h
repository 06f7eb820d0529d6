/*
 * roster - who is connected to a worker now, for operators.
 *
 * A worker owns its sessions, so it is asked by its mailbox, and looks at them in slices of some
 * hundred microseconds, each in a turn of its own: what it serves does not wait for an operator.
 * Sessions that come and go meanwhile are seen or not; none is seen twice.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/list.h"
#include "runtime/event/mailbox.h"

struct session;
struct worker;

/* What an exchange, or a connection without one, is about. STATE(id, text) */
#define ROSTER_STATES(STATE)                                                                       \
    STATE(NEW, "new")           /* nothing has been asked yet */                                   \
    STATE(IDLE, "idle")         /* between two requests */                                         \
    STATE(READING, "reading")   /* its request */                                                  \
    STATE(CHECKING, "checking") /* who it is */                                                    \
    STATE(QUEUED, "queued")     /* for a server */                                                 \
    STATE(PAUSED, "paused")     /* before another try */                                           \
    STATE(CONNECTING, "connecting")                                                                \
    STATE(WAITING, "waiting") /* for its server's answer */                                        \
    STATE(SENDING, "sending") /* the answer */                                                     \
    STATE(TUNNEL, "tunnel")                                                                        \
    STATE(TARPIT, "tarpit")                                                                        \
    STATE(CLOSING, "closing") /* all is said, and it may read it */

enum roster_state {
#define STATE(id, text) ROSTER_##id,
    ROSTER_STATES(STATE)
#undef STATE
};

const char *roster_state_name(enum roster_state state);

#define ROSTER_NAME_MAX    64u
#define ROSTER_REQUEST_MAX 256u

/* A connection. Texts are printable ASCII, cut where they are too long, and empty where there is
 * none. */
struct roster_row {
    struct tcp_end client;
    uint32_t worker;
    const char *protocol; /* http/1.1, h2, tcp; static */
    bool tls;
    enum roster_state state; /* of HTTP/2: of its oldest stream */
    int64_t age_ns;
    int64_t request_ns; /* since the request that is under way began; -1: none is */
    uint64_t requests;  /* begun on it */
    uint32_t streams;   /* open now; HTTP/2 */
    uint64_t received_bytes, sent_bytes; /* of its requests and responses */
    char listener[ROSTER_NAME_MAX], cluster[ROSTER_NAME_MAX], server[ROSTER_NAME_MAX];
    char request[ROSTER_REQUEST_MAX]; /* "GET example.com/path?...": what a query says is not shown
                                       */
};

/* One worker's part. All but `message`, `of`, `done` and `row` with its room is set by
 * worker_roster(). */
struct roster {
    struct message message;
    struct worker *worker;
    void (*done)(struct roster *r); /* on the control thread */
    void *of;

    bool by_source, by_listener;
    struct network source; /* canonical */
    char listener[ROSTER_NAME_MAX];
    struct roster_row *row; /* room for so many: the oldest come first */
    uint32_t rows_max, n_rows;

    uint64_t connections, matched; /* all; those that the filters let through */
    int64_t slice_ns;              /* the longest time that the worker's loop did nothing else */
    bool answered;

    /* The worker's, meanwhile. */
    struct list link;
    struct session *next;
    int64_t begun_ns;
};

/* The control thread. `r` must stay until `done` is called, which comes even when the worker ends.
 */
void worker_roster(struct worker *w, struct roster *r);

/* For the worker: a session is about to go. */
void roster_leaves(struct worker *w, const struct session *s);

/* A request's first line for people: method, host, path; printable, and without what its query
 * says. `uri` is a path with its query, or empty. */
void roster_write_request(struct slice method, struct slice host, struct slice uri,
                          char out[ROSTER_REQUEST_MAX]);
