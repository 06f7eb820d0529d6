#include "runtime/control/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/table/table.h"
#include "runtime/base/number.h"

static const struct slice FIRST_LINE = SLICE_INIT("lbc hands over 1");

static const char *const descriptor_word[] = {
#define D(id, word) [HANDED_##id] = word,
    HANDED_DESCRIPTORS(D)
#undef D
};

/* --- writing --------------------------------------------------------------------------------- */

void handed_begin(struct text *out)
{
    text_addf(out, SLICE_FMT "\n", SLICE_ARG(FIRST_LINE));
}

void handed_add_descriptor(struct text *out, enum handed_descriptor what, int fd)
{
    text_addf(out, "%s\t%d\n", descriptor_word[what], fd);
}

void handed_add_stats(struct text *out, int fd)
{
    text_addf(out, "stats\t%d\n", fd);
}

void handed_add_socket(struct text *out, int fd, bool own)
{
    text_addf(out, "socket\t%d\t%s\n", fd, own ? "own" : "lent");
}

void handed_add_server(struct text *out, const struct handed_server *s)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    endpoint_format(&s->endpoint, endpoint);
    if (strpbrk(endpoint, "\t\n"))
        return; /* a path that no line can hold: it is as any server at a start */
    text_addf(out, "health\t" SLICE_FMT "\t" SLICE_FMT "\t%s\t%s\n", SLICE_ARG(s->cluster),
              SLICE_ARG(s->name), endpoint, health_name(s->health));
}

static const char *const reason_word[] = {[OUTLIER_IN_A_ROW] = "in-a-row",
                                          [OUTLIER_ERROR_RATE] = "error-rate",
                                          [OUTLIER_LATENCY] = "latency"};

void handed_add_ejected(struct text *out, const struct handed_server *s)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    const struct outlier *e = &s->ejected;
    endpoint_format(&s->endpoint, endpoint);
    if (strpbrk(endpoint, "\t\n"))
        return;
    text_addf(out,
              "ejected\t" SLICE_FMT "\t" SLICE_FMT "\t%s\t%" PRId64 "\t%u\t%s\t%" PRIu64
              "\t%" PRIu64 "\n",
              SLICE_ARG(s->cluster), SLICE_ARG(s->name), endpoint, e->until_ns, e->times,
              reason_word[e->why.reason], e->why.is, e->why.of);
}

static void add_lines(struct text *out, const char *word, struct slice lines)
{
    struct slice line;
    while (slice_split(&lines, '\n', &line))
        text_addf(out, "%s\t" SLICE_FMT "\n", word, SLICE_ARG(line));
}

void handed_add_journal(struct text *out, struct slice journal)
{
    add_lines(out, "change", journal);
}

void handed_add_overrides(struct text *out, struct slice journal)
{
    add_lines(out, "override", journal);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool parse_descriptor(struct slice s, int *out)
{
    uint64_t n;
    if (!number_parse(s, INT32_MAX, &n))
        return false;
    *out = (int)n;
    return true;
}

static bool parse_health(struct slice s, enum health_state *out)
{
    for (enum health_state h = HEALTH_UNKNOWN; h <= HEALTH_DOWN; h++)
        if (slice_eq(s, slice_of(health_name(h)))) {
            *out = h;
            return true;
        }
    return false;
}

enum { HEALTH_WORDS = 4 };

static bool parse_server(struct slice rest, struct handed_server *s)
{
    struct slice word[HEALTH_WORDS];
    for (uint32_t i = 0; i < HEALTH_WORDS; i++)
        if (!slice_split(&rest, '\t', &word[i]))
            return false;
    *s = (struct handed_server){.cluster = word[0], .name = word[1]};
    return endpoint_parse(word[2], &s->endpoint) && parse_health(word[3], &s->health);
}

static bool parse_reason(struct slice s, enum outlier_reason *out)
{
    for (enum outlier_reason r = OUTLIER_IN_A_ROW; r <= OUTLIER_LATENCY; r++)
        if (slice_eq(s, slice_of(reason_word[r]))) {
            *out = r;
            return true;
        }
    return false;
}

enum { EJECTED_WORDS = 8 };

/* Of a server; its place in the list is found once that is sorted. */
static bool parse_ejected(struct slice rest, struct handed_server *s)
{
    struct slice word[EJECTED_WORDS];
    uint64_t until_ns, times;
    struct outlier *e = &s->ejected;
    for (uint32_t i = 0; i < EJECTED_WORDS; i++)
        if (!slice_split(&rest, '\t', &word[i]))
            return false;
    *s = (struct handed_server){.cluster = word[0], .name = word[1]};
    if (!endpoint_parse(word[2], &s->endpoint) || !number_parse(word[3], INT64_MAX, &until_ns) ||
        !number_parse(word[4], OUTLIER_TIMES_MAX, &times) ||
        !parse_reason(word[5], &e->why.reason) || !number_parse(word[6], UINT64_MAX, &e->why.is) ||
        !number_parse(word[7], UINT64_MAX, &e->why.of))
        return false;
    e->until_ns = (int64_t)until_ns;
    e->times = (uint32_t)times;
    return true;
}

static bool parse_stats(struct handed *h, struct slice rest)
{
    int fd;
    const bool good = parse_descriptor(rest, &fd);
    if (good)
        VEC_ADD(&h->stats, fd);
    return good;
}

static bool parse_socket(struct handed *h, struct slice rest)
{
    struct slice number;
    struct handed_socket s = {.fd = -1};
    if (!slice_split(&rest, '\t', &number) || !parse_descriptor(number, &s.fd))
        return false;
    s.own = slice_eq(rest, SLICE("own"));
    VEC_ADD(&h->socket, s);
    return true;
}

static bool add_server(struct handed *h, struct slice rest)
{
    struct handed_server s;
    const bool good = parse_server(rest, &s);
    if (good)
        VEC_ADD(&h->server, s);
    return good;
}

static bool add_ejected(struct handed *h, struct slice rest)
{
    struct handed_server s;
    const bool good = parse_ejected(rest, &s);
    if (good)
        VEC_ADD(&h->ejected, s);
    return good;
}

static void parse_line(struct handed *h, struct slice line)
{
    struct slice rest = line, word;
    bool good = true;
    if (!slice_split(&rest, '\t', &word))
        return;
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        if (slice_eq(word, slice_of(descriptor_word[d])))
            good = parse_descriptor(rest, &h->fd[d]);
    if (slice_eq(word, SLICE("stats")) || slice_eq(word, SLICE("haproxy"))) /* as it was once */
        good = parse_stats(h, rest);
    if (slice_eq(word, SLICE("socket")))
        good = parse_socket(h, rest);
    if (slice_eq(word, SLICE("health")))
        good = add_server(h, rest);
    if (slice_eq(word, SLICE("ejected")))
        good = add_ejected(h, rest);
    if (slice_eq(word, SLICE("change")))
        text_addf(&h->journal, SLICE_FMT "\n", SLICE_ARG(rest));
    if (slice_eq(word, SLICE("override")))
        text_addf(&h->overrides, SLICE_FMT "\n", SLICE_ARG(rest));
    h->broken += !good;
}

static int compare_texts(struct slice a, struct slice b)
{
    const int by_bytes = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *of_a, const void *of_b)
{
    const struct handed_server *a = of_a, *b = of_b;
    const int by_cluster = compare_texts(a->cluster, b->cluster);
    return by_cluster != 0 ? by_cluster : compare_texts(a->name, b->name);
}

static void forget_descriptors(struct handed *h)
{
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        h->fd[d] = -1;
}

static void forget(struct handed *h)
{
    VEC_DONE(&h->stats);
    VEC_DONE(&h->socket);
    VEC_DONE(&h->server);
    VEC_DONE(&h->ejected);
    h->broken = 0;
    text_done(&h->journal);
    text_done(&h->overrides);
    forget_descriptors(h);
}

bool handed_parse(struct handed *h, struct slice text)
{
    struct slice line;
    forget(h);
    if (!slice_split(&text, '\n', &line) || !slice_eq(line, FIRST_LINE))
        return false;
    while (slice_split(&text, '\n', &line))
        parse_line(h, line);
    if (h->server.n > 0)
        qsort(h->server.at, h->server.n, sizeof(h->server.at[0]), compare);
    for (uint32_t i = 0; i < h->ejected.n; i++) {
        const struct handed_server *e = &h->ejected.at[i];
        struct handed_server *s = handed_find(h, e->cluster, e->name, &e->endpoint);
        if (s)
            s->ejected = e->ejected;
    }
    return true;
}

struct handed_server *handed_find(struct handed *h, struct slice cluster, struct slice name,
                                  const struct endpoint *e)
{
    const struct handed_server wanted = {.cluster = cluster, .name = name};
    struct handed_server *s = h->server.n > 0 ? bsearch(&wanted, h->server.at, h->server.n,
                                                        sizeof(h->server.at[0]), compare)
                                              : NULL;
    return s && endpoint_eq(&s->endpoint, e) ? s : NULL;
}

/* --- the file -------------------------------------------------------------------------------- */

static int read_text(struct handed *h)
{
    struct stat st;
    if (fstat(h->text_fd, &st) != 0)
        return -errno;
    struct text text = {.at = must_calloc((size_t)st.st_size + 1, 1),
                        .len = (size_t)st.st_size,
                        .room = (size_t)st.st_size + 1};
    if (pread(h->text_fd, text.at, text.len, 0) != (ssize_t)text.len) {
        text_done(&text);
        return -EIO;
    }
    text_done(&h->text);
    h->text = text;
    return handed_parse(h, text_slice(&h->text)) ? 0 : -EPROTO;
}

int handed_again(struct handed *h)
{
    const struct handed before = *h;
    memset(&h->stats, 0, sizeof(h->stats));
    const int rc = read_text(h);
    /* Descriptors are what they were, whoever has them by now. */
    memcpy(h->fd, before.fd, sizeof(h->fd));
    VEC_DONE(&h->stats);
    memcpy(&h->stats, &before.stats, sizeof(h->stats));
    return rc;
}

static bool close_on_exec(int fd)
{
    return fd == -1 || (fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
}

int handed_open(struct handed *h)
{
    const char *number = getenv(HANDED_VARIABLE);
    *h = (struct handed){.text_fd = -1};
    forget(h);
    if (!number)
        return 0;
    /* What an earlier or later version hands over, and this one does not know, ends with us. */
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    bool good = parse_descriptor(slice_of(number), &h->text_fd) && close_on_exec(h->text_fd);
    unsetenv(HANDED_VARIABLE);
    const int rc = good ? read_text(h) : -EBADF;
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        good = good && close_on_exec(h->fd[d]);
    for (uint32_t i = 0; i < h->stats.n; i++)
        good = good && close_on_exec(h->stats.at[i]);
    return rc != 0 ? rc : good && h->fd[HANDED_CHANNEL] != -1 ? 1 : -EBADF;
}

void handed_close_left(struct handed *h)
{
    for (uint32_t d = 0; d < HANDED_DESCRIPTOR_COUNT; d++)
        if (h->fd[d] != -1)
            close(h->fd[d]);
    for (uint32_t i = 0; i < h->stats.n; i++)
        if (h->stats.at[i] != -1)
            close(h->stats.at[i]);
    VEC_DONE(&h->stats);
    forget_descriptors(h);
}

void handed_done(struct handed *h)
{
    forget(h);
    text_done(&h->text);
    if (h->text_fd > STDERR_FILENO)
        close(h->text_fd);
    h->text_fd = -1;
}
