/* What the process before us knew, in our place: what remembered.c has written there. */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control_priv.h"
#include "runtime/control/parts.h"
#include "runtime/log/log.h"

struct taking {
    struct control *control;
    const struct generation *newest;
    const struct generation_needs *needs; /* for keys, else NULL */
    int64_t now_ns;
    uint64_t clients, keys;
    struct text told; /* what was said last, for parts of the same come one after the other */
};

static void leave(struct taking *t, struct slice word, struct slice name, const char *why)
{
    struct text line = {0};
    text_addf(&line, SLICE_FMT " " SLICE_FMT ": %s", SLICE_ARG(word), SLICE_ARG(name), why);
    if (!slice_eq(text_slice(&line), text_slice(&t->told)))
        log_line(LOG_WARNING, "what the process before us knew is not taken over: " SLICE_FMT,
                 SLICE_ARG(text_slice(&line)));
    text_done(&t->told);
    t->told = line;
}

static uint64_t word_at(struct slice bytes, size_t i)
{
    uint64_t word;
    memcpy(&word, bytes.at + i * sizeof(word), sizeof(word));
    return word;
}

static bool take_number(struct slice *rest, uint64_t *out)
{
    struct slice word;
    return slice_split(rest, '\t', &word) && number_parse(word, UINT64_MAX, out);
}

static void learn_clients(struct taking *t, struct sticky *s, int64_t ttl_ns, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len / PART_CLIENT_BYTES; i++) {
        const uint64_t said = word_at(bytes, 2 * i + 1);
        const struct sticky_client one = {.hash = word_at(bytes, 2 * i),
                                          .server = said >> PART_SERVER_SHIFT,
                                          .used_ns = t->now_ns -
                                                     (int64_t)(said & PART_AGE_MASK) * NS_PER_S};
        (void)sticky_learn(s, &one, ttl_ns, t->now_ns);
    }
    t->clients += bytes.len / PART_CLIENT_BYTES;
}

static void take_sticky(struct taking *t, const struct part *p)
{
    struct slice rest = p->about, cluster = {0}, name;
    uint64_t kind, seed;
    if (!slice_split(&rest, '\t', &cluster) || !take_number(&rest, &kind) ||
        !slice_split(&rest, '\t', &name) || !take_number(&rest, &seed) ||
        p->bytes.len % PART_CLIENT_BYTES != 0) {
        leave(t, p->word, cluster, "it is broken");
        return;
    }
    const uint32_t i = table_find_cluster(t->newest->table, cluster);
    const struct table_sticky *is = i == UINT32_MAX ? NULL : &t->newest->table->cluster[i].sticky;
    if (!is || !t->newest->sticky[i])
        leave(t, p->word, cluster, "there is no such sticky cluster any more");
    else if ((uint64_t)is->kind != kind || !slice_eq(is->name, name))
        leave(t, p->word, cluster, "its clients are told apart by something else now");
    else if (!sticky_take_seed(t->newest->sticky[i], seed))
        leave(t, p->word, cluster, "it is shared with others, in another way than before");
    else
        learn_clients(t, t->newest->sticky[i], is->ttl_ns, p->bytes);
}

static uint32_t find_limit(const struct table *t, struct slice name)
{
    uint32_t i = 0;
    while (i < t->n_limits && !slice_eq(t->limit[i].name, name))
        i++;
    return i;
}

static void recall_keys(struct taking *t, uint32_t i, int64_t ahead_ns, struct slice bytes)
{
    const struct table_limit *spec = &t->newest->table->limit[i];
    const size_t words = 1 + (size_t)spec->n_rates, all = bytes.len / (words * sizeof(uint64_t));
    uint64_t *one = MUST_ARRAY(uint64_t, words);
    for (size_t k = 0; k < all; k++) {
        for (size_t w = 0; w < words; w++)
            one[w] = word_at(bytes, k * words + w);
        t->keys += limiter_recall(t->newest->limiter[i], spec, one, ahead_ns, t->now_ns);
    }
    free(one);
}

static void take_limit(struct taking *t, const struct part *p)
{
    struct slice rest = p->about, name = {0};
    uint64_t shape, seed, utc_ns;
    if (!slice_split(&rest, '\t', &name) || !take_number(&rest, &shape) ||
        !take_number(&rest, &seed) || !take_number(&rest, &utc_ns) || utc_ns > INT64_MAX) {
        leave(t, p->word, name, "it is broken");
        return;
    }
    const uint32_t i = find_limit(t->newest->table, name);
    if (i == t->newest->table->n_limits) {
        leave(t, p->word, name, "there is no such limit any more");
        return;
    }
    const struct table_limit *spec = &t->newest->table->limit[i];
    struct limiter *l = t->newest->limiter[i];
    const size_t len = (1 + (size_t)spec->n_rates) * sizeof(uint64_t);
    if (limiter_shared_seed(spec, SLICE("")) != shape || spec->n_rates == 0)
        leave(t, p->word, name, "its keys or its times are others now");
    else if (p->bytes.len % len != 0)
        leave(t, p->word, name, "it is broken");
    else if (spec->shared != TABLE_NO_SHARED && l->seed != seed)
        leave(t, p->word, name, "it is shared with others, in another way than before");
    else {
        l->seed = seed; /* nobody has used it */
        recall_keys(t, i, (int64_t)utc_ns - l->utc_ns, p->bytes);
    }
}

static void take_tickets(struct taking *t, const struct part *p)
{
    uint64_t made_ns;
    if (!number_parse(p->about, INT64_MAX, &made_ns) ||
        !tickets_read(t->needs->tls->tickets, t->now_ns, (const uint8_t *)p->bytes.at, p->bytes.len,
                      (int64_t)made_ns))
        leave(t, p->word, SLICE("keys"), "it is broken");
}

static void take_part(struct taking *t, const struct part *p)
{
    if (slice_eq(p->word, SLICE(PART_TICKETS)) && t->needs)
        take_tickets(t, p);
    else if (slice_eq(p->word, SLICE(PART_COOKIES)) && t->needs) {
        if (!secrets_take_own(t->needs->secrets, p->bytes))
            leave(t, p->word, SLICE("key"), "it is broken");
    } else if (slice_eq(p->word, SLICE(PART_STICKY)) && !t->needs)
        take_sticky(t, p);
    else if (slice_eq(p->word, SLICE(PART_LIMIT)) && !t->needs)
        take_limit(t, p);
    else
        leave(t, p->word, SLICE("part"), "this version does not know it");
}

static void take_all(struct taking *t, struct slice rest)
{
    struct part p;
    enum parts_next next = PARTS_BROKEN;
    if (!parts_open(&rest)) {
        leave(t, SLICE("all"), SLICE("of it"), "it is of another version");
        return;
    }
    while ((next = parts_next(&rest, &p)) == PARTS_ONE)
        take_part(t, &p);
    if (next == PARTS_BROKEN)
        leave(t, SLICE("the"), SLICE("rest"), "it is broken");
}

/* Nothing of it is copied: what was mapped goes with the file. */
static void take_file(struct taking *t, int *fd)
{
    struct stat st;
    if (*fd == -1)
        return;
    if (fstat(*fd, &st) == 0 && st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, *fd, 0);
        if (at == MAP_FAILED) {
            leave(t, SLICE("the"), SLICE("file"), strerror(errno));
        } else {
            take_all(t, (struct slice){at, (size_t)st.st_size});
            munmap(at, (size_t)st.st_size);
        }
    }
    close(*fd);
    *fd = -1;
    text_done(&t->told);
}

void recalled_keys(struct control *c, const struct generation_needs *needs)
{
    struct taking t = {.control = c, .needs = needs, .now_ns = clock_now_ns()};
    if (c->config.handed)
        take_file(&t, &c->config.handed->fd[HANDED_KEYS]);
}

void recalled_rest(struct control *c)
{
    struct taking t = {.control = c, .newest = c->newest, .now_ns = clock_now_ns()};
    take_file(&t, &c->config.handed->fd[HANDED_MEMORY]);
    if (t.clients + t.keys > 0)
        log_line(LOG_INFO,
                 "taken over: %" PRIu64 " clients of sticky clusters, %" PRIu64
                 " keys of limits, in %.1f ms",
                 t.clients, t.keys, (double)(clock_now_ns() - t.now_ns) / (double)NS_PER_MS);
}
