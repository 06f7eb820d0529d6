/*
 * attempt - one probe of one server: connect, ask, read the status line. No state beyond its end
 * but a connection, where the plan is to keep it for the next one.
 *
 * The control thread's. Bounded: one descriptor, one small buffer, one deadline.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/base/text.h"
#include "runtime/event/loop.h"
#include "runtime/net/conn.h"
#include "runtime/net/proxy_header.h"
#include "runtime/net/sockaddr.h"
#include "runtime/tls/client.h"
#include "runtime/tls/wire.h"

#define ATTEMPT_REASON_MAX 120

enum attempt_end {
    ATTEMPT_SUCCESS,
    ATTEMPT_FAILURE,
    ATTEMPT_NOT_MADE, /* we ran out of something: it says nothing about the server */
};

/* Called once, when it is over and closed; may begin the next. `reason` is valid during the call.
 */
typedef void attempt_over(void *of, enum attempt_end end, const char *reason);

/* What to do and what to expect. Copied texts: nothing of the table is kept. */
struct attempt_plan {
    enum table_health_kind kind;       /* not NONE */
    enum proxy_version proxy_protocol; /* the header that goes first: that it is our own */
    struct text request;               /* owned; HTTP's and gRPC's head */
    struct text body;                  /* owned; gRPC */
    bool h2;                           /* it is asked in HTTP/2 */
    bool keep_alive;                   /* the connection is kept, where the answer allows it */
    bool head;                         /* asked with HEAD: an answer has no body */
    uint16_t port;                     /* 0: the server's own */
    struct tls_client *tls;            /* pinned; NULL: without TLS */
    struct text name;                  /* owned; the host that is asked for and verified */
    int64_t timeout_ns;
    uint16_t status_first, status_last;
    struct table_health_step *step; /* owned, with its texts; of TCP and TLS */
    uint32_t n_steps;
};

struct h2_ask;
struct talk;

struct attempt {
    struct conn conn;  /* its descriptor is -1 while there is none */
    struct wire *wire; /* borrowed */
    struct timer deadline;
    const struct attempt_plan *plan; /* borrowed while it is under way */
    attempt_over *over;
    void *of;
    struct sockaddr_of to;
    bool under_way;
    bool again;             /* on a connection that an earlier one kept */
    bool connected, shaken; /* and the handshake is over, if there is one */
    struct h2_ask *ask;     /* owned; of HTTP/2 */
    struct talk *talk;      /* owned; of one that has steps */
    size_t sent, received;
    char answer[64]; /* the beginning of it */
};

void attempt_init(struct attempt *a, struct loop *loop, struct wire *wire, attempt_over *over,
                  void *of);

/* Begins one; `over` may be called before this returns. `plan` stays until it is over. A connection
 * that was kept must be to the same server, by the same plan. */
void attempt_begin(struct attempt *a, const struct sockaddr_of *to,
                   const struct attempt_plan *plan);

static inline bool attempt_is_under_way(const struct attempt *a)
{
    return a->under_way;
}

/* Ends it without calling `over`, and drops what was kept. Harmless when there is nothing. */
void attempt_stop(struct attempt *a);

/* The plan for a check of this kind; `host` is what the Host header says, and who the server is to
 * be, when the check names none. `tls` may be NULL; a TCP check connects without it all the same.
 */
struct attempt_plan attempt_plan_new(const struct table_health *check, struct tls_client *tls,
                                     struct slice host);
bool attempt_plan_eq(const struct attempt_plan *a, const struct attempt_plan *b);
void attempt_plan_done(struct attempt_plan *plan);

/*
 * Reads the status out of the beginning of a response: strictly "HTTP/1.", a digit, a space, three
 * digits, and a space or line end (RFC 9112, 4). The status (100..999), 0 = need more, -1 = not
 * HTTP.
 */
int attempt_status(struct slice answer);
