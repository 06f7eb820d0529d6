/*
 * exchange - one request and its response, from the first byte to the access log line.
 *
 *   READ_HEAD -> DECIDE -> PICK <-> CONNECT -> RELAY -> FINISH
 *        |          |       |                   | |       ^
 *        +----------+-------+----> ANSWER <-----+ +-> TUNNEL
 *                                    |                    |
 *                                    +-----> FINISH <-----+
 *
 * Steps are small functions that do what can be done now and name the next step; the driver runs
 * them until one has to wait. What an exchange waits for follows from its state: see
 * exchange_settle().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"
#include "runtime/base/uri.h"
#include "runtime/generation/generation.h"
#include "runtime/http/semantics.h"
#include "runtime/log/access.h"
#include "runtime/proxy/flow.h"
#include "runtime/upstream/link.h"

struct session;
struct worker;

#define EXCHANGE_STEPS(STEP)                                                                       \
    STEP(READ_HEAD, exchange_read_head)                                                            \
    STEP(DECIDE, exchange_decide)                                                                  \
    STEP(PICK, exchange_pick)                                                                      \
    STEP(CONNECT, exchange_connect)                                                                \
    STEP(RELAY, exchange_relay)                                                                    \
    STEP(ANSWER, exchange_answer)                                                                  \
    STEP(TUNNEL, exchange_tunnel)                                                                  \
    STEP(FINISH, exchange_finish)

enum exchange_step {
#define STEP(id, run) EXCHANGE_##id,
    EXCHANGE_STEPS(STEP)
#undef STEP
};

/* What a step says; where to go next it has put into x->step. */
enum outcome { GO_ON, WAIT, OVER };

/* What is to become of the client's connection when the exchange is over. */
enum fate {
    FATE_KEEP, /* the next request may come */
    FATE_CLOSE,
    FATE_LINGER, /* close, but let the client read our answer first: it may still be sending */
    FATE_RESET,  /* the client must see that the response is not whole */
};

/* The attempts at one request: connections made or reused. */
#define EXCHANGE_TRIES_MAX 4u

struct exchange {
    uint32_t magic;
#define EXCHANGE_MAGIC 0x5e9c41a7u
    enum exchange_step step;
    struct session *session;
    struct worker *worker;
    struct generation *generation; /* pinned; NULL once it is a tunnel */
    const struct table_listener *listener;
    const struct table_cluster *cluster; /* of the decision to forward */
    struct server *server;               /* being tried or used; a tunnel pins it */
    struct link *link;                   /* owned; NULL while there is none */

    int64_t begun_ns, begun_wall_ns;                        /* the first byte */
    int64_t head_ns, decided_ns, connected_ns, answered_ns; /* moments; 0: not reached */

    uint32_t head_parsed; /* bytes of the head that were looked at and were not all of it */
    struct http_head request;
    struct http_request_info info;
    struct facts facts;
    char host[URI_HOST_BYTES_MAX];
    struct verdict verdict;
    bool decided;
    uint64_t request_number; /* the low half of its id */

    struct http_head response;
    struct http_response_info response_info;
    bool response_known; /* its final head has been read and is on its way: no other answer any more
                          */

    struct flow up, down; /* request body to the server, response to the client */
    enum flow_result up_result, down_result;
    bool head_sent;    /* the request's head has been given to `up` */
    bool up_failed;    /* the server takes no more of the request; it may still answer */
    bool fresh;        /* use no idle link: one has just failed */
    bool late;         /* the last connection that could not be made took too long */
    bool reused;       /* this link came out of the pool */
    bool heard;        /* something has come from the server on this link */
    uint8_t n_interim; /* interim responses on this link */
    uint8_t tries;
    uint32_t tried[EXCHANGE_TRIES_MAX];
    uint8_t n_tried;

    uint16_t status;           /* sent, or to be sent, to the client; 0: none yet */
    const char *lead, *detail; /* a sentence for the page of an answer of ours; static */
    uint16_t server_status;    /* of the response that is passed on; 0: none, or one of ours */
    enum fate fate;
    enum access_end end;
    uint64_t received_bytes; /* with what is in the buffer and may belong to the next request */
    struct access_record *record; /* of a tunnel, whose generation is gone; owned */
    int64_t tunnel_ns;            /* its timeout */
};

/* Begins with the first bytes that are in the session's buffer. NULL when memory is out. */
struct exchange *exchange_new(struct session *s);

/* Goes on as far as it can. OVER: the caller takes x->fate and frees it. */
enum outcome exchange_run(struct exchange *x);

/* After exchange_run() said WAIT: watches and deadlines as the state asks for. */
void exchange_settle(struct exchange *x);

/* Will the next run read from the client, and so see for itself what became of it? */
bool exchange_reads_client(const struct exchange *x);

/* The deadline of the client's or the server's side has passed; run it afterwards. */
void exchange_client_late(struct exchange *x);
void exchange_server_late(struct exchange *x);

/* Writes the log record, frees. Its links are given back or closed. */
void exchange_free(struct exchange *x);

/* The client is gone: end without an answer. */
enum outcome exchange_abort(struct exchange *x, enum access_end end);
