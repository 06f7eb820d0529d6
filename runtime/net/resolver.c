#include "runtime/net/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>

#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "runtime/base/vec.h"
#include "runtime/net/sockaddr.h"
#include "runtime/net/srv_answer.h"

struct resolver {
    ares_channel channel;
    struct loop *loop;
    struct timer timer;
    struct list sockets, questions;
    bool ending;
};

/* A descriptor of c-ares: it opens and closes, we watch. */
struct resolver_socket {
    struct list link;
    struct resolver *resolver;
    struct watch watch;
};

struct resolver_question {
    struct list link;
    struct resolver *resolver;
    resolver_done *done; /* NULL: forgotten */
    void *of;
    uint32_t open; /* queries under way, and one while they are being made */
    struct timer answered;
    bool failed;
    const char *reason;
    int64_t ttl_s;
    VEC(struct resolver_record) record;
};

/* One query of a question for addresses: what it adds to the records it finds. */
struct address_query {
    struct resolver_question *question;
    uint16_t port, priority, weight;
};

/* --- c-ares on our loop ----------------------------------------------------------------------- */

static void set_timer(struct resolver *r)
{
    struct timeval room;
    const struct timeval *next = ares_timeout(r->channel, NULL, &room);
    if (!next)
        timer_stop(&r->timer);
    else
        timer_set(&r->timer, next->tv_sec * NS_PER_S + next->tv_usec * NS_PER_US);
}

static void timed_out(void *of)
{
    struct resolver *r = of;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

static void socket_ready(void *of, unsigned ready)
{
    struct resolver_socket *s = of;
    struct resolver *r = s->resolver;
    const int fd = s->watch.fd;
    ares_process_fd(r->channel, ready & WATCH_READ ? fd : ARES_SOCKET_BAD,
                    ready & WATCH_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(r);
}

static struct resolver_socket *socket_of(struct resolver *r, int fd)
{
    LIST_EACH (s, &r->sockets, struct resolver_socket, link)
        if (s->watch.fd == fd)
            return s;
    struct resolver_socket *s = MUST_NEW(struct resolver_socket);
    s->resolver = r;
    watch_init(&s->watch, r->loop, fd, socket_ready, s);
    list_add_last(&r->sockets, &s->link);
    return s;
}

/* c-ares says what it waits for; nothing, before it closes the descriptor. */
static void socket_changed(void *of, ares_socket_t fd, int readable, int writable)
{
    struct resolver_socket *s = socket_of(of, fd);
    watch_want(&s->watch, (readable ? WATCH_READ : 0) | (writable ? WATCH_WRITE : 0));
    if (readable || writable)
        return;
    watch_done(&s->watch);
    list_remove(&s->link);
    free(s);
}

static bool set_nameservers(struct resolver *r, const struct resolver_options *o, struct text *why)
{
    struct text list = {0};
    for (uint32_t i = 0; i < o->n_nameservers; i++) {
        char at[ENDPOINT_TEXT_MAX];
        endpoint_format(&o->nameserver[i], at);
        text_addf(&list, "%s%s", i ? "," : "", at);
    }
    const int rc =
        o->n_nameservers ? ares_set_servers_ports_csv(r->channel, list.at) : ARES_SUCCESS;
    text_done(&list);
    if (rc != ARES_SUCCESS)
        text_addf(why, "the nameservers can't be used: %s", ares_strerror(rc));
    return rc == ARES_SUCCESS;
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *o, struct text *why)
{
    struct resolver *r = MUST_NEW(struct resolver);
    r->loop = loop;
    list_init(&r->sockets);
    list_init(&r->questions);
    timer_init(&r->timer, loop, timed_out, r);
    struct ares_options options = {.timeout = (int)(o->timeout_ns / NS_PER_MS),
                                   .tries = (int)o->tries,
                                   .lookups = (char[]){"b"}, /* no hosts file: these alone */
                                   .sock_state_cb = socket_changed,
                                   .sock_state_cb_data = r};
    const int rc = ares_init_options(&r->channel, &options,
                                     ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                         (o->n_nameservers ? ARES_OPT_LOOKUPS : 0));
    if (rc != ARES_SUCCESS) {
        text_addf(why, "no resolver: %s", ares_strerror(rc));
        r->channel = NULL;
    }
    if (rc == ARES_SUCCESS && set_nameservers(r, o, why))
        return r;
    resolver_free(r);
    return NULL;
}

/* --- questions -------------------------------------------------------------------------------- */

static void question_free(struct resolver_question *q)
{
    timer_stop(&q->answered);
    list_remove(&q->link);
    VEC_DONE(&q->record);
    free(q);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    r->ending = true;
    if (r->channel)
        ares_destroy(r->channel); /* ends the queries, and each question with its last one */
    LIST_EACH (q, &r->questions, struct resolver_question, link)
        question_free(q);
    ASSERT(list_empty(&r->sockets));
    timer_stop(&r->timer);
    free(r);
}

static void answer(void *of)
{
    struct resolver_question *q = of;
    const bool found = q->record.n > 0;
    const struct resolver_answer a = {.whole = !q->failed,
                                      .reason = q->failed || !found ? q->reason : NULL,
                                      .record = q->record.at,
                                      .n = q->record.n,
                                      .ttl_s = found ? q->ttl_s : 0};
    list_remove(&q->link); /* a `done` may forget and ask others */
    if (q->done)
        q->done(q->of, &a);
    question_free(q);
}

static void query_begins(struct resolver_question *q)
{
    q->open++;
}

/* The answer waits for the loop: whoever asked has to be back first. */
static void query_ends(struct resolver_question *q)
{
    ASSERT(q->open > 0);
    if (--q->open == 0 && !q->resolver->ending)
        timer_soon(&q->answered);
}

static bool is_known(const struct resolver_question *q, const struct resolver_record *r)
{
    for (uint32_t i = 0; i < q->record.n; i++)
        if (address_compare(&q->record.at[i].address, &r->address) == 0 &&
            q->record.at[i].port == r->port)
            return true;
    return false;
}

static void note_lifetime(struct resolver_question *q, int64_t ttl_s)
{
    if (ttl_s < q->ttl_s)
        q->ttl_s = ttl_s;
}

static void add_record(struct resolver_question *q, const struct resolver_record *r)
{
    if (!is_known(q, r) && q->record.n < RESOLVER_RECORDS_MAX)
        VEC_ADD(&q->record, *r);
}

static const char *why_failed(int status)
{
    switch (status) {
    case ARES_ETIMEOUT: return "no answer in time";
    case ARES_ECONNREFUSED: /* also what c-ares says when all of them answered SERVFAIL */
    case ARES_ESERVFAIL:
    case ARES_EREFUSED: return "no nameserver could tell";
    default: return ares_strerror(status);
    }
}

/* That there is nothing is an answer, and everything else a failure to get one. */
static void note_end(struct resolver_question *q, int status)
{
    if (status == ARES_SUCCESS)
        return;
    const bool is_answer =
        status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_ENONAME;
    if (!q->failed) /* a failure is the better reason */
        q->reason = is_answer ? "no such name" : why_failed(status);
    q->failed |= !is_answer;
}

static void addresses_found(void *of, int status, int timeouts, struct ares_addrinfo *found)
{
    struct address_query *query = of;
    struct resolver_question *q = query->question;
    (void)timeouts;
    note_end(q, status);
    for (struct ares_addrinfo_node *n = found ? found->nodes : NULL; n; n = n->ai_next) {
        const struct resolver_record r = {.address = sockaddr_endpoint(n->ai_addr).address,
                                          .port = query->port,
                                          .priority = query->priority,
                                          .weight = query->weight};
        note_lifetime(q, n->ai_ttl);
        add_record(q, &r);
    }
    if (found)
        ares_freeaddrinfo(found);
    free(query);
    query_ends(q);
}

/* Each family for itself: or one that fails would go unnoticed beside the other. */
static void ask_addresses(struct resolver_question *q, const char *name, uint16_t port,
                          uint16_t priority, uint16_t weight)
{
    static const int family[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < COUNT_OF(family); i++) {
        struct address_query *query = MUST_NEW(struct address_query);
        *query = (struct address_query){q, port, priority, weight};
        const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT,
                                                  .ai_family = family[i]};
        query_begins(q);
        ares_getaddrinfo(q->resolver->channel, name, NULL, &hints, addresses_found, query);
    }
}

static void services_found(void *of, int status, int timeouts, unsigned char *message, int len)
{
    struct resolver_question *q = of;
    (void)timeouts;
    note_end(q, status);
    if (status == ARES_SUCCESS && !q->resolver->ending) {
        struct srv_record *srv = MUST_ARRAY(struct srv_record, SRV_RECORDS_MAX);
        const int n = srv_answer_read((struct slice){(char *)message, (size_t)len}, srv);
        note_end(q, n < 0 ? ARES_EBADRESP : n == 0 ? ARES_ENODATA : ARES_SUCCESS);
        for (int i = 0; i < n; i++) {
            note_lifetime(q, srv[i].ttl_s);
            ask_addresses(q, srv[i].target, srv[i].port, srv[i].priority, srv[i].weight);
        }
        free(srv);
    }
    query_ends(q);
}

struct resolver_question *resolver_ask(struct resolver *r, enum resolver_kind kind,
                                       struct slice name, resolver_done *done, void *of)
{
    struct resolver_question *q = MUST_NEW(struct resolver_question);
    *q = (struct resolver_question){.resolver = r, .done = done, .of = of, .ttl_s = INT64_MAX};
    timer_init(&q->answered, r->loop, answer, q);
    list_add_last(&r->questions, &q->link);

    char *text = must_calloc(name.len + 1, 1);
    memcpy(text, name.at, name.len);
    query_begins(q);
    if (kind == RESOLVER_ADDRESS) {
        ask_addresses(q, text, 0, 0, 0);
        query_ends(q);
    } else {
        ares_search(r->channel, text, ns_c_in, ns_t_srv, services_found, q);
    }
    free(text);
    set_timer(r);
    return q;
}

void resolver_forget(struct resolver_question *q)
{
    q->done = NULL;
}
