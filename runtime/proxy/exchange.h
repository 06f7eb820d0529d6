/*
 * exchange - one request and its response, from the first byte to the access log line.
 *
 *   OPEN (of a TCP listener) -> PICK ...
 *   READ_HEAD -> DECIDE -> PICK <-> CONNECT -> RELAY -> FINISH
 *        | (AUTHORIZE) |    |  (QUEUE, PAUSE)   | |       ^
 *        +----------+-------+----> ANSWER <-----+ +-> TUNNEL
 *                                    |                    |
 *                                    +-----> FINISH <-----+
 *
 * Steps are small functions that do what can be done now and name the next step; the driver runs
 * them until one has to wait. What an exchange waits for follows from its state: see
 * exchange_settle(). From AUTHORIZE another server may be asked first, by the same steps from PICK
 * to RELAY: see question.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/credentials.h"
#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"
#include "runtime/auth/checks.h"
#include "runtime/auth/jwt.h"
#include "runtime/base/list.h"
#include "runtime/base/uri.h"
#include "runtime/generation/generation.h"
#include "runtime/http/semantics.h"
#include "runtime/log/access.h"
#include "runtime/proxy/canary.h"
#include "runtime/proxy/flow.h"
#include "runtime/proxy/pace.h"
#include "runtime/upstream/link.h"

struct session;
struct worker;

#define EXCHANGE_STEPS(STEP)                                                                       \
    STEP(OPEN, exchange_open)                                                                      \
    STEP(READ_HEAD, exchange_read_head)                                                            \
    STEP(DECIDE, exchange_decide)                                                                  \
    STEP(AUTHORIZE, exchange_authorize)                                                            \
    STEP(PICK, exchange_pick)                                                                      \
    STEP(QUEUE, exchange_queue)                                                                    \
    STEP(PAUSE, exchange_pause)                                                                    \
    STEP(CONNECT, exchange_connect)                                                                \
    STEP(RELAY, exchange_relay)                                                                    \
    STEP(ANSWER, exchange_answer)                                                                  \
    STEP(TARPIT, exchange_tarpit)                                                                  \
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

/* Whose move a direction waits for, on which deadline, and how many bytes had moved when that was
 * set. */
enum turn { TURN_NOBODY, TURN_CLIENT, TURN_SERVER, TURN_QUEUE, TURN_PAUSE, TURN_CHECK };

/* Another server may be asked too (hedge.c): not yet looked at, in a while, and not any more. */
enum hedge { HEDGE_NONE, HEDGE_WAITS, HEDGE_OVER };

struct attempt;
struct inquiry;
struct throttled;
struct trace_place;
struct question;

struct stall {
    enum turn turn;
    uint64_t moved;
    const struct deadline *deadline;
};

/* The servers that were tried last, and that another try leaves out. */
#define EXCHANGE_TRIED_MAX 4u

struct exchange {
    uint32_t magic;
#define EXCHANGE_MAGIC 0x5e9c41a7u
    enum exchange_step step;
    struct session *session;
    struct worker *worker;
    struct generation *generation; /* pinned; NULL once it is a tunnel */
    const struct table_listener *listener;
    const struct table_cluster *cluster; /* of the decision to forward */
    const struct table_retry *retry;     /* the cluster's, or what a clause has made of it */
    struct table_retry own_retry;
    struct server *server; /* being tried or used; a tunnel pins it */
    struct link *link;     /* owned; NULL while there is none */

    int64_t begun_ns, begun_wall_ns;                        /* the first byte */
    int64_t head_ns, decided_ns, connected_ns, answered_ns; /* moments; 0: not reached */

    enum canary_side side; /* of two configurations that serve at once */
    bool tcp;              /* of a TCP listener: bytes are passed on, and there is no request */
    bool draining;         /* a tunnel whose end is near: its link's deadline says when */
    struct address client; /* who asks, as trusted proxies tell: `src` */

    uint32_t head_parsed; /* bytes of the head that were looked at and were not all of it */
    struct http_request_info info;
    struct facts facts;
    bool decided;
    uint32_t walked;          /* AUTHORIZE: the effects of the verdict that are done with */
    struct inquiry *inquiry;  /* while a password is checked for it */
    struct list inquiry_link; /* then: among those that wait for it */
    bool is_answered;         /* the check has come to this: */
    enum check_answer answer;
    struct question
        *question; /* of its `require auth`, with what was taken of answers; in a pool */
    bool asks;     /* and it is being asked: cluster, server and link are its */
    const struct table_effect *realm;      /* the `require` that has not let it in, or NULL */
    struct bearer *bearer;                 /* the token that came with it, in a pool; or NULL */
    bool token_unread;                     /* there was no memory to look for one */
    enum jwt_answer token;                 /* what a `require jwt` has found */
    bool tarpitted;                        /* counted in worker.tarpitted */
    const struct table_cors *cors;         /* of the deciding clauses, or NULL */
    const struct table_compress *compress; /* of the listener, or the deciding clauses */
    bool says_retries; /* a clause does: `retries_more` instead of what the cluster says */
    uint32_t retries_more;
    int64_t read_timeout_ns; /* of the deciding clauses, instead of the cluster's; 0: none */
    uint64_t request_number; /* the low half of its id */

    struct http_response_info response_info;
    bool response_known; /* its final head has been read and is on its way: no other answer any more
                          */

    struct flow up, down;       /* request body to the server, response to the client */
    uint64_t interim_bytes;     /* of `down`, before the final response */
    struct flow_coding *coding; /* of a response that is compressed; owned, with its compressor */
    enum flow_result up_result, down_result;
    bool head_sent;     /* the request's head has been given to `up` */
    bool up_failed;     /* the server takes no more of the request; it may still answer */
    bool fresh;         /* use no idle link: one has just failed */
    bool late;          /* the last connection that could not be made took too long; or a tarpit's
                         * time is over */
    bool reused;        /* this link came out of the pool */
    bool heard;         /* something has come from the server on this link */
    bool leaves_answer; /* the client has asked with HEAD, and the question was asked with GET */
    uint8_t n_interim;  /* interim responses on this link */
    bool continued;     /* the client was told to send its body */
    uint8_t tries;
    uint32_t tried[EXCHANGE_TRIED_MAX];
    uint8_t n_tried;
    uint32_t chosen;     /* index within the cluster of the server being tried or used */
    uint64_t key;        /* what keeps it at its server: cluster_key() */
    uint64_t sticky_key; /* of its cluster's `sticky`, if it sticks */
    bool sticks;         /* its client is to keep its server */
    bool remembers;      /* the server that is chosen now is its client's from now on */
    bool has_cookie;     /* that `sticky` goes by, of whatever value */
    bool cookie_ages;    /* it is to be set anew */
    int64_t picked_ns;   /* when the server was chosen */

    enum hedge hedge;
    bool is_hedge;         /* it is the second server that is being tried or used */
    struct attempt *other; /* the attempt beside this one, in a pool of the worker; mostly NULL */
    struct deadline hedge_deadline;

    uint8_t held;                      /* what room.c counts it in */
    uint8_t retries;                   /* tries that the cluster's `retry` allowed */
    bool has_turn, rested;             /* waiting for room, pausing: it may go on */
    bool body_taken;                   /* some of the request's body has been read */
    bool keeps_body;                   /* and all of it is in the session's buffer still */
    uint32_t head_end;                 /* where the body begins in that */
    uint32_t retry_after_s;            /* of an answer of ours; 0: it says nothing of it */
    const struct table_limit *limited; /* what it was refused by, or NULL */
    uint32_t limited_by;               /* the number of its rate; n_rates: too many in flight */
    uint64_t beyond;                   /* bit i: the listener's limit i; with `mode observe` */
    struct limit_hold *holds;          /* of limits that it is in flight at; in a pool */
    struct throttled *throttled;       /* of limits that count its bytes; in a pool; or NULL */
    const char *retried, *not_retried; /* why the last time; static, or NULL */
    int64_t pause_ns;                  /* before the next try */
    struct waiter *waiter;             /* while it waits for room */
    struct deadline try_deadline;      /* of one try */

    uint16_t status;           /* sent, or to be sent, to the client; 0: none yet */
    const char *lead, *detail; /* a sentence for the page of an answer of ours; static */
    const char *reason;        /* why the last connection to a server failed; static, or NULL */
    uint16_t server_status;    /* of the response that is passed on; 0: none, or one of ours */
    enum fate fate;
    enum access_end end;
    uint64_t received_bytes; /* with what is in the buffer and may belong to the next request */
    uint64_t heard_bytes;    /* from servers */
    struct stall up_stall, down_stall;
    struct pace up_pace, down_pace;   /* the client's */
    struct deadline request_deadline; /* for all of it; a tunnel has none */
    struct trace_place *trace;        /* where its steps are noted; mostly NULL */
    bool considered;                  /* while a trace is on: whether it is wanted */
    struct access_record *record;     /* of a tunnel, whose generation is gone; owned */
    int64_t tunnel_ns, drain_ns;      /* its timeouts */

    /* What is above begins as zeros. These are written before they are read: to zero them would
     * cost more than to parse a head. */
    struct http_head request, response;
    char host[URI_HOST_BYTES_MAX];
    struct verdict verdict;
    char user[CREDENTIALS_USER_MAX]; /* where facts.user is */
};

/* Begins with the first bytes that are in the session's buffer. NULL when memory is out. */
struct exchange *exchange_new(struct session *s);

/* Goes on as far as it can. OVER: the caller takes x->fate and frees it. */
enum outcome exchange_run(struct exchange *x);

/* After exchange_run() said WAIT: watches and deadlines as the state asks for. */
void exchange_settle(struct exchange *x);

/* Will the next run read from the client, and so see for itself what became of it? */
bool exchange_reads_client(const struct exchange *x);

/* The session's or the link's deadline has passed; run it afterwards. While both directions run,
 * the request's has the session's, and the response's the link's. */
void exchange_session_late(struct exchange *x);
void exchange_link_late(struct exchange *x);

/* If it is a tunnel, it ends within its `timeout drain`, whatever it still has to say. Harmless
 * when that has been said before. */
void exchange_drain(struct exchange *x);

/* Is it a tunnel to a server that generation `id` no longer has? */
bool exchange_outlives(const struct exchange *x, uint64_t id);

/* Writes the log record, frees. Its links are given back or closed. */
void exchange_free(struct exchange *x);

/* The client is gone: end without an answer. */
enum outcome exchange_abort(struct exchange *x, enum access_end end);
