#include "runtime/share/share.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/rng.h"
#include "runtime/share/backoff.h"
#include "runtime/share/pending.h"
#include "runtime/share/redis.h"
#include "runtime/share/sticking.h"
#include "runtime/share/telling.h"

/* With nothing to tell it is asked whether it is there so often. */
#define ALIVE_NS (NS_PER_S)

/* Who has been up for so long is not one that comes and goes. */
#define STEADY_NS (5 * NS_PER_S)

enum state { AWAY, GREETING, UP };

/* What a greeting's answers are of, in the order that they are said. */
enum greeting {
    GREET_AUTH,
    GREET_SELECT,
    GREET_LOAD,
    GREET_LOAD_STICKING,
    GREET_WRITE,
    GREET_DONE
};

/* What a Redis calls a script, 40 digits. */
struct script {
    char name[41];
};

struct share_limit {
    struct limiter *limiter; /* pinned */
    const struct table_limit *spec;
    struct pending pending;
};

/* Keys of one limit, or of one cluster's clients, that were told in one command. */
struct part {
    bool clients;
    uint32_t of, first, n;
};

struct share {
    struct shares *all;
    const struct table_shared *spec;
    char *same; /* owned; what makes it the same after a reload, the password with it */
    size_t n_same;
    struct slice password;           /* in `same` */
    VEC(struct share_limit *) limit; /* owned */
    VEC(struct sticking *) sticking; /* owned */

    enum state state;
    bool settled;
    int64_t since_ns;
    uint32_t tries; /* in a row */
    char why[SHARE_WHY_MAX];
    struct redis *redis;
    enum greeting greeting;
    struct script telling, sticking_script;
    struct timer tell, deadline, retry;

    struct pending_key key[SHARE_KEYS_MAX]; /* under way */
    VEC(struct part) part;                  /* those of them that belong together */
    uint32_t answered;                      /* of the parts */
    bool asking;                            /* some answer is not there yet */
    bool orphans;                           /* these are of what is no more */
    int64_t asked_ns;
    struct words words;
    uint64_t round_trips, errors, told, untold;
    int64_t took_ns;
};

struct shares {
    struct loop *loop;
    struct metrics *metrics;
    struct rng rng;
    share_event *event;
    void *of;
    VEC(struct share *) share; /* owned */
};

/* --- what the limits do, by whether it is up -------------------------------------------------- */

static enum limiter_mode mode_of(const struct share *s)
{
    if (s->state == UP)
        return LIMITER_COUNTS;
    switch (s->spec->when_down) {
    case WHEN_DOWN_LOCAL: return LIMITER_COUNTS;
    case WHEN_DOWN_ALLOW: return LIMITER_ALLOWS;
    case WHEN_DOWN_DENY: return LIMITER_DENIES;
    }
    return LIMITER_COUNTS;
}

static void set_modes(const struct share *s)
{
    for (uint32_t i = 0; i < s->limit.n; i++)
        atomic_store_explicit(&s->limit.at[i]->limiter->mode, mode_of(s), memory_order_relaxed);
}

static void view_of(const struct share *s, struct share_view *out)
{
    *out = (struct share_view){.spec = s->spec,
                               .up = s->state == UP,
                               .since_ns = s->since_ns,
                               .why = s->why,
                               .limits = s->limit.n,
                               .clusters = s->sticking.n,
                               .round_trips = s->round_trips,
                               .errors = s->errors,
                               .told = s->told,
                               .untold = s->untold,
                               .took_ns = s->took_ns};
    for (uint32_t i = 0; i < s->limit.n; i++)
        out->pending += s->limit.at[i]->pending.n;
    for (uint32_t i = 0; i < s->sticking.n; i++)
        out->pending += s->sticking.at[i]->pending.n;
}

static void say(const struct share *s)
{
    struct share_view view;
    view_of(s, &view);
    s->all->event(s->all->of, &view);
}

/* What somebody else has written, as one line of a log. */
static bool copy_reason(char out[SHARE_WHY_MAX], const char *why, size_t len)
{
    char made[SHARE_WHY_MAX];
    len = len < sizeof(made) - 1 ? len : sizeof(made) - 1;
    for (size_t i = 0; i < len; i++)
        made[i] = why[i] >= ' ' && why[i] <= '~' ? why[i] : '?';
    made[len] = '\0';
    const bool another = strcmp(made, out) != 0;
    memcpy(out, made, len + 1);
    return another;
}

/* --- up and down ------------------------------------------------------------------------------ */

static void hang_up(struct share *s)
{
    redis_free(s->redis);
    s->redis = NULL;
    s->asking = false;
    s->part.n = 0;
    timer_stop(&s->deadline);
}

/* What was counted meanwhile is told to nobody: each counts alone until it is up again. Clients are
 * told of then, as each remembers them. */
static void go_away(struct share *s, const char *why, size_t len)
{
    const bool was_up = s->state == UP;
    const int64_t now_ns = clock_now_ns();
    const bool another = copy_reason(s->why, why, len);
    hang_up(s);
    if (was_up && now_ns - s->since_ns > STEADY_NS)
        s->tries = 0;
    if (was_up || !s->settled)
        s->since_ns = now_ns;
    s->state = AWAY;
    s->settled = true;
    s->errors++;
    s->tries++;
    METRIC_ADD(s->all->metrics->shared_errors, 1);
    METRIC_ADD(s->all->metrics->shared_up, was_up ? -1 : 0);
    for (uint32_t i = 0; i < s->limit.n; i++)
        pending_clear(&s->limit.at[i]->pending);
    for (uint32_t i = 0; i < s->sticking.n; i++)
        sticking_begin(s->sticking.at[i]);
    set_modes(s);
    if (was_up || another)
        say(s);
    timer_set(&s->retry, backoff_ns(s->tries, rng_next(&s->all->rng)));
}

static void lost(void *of, const char *why)
{
    struct share *s = of;
    go_away(s, why, strlen(why));
}

static void too_late(void *of)
{
    struct share *s = of;
    const int64_t left_ns = s->asked_ns + s->spec->timeout_ns - clock_now_ns();
    if (left_ns > 0) /* timers may be some milliseconds early */
        timer_set(&s->deadline, left_ns);
    else
        lost(s, "it does not answer in time");
}

static void is_up(struct share *s)
{
    s->state = UP;
    s->settled = true;
    s->since_ns = clock_now_ns();
    s->why[0] = '\0';
    METRIC_ADD(s->all->metrics->shared_up, 1);
    set_modes(s);
    say(s);
}

static void answered_in_full(struct share *s)
{
    s->asking = false;
    s->took_ns = clock_now_ns() - s->asked_ns;
    s->round_trips++;
    METRIC_ADD(s->all->metrics->shared_round_trips, 1);
    timer_stop(&s->deadline);
}

static void ask(struct share *s)
{
    s->asking = true;
    s->answered = 0;
    s->asked_ns = clock_now_ns();
    timer_set(&s->deadline, s->spec->timeout_ns);
    redis_flush(s->redis);
}

/* --- the greeting ----------------------------------------------------------------------------- */

#define WORDS(...)                                                                                 \
    (const struct slice[])                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define N_WORDS(...) COUNT_OF(((const struct slice[]){__VA_ARGS__}))
#define SAY(s, ...)  redis_say((s)->redis, WORDS(__VA_ARGS__), N_WORDS(__VA_ARGS__))

static void greet(struct share *s)
{
    struct text number = {0}, probe = {0};
    if (s->password.len > 0)
        SAY(s, SLICE("AUTH"), s->password);
    text_addf(&number, "%u", s->spec->database);
    if (s->spec->database > 0)
        SAY(s, SLICE("SELECT"), text_slice(&number));
    SAY(s, SLICE("SCRIPT"), SLICE("LOAD"), slice_of(telling_script));
    SAY(s, SLICE("SCRIPT"), SLICE("LOAD"), slice_of(sticking_script));
    text_add(&probe, s->spec->prefix);
    text_adds(&probe, "probe"); /* can it be written to? */
    SAY(s, SLICE("SET"), text_slice(&probe), SLICE("1"), SLICE("PX"), SLICE("1000"));
    text_done(&number);
    text_done(&probe);
    s->greeting = s->password.len > 0     ? GREET_AUTH
                  : s->spec->database > 0 ? GREET_SELECT
                                          : GREET_LOAD;
    ask(s);
}

static bool is_loaded(struct script *script, const struct redis_reply *r)
{
    if (r->text.len != sizeof(script->name) - 1)
        return false;
    memcpy(script->name, r->text.at, r->text.len);
    return true;
}

static struct slice called(const struct script *script)
{
    return (struct slice){script->name, sizeof(script->name) - 1};
}

static void greeted(struct share *s, const struct redis_reply *r)
{
    if ((s->greeting == GREET_LOAD && !is_loaded(&s->telling, r)) ||
        (s->greeting == GREET_LOAD_STICKING && !is_loaded(&s->sticking_script, r))) {
        lost(s, "it does not know scripts");
        return;
    }
    s->greeting++;
    if (s->greeting == GREET_SELECT && s->spec->database == 0)
        s->greeting++;
    if (s->greeting < GREET_DONE)
        return;
    answered_in_full(s);
    is_up(s);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void missed(struct share *s, uint64_t n)
{
    s->untold += n;
    METRIC_ADD(s->all->metrics->shared_untold, (int64_t)n);
}

/* From the workers' rings. While nobody is there to be told, it is forgotten. */
static void gather(struct share *s)
{
    const bool keep = s->state == UP;
    for (uint32_t i = 0; i < s->limit.n; i++) {
        struct share_limit *l = s->limit.at[i];
        struct told_one one;
        for (uint32_t w = 0; w < l->limiter->n_workers; w++)
            while (told_take(&l->limiter->told[w], &one))
                missed(s, keep && !pending_add(&l->pending, one.hash, one.at_ns));
    }
    for (uint32_t i = 0; i < s->sticking.n; i++)
        missed(s, sticking_gather(s->sticking.at[i], keep, clock_now_ns()));
}

static uint32_t keys_of_command(const struct table_limit *spec)
{
    const uint32_t fit = REDIS_NUMBERS_MAX / (TELLING_NUMBERS * spec->n_rates);
    return fit < TELLING_KEYS_MAX ? fit : TELLING_KEYS_MAX;
}

/* The keys from `first` on that were taken of a limit. */
static void tell_limit(struct share *s, uint32_t which, uint32_t first, uint32_t n, int64_t now_ns)
{
    const struct share_limit *l = s->limit.at[which];
    const uint32_t most = keys_of_command(l->spec);
    for (uint32_t k = 0; k < n; k += most) {
        const struct part part = {
            .of = which, .first = first + k, .n = n - k < most ? n - k : most};
        telling_write(&s->words, called(&s->telling), s->spec->prefix, l->limiter, l->spec,
                      s->key + part.first, part.n, now_ns);
        redis_say(s->redis, s->words.word.at, s->words.word.n);
        VEC_ADD(&s->part, part);
    }
}

/* Also where there is none to tell: that is how others are heard. */
static void tell_clients(struct share *s, uint32_t which, uint32_t first, uint32_t n,
                         int64_t now_ns)
{
    const struct part part = {.clients = true, .of = which, .first = first, .n = n};
    sticking_write(&s->words, called(&s->sticking_script), s->spec->prefix, s->sticking.at[which],
                   s->key + first, n, now_ns);
    redis_say(s->redis, s->words.word.at, s->words.word.n);
    VEC_ADD(&s->part, part);
}

/* Everybody's keys in turn, as long as there is room. */
static void tell(struct share *s)
{
    uint32_t n = 0, others = s->limit.n + s->sticking.n;
    const int64_t now_ns = clock_now_ns();
    s->part.n = 0;
    s->orphans = false;
    for (uint32_t i = 0; i < s->limit.n; i++) {
        const uint32_t share = (SHARE_KEYS_MAX - n) / others--;
        const uint32_t taken = pending_take(&s->limit.at[i]->pending, share, s->key + n);
        tell_limit(s, i, n, taken, now_ns);
        n += taken;
    }
    for (uint32_t i = 0; i < s->sticking.n; i++) {
        const uint32_t share = (SHARE_KEYS_MAX - n) / others--;
        const uint32_t taken = sticking_take(s->sticking.at[i], share, s->key + n, now_ns);
        tell_clients(s, i, n, taken, now_ns);
        n += taken;
    }
    if (s->part.n > 0 || now_ns - s->asked_ns > ALIVE_NS) {
        if (s->part.n == 0)
            SAY(s, SLICE("PING"));
        s->told += n;
        ask(s);
    }
}

static void learn_clients(struct share *s, const struct part *part, const struct redis_reply *r)
{
    const uint32_t heard =
        sticking_learn(s->sticking.at[part->of], r->number, r->n, s->asked_ns, clock_now_ns());
    METRIC_ADD(s->all->metrics->sticky_heard, heard);
}

static void learn(struct share *s, const struct part *part, const struct redis_reply *r)
{
    struct share_limit *l = s->limit.at[part->of];
    struct rate_view view[TABLE_SHARED_RATES_MAX];
    const int64_t *number = r->number;
    for (uint32_t k = part->first; k < part->first + part->n; k++) {
        for (uint32_t i = 0; i < l->spec->n_rates; i++, number += TELLING_NUMBERS)
            view[i] = (struct rate_view){number[0], number[1], number[2]};
        limiter_learn(l->limiter, l->spec, s->key[k].hash, view,
                      pending_of(&l->pending, s->key[k].hash), s->asked_ns);
    }
}

static bool fits(const struct share *s, const struct redis_reply *r)
{
    if (s->part.n == 0)
        return r->kind == REDIS_TEXT;
    const struct part *part = &s->part.at[s->answered];
    if (s->orphans)
        return true;
    if (r->kind != REDIS_NUMBERS)
        return false;
    return part->clients ? sticking_fits(r->number, r->n)
                         : r->n == part->n * s->limit.at[part->of]->spec->n_rates * TELLING_NUMBERS;
}

/* Does it lag behind? */
static bool has_more(const struct share *s)
{
    for (uint32_t i = 0; i < s->limit.n; i++)
        if (s->limit.at[i]->pending.n >= SHARE_KEYS_MAX)
            return true;
    for (uint32_t i = 0; i < s->sticking.n; i++)
        if (s->sticking.at[i]->behind || s->sticking.at[i]->pending.n >= STICKING_TELL_MAX)
            return true;
    return false;
}

static void told(struct share *s, const struct redis_reply *r)
{
    if (!fits(s, r)) {
        lost(s, "it answered something else than was asked");
        return;
    }
    gather(s); /* so that what it has not heard of is known */
    if (s->part.n > 0 && !s->orphans) {
        const struct part *part = &s->part.at[s->answered];
        (part->clients ? learn_clients : learn)(s, part, r);
    }
    if (++s->answered < s->part.n)
        return;
    answered_in_full(s);
    if (has_more(s))
        tell(s);
}

static void answered(void *of, const struct redis_reply *r)
{
    struct share *s = of;
    if (!s->asking)
        lost(s, "it answered what nobody had asked");
    else if (r->kind == REDIS_ERROR)
        go_away(s, r->text.at, r->text.len);
    else if (s->state == GREETING)
        greeted(s, r);
    else
        told(s, r);
}

static void tick(void *of)
{
    struct share *s = of;
    timer_set(&s->tell, SHARE_TELL_NS);
    gather(s);
    if (s->state == UP && !s->asking)
        tell(s);
}

static void try_again(void *of)
{
    struct share *s = of;
    const struct redis_calls calls = {.answered = answered, .lost = lost, .of = s};
    s->state = GREETING;
    s->redis = redis_new(s->all->loop, &s->spec->address, &calls);
    greet(s);
}

/* --- from one configuration to the next ------------------------------------------------------- */

static void limit_free(struct share_limit *l)
{
    limiter_unpin(l->limiter);
    pending_done(&l->pending);
    free(l);
}

static void share_free(struct share *s)
{
    METRIC_ADD(s->all->metrics->shared_up, s->state == UP ? -1 : 0);
    hang_up(s);
    timer_stop(&s->tell);
    timer_stop(&s->retry);
    for (uint32_t i = 0; i < s->limit.n; i++)
        limit_free(s->limit.at[i]);
    for (uint32_t i = 0; i < s->sticking.n; i++)
        sticking_free(s->sticking.at[i]);
    VEC_DONE(&s->limit);
    VEC_DONE(&s->sticking);
    VEC_DONE(&s->part);
    words_done(&s->words);
    explicit_bzero(s->same, s->n_same);
    free(s->same);
    free(s);
}

/* Name, place, and what is said to it; the password last. */
static struct text sameness(const struct table_shared *spec, struct slice password)
{
    struct text same = {0};
    char at[ENDPOINT_TEXT_MAX];
    endpoint_format(&spec->address, at);
    text_addf(&same, SLICE_FMT " %s %u ", SLICE_ARG(spec->name), at, spec->database);
    text_add(&same, password);
    return same;
}

static struct share *share_new(struct shares *all, const struct table_shared *spec,
                               struct text *same, size_t password_bytes)
{
    struct share *s = MUST_NEW(struct share);
    s->all = all;
    s->spec = spec;
    s->same = same->at;
    s->n_same = same->len;
    s->password = (struct slice){same->at + same->len - password_bytes, password_bytes};
    s->since_ns = clock_now_ns();
    timer_init(&s->tell, all->loop, tick, s);
    timer_init(&s->deadline, all->loop, too_late, s);
    timer_init(&s->retry, all->loop, try_again, s);
    return s;
}

/* The one that goes on, or a new one. */
static struct share *take_share(struct shares *all, const struct table_shared *spec,
                                struct slice password)
{
    struct text same = sameness(spec, password);
    for (uint32_t i = 0; i < all->share.n; i++) {
        struct share *s = all->share.at[i];
        if (!s || s->n_same != same.len || memcmp(s->same, same.at, same.len) != 0)
            continue;
        explicit_bzero(same.at, same.len);
        text_done(&same);
        all->share.at[i] = NULL;
        s->spec = spec;
        return s;
    }
    return share_new(all, spec, &same, password.len);
}

static struct share_limit *take_limit(struct share *s, struct limiter *limiter,
                                      const struct table_limit *spec)
{
    for (uint32_t i = 0; i < s->limit.n; i++) {
        struct share_limit *l = s->limit.at[i];
        if (!l || l->limiter != limiter)
            continue;
        s->limit.at[i] = NULL;
        l->spec = spec;
        return l;
    }
    struct share_limit *l = MUST_NEW(struct share_limit);
    l->limiter = limiter_pin(limiter);
    l->spec = spec;
    pending_init(&l->pending);
    return l;
}

/* Those of them that are the same keep what is to be told. */
static void set_limits(struct share *s, const struct shares_of *of, uint32_t which)
{
    const struct table *t = of->table;
    __typeof__(s->limit) now = {0};
    for (uint32_t i = 0; i < t->n_limits; i++)
        if (t->limit[i].shared == which)
            VEC_ADD(&now, take_limit(s, of->limiter[i], &t->limit[i]));
    for (uint32_t i = 0; i < s->limit.n; i++)
        if (s->limit.at[i])
            limit_free(s->limit.at[i]);
    VEC_DONE(&s->limit);
    s->limit = now;
    set_modes(s);
}

static struct sticking *take_sticking(struct share *s, struct sticky *sticky,
                                      const struct table_cluster *spec, struct cluster *live)
{
    for (uint32_t i = 0; i < s->sticking.n; i++) {
        struct sticking *k = s->sticking.at[i];
        if (!k || k->sticky != sticky)
            continue;
        s->sticking.at[i] = NULL;
        k->spec = spec;
        k->live = live;
        return k;
    }
    return sticking_new(sticky, spec, live);
}

static void set_clusters(struct share *s, const struct shares_of *of, uint32_t which)
{
    const struct table *t = of->table;
    __typeof__(s->sticking) now = {0};
    for (uint32_t i = 0; i < t->n_clusters; i++)
        if (table_sticky_is_shared(&t->cluster[i].sticky) && t->cluster[i].sticky.shared == which)
            VEC_ADD(&now, take_sticking(s, of->sticky[i], &t->cluster[i], of->cluster[i]));
    for (uint32_t i = 0; i < s->sticking.n; i++)
        if (s->sticking.at[i])
            sticking_free(s->sticking.at[i]);
    VEC_DONE(&s->sticking);
    s->sticking = now;
}

void shares_set(struct shares *all, const struct shares_of *of)
{
    __typeof__(all->share) now = {0};
    for (uint32_t i = 0; i < of->table->n_shared; i++) {
        const struct table_shared *spec = &of->table->shared[i];
        struct share *s = take_share(all, spec,
                                     spec->password == TABLE_NO_SECRET
                                         ? SLICE("")
                                         : secret_value(of->secrets, spec->password));
        VEC_ADD(&now, s);
        set_limits(s, of, i);
        set_clusters(s, of, i);
        s->orphans = true; /* what is under way is numbered as before */
    }
    for (uint32_t i = 0; i < all->share.n; i++)
        if (all->share.at[i])
            share_free(all->share.at[i]);
    VEC_DONE(&all->share);
    all->share = now;
    for (uint32_t i = 0; i < now.n; i++)
        if (!now.at[i]->settled && now.at[i]->state == AWAY) { /* a new one */
            tick(now.at[i]);
            try_again(now.at[i]);
        }
}

bool shares_settled(const struct shares *all)
{
    for (uint32_t i = 0; i < all->share.n; i++)
        if (!all->share.at[i]->settled)
            return false;
    return true;
}

void shares_each(const struct shares *all, void (*each)(void *to, const struct share_view *s),
                 void *to)
{
    for (uint32_t i = 0; i < all->share.n; i++) {
        struct share_view view;
        view_of(all->share.at[i], &view);
        each(to, &view);
    }
}

struct shares *shares_new(struct loop *loop, struct metrics *metrics, uint64_t seed,
                          share_event *event, void *of)
{
    struct shares *all = MUST_NEW(struct shares);
    *all =
        (struct shares){.loop = loop, .metrics = metrics, .rng = {seed}, .event = event, .of = of};
    return all;
}

void shares_free(struct shares *all)
{
    if (!all)
        return;
    for (uint32_t i = 0; i < all->share.n; i++)
        share_free(all->share.at[i]);
    VEC_DONE(&all->share);
    free(all);
}
