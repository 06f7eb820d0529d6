/* What operators have set of servers, on the disk: written by a thread, and told once it is there.
 */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

/* A disk that was full may be so no more. */
#define AGAIN_NS (10 * NS_PER_S)

void overrides_write(const struct control *c, struct text *out)
{
    const struct journal_now now = control_both_clocks();
    journal_begin(out, c->changes.last);
    for (uint32_t i = 0; i < c->overrides.list.n; i++)
        journal_add(out, &c->overrides.list.at[i], now);
}

/* The file is another process's, before it lets go of its place or after we let go of ours. */
static bool may_write(const struct control *c)
{
    return c->config.keep && !takeover_waits(c) && !upgrade_lets_go(c);
}

/* Whoever waits for a version up to this one is told; `why` is empty, or why it is not kept. */
static void answer(struct control *c, uint64_t upto, struct slice why)
{
    struct overrides *all = &c->overrides;
    for (uint32_t i = 0; i < all->waiting.n;) {
        struct override_wait w = all->waiting.at[i];
        if (w.version > upto) {
            i++;
            continue;
        }
        all->waiting.n--;
        memmove(&all->waiting.at[i], &all->waiting.at[i + 1],
                (all->waiting.n - i) * sizeof(all->waiting.at[0]));
        if (why.len > 0)
            text_addf(&w.said,
                      "warning: it is so now, and is not kept over a restart: " SLICE_FMT "\n",
                      SLICE_ARG(why));
        const struct control_reload r = {.done = true,
                                         .server = true,
                                         .generation = c->newest->id,
                                         .report = text_slice(&w.said)};
        w.asker.done(w.asker.of, &r); /* whoever is told may ask for more at once */
        text_done(&w.said);
    }
}

/* What has become of the last one; why is in all->why. */
static void judge(struct overrides *all)
{
    if (all->kept)
        all->written = all->begun;
    if (!all->kept && !all->failing)
        log_line(LOG_ERROR, "what is set of servers is not kept: " SLICE_FMT,
                 SLICE_ARG(text_slice(&all->why)));
    if (all->kept && all->failing)
        log_line(LOG_INFO, "what is set of servers is kept again");
    all->failing = !all->kept;
}

static void *write_thread(void *of)
{
    struct control *c = of;
    struct overrides *all = &c->overrides;
    all->kept = c->config.keep(c->config.load_of, text_slice(&all->text), &all->why);
    mailbox_post(&c->box, &all->finished);
    return NULL;
}

static void join(struct overrides *all)
{
    if (!all->writing || all->joined)
        return;
    pthread_join(all->thread, NULL);
    all->joined = true;
    judge(all);
}

/* Whoever has waited is told at the first time that it fails; it is tried again. A process that is
 * ready to take our place has waited, too: it goes before anybody sets something else. */
static void write_finished(struct message *m)
{
    struct overrides *all = CONTAINER_OF(m, struct overrides, finished);
    struct control *c = CONTAINER_OF(all, struct control, overrides);
    join(all);
    all->writing = false;
    const bool held_up = upgrade_is_held_up(c);
    if (held_up)
        overrides_flush(c);
    struct text why = all->why;
    all->why = (struct text){0};
    const uint64_t upto = all->begun;
    const bool kept = all->kept;
    if (held_up)
        upgrade_goes(c);
    answer(c, upto, kept ? SLICE("") : text_slice(&why));
    text_done(&why);
    if (kept || all->version != upto)
        overrides_keep(c);
    else
        timer_set(&all->again, AGAIN_NS);
}

bool overrides_are_being_written(const struct control *c)
{
    return c->overrides.writing && !c->overrides.joined;
}

/* In a thread of its own, for a disk may be slow and this thread is everybody's. What comes
 * meanwhile is written next, all of it at once. */
void overrides_keep(struct control *c)
{
    struct overrides *all = &c->overrides;
    if (all->writing || all->written == all->version || !may_write(c))
        return;
    timer_stop(&all->again);
    text_clear(&all->text);
    overrides_write(c, &all->text);
    all->begun = all->version;
    all->finished.run = write_finished;
    all->joined = false;
    all->writing = pthread_create(&all->thread, NULL, write_thread, c) == 0;
    if (all->writing)
        return;
    all->kept = false;
    text_clear(&all->why);
    text_adds(&all->why, "there is no thread to be had for it");
    judge(all);
    answer(c, all->begun, text_slice(&all->why));
    timer_set(&all->again, AGAIN_NS);
}

static void keep_again(void *of)
{
    overrides_keep(of);
}

void overrides_keep_init(struct control *c)
{
    timer_init(&c->overrides.again, c->loop, keep_again, c);
}

/* Whoever waits is told by the message of the thread, which is still to come. */
void overrides_flush(struct control *c)
{
    struct overrides *all = &c->overrides;
    struct text text = {0};
    join(all);
    if (all->written == all->version || !may_write(c))
        return;
    overrides_write(c, &text);
    all->begun = all->version;
    text_clear(&all->why);
    all->kept = c->config.keep(c->config.load_of, text_slice(&text), &all->why);
    judge(all);
    text_done(&text);
}

void overrides_write_anew(struct control *c)
{
    c->overrides.version++;
    overrides_keep(c);
}

void overrides_answer(struct control *c, const struct control_asker *asker, struct text said)
{
    struct overrides *all = &c->overrides;
    struct override_wait w = {.version = all->version, .said = said};
    w.asker = (struct control_asker){.done = asker->done, .of = asker->of};
    if (asker->done)
        VEC_ADD(&all->waiting, w);
    else
        text_done(&said);
    overrides_keep(c);
    if (!all->writing)
        answer(c, UINT64_MAX, SLICE(""));
}
