/*
 * A bare TCP relay: bytes from one socket to another, nothing looked at. What any proxy must cost.
 *
 *   bench_relay PORT ORIGIN_PORT
 *
 * One thread, one epoll; each client has a connection to the origin of its own. What a full socket
 * leaves over stays in the pipe's own buffer, and the source is not read until it is gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (64 * 1024)
#define EVENTS_MAX   256

struct pair;

/* One socket, and what came from the other one and did not fit into it. */
struct end {
    int fd;
    struct pair *pair;
    struct end *other;
    char *left; /* NULL, or BUFFER_BYTES */
    size_t from, to;
    bool ended; /* it has no more to say */
};

struct pair {
    struct end client, origin;
    bool closed;
};

static int epoll;
static char shared[BUFFER_BYTES];

static void must(int result, const char *what)
{
    if (result != -1)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(struct end *e)
{
    const int on = 1;
    setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = e};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, e->fd, &event), "epoll_ctl");
}

static void close_pair(struct pair *p)
{
    if (p->closed)
        return;
    p->closed = true;
    close(p->client.fd);
    close(p->origin.fd);
    free(p->client.left);
    free(p->origin.left);
}

static void open_pair(int client, const struct sockaddr_in *to)
{
    struct pair *p = calloc(1, sizeof(*p));
    const int origin = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(origin, "socket");
    if (!p ||
        (connect(origin, (const struct sockaddr *)to, sizeof(*to)) == -1 && errno != EINPROGRESS)) {
        perror("connect");
        exit(1);
    }
    p->client = (struct end){.fd = client, .pair = p, .other = &p->origin};
    p->origin = (struct end){.fd = origin, .pair = p, .other = &p->client};
    watch(&p->client);
    watch(&p->origin);
}

/* False when the connection is broken. */
static bool push(struct end *to, const char *at, size_t len)
{
    const ssize_t n = send(to->fd, at, len, MSG_NOSIGNAL);
    if (n == -1 && errno != EAGAIN)
        return false;
    const size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == len)
        return true;
    if (!to->left && !(to->left = malloc(BUFFER_BYTES)))
        return false;
    memcpy(to->left, at + sent, len - sent);
    to->from = 0;
    to->to = len - sent;
    return true;
}

/* What is left over first. False when the connection is broken. */
static bool push_left(struct end *to)
{
    if (to->to == 0)
        return true;
    const ssize_t n = send(to->fd, to->left + to->from, to->to - to->from, MSG_NOSIGNAL);
    if (n == -1)
        return errno == EAGAIN;
    to->from += (size_t)n;
    if (to->from == to->to)
        to->from = to->to = 0;
    return true;
}

/* From one end to the other, until there is nothing to read or nowhere to put it. */
static bool pump(struct end *from)
{
    struct end *to = from->other;
    while (push_left(to) && to->to == 0 && !from->ended) {
        const ssize_t n = recv(from->fd, shared, sizeof(shared), 0);
        if (n == -1)
            return errno == EAGAIN || errno == ENOTCONN;
        if (n == 0) {
            from->ended = true;
            shutdown(to->fd, SHUT_WR);
            return !to->ended;
        }
        if (!push(to, shared, (size_t)n))
            return false;
        if ((size_t)n < sizeof(shared))
            return true;
    }
    return true;
}

static void accept_all(int listening, const struct sockaddr_in *to)
{
    for (;;) {
        const int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
        if (fd == -1)
            return;
        open_pair(fd, to);
    }
}

static int listen_on(const char *port)
{
    const struct sockaddr_in at = loopback(port);
    const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(fd, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(bind(fd, (const struct sockaddr *)&at, sizeof(at)), "bind");
    must(listen(fd, 4096), "listen");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: bench_relay PORT ORIGIN_PORT\n", stderr);
        return 2;
    }
    epoll = epoll_create1(0);
    must(epoll, "epoll_create1");
    const struct sockaddr_in origin = loopback(argv[2]);
    const int listening = listen_on(argv[1]);
    for (;;) {
        struct epoll_event event[EVENTS_MAX];
        const int n = epoll_wait(epoll, event, EVENTS_MAX, -1);
        struct pair *over[EVENTS_MAX]; /* freed once no event of this turn can name them */
        int n_over = 0;
        for (int i = 0; i < n; i++) {
            struct end *e = event[i].data.ptr;
            if (!e) {
                accept_all(listening, &origin);
            } else if (!e->pair->closed && (!pump(e) || !pump(e->other))) {
                close_pair(e->pair);
                over[n_over++] = e->pair;
            }
        }
        while (n_over > 0)
            free(over[--n_over]);
    }
}
