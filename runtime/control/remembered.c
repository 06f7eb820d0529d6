/*
 * What a process knows beside its text, for the one that takes its place: keys of session tickets
 * and cookies, which clients go where, what the keys of limits have spent.
 *
 * Keys go along at the start, in a file that is sealed, and closed by both as soon as it is there,
 * or read. The rest is written when the other one is ready, by a thread of its own, for a million
 * clients take longer than a loop may stand; the workers go on meanwhile, and what they note behind
 * the place where it reads is not handed over. The other one reads it before its workers run:
 * recalled.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/write_all.h"
#include "runtime/control/control_priv.h"
#include "runtime/control/parts.h"
#include "runtime/log/log.h"

/* What goes along at the most, and for how long it is gathered: what is missing is forgotten. */
#define BYTES_MAX ((uint64_t)256 * 1024 * 1024)
#define GATHER_NS (5 * NS_PER_S)
#define CHUNK     8192u /* clients or keys of a part */

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int remembered_file(const char *name)
{
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd == -1 ? -errno : fd;
}

/* --- keys ------------------------------------------------------------------------------------ */

static void add_keys(const struct generation_needs *needs, struct text *out)
{
    uint8_t key[TICKETS_BYTES_MAX];
    char made[24];
    int64_t made_ns;
    const size_t len = tickets_write(needs->tls->tickets, clock_now_ns(), key, &made_ns);
    snprintf(made, sizeof(made), "%" PRId64, made_ns);
    parts_add(out, &(struct part){SLICE(PART_TICKETS), slice_of(made), {(const char *)key, len}});
    explicit_bzero(key, sizeof(key));
    parts_add(out,
              &(struct part){.word = SLICE(PART_COOKIES), .bytes = secret_own(needs->secrets)});
}

int remembered_keys(const struct control *c)
{
    char room[1024]; /* so that nothing is left of it elsewhere */
    struct text text = {.at = room, .room = sizeof(room)};
    const int fd = remembered_file("lbc keys");
    if (fd < 0)
        return fd;
    parts_begin(&text);
    add_keys(&c->newest->configuration->needs, &text);
    parts_end(&text);
    ASSERT(text.at == room);
    int rc = write_all(fd, text_slice(&text));
    explicit_bzero(room, sizeof(room));
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* --- what is gathered ------------------------------------------------------------------------ */

/* Of a sticky cluster, or of a limit; pinned. */
struct source {
    struct sticky *sticky;
    struct limiter *limiter;
    int64_t ttl_ns;
    uint32_t n_rates;
    struct text about;
};

struct remembering {
    struct message message; /* it is over */
    struct control *control;
    pthread_t thread;
    int fd;
    bool joined, abandoned; /* the control thread's */
    atomic_bool stop;
    int64_t begun_ns, took_ns;
    VEC(struct source) source;

    /* The thread's until it is over. */
    struct text part;
    uint64_t bytes, clients, keys;
    const char *cut; /* why something is missing; NULL: nothing is */
};

static void write_part(struct remembering *r, const struct source *s, const void *at, size_t len)
{
    text_clear(&r->part);
    parts_add(&r->part, &(struct part){.word = s->sticky ? SLICE(PART_STICKY) : SLICE(PART_LIMIT),
                                       .about = text_slice(&s->about),
                                       .bytes = {at, len}});
    const int rc = write_all(r->fd, text_slice(&r->part));
    r->bytes += r->part.len;
    if (rc != 0)
        r->cut = strerror(-rc);
    else if (r->bytes > BYTES_MAX)
        r->cut = "it is more than 256 MiB";
    else if (clock_now_ns() - r->begun_ns > GATHER_NS)
        r->cut = "it takes more than 5 s";
}

static bool goes_on(const struct remembering *r)
{
    return !r->cut && !atomic_load_explicit(&r->stop, memory_order_relaxed);
}

static void gather_clients(struct remembering *r, const struct source *s)
{
    struct sticky_client *all = MUST_ARRAY(struct sticky_client, CHUNK);
    uint64_t *word = MUST_ARRAY(uint64_t, 2 * (size_t)CHUNK);
    for (uint64_t at = 0; at != STICKY_WALK_END && goes_on(r);) {
        const int64_t now_ns = clock_now_ns();
        const uint32_t n = sticky_walk(s->sticky, &at, s->ttl_ns, now_ns, all, CHUNK);
        for (uint32_t i = 0; i < n; i++) {
            word[2 * (size_t)i] = all[i].hash;
            word[2 * (size_t)i + 1] =
                all[i].server << PART_SERVER_SHIFT |
                ((uint64_t)((now_ns - all[i].used_ns) / NS_PER_S) & PART_AGE_MASK);
        }
        if (n > 0)
            write_part(r, s, word, n * PART_CLIENT_BYTES);
        r->clients += n;
    }
    free(word);
    free(all);
}

static void gather_keys(struct remembering *r, const struct source *s)
{
    const size_t len = (1 + (size_t)s->n_rates) * sizeof(uint64_t);
    uint64_t *word = MUST_ARRAY(uint64_t, (1 + (size_t)s->n_rates) * CHUNK);
    for (uint64_t at = 0; at != KEYS_WALK_END && goes_on(r);) {
        const uint32_t n = limiter_walk(s->limiter, &at, clock_now_ns(), word, CHUNK);
        if (n > 0)
            write_part(r, s, word, n * len);
        r->keys += n;
    }
    free(word);
}

static void *gather(void *of)
{
    struct remembering *r = of;
    text_clear(&r->part);
    parts_begin(&r->part);
    if (write_all(r->fd, text_slice(&r->part)) != 0)
        r->cut = "there is no memory for it";
    for (uint32_t i = 0; i < r->source.n; i++) {
        if (r->source.at[i].sticky)
            gather_clients(r, &r->source.at[i]);
        else
            gather_keys(r, &r->source.at[i]);
    }
    text_clear(&r->part);
    parts_end(&r->part);
    if (write_all(r->fd, text_slice(&r->part)) != 0 || fcntl(r->fd, F_ADD_SEALS, SEALS) != 0)
        r->cut = "there is no memory for it";
    r->took_ns = clock_now_ns() - r->begun_ns;
    mailbox_post(&r->control->box, &r->message);
    return NULL;
}

/* Those of clusters first: a client whose session is elsewhere notices more. */
static void add_sources(struct remembering *r, const struct generation *g)
{
    for (uint32_t i = 0; i < g->table->n_clusters; i++) {
        const struct table_cluster *c = &g->table->cluster[i];
        if (!g->sticky[i])
            continue;
        struct source s = {.sticky = sticky_pin(g->sticky[i]), .ttl_ns = c->sticky.ttl_ns};
        text_addf(&s.about, SLICE_FMT "\t%d\t" SLICE_FMT "\t%" PRIu64, SLICE_ARG(c->name),
                  (int)c->sticky.kind, SLICE_ARG(c->sticky.name), sticky_seed(g->sticky[i]));
        VEC_ADD(&r->source, s);
    }
    for (uint32_t i = 0; i < g->table->n_limits; i++) {
        const struct table_limit *l = &g->table->limit[i];
        if (l->n_rates == 0) /* what is in flight stays here, and of bytes it is over at once */
            continue;
        struct source s = {.limiter = limiter_pin(g->limiter[i]), .n_rates = l->n_rates};
        text_addf(&s.about, SLICE_FMT "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64, SLICE_ARG(l->name),
                  limiter_shared_seed(l, SLICE("")), g->limiter[i]->seed, g->limiter[i]->utc_ns);
        VEC_ADD(&r->source, s);
    }
}

static void remembering_free(struct remembering *r)
{
    for (uint32_t i = 0; i < r->source.n; i++) {
        sticky_unpin(r->source.at[i].sticky);
        limiter_unpin(r->source.at[i].limiter);
        text_done(&r->source.at[i].about);
    }
    VEC_DONE(&r->source);
    text_done(&r->part);
    free(r);
}

static void gathered(struct message *m)
{
    struct remembering *r = CONTAINER_OF(m, struct remembering, message);
    struct control *c = r->control;
    const bool abandoned = r->abandoned;
    if (!r->joined)
        pthread_join(r->thread, NULL);
    if (!abandoned) {
        c->upgrade.remembering = NULL;
        if (r->clients + r->keys > 0)
            log_line(LOG_INFO,
                     "handed over: %" PRIu64 " clients of sticky clusters, %" PRIu64
                     " keys of limits; %.1f MiB, gathered in %.1f ms",
                     r->clients, r->keys, (double)r->bytes / 1048576,
                     (double)r->took_ns / (double)NS_PER_MS);
        if (r->cut)
            log_line(LOG_WARNING, "not all that is remembered is handed over: %s", r->cut);
    }
    remembering_free(r);
    if (!abandoned)
        upgrade_goes(c);
}

bool remembered_begin(struct control *c, int fd)
{
    struct remembering *r = MUST_NEW(struct remembering);
    r->message.run = gathered;
    r->control = c;
    r->fd = fd;
    r->begun_ns = clock_now_ns();
    add_sources(r, c->newest);
    if (r->source.n > 0 && pthread_create(&r->thread, NULL, gather, r) == 0) {
        c->upgrade.remembering = r;
        return true;
    }
    remembering_free(r);
    return false;
}

void remembered_abandon(struct control *c)
{
    struct remembering *r = c->upgrade.remembering;
    if (!r)
        return;
    c->upgrade.remembering = NULL;
    r->abandoned = r->joined = true;
    atomic_store_explicit(&r->stop, true, memory_order_relaxed);
    pthread_join(r->thread, NULL); /* its message is in the mailbox */
}
