#include "runtime/upstream/discoveries.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/net/resolver.h"
#include "runtime/upstream/server_file.h"

/* Of a file that can't be read, or is wrong. */
#define FILE_AGAIN_NS (1 * NS_PER_S)

struct source {
    struct discoveries *all;
    const struct table_source *spec; /* of the table that was set last */
    char *cluster, *name;            /* owned: what it is known by */
    struct discovery known;
    struct discover_rule rule;
    struct timer timer;
    struct resolver_question *question; /* under way, or NULL */
    struct stat seen;                   /* FILE: as it was when it was read; zero: never */
    uint64_t answers, failures;
    int64_t answered_ns;
    bool failing;
    struct text reason; /* of the last failure; empty */
};

struct discoveries {
    struct loop *loop;
    struct discoveries_calls calls;
    struct source **source;     /* parallel to table->source; owned */
    struct resolver **resolver; /* parallel to table->resolver; NULL where none could be made */
    uint32_t n, n_resolvers;
};

/* --- what was answered ------------------------------------------------------------------------ */

static void tell(struct source *s, enum source_news news, const struct endpoint *e,
                 const char *reason)
{
    const struct source_event event = {news, s->spec, e, reason};
    s->all->calls.event(s->all->calls.of, &event);
}

static bool knows(const struct discover_member *member, uint32_t n, const struct endpoint *e)
{
    for (uint32_t i = 0; i < n; i++)
        if (endpoint_eq(&member[i].at.endpoint, e))
            return true;
    return false;
}

static void tell_changes(struct source *s, const struct discover_member *before, uint32_t n)
{
    for (uint32_t i = 0; i < s->known.n; i++)
        if (!knows(before, n, &s->known.member[i].at.endpoint))
            tell(s, SOURCE_FOUND, &s->known.member[i].at.endpoint, NULL);
    for (uint32_t i = 0; i < n; i++)
        if (!knows(s->known.member, s->known.n, &before[i].at.endpoint))
            tell(s, SOURCE_LOST, &before[i].at.endpoint, NULL);
}

/* That there is nothing is an answer too; but whoever runs this wants to hear of it. */
static void note_reason(struct source *s, bool answered, const char *reason)
{
    text_clear(&s->reason);
    if (reason)
        text_adds(&s->reason, reason);
    s->answers += answered;
    s->failures += !answered;
    if (answered)
        s->answered_ns = clock_now_ns();
    const bool failing = reason != NULL;
    if (failing != s->failing)
        tell(s, failing ? SOURCE_FAILED : SOURCE_ANSWERS, NULL, reason);
    s->failing = failing;
}

static void take(struct source *s, const struct discover_answer *a)
{
    const uint32_t n = s->known.n;
    struct discover_member *before = MUST_ARRAY(struct discover_member, n);
    if (n > 0)
        memcpy(before, s->known.member, n * sizeof(*before));
    const int64_t now_ns = clock_now_ns();
    const bool changed = discovery_take(&s->known, &s->rule, a, now_ns);
    timer_set(&s->timer, s->known.next_ns - now_ns);
    tell_changes(s, before, n);
    free(before);
    if (changed)
        s->all->calls.changed(s->all->calls.of);
}

/* --- names ------------------------------------------------------------------------------------ */

static void name_answered(void *of, const struct resolver_answer *a)
{
    struct source *s = of;
    s->question = NULL;
    struct discover_found *found = MUST_ARRAY(struct discover_found, a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        const struct resolver_record *r = &a->record[i];
        const uint16_t port = s->spec->kind == SOURCE_DNS ? s->spec->port : r->port;
        found[i] = (struct discover_found){.endpoint = {.address = r->address, .port = port},
                                           .priority = r->priority,
                                           .weight = r->weight};
    }
    note_reason(s, a->whole, a->reason);
    const struct discover_answer answer = {a->whole, found, a->n, a->ttl_s * NS_PER_S};
    take(s, &answer);
    free(found);
}

static void nobody_answers(struct source *s, const char *reason)
{
    const struct discover_answer nothing = {.whole = false};
    note_reason(s, false, reason);
    take(s, &nothing);
}

static void ask_name(struct source *s)
{
    struct resolver *r = s->all->resolver[s->spec->resolver];
    if (!r) {
        nobody_answers(s, "there is no resolver");
        return;
    }
    s->question = resolver_ask(r, s->spec->kind == SOURCE_SRV ? RESOLVER_SRV : RESOLVER_ADDRESS,
                               s->spec->name, name_answered, s);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* 0, with what was read in `out`; or a negative errno. */
static int read_all(int fd, struct text *out)
{
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof(piece))) > 0 && out->len <= SERVER_FILE_BYTES_MAX)
        text_add(out, (struct slice){piece, (size_t)n});
    if (n < 0)
        return -errno;
    return out->len > SERVER_FILE_BYTES_MAX ? -EFBIG : 0;
}

/* The servers of an open file, or a negative errno with a reason. */
static int read_servers(int fd, struct discover_found *found, struct text *why)
{
    struct text text = {0};
    int n = read_all(fd, &text);
    if (n < 0)
        text_adds(why, strerror(-n));
    else
        n = server_file_read(text_slice(&text), found, why);
    text_done(&text);
    return n;
}

int server_file_load(const char *path, struct discover_found out[DISCOVER_MEMBERS_MAX],
                     struct text *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const int error = errno;
        text_adds(why, strerror(error));
        return -error;
    }
    const int n = read_servers(fd, out, why);
    close(fd);
    return n;
}

static void take_file(struct source *s, int fd)
{
    struct discover_found *found = MUST_ARRAY(struct discover_found, DISCOVER_MEMBERS_MAX);
    struct text why = {0};
    const int n = read_servers(fd, found, &why);
    if (n < 0) {
        nobody_answers(s, why.at);
    } else {
        const struct discover_answer answer = {true, found, (uint32_t)n, s->spec->refresh_ns};
        note_reason(s, true, n == 0 ? "it lists no server" : NULL);
        take(s, &answer);
    }
    text_done(&why);
    free(found);
}

static bool has_missing(const struct source *s)
{
    for (uint32_t i = 0; i < s->known.n; i++)
        if (s->known.member[i].missing)
            return true;
    return false;
}

/* A file that is as it was need not be read again, but for those whose time may be over. */
static void ask_file(struct source *s)
{
    struct stat now = {0};
    const int fd = open(s->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &now) != 0) {
        s->seen = (struct stat){0};
        nobody_answers(s, strerror(errno));
    } else if (is_same(&now, &s->seen) && !has_missing(s)) {
        s->answered_ns = clock_now_ns();
        s->known.next_ns = s->answered_ns + s->spec->refresh_ns;
        timer_set(&s->timer, s->spec->refresh_ns);
    } else {
        s->seen = now;
        take_file(s, fd);
    }
    if (fd >= 0)
        close(fd);
}

static void ask(void *of)
{
    struct source *s = of;
    if (s->question)
        return;
    if (s->spec->kind == SOURCE_FILE)
        ask_file(s);
    else
        ask_name(s);
}

/* --- which there are -------------------------------------------------------------------------- */

static char *copy(struct slice s)
{
    char *c = must_calloc(s.len + 1, 1);
    memcpy(c, s.at, s.len);
    return c;
}

static struct source *source_new(struct discoveries *all, const struct table *t,
                                 const struct table_source *spec)
{
    struct source *s = MUST_NEW(struct source);
    *s = (struct source){
        .all = all, .cluster = copy(t->cluster[spec->cluster].name), .name = copy(spec->name)};
    timer_init(&s->timer, all->loop, ask, s);
    return s;
}

static void source_free(struct source *s)
{
    if (!s)
        return;
    if (s->question)
        resolver_forget(s->question);
    timer_stop(&s->timer);
    discovery_done(&s->known);
    text_done(&s->reason);
    free(s->cluster);
    free(s->name);
    free(s);
}

static bool is_of(const struct source *s, const struct table *t, const struct table_source *spec)
{
    return s && s->spec->kind == spec->kind && s->spec->port == spec->port &&
           slice_eq(slice_of(s->name), spec->name) &&
           slice_eq(slice_of(s->cluster), t->cluster[spec->cluster].name);
}

static struct source **find(const struct discoveries *all, const struct table *t,
                            const struct table_source *spec)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (is_of(all->source[i], t, spec))
            return &all->source[i];
    return NULL;
}

static struct discover_rule rule_of(const struct table *t, const struct table_source *spec)
{
    struct discover_rule rule = {.refresh_ns = spec->refresh_ns,
                                 .hold_ns = spec->hold_ns,
                                 .minimum = spec->minimum,
                                 .min_ttl_ns = FILE_AGAIN_NS,
                                 .max_ttl_ns = FILE_AGAIN_NS,
                                 .negative_ttl_ns = FILE_AGAIN_NS};
    if (spec->resolver != TABLE_NO_RESOLVER) {
        const struct table_resolver *r = &t->resolver[spec->resolver];
        rule.min_ttl_ns = r->min_ttl_ns;
        rule.max_ttl_ns = r->max_ttl_ns;
        rule.negative_ttl_ns = r->negative_ttl_ns;
    }
    return rule;
}

static bool is_asked(const struct table *t, uint32_t resolver)
{
    for (uint32_t i = 0; i < t->n_sources; i++)
        if (t->source[i].resolver == resolver)
            return true;
    return false;
}

/* The system's files are read anew with each configuration. */
static void make_resolvers(struct discoveries *all, const struct table *t)
{
    all->resolver = MUST_ARRAY(struct resolver *, t->n_resolvers);
    all->n_resolvers = t->n_resolvers;
    for (uint32_t i = 0; i < t->n_resolvers; i++) {
        const struct table_resolver *r = &t->resolver[i];
        const struct resolver_options options = {r->nameserver, r->n_nameservers, r->timeout_ns,
                                                 r->tries};
        struct text why = {0};
        if (is_asked(t, i))
            all->resolver[i] = resolver_new(all->loop, &options, &why);
        text_done(&why);
    }
}

static void free_resolvers(struct discoveries *all)
{
    for (uint32_t i = 0; i < all->n_resolvers; i++)
        resolver_free(all->resolver[i]);
    free(all->resolver);
    all->resolver = NULL;
    all->n_resolvers = 0;
}

struct discoveries *discoveries_new(struct loop *loop, const struct discoveries_calls *calls)
{
    struct discoveries *all = MUST_NEW(struct discoveries);
    all->loop = loop;
    all->calls = *calls;
    return all;
}

static void free_all(struct source **source, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        source_free(source[i]);
    free(source);
}

void discoveries_free(struct discoveries *all)
{
    if (!all)
        return;
    free_all(all->source, all->n);
    free_resolvers(all);
    free(all);
}

/* Asked now, whether it was known or not: who is asked, and how, may have changed. */
static void begin(struct source *s, const struct table *t, const struct table_source *spec)
{
    s->spec = spec;
    s->rule = rule_of(t, spec);
    s->question = NULL; /* it went with its resolver */
    timer_set(&s->timer, 0);
}

void discoveries_set(struct discoveries *all, const struct table *t)
{
    struct source **source = MUST_ARRAY(struct source *, t->n_sources);
    free_resolvers(all);
    make_resolvers(all, t);
    for (uint32_t i = 0; i < t->n_sources; i++) {
        struct source **old = find(all, t, &t->source[i]);
        source[i] = old ? *old : source_new(all, t, &t->source[i]);
        if (old)
            *old = NULL;
    }
    for (uint32_t i = 0; i < all->n; i++)
        if (all->source[i])
            all->source[i]->question = NULL;
    free_all(all->source, all->n);
    all->source = source;
    all->n = t->n_sources;
    for (uint32_t i = 0; i < all->n; i++)
        begin(source[i], t, &t->source[i]);
}

/* --- what is found ---------------------------------------------------------------------------- */

static uint16_t best_priority(const struct discovery *d)
{
    uint16_t best = UINT16_MAX;
    for (uint32_t i = 0; i < d->n; i++)
        if (!d->member[i].missing && d->member[i].at.priority < best)
            best = d->member[i].at.priority;
    return best;
}

static uint32_t greatest_weight(const struct discovery *d)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < d->n; i++)
        if (d->member[i].at.weight > most)
            most = d->member[i].at.weight;
    return most;
}

/* Services' weights go to 65535, and 0 is "hardly ever" beside others (RFC 2782); they are scaled
 * down to our range where they must be. */
static uint32_t weight_of(const struct table_source *spec, const struct discover_found *f,
                          uint32_t most)
{
    if (f->weight == 0)
        return most == 0 || spec->kind == SOURCE_FILE ? spec->weight : 1;
    const uint32_t scaled =
        most > TABLE_WEIGHT_MAX ? (uint32_t)f->weight * TABLE_WEIGHT_MAX / most : f->weight;
    return scaled > 0 ? scaled : 1;
}

/* Whatever number a service begins with is its first choice, beside servers that are listed here.
 */
static uint32_t priority_of(const struct table_source *spec, const struct discover_found *f,
                            uint16_t best)
{
    const uint32_t first = spec->kind == SOURCE_SRV ? best : 0;
    return spec->priority + (f->priority > first ? f->priority - first : 0);
}

struct table_server source_server(const struct table_source *spec, const struct discover_found *f,
                                  uint16_t best, uint32_t most)
{
    return (struct table_server){.name = SLICE_INIT(""),
                                 .place = spec->place,
                                 .endpoint = f->endpoint,
                                 .cluster = spec->cluster,
                                 .weight = weight_of(spec, f, most),
                                 .max_connections = spec->max_connections,
                                 .priority = priority_of(spec, f, best),
                                 .backup = spec->backup || f->backup,
                                 .slow_start_ns = spec->slow_start_ns};
}

static bool is_there(const struct table *t, const struct found_servers *found, uint32_t cluster,
                     const struct endpoint *e)
{
    const struct table_cluster *c = &t->cluster[cluster];
    for (uint32_t i = c->first_server; i < c->first_server + c->n_servers; i++)
        if (endpoint_eq(&t->server[i].endpoint, e))
            return true;
    for (uint32_t i = found->n; i > 0 && found->server[i - 1].cluster == cluster; i--)
        if (endpoint_eq(&found->server[i - 1].endpoint, e))
            return true;
    return false;
}

static void add_found(const struct table *t, const struct table_source *spec,
                      const struct discovery *d, struct found_servers *out)
{
    const uint16_t best = best_priority(d);
    const uint32_t most = greatest_weight(d);
    for (uint32_t i = 0; i < d->n; i++) {
        const struct discover_found *f = &d->member[i].at;
        if (is_there(t, out, spec->cluster, &f->endpoint))
            continue;
        out->server[out->n++] = source_server(spec, f, best, most);
    }
}

void discoveries_found(const struct discoveries *all, const struct table *t,
                       struct found_servers *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++)
        n += all->source[i]->known.n;
    *out = (struct found_servers){.server = MUST_ARRAY(struct table_server, n)};
    for (uint32_t i = 0; i < t->n_sources; i++) {
        struct source **known = find(all, t, &t->source[i]);
        if (known)
            add_found(t, &t->source[i], &(*known)->known, out);
    }
}

void found_servers_done(struct found_servers *f)
{
    free(f->server);
    *f = (struct found_servers){0};
}

bool discoveries_wait(const struct discoveries *all, uint32_t cluster)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const struct source *s = all->source[i];
        if (s->spec->cluster == cluster && s->answers + s->failures == 0)
            return true;
    }
    return false;
}

void discoveries_each(const struct discoveries *all,
                      void (*each)(void *to, const struct source_view *v), void *to)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const struct source *s = all->source[i];
        struct source_view v = {.source = s->spec,
                                .servers = s->known.n,
                                .answers = s->answers,
                                .failures = s->failures,
                                .left_out = s->known.left_out,
                                .answered_ns = s->answered_ns,
                                .next_ns = s->known.next_ns,
                                .reason = s->reason.len > 0 ? s->reason.at : NULL};
        for (uint32_t k = 0; k < s->known.n; k++)
            v.missing += s->known.member[k].missing;
        each(to, &v);
    }
}
