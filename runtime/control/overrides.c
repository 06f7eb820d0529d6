/*
 * What operators have set of servers, over what the file says: at once, and kept.
 *
 * A list with one entry of a server and kind (state, weight), numbered among the changes: see the
 * README for when one holds. It is on the disk in a file of its own, for that of the changes is
 * written by loads, in two steps. A thread writes it, once for all that came meanwhile, and whoever
 * asked is answered then. A disk that fails is told and refuses nothing: a drain counts now.
 *
 * What was found (names, files of servers) has no weight in the file: there a weight holds until it
 * is undone. A process that takes our place gets the list with all else, and it alone writes from
 * then on; what is asked of us in the milliseconds until it serves is refused. Where a canary has a
 * server of that name at another address, it is about both; a server of which only the canary has
 * the name can't be set.
 */
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/control/override.h"
#include "runtime/log/events.h"

static struct override read_held(const struct change *g)
{
    struct override o;
    const bool is = override_read(text_slice(&g->sentence), &o);
    ASSERT(is); /* else it is not in the list */
    return o;
}

static struct slice sentence_of(const struct change *g)
{
    return override_sentence(text_slice(&g->sentence));
}

static void tell(const struct change *g, const char *what)
{
    event_log(EVENT_CHANGE, LOG_INFO, ABOUT_PROCESS, "change %llu %s: " SLICE_FMT,
              (unsigned long long)g->number, what, SLICE_ARG(sentence_of(g)));
}

/* Who ended one: nobody finds that in `show drift` any more. */
static void tell_end(const struct change *g, const char *how, struct slice who, struct slice why)
{
    struct change by = {0};
    change_note(&by, who, why);
    event_log(EVENT_CHANGE, LOG_INFO, ABOUT_PROCESS, "change %llu is %s by %s: " SLICE_FMT "%s%s",
              (unsigned long long)g->number, how, by.who, SLICE_ARG(sentence_of(g)),
              by.why[0] ? ", because " : "", by.why);
}

/* --- servers --------------------------------------------------------------------------------- */

/* What the file says of it; nothing of the weight of one that was found. */
static uint32_t in_file(const struct generation *g, uint32_t at, enum override_of of)
{
    const struct table_server *spec = &g->spec[at];
    const uint32_t written =
        g->part[spec->cluster].first + g->table->cluster[spec->cluster].n_servers;
    return of == OVERRIDE_STATE ? (uint32_t)spec->state : at < written ? spec->weight : 0;
}

static void set_state(struct server *s, enum server_admin admin)
{
    const int before = atomic_load_explicit(&s->admin, memory_order_relaxed);
    if (before == SERVER_MAINTENANCE && admin == SERVER_READY)
        server_rises(s, clock_now_ns());
    atomic_store_explicit(&s->admin, (int)admin, memory_order_relaxed);
    if (before != (int)admin)
        server_turns(s);
    s->admin_told = admin;
    event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
              "server %s/%s is set to %s", s->cluster_name, s->name,
              table_state_name((enum table_state)admin));
}

/* 0: as the file says. */
static void set_weight(struct server *s, uint32_t weight)
{
    atomic_store_explicit(&s->weight, weight, memory_order_relaxed);
    if (weight > 0)
        event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
                  "server %s/%s is set to weight %u", s->cluster_name, s->name, weight);
    else
        event_log(EVENT_SERVER, LOG_INFO, ABOUT(slice_of(s->cluster_name), slice_of(s->name)),
                  "server %s/%s has the weight that the file says", s->cluster_name, s->name);
}

/* `value` as in an override. Its cluster is to be told. */
static void set_server(const struct generation *g, uint32_t at, enum override_of of, uint32_t value)
{
    struct server *s = g->server[at];
    switch (of) {
    case OVERRIDE_STATE: set_state(s, (enum server_admin)value); return;
    case OVERRIDE_WEIGHT: set_weight(s, value == in_file(g, at, of) ? 0 : value); return;
    }
}

/* The server of that name, or UINT32_MAX, in the newest generation; and in the canary where it is
 * another one. */
struct found {
    const struct generation *g[2];
    uint32_t at[2];
};

static uint32_t find_in(const struct generation *g, struct slice name)
{
    uint32_t at;
    return g && control_find_server(g, name, &at, NULL) ? at : UINT32_MAX;
}

static struct found find(const struct control *c, struct slice name)
{
    const struct generation *g = c->newest, *canary = c->canary.generation;
    struct found f = {{g, canary}, {find_in(g, name), find_in(canary, name)}};
    if (f.at[0] != UINT32_MAX && f.at[1] != UINT32_MAX &&
        g->server[f.at[0]] == canary->server[f.at[1]])
        f.at[1] = UINT32_MAX;
    return f;
}

/* The server is as the file says again. */
static void release(struct control *c, const struct change *g)
{
    const struct override o = read_held(g);
    const struct found f = find(c, o.server);
    for (size_t i = 0; i < COUNT_OF(f.at); i++) {
        if (f.at[i] == UINT32_MAX || in_file(f.g[i], f.at[i], o.of) != o.file)
            continue;
        set_server(f.g[i], f.at[i], o.of, o.file);
        control_watch_server(c, f.g[i]->server[f.at[i]]);
    }
}

static bool fits(const struct control *c, const struct override *o)
{
    const uint32_t at = find_in(c->newest, o->server);
    return at != UINT32_MAX && in_file(c->newest, at, o->of) == o->file;
}

/* --- their ends ------------------------------------------------------------------------------ */

static void set_expiry(struct control *c)
{
    const int64_t next_ns = changes_first_end(c->overrides.list.at, c->overrides.list.n);
    timer_stop(&c->overrides.expiry);
    const int64_t left_ns = next_ns - clock_now_ns();
    if (next_ns != INT64_MAX)
        timer_set(&c->overrides.expiry, left_ns > 0 ? left_ns : 0);
}

/* It is not in the list any more; the list has changed. */
static struct change take(struct control *c, uint32_t i)
{
    struct overrides *all = &c->overrides;
    struct change g = all->list.at[i];
    all->list.n--;
    memmove(&all->list.at[i], &all->list.at[i + 1], (all->list.n - i) * sizeof(g));
    all->version++;
    return g;
}

static void expire(void *of)
{
    struct control *c = of;
    const int64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < c->overrides.list.n;) {
        if (!change_has_ended(&c->overrides.list.at[i], now_ns)) {
            i++;
            continue;
        }
        struct change g = take(c, i);
        tell(&g, "is over");
        release(c, &g);
        change_done(&g);
    }
    set_expiry(c);
    overrides_keep(c);
}

void overrides_settle(struct control *c)
{
    for (uint32_t i = 0; i < c->overrides.list.n;) {
        const struct override o = read_held(&c->overrides.list.at[i]);
        const uint32_t at = find_in(c->newest, o.server);
        if (at == UINT32_MAX || in_file(c->newest, at, o.of) != o.value) {
            i++;
            continue;
        }
        struct change g = take(c, i);
        tell(&g, "is what the file says now, and is over");
        change_done(&g);
    }
    set_expiry(c);
    overrides_keep(c);
}

/* --- a new generation ------------------------------------------------------------------------ */

struct placed {
    struct override o;
    const struct change *from;
};

static int compare_names(struct slice a, struct slice b)
{
    const int by_bytes = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static int by_server(const void *of_a, const void *of_b)
{
    const struct placed *a = of_a, *b = of_b;
    return compare_names(a->o.server, b->o.server);
}

static void apply(const struct generation *g, uint32_t at, const struct placed *p)
{
    const struct server *s = g->server[at];
    const uint32_t is = p->o.of == OVERRIDE_STATE
                            ? (uint32_t)atomic_load_explicit(&s->admin, memory_order_relaxed)
                            : atomic_load_explicit(&s->weight, memory_order_relaxed);
    if (in_file(g, at, p->o.of) != p->o.file || is == p->o.value)
        return;
    tell(p->from, "holds");
    set_server(g, at, p->o.of, p->o.value);
}

/* All of one server: at most one of each kind. */
static void apply_all(const struct generation *g, uint32_t at, const struct placed *placed,
                      uint32_t n, struct text *name)
{
    const struct server *s = g->server[at];
    text_clear(name);
    text_addf(name, "%s/%s", s->cluster_name, s->name);
    const struct placed wanted = {.o = {.server = text_slice(name)}};
    const struct placed *found = bsearch(&wanted, placed, n, sizeof(*placed), by_server);
    while (found && found > placed && by_server(found - 1, &wanted) == 0)
        found--;
    for (; found && found < placed + n && by_server(found, &wanted) == 0; found++)
        apply(g, at, found);
}

static uint32_t all_servers(const struct generation *g, uint32_t *out)
{
    for (uint32_t i = 0; i < g->n_servers; i++)
        out[i] = i;
    return g->n_servers;
}

void overrides_apply(const struct control *c, const struct generation *g,
                     const struct generation *but)
{
    const uint32_t n = c->overrides.list.n;
    if (n == 0)
        return;
    struct placed *placed = MUST_ARRAY(struct placed, n);
    uint32_t *at = MUST_ARRAY(uint32_t, g->n_servers + 1);
    struct text name = {0};
    for (uint32_t i = 0; i < n; i++)
        placed[i] = (struct placed){read_held(&c->overrides.list.at[i]), &c->overrides.list.at[i]};
    qsort(placed, n, sizeof(*placed), by_server);
    const uint32_t servers = but ? control_servers_alone(g, but, at) : all_servers(g, at);
    for (uint32_t i = 0; i < servers; i++)
        apply_all(g, at[i], placed, n, &name);
    text_done(&name);
    free(at);
    free(placed);
}

/* --- what operators ask ---------------------------------------------------------------------- */

/* UINT32_MAX: there is none. */
static uint32_t find_like(const struct control *c, const struct override *o)
{
    for (uint32_t i = 0; i < c->overrides.list.n; i++) {
        const struct override is = read_held(&c->overrides.list.at[i]);
        if (is.of == o->of && slice_eq(is.server, o->server))
            return i;
    }
    return UINT32_MAX;
}

static void describe_state(const struct override *o, struct text *out)
{
    static const char *const SAYS[] = {[SERVER_READY] = "is ready: it gets its share",
                                       [SERVER_DRAIN] = "drains: it gets nothing new",
                                       [SERVER_MAINTENANCE] =
                                           "is in maintenance: it gets nothing new"};
    text_addf(out, SLICE_FMT " %s", SLICE_ARG(o->server), SAYS[o->value]);
}

static void describe(const struct override *o, struct text *out)
{
    switch (o->of) {
    case OVERRIDE_STATE: describe_state(o, out); return;
    case OVERRIDE_WEIGHT:
        text_addf(out, SLICE_FMT " has weight %u", SLICE_ARG(o->server), o->value);
        return;
    }
}

static void remember(struct control *c, const struct override *o, const struct control_override *q,
                     struct slice who)
{
    const int64_t now_ns = clock_now_ns();
    struct change g = {.number = ++c->changes.last,
                       .made_ns = now_ns,
                       .until_ns = q->for_ns > 0 ? now_ns + q->for_ns : 0};
    change_note(&g, who, q->why);
    override_write(o, &g.sentence);
    event_log(EVENT_CHANGE, LOG_INFO, ABOUT_PROCESS, "change %llu by %s: " SLICE_FMT "%s%s",
              (unsigned long long)g.number, g.who, SLICE_ARG(sentence_of(&g)),
              g.why[0] ? ", because " : "", g.why);
    VEC_ADD(&c->overrides.list, g);
    c->overrides.version++;
}

/* Where another process has our place, or is about to get it, it is that one which should know. */
static bool may_set(const struct control *c, bool is_more, struct text *why)
{
    if (upgrade_lets_go(c) || takeover_waits(c))
        text_adds(why, upgrade_is_over(c) ? "another process serves in this one's place: ask it"
                                          : control_why_not_now(c));
    else if (is_more && c->overrides.list.n >= CONTROL_OVERRIDES_MAX)
        text_addf(why,
                  "%u servers are set otherwise than the file says already; undo some, or "
                  "commit them",
                  CONTROL_OVERRIDES_MAX);
    else
        return true;
    return false;
}

static void set_now(struct control *c, const struct override *o)
{
    const struct found f = find(c, o->server);
    for (size_t i = 0; i < COUNT_OF(f.at); i++) {
        if (f.at[i] == UINT32_MAX)
            continue;
        struct server *s = f.g[i]->server[f.at[i]];
        set_server(f.g[i], f.at[i], o->of, o->value);
        if (o->of == OVERRIDE_STATE && o->value == SERVER_READY)
            (void)control_end_ejection(s, "an operator says that it is ready");
        control_watch_server(c, s);
    }
}

bool control_override(struct control *c, const struct control_override *q,
                      const struct control_asker *asker)
{
    struct override o = {.of = q->weight > 0 ? OVERRIDE_WEIGHT : OVERRIDE_STATE,
                         .server = q->server,
                         .value = q->weight > 0 ? q->weight : (uint32_t)q->admin};
    uint32_t at;
    if (!control_find_server(c->newest, q->server, &at, asker->why))
        return false;
    o.file = in_file(c->newest, at, o.of);
    const bool differs = o.value != o.file;
    const uint32_t before = find_like(c, &o);
    if (!may_set(c, differs && before == UINT32_MAX, asker->why))
        return false;
    struct text said = {0};
    describe(&o, &said);
    if (before != UINT32_MAX) {
        struct change g = take(c, before);
        if (!differs)
            tell_end(&g, "ended", asker->who, q->why);
        change_done(&g);
    }
    if (differs) {
        remember(c, &o, q, asker->who);
        text_addf(&said, " (change %llu)", (unsigned long long)c->changes.last);
    } else if (q->for_ns > 0) {
        text_adds(&said, ", as the file says: that has no end");
    }
    text_addc(&said, '\n');
    set_now(c, &o);
    set_expiry(c);
    overrides_answer(c, asker, said);
    return true;
}

bool overrides_has(const struct control *c, uint64_t number)
{
    for (uint32_t i = 0; i < c->overrides.list.n; i++)
        if (c->overrides.list.at[i].number == number)
            return true;
    return false;
}

bool overrides_undo(struct control *c, uint64_t number, const struct control_asker *asker)
{
    uint32_t i = 0;
    if (!may_set(c, false, asker->why))
        return false;
    while (c->overrides.list.at[i].number != number)
        i++;
    struct change g = take(c, i);
    struct text said = {0};
    tell_end(&g, "undone", asker->who, SLICE(""));
    release(c, &g);
    text_addf(&said, SLICE_FMT " is as the file says (change %llu is undone)\n",
              SLICE_ARG(read_held(&g).server), (unsigned long long)number);
    change_done(&g);
    set_expiry(c);
    overrides_answer(c, asker, said);
    return true;
}

bool override_fits(const struct control *c, const struct change *g, struct slice *sentence)
{
    const struct override o = read_held(g);
    *sentence = sentence_of(g);
    return fits(c, &o);
}

/* --- the door -------------------------------------------------------------------------------- */

static void tell_bad_line(void *to, uint32_t number, struct slice line)
{
    (void)to;
    log_line(LOG_ERROR, "line %u of what was set of servers is none, and is left out: " SLICE_FMT,
             number, SLICE_ARG(line));
}

static void read_one(void *to, struct change g)
{
    struct control *c = to;
    struct override o;
    const bool is = override_read(text_slice(&g.sentence), &o);
    if (!is)
        log_line(LOG_ERROR,
                 "what was set of a server is not understood, and is left out: " SLICE_FMT,
                 SLICE_ARG(text_slice(&g.sentence)));
    if (is && c->overrides.list.n < CONTROL_OVERRIDES_MAX && !change_has_ended(&g, clock_now_ns()))
        VEC_ADD(&c->overrides.list, g);
    else
        change_done(&g);
}

static void read_all(struct control *c, struct slice journal)
{
    const uint64_t last = journal_read(journal, control_both_clocks(), read_one, tell_bad_line, c);
    c->changes.last = last > c->changes.last ? last : c->changes.last;
    set_expiry(c);
}

/* Is there one in its place, or still it, and does it hold? Both lists are in the order of their
 * numbers; *from is where to look first, at the begin 0. */
static bool holds_now(const struct control *c, const struct change *before, uint32_t *from)
{
    const struct overrides *all = &c->overrides;
    while (*from < all->list.n && all->list.at[*from].number < before->number)
        ++*from;
    const bool still = *from < all->list.n && all->list.at[*from].number == before->number;
    const struct override was = read_held(before);
    const uint32_t i = still ? *from : find_like(c, &was);
    if (i == UINT32_MAX)
        return false;
    const struct override is = read_held(&all->list.at[i]);
    return fits(c, &is);
}

void overrides_replace(struct control *c, struct slice journal)
{
    struct change *before = c->overrides.list.at;
    const uint32_t n = c->overrides.list.n;
    memset(&c->overrides.list, 0, sizeof(c->overrides.list));
    read_all(c, journal);
    for (uint32_t i = 0, from = 0; i < n; i++) {
        if (!holds_now(c, &before[i], &from))
            release(c, &before[i]);
        change_done(&before[i]);
    }
    free(before);
    overrides_apply(c, c->newest, NULL);
    overrides_settle(c);
}

void overrides_hand_over(const struct control *c, struct text *out)
{
    struct text journal = {0};
    overrides_write(c, &journal);
    handed_add_overrides(out, text_slice(&journal));
    text_done(&journal);
}

void overrides_init(struct control *c)
{
    timer_init(&c->overrides.expiry, c->loop, expire, c);
    overrides_keep_init(c);
    read_all(c, c->config.overrides);
}

void overrides_done(struct control *c)
{
    timer_stop(&c->overrides.expiry);
    timer_stop(&c->overrides.again);
    for (uint32_t i = 0; i < c->overrides.list.n; i++)
        change_done(&c->overrides.list.at[i]);
    VEC_DONE(&c->overrides.list);
    VEC_DONE(&c->overrides.waiting);
    text_done(&c->overrides.text);
    text_done(&c->overrides.why);
}
