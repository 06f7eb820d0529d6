#include "runtime/daemon/origin_serve.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "runtime/daemon/origin_answer.h"

#define HEAD_BYTES_MAX  65536
#define ECHO_BYTES_MAX  ((size_t)16 << 20)
#define OUT_BYTES_MAX   65536               /* of pipelined answers, before they are sent */
#define PATTERN_BYTES   ((size_t)256 << 10) /* a multiple of the pattern's length */
#define FILL_COPIED_MAX 4096                /* a shorter fill is copied into the text */
#define CHUNK_BYTES     4096
#define TURN_BYTES_MAX  ((size_t)4 << 20) /* sent or read before others have their turn */
#define RESET_DELAY_MS  20                /* so that what was sent has arrived */
#define LINGER_MS       1000

/* What epoll hands back: the first member of all that it watches. */
enum watch_kind { WATCH_SIGNAL, WATCH_PORT, WATCH_CONN };

struct watch {
    enum watch_kind kind;
    int fd; /* owned */
};

struct port {
    struct watch watch;
    uint16_t number;
    struct list link;
};

enum phase {
    PHASE_HEAD,   /* wants a request */
    PHASE_BODY,   /* in a request's body */
    PHASE_WAIT,   /* an answer that is due later */
    PHASE_ANSWER, /* sends one */
    PHASE_TUNNEL, /* sends back what comes */
    PHASE_STALL,  /* says no more, and waits for the other end to close */
    PHASE_LINGER, /* has said all, and drops what still comes: a reset could overtake the answer */
    PHASE_RESET,  /* about to reset */
};

/* A connection from a client. Level changes reach it through edge-triggered epoll: it goes on until
 * the socket says EAGAIN, or leaves a wake-up behind. */
struct conn {
    struct watch watch;
    struct origin *origin;
    uint16_t port;
    enum phase phase;
    bool is_read_dry;   /* nothing to read until epoll says so again */
    bool has_peer_left; /* the peer will send no more: read on until the end is seen */

    char *in; /* read and not yet used: in[in_used, in_len) */
    size_t in_used, in_len, in_room;
    struct origin_request request; /* points into `head` */
    struct text head, kept;        /* a copy of the request's head; of its body, for /echo */
    struct origin_body body;

    struct text out; /* to be sent: out.at[out_sent, out.len), then what `answer` adds */
    size_t out_sent;
    uint64_t fill_sent;
    struct origin_answer answer;

    int64_t wake_ns;       /* 0 for none */
    struct list link;      /* in origin.conns or origin.gone */
    struct list wake_link; /* in origin.waking, while wake_ns is set */
};

struct origin {
    int epoll_fd;
    struct watch signals;
    struct rng rng;
    char *pattern; /* PATTERN_BYTES of it */
    struct list ports, conns, waking;
    struct list gone; /* closed in this turn; other events may still name them */
};

/* ---- life and wake-ups ---- */

static void watch(struct origin *o, struct watch *w, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    ASSERT(epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) == 0);
}

static void wake_in(struct conn *c, int64_t delay_ns)
{
    list_remove(&c->wake_link);
    c->wake_ns = clock_now_ns() + delay_ns;
    list_add_last(&c->origin->waking, &c->wake_link);
}

static void wake_never(struct conn *c)
{
    list_remove(&c->wake_link);
    c->wake_ns = 0;
}

static void conn_open(struct origin *o, int fd, uint16_t port)
{
    struct conn *c = MUST_NEW(struct conn);
    c->watch = (struct watch){WATCH_CONN, fd};
    c->origin = o;
    c->port = port;
    list_add_last(&o->conns, &c->link);
    list_init(&c->wake_link);
    watch(o, &c->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void conn_close(struct conn *c)
{
    close(c->watch.fd);
    c->watch.fd = -1;
    wake_never(c);
    list_remove(&c->link);
    list_add_last(&c->origin->gone, &c->link);
}

static void conn_free(struct conn *c)
{
    list_remove(&c->link);
    list_remove(&c->wake_link);
    if (c->watch.fd != -1)
        close(c->watch.fd);
    free(c->in);
    text_done(&c->head);
    text_done(&c->kept);
    text_done(&c->out);
    free(c);
}

/* ---- reading ---- */

enum io { IO_DONE, IO_AGAIN, IO_DEAD };

/* Makes room for at least one more byte, and more of it for those who send much. */
static void make_room(struct conn *c)
{
    if (c->in_used == c->in_len)
        c->in_used = c->in_len = 0;
    const bool is_small = c->phase == PHASE_BODY && c->in_room < HEAD_BYTES_MAX;
    if (c->in_len < c->in_room && !is_small)
        return;
    if (c->in_used > 0) {
        memmove(c->in, c->in + c->in_used, c->in_len - c->in_used);
        c->in_len -= c->in_used;
        c->in_used = 0;
        return;
    }
    const size_t room = c->in_room ? c->in_room * 4 : 4096;
    char *in = realloc(c->in, room);
    if (!in)
        die_out_of_memory(1, room);
    c->in = in;
    c->in_room = room;
}

static enum io conn_read(struct conn *c)
{
    if (c->is_read_dry && !c->has_peer_left)
        return IO_AGAIN;
    make_room(c);
    const size_t room = c->in_room - c->in_len;
    const ssize_t n = recv(c->watch.fd, c->in + c->in_len, room, 0);
    if (n > 0) {
        c->in_len += (size_t)n;
        c->is_read_dry = (size_t)n < room;
        return IO_DONE;
    }
    return n < 0 && errno == EAGAIN ? IO_AGAIN : IO_DEAD;
}

static struct slice conn_input(const struct conn *c)
{
    return (struct slice){c->in + c->in_used, c->in_len - c->in_used};
}

/* ---- writing ---- */

static bool has_more_to_send(const struct conn *c)
{
    return c->out_sent < c->out.len || c->answer.fill > 0 || c->answer.tail.len > 0;
}

static struct slice pattern_at(const struct conn *c, uint64_t len)
{
    const size_t from = c->fill_sent % (sizeof(ORIGIN_PATTERN) - 1);
    const size_t room = PATTERN_BYTES - from;
    return (struct slice){c->origin->pattern + from, len < room ? (size_t)len : room};
}

static void fill_was_sent(struct conn *c, size_t n)
{
    c->answer.fill -= n;
    c->fill_sent += n;
}

/* Puts into the text what is better sent from there: short fills, chunks with their frames, and at
 * the end the tail. */
static void refill_text(struct conn *c)
{
    struct origin_answer *a = &c->answer;
    while (a->fill > 0 && c->out.len < OUT_BYTES_MAX &&
           (a->is_chunked || a->fill <= FILL_COPIED_MAX)) {
        const struct slice part =
            pattern_at(c, a->fill < CHUNK_BYTES ? a->fill : (uint64_t)CHUNK_BYTES);
        if (a->is_chunked)
            text_addf(&c->out, "%zx\r\n", part.len);
        text_add(&c->out, part);
        if (a->is_chunked)
            text_adds(&c->out, "\r\n");
        fill_was_sent(c, part.len);
    }
    if (a->fill == 0 && a->tail.len > 0) {
        if (a->is_chunked)
            text_add(&c->out, a->tail);
        a->tail = SLICE_NONE;
    }
}

/* One gather-write of the text and of the pattern after it. */
static enum io conn_send(struct conn *c)
{
    const struct slice text = slice_from(text_slice(&c->out), c->out_sent);
    const struct slice fill = pattern_at(c, c->answer.is_chunked ? 0 : c->answer.fill);
    const struct iovec parts[] = {
        {(void *)(uintptr_t)text.at, text.len},
        {(void *)(uintptr_t)fill.at, fill.len},
    };
    const ssize_t n = writev(c->watch.fd, parts, COUNT_OF(parts));
    if (n < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_DEAD;

    const size_t of_text = (size_t)n < text.len ? (size_t)n : text.len;
    c->out_sent += of_text;
    fill_was_sent(c, (size_t)n - of_text);
    if (c->out_sent == c->out.len) {
        text_clear(&c->out);
        c->out_sent = 0;
    }
    return (size_t)n == text.len + fill.len ? IO_DONE : IO_AGAIN;
}

/* DONE when all is sent. */
static enum io conn_flush(struct conn *c)
{
    for (size_t sent = 0; has_more_to_send(c); sent += PATTERN_BYTES) {
        if (sent >= TURN_BYTES_MAX) {
            wake_in(c, 0);
            return IO_AGAIN;
        }
        refill_text(c);
        const enum io io = conn_send(c);
        if (io != IO_DONE)
            return io;
    }
    return IO_DONE;
}

/* ---- requests ---- */

static void begin_answer(struct conn *c)
{
    c->fill_sent = 0;
    c->phase = PHASE_ANSWER;
    if (c->answer.delay_ms > 0) {
        c->phase = PHASE_WAIT;
        wake_in(c, c->answer.delay_ms * NS_PER_MS);
    }
}

static void refuse(struct conn *c, unsigned status)
{
    origin_answer_refuse(status, c->port, &c->out, &c->answer);
    begin_answer(c);
}

static void request_is_complete(struct conn *c)
{
    origin_answer_make(&c->request, text_slice(&c->kept), c->port, &c->origin->rng, &c->out,
                       &c->answer);
    begin_answer(c);
}

/* False when more input is needed. */
static bool advance_head(struct conn *c)
{
    const struct slice input = conn_input(c);
    const int used = input.len ? origin_request_parse(input, &c->request) : 0;
    if (used == 0 && input.len < HEAD_BYTES_MAX)
        return false;
    if (used <= 0) {
        refuse(c, used == 0 ? 431 : 400);
        return true;
    }
    c->in_used += (size_t)used;
    text_clear(&c->kept);
    if (c->request.body_kind == ORIGIN_BODY_NONE) { /* nothing is read before the answer is made */
        request_is_complete(c);
        return true;
    }
    /* Reading the body moves the input: the head is parsed again where it stays. */
    text_clear(&c->head);
    text_add(&c->head, c->request.head);
    ASSERT(origin_request_parse(text_slice(&c->head), &c->request) == used);
    origin_body_init(&c->body, &c->request,
                     origin_answer_wants_body(&c->request) ? &c->kept : NULL);
    if (c->request.expects_continue)
        text_adds(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    c->phase = PHASE_BODY;
    return true;
}

static bool advance_body(struct conn *c)
{
    c->in_used += origin_body_feed(&c->body, conn_input(c));
    if (c->body.state == ORIGIN_BODY_DONE)
        request_is_complete(c);
    else if (c->body.state == ORIGIN_BODY_BAD)
        refuse(c, 400);
    else if (c->kept.len > ECHO_BYTES_MAX)
        refuse(c, 413);
    else
        return false;
    return true;
}

static void answer_is_over(struct conn *c)
{
    switch (c->answer.then) {
    case ORIGIN_THEN_NEXT: c->phase = PHASE_HEAD; break;
    case ORIGIN_THEN_CLOSE:
        c->phase = PHASE_LINGER;
        shutdown(c->watch.fd, SHUT_WR);
        wake_in(c, LINGER_MS * NS_PER_MS);
        break;
    case ORIGIN_THEN_RESET:
        c->phase = PHASE_RESET;
        wake_in(c, RESET_DELAY_MS * NS_PER_MS);
        break;
    case ORIGIN_THEN_STALL: c->phase = PHASE_STALL; break;
    case ORIGIN_THEN_TUNNEL: c->phase = PHASE_TUNNEL; break;
    }
}

/* One step on what has been read; false when more must be read first. An answer that fits the text
 * whole is over at once, so that pipelined requests share a write. */
static bool advance(struct conn *c)
{
    const struct slice input = conn_input(c);
    switch (c->phase) {
    case PHASE_HEAD: return advance_head(c);
    case PHASE_BODY: return advance_body(c);
    case PHASE_ANSWER:
        refill_text(c);
        if (c->answer.then != ORIGIN_THEN_NEXT || c->answer.fill > 0 || c->answer.tail.len > 0 ||
            c->out.len >= OUT_BYTES_MAX)
            return false;
        answer_is_over(c);
        return true;
    case PHASE_TUNNEL: text_add(&c->out, input); break;
    case PHASE_STALL:
    case PHASE_LINGER: break; /* dropped */
    case PHASE_WAIT:
    case PHASE_RESET: return false;
    }
    c->in_used = c->in_len;
    return false;
}

static bool wants_input(const struct conn *c)
{
    switch (c->phase) {
    case PHASE_HEAD:
    case PHASE_BODY:
    case PHASE_TUNNEL:
    case PHASE_STALL:
    case PHASE_LINGER: return true;
    case PHASE_WAIT:
    case PHASE_ANSWER:
    case PHASE_RESET: break;
    }
    return false;
}

/* ---- the loop ---- */

/* As far as it goes without waiting. False when the connection is over. */
static bool conn_go_on(struct conn *c)
{
    for (size_t turn = 0; turn < TURN_BYTES_MAX / HEAD_BYTES_MAX; turn++) {
        while (advance(c))
            ;
        const enum io io = c->phase == PHASE_WAIT ? IO_AGAIN : conn_flush(c);
        if (io == IO_DEAD)
            return false;
        if (io == IO_AGAIN)
            return true;
        if (c->phase == PHASE_ANSWER) {
            answer_is_over(c);
            continue; /* what comes next may have been read already */
        }
        if (!wants_input(c))
            return true;
        const enum io in = conn_read(c);
        if (in == IO_DEAD)
            return false;
        if (in == IO_AGAIN)
            return true;
    }
    wake_in(c, 0);
    return true;
}

static void conn_run(struct conn *c)
{
    if (!conn_go_on(c))
        conn_close(c);
}

static void conn_woken(struct conn *c)
{
    wake_never(c);
    if (c->phase == PHASE_LINGER) {
        conn_close(c);
    } else if (c->phase == PHASE_RESET) {
        const struct linger none = {.l_onoff = 1, .l_linger = 0}; /* close() then sends RST */
        (void)setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        conn_close(c);
    } else {
        if (c->phase == PHASE_WAIT)
            c->phase = PHASE_ANSWER;
        conn_run(c);
    }
}

static void accept_all(struct origin *o, const struct port *p)
{
    int fd;
    while ((fd = accept4(p->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1)
        conn_open(o, fd, p->number);
}

static int64_t earliest_wake_ns(const struct origin *o)
{
    int64_t earliest = INT64_MAX;
    LIST_EACH (c, &o->waking, struct conn, wake_link)
        earliest = c->wake_ns < earliest ? c->wake_ns : earliest;
    return earliest;
}

/* In milliseconds for epoll_wait, rounded up; -1 when nobody wakes. */
static int time_to_sleep_ms(const struct origin *o)
{
    const int64_t wake_ns = earliest_wake_ns(o), now_ns = clock_now_ns();
    if (wake_ns == INT64_MAX)
        return -1;
    if (wake_ns <= now_ns)
        return 0;
    const int64_t ms = (wake_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void wake_those_due(struct origin *o)
{
    if (list_empty(&o->waking))
        return;
    const int64_t now_ns = clock_now_ns();
    struct list due;
    list_init(&due);
    LIST_EACH (c, &o->waking, struct conn, wake_link) {
        if (c->wake_ns <= now_ns) {
            list_remove(&c->wake_link);
            list_add_last(&due, &c->wake_link);
        }
    }
    while (!list_empty(&due)) /* being woken takes it off the list */
        conn_woken(CONTAINER_OF(due.next, struct conn, wake_link));
}

static void free_those_gone(struct origin *o)
{
    while (!list_empty(&o->gone))
        conn_free(CONTAINER_OF(o->gone.next, struct conn, link));
}

/* What /slow delays is due now. */
static void end_waits(struct origin *o)
{
    const int64_t now_ns = clock_now_ns();
    LIST_EACH (c, &o->waking, struct conn, wake_link)
        if (c->phase == PHASE_WAIT)
            c->wake_ns = now_ns;
}

/* False when a signal says that it is time to stop. */
static bool serves_on(struct origin *o)
{
    struct signalfd_siginfo said;
    while (read(o->signals.fd, &said, sizeof(said)) == (ssize_t)sizeof(said)) {
        if (said.ssi_signo != SIGUSR1)
            return false;
        end_waits(o);
    }
    return true;
}

/* False when it is time to stop. */
static bool handle(struct origin *o, const struct epoll_event *event)
{
    struct watch *w = event->data.ptr;
    switch (w->kind) {
    case WATCH_SIGNAL: return serves_on(o);
    case WATCH_PORT: accept_all(o, CONTAINER_OF(w, struct port, watch)); break;
    case WATCH_CONN:
        if (w->fd != -1) {
            struct conn *c = CONTAINER_OF(w, struct conn, watch);
            c->is_read_dry = false;
            c->has_peer_left |= (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            conn_run(c);
        }
        break;
    }
    return true;
}

void origin_serve(struct origin *o)
{
    for (;;) {
        struct epoll_event events[256];
        const int n = epoll_wait(o->epoll_fd, events, COUNT_OF(events), time_to_sleep_ms(o));
        ASSERT(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++)
            if (!handle(o, &events[i]))
                return;
        wake_those_due(o);
        free_those_gone(o);
    }
}

struct origin *origin_new(uint64_t seed, int signal_fd)
{
    struct origin *o = MUST_NEW(struct origin);
    o->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(o->epoll_fd != -1);
    o->rng = (struct rng){seed};
    list_init(&o->ports);
    list_init(&o->conns);
    list_init(&o->waking);
    list_init(&o->gone);
    o->pattern = MUST_ARRAY(char, PATTERN_BYTES);
    for (size_t i = 0; i < PATTERN_BYTES; i++)
        o->pattern[i] = ORIGIN_PATTERN[i % (sizeof(ORIGIN_PATTERN) - 1)];
    o->signals = (struct watch){WATCH_SIGNAL, signal_fd};
    watch(o, &o->signals, EPOLLIN);
    return o;
}

void origin_listen(struct origin *o, int listen_fd, uint16_t port)
{
    struct port *p = MUST_NEW(struct port);
    p->watch = (struct watch){WATCH_PORT, listen_fd};
    p->number = port;
    list_add_last(&o->ports, &p->link);
    watch(o, &p->watch, EPOLLIN);
}

void origin_free(struct origin *o)
{
    if (!o)
        return;
    free_those_gone(o);
    LIST_EACH (c, &o->conns, struct conn, link)
        conn_free(c);
    LIST_EACH (p, &o->ports, struct port, link) {
        close(p->watch.fd);
        free(p);
    }
    close(o->signals.fd);
    close(o->epoll_fd);
    free(o->pattern);
    free(o);
}
