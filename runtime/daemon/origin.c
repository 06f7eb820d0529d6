#include "runtime/daemon/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runtime/base/number.h"
#include "runtime/daemon/origin_serve.h"
#include "runtime/net/socket_options.h"

static const char usage_text[] =
    "usage: lbc origin [--bind ADDRESS] [--seed N] PORT...\n"
    "\n"
    "Serves a small HTTP/1.1 origin on each port until SIGTERM or SIGINT: something to put behind\n"
    "a balancer. Every answer says its port in X-Origin.\n"
    "\n"
    "  --bind ADDRESS  the IPv4 or IPv6 address to listen on; 127.0.0.1 unless told\n"
    "  --seed N        makes the failures of /fail repeatable; 1 unless told\n"
    "  --help          this text\n"
    "\n"
    "paths:\n"
    "  /b/N            N bytes (at most 1 GiB): a pattern of 64 characters, repeated\n"
    "  /chunked/N      the same in chunks          /eof/N      the same, ended by closing\n"
    "  /slow/MS        answers after MS milliseconds, or when SIGUSR1 comes\n"
    "  /status/N       answers with that status    /fail/N%    500 for N per cent, else 200\n"
    "  /echo           the request itself, head and body (at most 16 MiB), as text\n"
    "  /trailers       chunked, with a trailer     /upgrade    101, then every byte back\n"
    "  /close          answers and closes          /reset      resets in mid-body\n"
    "  /short/N        claims N bytes, sends half, closes\n"
    "  /stall/N        claims N bytes, sends half, says no more\n"
    "  anything else   200 and a line with the port, the method and the path\n"
    "\n"
    "exit code: 0 stopped by a signal, 1 a port cannot be had, 2 the command line is wrong\n";

#define PORTS_MAX 256

struct options {
    const char *bind;
    uint64_t seed;
    uint16_t ports[PORTS_MAX];
    size_t port_count;
};

static int bad_usage(const char *what, const char *word)
{
    fprintf(stderr, "lbc origin: %s%s\nTry 'lbc origin --help'.\n", what, word);
    return 2;
}

/* 0 to go on, otherwise an exit status + 1, so that --help can end with 0. */
static int parse_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        uint64_t port;
        if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            fputs(usage_text, stdout);
            return 1;
        }
        if (!strcmp(word, "--bind") || !strcmp(word, "--seed")) {
            if (++i == argc)
                return 1 + bad_usage("a value must follow ", word);
            if (word[2] == 'b')
                o->bind = argv[i];
            else if (!number_parse(slice_of(argv[i]), UINT64_MAX, &o->seed))
                return 1 + bad_usage("not a number: ", argv[i]);
        } else if (word[0] == '-') {
            return 1 + bad_usage("there is no option ", word);
        } else if (!number_parse(slice_of(word), UINT16_MAX, &port) || port == 0) {
            return 1 + bad_usage("not a port from 1 to 65535: ", word);
        } else if (o->port_count == PORTS_MAX) {
            return 1 + bad_usage("too many ports", "");
        } else {
            o->ports[o->port_count++] = (uint16_t)port;
        }
    }
    return o->port_count ? 0 : 1 + bad_usage("a port is wanted", "");
}

/* The listening socket, or -1 with the reason said. */
static int open_listener(const char *address, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct sockaddr *at = (const struct sockaddr *)&v4;
    socklen_t at_len = sizeof(v4);
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        at = (const struct sockaddr *)&v6;
        at_len = sizeof(v6);
    } else if (inet_pton(AF_INET, address, &v4.sin_addr) != 1) {
        fprintf(stderr, "lbc origin: not an IPv4 or IPv6 address: %s\n", address);
        return -1;
    }
    const int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
        socket_options_set(fd) != 0 || bind(fd, at, at_len) == -1 || listen(fd, 4096) == -1) {
        fprintf(stderr, "lbc origin: cannot listen on %s port %u: %s\n", address, port,
                strerror(errno));
        if (fd != -1)
            close(fd);
        return -1;
    }
    return fd;
}

static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int origin_main(int argc, char **argv)
{
    struct options o = {.bind = "127.0.0.1", .seed = 1};
    const int stop = parse_options(argc, argv, &o);
    if (stop)
        return stop - 1;
    signal(SIGPIPE, SIG_IGN);
    allow_many_files();

    struct origin *origin = origin_new(o.seed, signals());
    int status = 0;
    for (size_t i = 0; i < o.port_count && status == 0; i++) {
        const int fd = open_listener(o.bind, o.ports[i]);
        if (fd == -1)
            status = 1;
        else
            origin_listen(origin, fd, o.ports[i]);
    }
    if (status == 0)
        origin_serve(origin);
    origin_free(origin);
    return status;
}
