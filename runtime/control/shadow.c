/* A candidate: decided by too, beside what is served, and counted. */
#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/log/log.h"

#define READ(field) atomic_load_explicit(&(field), memory_order_relaxed)

void shadow_drop(struct candidate *candidate)
{
    if (!candidate || --candidate->pins > 0)
        return;
    if (candidate->configuration)
        configuration_unpin(candidate->configuration);
    else
        table_free(candidate->table);
    free(candidate);
}

/* No worker looks into it any more. */
static void retired(struct message *m)
{
    struct shadow *s = CONTAINER_OF(m, struct shadow, retired);
    struct held_against *h = s->of;
    shadow_free(s);
    configuration_unpin(h->configuration);
    shadow_drop(h->candidate);
    free(h);
}

/* All workers take this one in place of the one they have, which goes then. */
static void give(struct control *c, struct held_against *h)
{
    c->shadow = h;
    for (uint32_t i = 0; i < c->n_workers; i++)
        worker_shadow(c->worker[i], h ? h->shadow : NULL);
}

static void begin(struct control *c, struct candidate *candidate)
{
    struct held_against *h = MUST_NEW(struct held_against);
    const struct generation *g = c->handed_over;
    candidate->pins++;
    *h = (struct held_against){.candidate = candidate,
                               .configuration = configuration_pin(g->configuration),
                               .generation = g->id,
                               .since_ns = clock_now_ns()};
    h->shadow = shadow_new(g->table, candidate->table, c->n_workers, &c->box, retired);
    h->shadow->of = h;
    give(c, h);
}

bool control_shadow(struct control *c, struct slice file, const struct control_asker *asker)
{
    if (file.len > CONTROL_CANDIDATE_BYTES_MAX || !c->serving) {
        text_adds(asker->why, c->serving ? "the name is too long" : "nothing is served yet");
        return false;
    }
    struct reload r = {.what = {.anew = true}, .asker = *asker};
    r.candidate = MUST_NEW(struct candidate);
    r.candidate->pins = 1;
    memcpy(r.candidate->file, file.at, file.len);
    r.what.candidate = r.candidate->file;
    return control_begin_reload(c, &r);
}

void shadow_loaded(struct control *c, struct reload *r)
{
    r->candidate->table = r->table;
    if (r->table) {
        begin(c, r->candidate);
        event_log(EVENT_SHADOW, LOG_INFO, ABOUT(slice_of(r->candidate->file)),
                  "%s decides too, and is only counted: \"show shadow\"", r->candidate->file);
    }
    shadow_drop(r->candidate);
    r->candidate = NULL;
}

void shadow_begin(struct control *c, struct configuration *configuration, const char *name)
{
    struct candidate *candidate = MUST_NEW(struct candidate);
    *candidate = (struct candidate){.pins = 1,
                                    .table = configuration->table,
                                    .configuration = configuration_pin(configuration)};
    snprintf(candidate->file, sizeof(candidate->file), "%s", name);
    begin(c, candidate);
    shadow_drop(candidate);
}

void shadow_follow(struct control *c)
{
    if (c->shadow && c->shadow->configuration != c->handed_over->configuration)
        begin(c, c->shadow->candidate);
}

void shadow_end(struct control *c)
{
    if (c->shadow)
        give(c, NULL);
}

bool control_shadow_off(struct control *c)
{
    const bool any = c->shadow != NULL;
    if (any)
        event_log(EVENT_SHADOW, LOG_INFO, ABOUT(slice_of(c->shadow->candidate->file)),
                  "%s is not compared with any more", c->shadow->candidate->file);
    shadow_end(c);
    return any;
}

/* --- what was counted ------------------------------------------------------------------------ */

struct kind {
    const struct shadow_kind *of; /* of the first worker that has it */
    uint64_t count;
};

struct kinds {
    VEC(struct kind) list;
};

static void add_kind(struct kinds *all, const struct shadow_kind *k)
{
    uint32_t i = 0;
    while (i < all->list.n && !shadow_same_kind(&all->list.at[i].of->pair, &k->pair))
        i++;
    if (i == all->list.n)
        VEC_ADD(&all->list, ((struct kind){.of = k}));
    all->list.at[i].count += READ(k->count);
}

static void add_worker(struct control_shadow *out, struct kinds *all, const struct shadow_worker *w)
{
    const uint32_t n = atomic_load_explicit(&w->n_kinds, memory_order_acquire);
    out->agreed += READ(w->agreed);
    out->others += READ(w->others);
    out->unlistened += READ(w->unlistened);
    for (uint32_t i = 0; i < DIFFERENCE_COUNT; i++) {
        out->by[i].count += READ(w->differ[i]);
        out->differ += READ(w->differ[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        add_kind(all, &w->kind[i]);
}

static int more_frequent(const void *a, const void *b)
{
    const struct kind *k = a, *l = b;
    return (k->count < l->count) - (k->count > l->count);
}

static void write_does(const struct table *t, const struct shadow_decision *d, struct text *out)
{
    table_end_write(t, &t->end[d->end], out);
    if (t->end[d->end].kind == END_SPLIT || t->end[d->end].kind == END_MAP)
        text_addf(out, ", to " SLICE_FMT, SLICE_ARG(t->cluster[d->cluster].name));
}

static struct control_decision describe(const struct table *t, const struct shadow_decision *d,
                                        struct text *does)
{
    const struct table_clause *clause = &t->clause[d->clause];
    write_does(t, d, does);
    return (struct control_decision){.route = t->route[clause->route].name,
                                     .file = clause->place.file,
                                     .clause = clause->number,
                                     .line = clause->place.line,
                                     .does = text_slice(does)};
}

static void tell(const struct shadow *s, const struct kind *k,
                 void (*each)(void *to, const struct control_shadow_kind *k), void *to)
{
    struct text before = {0}, after = {0};
    const struct control_shadow_kind out = {
        .what = verdict_difference_word(k->of->pair.what),
        .text = verdict_difference_text(k->of->pair.what),
        .before = describe(s->against, &k->of->pair.before, &before),
        .after = describe(s->candidate, &k->of->pair.after, &after),
        .count = k->count,
        .request = k->of->witness};
    each(to, &out);
    text_done(&before);
    text_done(&after);
}

_Static_assert(DIFFERENCE_COUNT <= CONTROL_SHADOW_WORDS, "each has its count");

bool control_shadow_info(const struct control *c, struct control_shadow *out,
                         void (*each)(void *to, const struct control_shadow_kind *k), void *to)
{
    const struct held_against *h = c->shadow;
    struct kinds all = {0};
    if (!h)
        return false;
    *out = (struct control_shadow){.file = slice_of(h->candidate->file),
                                   .generation = h->generation,
                                   .since_ns = clock_now_ns() - h->since_ns,
                                   .n_by = DIFFERENCE_COUNT};
    for (uint32_t i = 0; i < DIFFERENCE_COUNT; i++) {
        out->by[i].word = verdict_difference_word((enum verdict_difference)i);
        out->by[i].text = verdict_difference_text((enum verdict_difference)i);
    }
    for (uint32_t i = 0; i < c->n_workers; i++)
        add_worker(out, &all, h->shadow->worker[i]);
    out->compared = out->agreed + out->differ;
    if (all.list.n > 1)
        qsort(all.list.at, all.list.n, sizeof(*all.list.at), more_frequent);
    for (uint32_t i = 0; i < all.list.n; i++)
        tell(h->shadow, &all.list.at[i], each, to);
    VEC_DONE(&all.list);
    return true;
}
