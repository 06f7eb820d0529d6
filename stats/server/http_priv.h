/* http_priv - what the files of the admin thread share. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>

#include "stats/push/hub.h"
#include "stats/push/moment.h"
#include "stats/server/http.h"
#include "stats/server/route.h"

/* How long a head may take, a whole answer, and a connection that asks for nothing. */
#define HTTP_HEAD_NS   (INT64_C(10) * 1000000000)
#define HTTP_ANSWER_NS (INT64_C(60) * 1000000000)
#define HTTP_IDLE_NS   (INT64_C(60) * 1000000000)
/* How long the control thread may take. */
#define HTTP_ASK_NS (INT64_C(10) * 1000000000)

/* A socket that is listened on. */
struct port {
    struct list link;
    struct http *http;
    struct listener *listener; /* pinned */
    struct watch watch;
    bool stays; /* while a new configuration comes */
};

enum peer_activity { PEER_IDLE, PEER_ASKS, PEER_IS_ANSWERED, PEER_FOLLOWS };

/* One connection. Its descriptor is the library's. */
struct peer {
    struct list link;
    struct http *http;
    int fd;
    struct endpoint from, at; /* the latter is the bind */
    int64_t since_ns;         /* it has been doing what it does */
    enum peer_activity does;
    bool new;      /* it has asked for nothing yet */
    bool unwanted; /* its bind is gone, or it may not connect any more */
};

/* One request; the library keeps it for us until it is over. */
struct request {
    uint32_t magic;
#define REQUEST_MAGIC 0xad419e57u
    struct http *http;
    struct peer *peer;
    struct MHD_Connection *connection;
    struct list link;            /* among those that wait for an answer of the control thread */
    struct MHD_Response *answer; /* ours until it is queued; NULL: none yet */
    unsigned status;             /* of it */
    bool waits;                  /* suspended */
    bool begun;                  /* its head has been looked at */
    int64_t asked_ns;
    struct follower follower; /* of the events; in no hub: it does not follow */
    bool follows;
};

/* What several may be waiting for; slot ENDPOINT_COUNT is /health. */
#define ASKS (ENDPOINT_COUNT + 1u)

struct asked {
    struct list waiting;  /* for the next answer */
    struct list answered; /* by the question that is on its way */
    bool under_way;
};

struct http {
    struct control *control;
    struct metrics *metrics;
    struct loop *loop;
    struct mailbox box;
    pthread_t thread;
    struct message stop;
    atomic_bool stopped; /* nobody waits for answers any more */

    struct MHD_Daemon *daemon;
    struct watch library; /* its epoll descriptor */
    struct timer again;   /* when it wants to be run */
    struct timer sweep;   /* each second while anybody is there */
    bool resting;         /* no descriptors are left: nobody is accepted until the next sweep */

    struct http_config *config; /* NULL: there was none yet */
    struct list port, peer;
    uint32_t n_peers;

    struct asked asked[ASKS];

    struct hub hub;
    struct moment *moment; /* the newest; NULL: nobody follows */
    struct timer tick;     /* each second while somebody follows */
    bool ticks, sampling;
};

/* http.c: lets the library work, now and when it wants to. */
void http_pump(struct http *h);
void http_resume(struct request *r);

/* peers.c */
void peers_use(struct http *h, const struct http_config *c);
void peers_close_ports(struct http *h);
void peer_notify(void *of, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code);
void peer_does(struct peer *p, enum peer_activity does);
void peers_sweep(void *of);

/* serve.c */
enum MHD_Result serve_request(void *of, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **context);
void *serve_begins(void *of, const char *uri, struct MHD_Connection *connection);
void serve_completed(void *of, struct MHD_Connection *connection, void **context,
                     enum MHD_RequestTerminationCode code);

/* reply.c: responses with all that each of them has; to be dropped by MHD_destroy_response(). */
struct MHD_Response *reply_text(struct text *body, const char *type); /* takes it over */
struct MHD_Response *reply_file(const struct embedded *file, const char **etag);
struct MHD_Response *reply_problem(unsigned status, const char *detail);
struct MHD_Response *reply_stream(struct request *r, MHD_ContentReaderCallback read);
void reply_header(struct MHD_Response *r, const char *name, const char *value);

/* ask.c: waits for what the control thread says; the request is suspended. */
void ask_for(struct request *r, uint32_t what);
void ask_forget(struct request *r);
void ask_sweep(struct http *h, int64_t now_ns);

/* follow.c: those who follow the events. */
void follow_init(struct http *h);
void follow_done(struct http *h);
void follow_begin(struct request *r);
void follow_end(struct request *r);
