#include "runtime/share/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/net/dial.h"

#define READ_BYTES 16384u

struct redis {
    struct redis_calls calls;
    struct watch watch;
    struct timer failed; /* set: could not even begin */
    int fd;              /* -1 where there is none */
    int rc;              /* then: why */
    bool connected, busy, gone;
    struct text out; /* not sent yet */
    redisReader *reader;
    struct redis_reply reply; /* that is being read */
    struct text text;         /* its */
    int64_t number[REDIS_NUMBERS_MAX];
};

/* --- answers: hiredis calls these as it reads ------------------------------------------------- */

static struct redis *of_task(const redisReadTask *t)
{
    return t->privdata;
}

static void *read_text(const redisReadTask *t, char *at, size_t len)
{
    struct redis *r = of_task(t);
    if (t->parent)
        return NULL; /* lists have numbers only */
    text_clear(&r->text);
    text_add(&r->text, (struct slice){at, len});
    r->reply.kind = t->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT;
    return r;
}

static void *read_list(const redisReadTask *t, int elements)
{
    struct redis *r = of_task(t);
    if (elements < 0 || (unsigned)elements > REDIS_NUMBERS_MAX || t->parent)
        return NULL;
    r->reply.kind = REDIS_NUMBERS;
    return r;
}

static void *read_number(const redisReadTask *t, long long value)
{
    struct redis *r = of_task(t);
    if (r->reply.n == REDIS_NUMBERS_MAX)
        return NULL;
    r->reply.kind = REDIS_NUMBERS;
    r->number[r->reply.n++] = value;
    return r;
}

static void *read_nil(const redisReadTask *t)
{
    char none[1] = "";
    return read_text(t, none, 0);
}

static void forget(void *reply)
{
    (void)reply; /* they are parts of us */
}

static redisReplyObjectFunctions functions = {.createString = read_text,
                                              .createArray = read_list,
                                              .createInteger = read_number,
                                              .createNil = read_nil,
                                              .freeObject = forget};

/* --- the connection --------------------------------------------------------------------------- */

static void free_now(struct redis *r)
{
    timer_stop(&r->failed);
    if (r->fd != -1) {
        watch_done(&r->watch);
        close(r->fd);
    }
    redisReaderFree(r->reader);
    if (r->out.at)
        explicit_bzero(r->out.at, r->out.room);
    text_done(&r->out);
    text_done(&r->text);
    free(r);
}

static void lose(struct redis *r, const char *why)
{
    if (r->gone)
        return;
    r->calls.lost(r->calls.of, why);
}

/* Hands out what is complete; false where that was the end. What has come in part stays, and goes
 * on with the next bytes. */
static bool answer(struct redis *r)
{
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            lose(r, "it answered what is no answer");
            return false;
        }
        if (!reply)
            return true;
        r->reply.text = text_slice(&r->text);
        r->calls.answered(r->calls.of, &r->reply);
        if (r->gone)
            return false;
        r->reply = (struct redis_reply){.number = r->number};
    }
}

static void take(struct redis *r)
{
    char bytes[READ_BYTES];
    for (;;) {
        const ssize_t n = read(r->fd, bytes, sizeof(bytes));
        if (n == -1 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lose(r, n == 0 ? "it closed the connection" : strerror(errno));
            return;
        }
        if (redisReaderFeed(r->reader, bytes, (size_t)n) != REDIS_OK ||
            r->reader->len - r->reader->pos > REDIS_BYTES_MAX) {
            lose(r, "it answered more than was asked");
            return;
        }
        if (!answer(r) || (size_t)n < sizeof(bytes))
            return;
    }
}

static void put(struct redis *r)
{
    size_t sent = 0;
    while (sent < r->out.len) {
        const ssize_t n = send(r->fd, r->out.at + sent, r->out.len - sent, MSG_NOSIGNAL);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno != EAGAIN) {
            watch_drop(&r->watch, WATCH_WRITE); /* reading will tell why */
            return;
        }
        if (n == -1)
            break;
        sent += (size_t)n;
    }
    memmove(r->out.at, r->out.at + sent, r->out.len - sent);
    explicit_bzero(r->out.at + r->out.len - sent, sent); /* there may have been a password */
    r->out.len -= sent;
    watch_want(&r->watch, WATCH_READ | (r->out.len > 0 ? WATCH_WRITE : 0));
}

static void ready(void *of, unsigned what)
{
    struct redis *r = of;
    r->busy = true;
    if (!r->connected) {
        const int rc = dial_result(r->fd);
        r->connected = rc == 0;
        if (rc != 0)
            lose(r, strerror(-rc));
        else if (r->out.len == 0)
            watch_want(&r->watch, WATCH_READ);
    }
    if (r->connected && what == WATCH_READ)
        take(r);
    else if (r->connected && r->out.len > 0)
        put(r);
    r->busy = false;
    if (r->gone)
        free_now(r);
}

static void could_not_begin(void *of)
{
    struct redis *r = of;
    r->busy = true;
    lose(r, strerror(-r->rc));
    r->busy = false;
    if (r->gone)
        free_now(r);
}

struct redis *redis_new(struct loop *loop, const struct endpoint *at,
                        const struct redis_calls *calls)
{
    const struct sockaddr_of to = sockaddr_from(at);
    struct redis *r = MUST_NEW(struct redis);
    r->calls = *calls;
    r->reader = redisReaderCreateWithFunctions(&functions);
    if (!r->reader)
        die_out_of_memory(1, sizeof(*r->reader));
    r->reader->privdata = r;
    r->reply.number = r->number;
    timer_init(&r->failed, loop, could_not_begin, r);
    r->rc = dial_begin(&to);
    r->fd = r->rc < 0 ? -1 : r->rc;
    if (r->fd == -1) {
        timer_soon(&r->failed);
        return r;
    }
    watch_init(&r->watch, loop, r->fd, ready, r);
    watch_want(&r->watch, WATCH_READ | WATCH_WRITE);
    return r;
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    r->gone = true;
    if (!r->busy)
        free_now(r);
}

void redis_say(struct redis *r, const struct slice *word, uint32_t n)
{
    const char **at = MUST_ARRAY(const char *, n);
    size_t *len = MUST_ARRAY(size_t, n);
    for (uint32_t i = 0; i < n; i++) {
        at[i] = word[i].at;
        len[i] = word[i].len;
    }
    char *bytes;
    const int made = redisFormatCommandArgv(&bytes, (int)n, at, len);
    if (made < 0)
        die_out_of_memory(n, sizeof(*word));
    text_add(&r->out, (struct slice){bytes, (size_t)made});
    explicit_bzero(bytes, (size_t)made);
    redisFreeCommand(bytes);
    free(at);
    free(len);
}

void redis_flush(struct redis *r)
{
    if (r->connected && r->out.len > 0)
        put(r);
}
