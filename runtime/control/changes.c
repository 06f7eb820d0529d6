/* What is served and is not in the files: changes that operators made for a while. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

/* An end that came while something else was being loaded; and one that could not be. */
#define EXPIRY_AGAIN_NS  NS_PER_S
#define EXPIRY_FAILED_NS (60 * NS_PER_S)

static bool goes(const struct change *g, const struct reload *r)
{
    return g->number == r->undone || change_has_ended(g, r->now_ns);
}

/* Of the one that is new, unless it comes into the file. */
static bool stays_new(const struct reload *r)
{
    return r->change.number > 0 && !r->what.writes_last;
}

struct journal_now control_both_clocks(void)
{
    return (struct journal_now){.monotonic_ns = clock_now_ns(), .wall_ns = clock_wall_ns()};
}

static void write_journal(const struct control *c, struct reload *r)
{
    const struct journal_now now = control_both_clocks();
    journal_begin(&r->journal, c->changes.last);
    for (uint32_t i = 0; i < c->changes.list.n; i++)
        if (!goes(&c->changes.list.at[i], r))
            journal_add(&r->journal, &c->changes.list.at[i], now);
    if (stays_new(r))
        journal_add(&r->journal, &r->change, now);
    r->what.journal = text_slice(&r->journal);
    r->what.promises = stays_new(r) || r->undone > 0;
}

void changes_hand_over(const struct control *c, struct text *out)
{
    struct text journal = {0};
    const struct journal_now now = control_both_clocks();
    journal_begin(&journal, c->changes.last);
    for (uint32_t i = 0; i < c->changes.list.n; i++)
        journal_add(&journal, &c->changes.list.at[i], now);
    handed_add_journal(out, text_slice(&journal));
    text_done(&journal);
}

void changes_load(const struct control *c, struct reload *r)
{
    const uint32_t most = c->changes.list.n + 1;
    r->what.sentence = MUST_ARRAY(struct control_sentence, most);
    r->what.n = 0;
    for (uint32_t i = 0; i < c->changes.list.n; i++) {
        const struct change *g = &c->changes.list.at[i];
        if (!goes(g, r))
            r->what.sentence[r->what.n++] =
                (struct control_sentence){.text = text_slice(&g->sentence)};
    }
    r->what.judges_last = r->change.number > 0;
    if (r->what.judges_last)
        r->what.sentence[r->what.n++] =
            (struct control_sentence){.text = text_slice(&r->change.sentence)};
    write_journal(c, r);
}

static void expire(void *of);

static void set_expiry(struct control *c, bool failed)
{
    const int64_t next_ns = changes_first_end(c->changes.list.at, c->changes.list.n);
    timer_stop(&c->changes.expiry);
    if (next_ns == INT64_MAX)
        return;
    const int64_t left_ns = next_ns - clock_now_ns();
    timer_set(&c->changes.expiry, left_ns > 0 ? left_ns
                                  : failed    ? EXPIRY_FAILED_NS
                                              : EXPIRY_AGAIN_NS);
}

/* Beside two configurations none is loaded, and a canary may have no end. */
static void say_that_it_waits(struct control *c)
{
    if (c->changes.waits || (!canary_is_on(c) && !trial_is_on(c)))
        return;
    c->changes.waits = true;
    log_line(LOG_WARNING, "the time of a change is over, and it holds until %s has ended",
             canary_is_on(c) ? "the canary" : "the trial");
}

static void expire(void *of)
{
    struct control *c = of;
    struct reload r = {.asker = {.who = SLICE("time")}};
    if (control_begin_reload(c, &r)) {
        c->changes.waits = false;
    } else if (!c->draining) {
        say_that_it_waits(c);
        timer_set(&c->changes.expiry, EXPIRY_AGAIN_NS);
    }
}

static void log_change(const struct change *g, const char *what)
{
    char number[24];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)g->number);
    event_log(EVENT_CHANGE, LOG_INFO, ABOUT(slice_of(number)), "change %llu %s: " SLICE_FMT,
              (unsigned long long)g->number, what, SLICE_ARG(text_slice(&g->sentence)));
}

/* Those that stay are in the order of the sentences that were loaded. */
static void take_over(struct control *c, const struct reload *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->changes.list.n; i++) {
        struct change g = c->changes.list.at[i];
        if (goes(&g, r)) {
            log_change(&g, g.number == r->undone ? "is undone" : "is over");
            change_done(&g);
            continue;
        }
        const bool fits = r->what.sentence[kept].fits;
        if (g.fits && !fits)
            log_change(&g, "no longer fits the configuration");
        g.fits = fits;
        c->changes.list.at[kept++] = g;
    }
    c->changes.list.n = kept;
}

void changes_settle(struct control *c, struct reload *r, bool served)
{
    if (served)
        take_over(c, r);
    if (served && r->change.number > 0) {
        r->change.fits = true;
        char number[24];
        snprintf(number, sizeof(number), "%llu", (unsigned long long)r->change.number);
        event_log(EVENT_CHANGE, LOG_INFO, ABOUT(slice_of(number)),
                  "change %llu by %s%s: " SLICE_FMT "%s%s", (unsigned long long)r->change.number,
                  r->change.who, r->what.writes_last ? ", in the file" : "",
                  SLICE_ARG(text_slice(&r->change.sentence)), r->change.why[0] ? ", because " : "",
                  r->change.why);
    } else if (r->change.number > 0 && r->change.number == c->changes.last) {
        c->changes.last--; /* there was none of that number, and nobody has had the next one */
    }
    if (served && stays_new(r))
        VEC_ADD(&c->changes.list, r->change);
    else
        change_done(&r->change);
    free(r->what.sentence);
    text_done(&r->journal);
    r->what.sentence = NULL;
    r->what.journal = SLICE_NONE;
    const bool failed = !served && !r->candidate && r->canary.part == 0; /* as it is now */
    set_expiry(c, failed);
}

bool control_change(struct control *c, const struct control_request *q,
                    const struct control_asker *asker)
{
    if (c->changes.list.n >= CONTROL_CHANGES_MAX && !q->commit) {
        text_addf(asker->why, "there are %u changes already; undo some, or commit them",
                  CONTROL_CHANGES_MAX);
        return false;
    }
    if (q->sentence.len > CONTROL_CHANGE_BYTES_MAX) {
        text_addf(asker->why, "a change has at most %u bytes", CONTROL_CHANGE_BYTES_MAX);
        return false;
    }
    const int64_t now_ns = clock_now_ns();
    struct reload r = {.what = {.writes_last = q->commit, .names_known = q->names_known},
                       .asker = *asker};
    r.change = (struct change){.number = c->changes.last + 1,
                               .made_ns = now_ns,
                               .until_ns = q->for_ns > 0 ? now_ns + q->for_ns : 0};
    text_add(&r.change.sentence, q->sentence);
    change_note(&r.change, asker->who, q->why);
    c->changes.last = r.change.number; /* whatever is set of a server meanwhile has the next one */
    return control_begin_reload(c, &r);
}

bool control_undo(struct control *c, uint64_t change, const struct control_asker *asker)
{
    uint32_t i = 0;
    if (overrides_has(c, change))
        return overrides_undo(c, change, asker);
    while (i < c->changes.list.n && c->changes.list.at[i].number != change)
        i++;
    struct reload r = {.undone = change, .asker = *asker};
    if (i < c->changes.list.n)
        return control_begin_reload(c, &r);
    text_addf(asker->why, "there is no change %llu; \"show drift\" lists them",
              (unsigned long long)change);
    return false;
}

static struct control_change view_of(const struct change *g, int64_t now_ns)
{
    const int64_t left_ns = g->until_ns > now_ns ? g->until_ns - now_ns : 0;
    return (struct control_change){.number = g->number,
                                   .sentence = text_slice(&g->sentence),
                                   .who = slice_of(g->who),
                                   .why = slice_of(g->why),
                                   .age_ns = now_ns - g->made_ns,
                                   .left_ns = g->until_ns > 0 ? left_ns : -1,
                                   .fits = g->fits};
}

/* Both lists are in the order of their numbers, and so is what they come to. */
void control_changes(const struct control *c,
                     void (*each)(void *to, const struct control_change *s), void *to)
{
    const int64_t now_ns = clock_now_ns();
    const uint32_t n = c->changes.list.n, n_set = c->overrides.list.n;
    for (uint32_t i = 0, k = 0; i < n || k < n_set;) {
        const bool server =
            i == n || (k < n_set && c->overrides.list.at[k].number < c->changes.list.at[i].number);
        const struct change *g = server ? &c->overrides.list.at[k++] : &c->changes.list.at[i++];
        struct control_change view = view_of(g, now_ns);
        view.server = server;
        if (server)
            view.fits = override_fits(c, g, &view.sentence);
        each(to, &view);
    }
}

static void remember(void *to, struct change g)
{
    struct control *c = to;
    if (c->changes.list.n < CONTROL_CHANGES_MAX)
        VEC_ADD(&c->changes.list, g);
    else
        change_done(&g);
}

static void tell_bad_line(void *to, uint32_t number, struct slice line)
{
    (void)to;
    log_line(LOG_ERROR,
             "line %u of the changes that were kept is none, and is left out: " SLICE_FMT, number,
             SLICE_ARG(line));
}

void changes_init(struct control *c)
{
    timer_init(&c->changes.expiry, c->loop, expire, c);
    c->changes.last =
        journal_read(c->config.journal, control_both_clocks(), remember, tell_bad_line, c);
}

/* Changes that were there before the process make the first table, too. */
struct table *changes_at_start(struct control *c, struct table *without)
{
    if (c->changes.list.n == 0)
        return without;
    struct reload r = {.asker = {.who = SLICE("start")}, .now_ns = clock_now_ns()};
    changes_load(c, &r);
    r.what.who = r.asker.who;
    struct table *t = c->config.load(c->config.load_of, &r.what, &r.report);
    control_log_report(text_slice(&r.report), t ? LOG_WARNING : LOG_ERROR);
    if (t) {
        table_free(without);
        c->config.loaded(c->config.load_of, true, NULL);
    }
    changes_settle(c, &r, t != NULL);
    for (uint32_t i = 0; i < c->changes.list.n && !t; i++)
        c->changes.list.at[i].fits = false;
    text_done(&r.report);
    return t ? t : without;
}

void changes_done(struct control *c)
{
    timer_stop(&c->changes.expiry);
    for (uint32_t i = 0; i < c->changes.list.n; i++)
        change_done(&c->changes.list.at[i]);
    VEC_DONE(&c->changes.list);
}
