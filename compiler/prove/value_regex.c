/*
 * Values that match regular expressions, and do not match others: the automata are walked together,
 * shortest texts first, behind each beginning that the other demands ask for. What is found is
 * right; that nothing is found proves nothing, value_never_matches() does.
 */
#include "compiler/prove/value_priv.h"

#include "compiler/regex/example.h"
#include "compiler/table/match.h"
#include "runtime/base/vec.h"

#define EXPRESSIONS_MAX 8u
#define STEPS_MAX       4000u

struct step {
    uint32_t state[EXPRESSIONS_MAX];
    uint32_t from; /* the step before; UINT32_MAX at the beginning */
    char byte;
};

struct hunt {
    struct finder *finder;
    const struct regex_dfa *dfa[EXPRESSIONS_MAX];
    bool holds[EXPRESSIONS_MAX];
    uint32_t n;
    char letter[96]; /* one of each kind that the automata can tell apart */
    uint32_t letters;
    VEC(struct step) step;
    struct slice start, finish;
};

static bool same_kind(const struct hunt *h, char a, char b)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (h->dfa[i]->class_of[(uint8_t)a] != h->dfa[i]->class_of[(uint8_t)b])
            return false;
    return true;
}

static void choose_letters(struct hunt *h)
{
    static const char USUAL[] =
        "a1x0bcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ23456789-_./~"
        "!$&'()*+,;=:@%?#[]{}<>|\\^`\" ";
    for (const char *c = USUAL; *c; c++) {
        bool known = false;
        for (uint32_t i = 0; i < h->letters && !known; i++)
            known = same_kind(h, h->letter[i], *c);
        if (!known)
            h->letter[h->letters++] = *c;
    }
}

static bool accepted(const struct hunt *h, const struct step *s, struct slice finish)
{
    for (uint32_t i = 0; i < h->n; i++) {
        uint32_t state = s->state[i];
        for (size_t k = 0; k < finish.len; k++)
            state = regex_dfa_step(h->dfa[i], state, (uint8_t)finish.at[k]);
        if (regex_dfa_accepts(h->dfa[i], state) != h->holds[i])
            return false;
    }
    return true;
}

static bool is_new(const struct hunt *h, const struct step *s)
{
    for (uint32_t i = 0; i < h->step.n; i++)
        if (memcmp(h->step.at[i].state, s->state, h->n * sizeof(s->state[0])) == 0)
            return false;
    return true;
}

/* The text that led to the step, with what stands before and behind it. */
static struct slice text_of(const struct hunt *h, uint32_t step)
{
    size_t n = 0;
    for (uint32_t at = step; h->step.at[at].from != UINT32_MAX; at = h->step.at[at].from)
        n++;
    const size_t len = h->start.len + n + h->finish.len;
    char *text = ARENA_ARRAY(h->finder->arena, char, len + 1);
    memcpy(text, h->start.at, h->start.len);
    memcpy(text + h->start.len + n, h->finish.at, h->finish.len);
    size_t to = h->start.len + n;
    for (uint32_t at = step; h->step.at[at].from != UINT32_MAX; at = h->step.at[at].from)
        text[--to] = h->step.at[at].byte;
    return (struct slice){text, len};
}

static bool walk(struct hunt *h)
{
    h->step.n = 0;
    struct step first = {.from = UINT32_MAX};
    for (uint32_t i = 0; i < h->n; i++) {
        first.state[i] = h->dfa[i]->start;
        for (size_t k = 0; k < h->start.len; k++)
            first.state[i] = regex_dfa_step(h->dfa[i], first.state[i], (uint8_t)h->start.at[k]);
    }
    VEC_ADD(&h->step, first);
    for (uint32_t at = 0; at < h->step.n && h->step.n < STEPS_MAX; at++) {
        if (accepted(h, &h->step.at[at], h->finish) && value_try_text(h->finder, text_of(h, at)))
            return true;
        for (uint32_t l = 0; l < h->letters; l++) {
            struct step next = {.from = at, .byte = h->letter[l]};
            for (uint32_t i = 0; i < h->n; i++)
                next.state[i] =
                    regex_dfa_step(h->dfa[i], h->step.at[at].state[i], (uint8_t)h->letter[l]);
            if (is_new(h, &next))
                VEC_ADD(&h->step, next);
        }
    }
    return false;
}

bool value_find_matching(struct finder *f, const struct slice *start, uint32_t n,
                         struct slice finish)
{
    struct hunt h = {.finder = f, .finish = finish};
    for (uint32_t i = 0; i < f->n && h.n < EXPRESSIONS_MAX; i++) {
        const struct demand *d = &f->demand[i];
        if (d->atom->op != OP_MATCHES)
            continue;
        h.dfa[h.n] = &d->table->regex[d->atom->set].dfa;
        h.holds[h.n++] = d->holds;
    }
    bool found = false;
    if (h.n > 0)
        choose_letters(&h);
    for (uint32_t i = 0; i < n && h.n > 0 && !found; i++) {
        h.start = start[i];
        found = walk(&h);
    }
    VEC_DONE(&h.step);
    return found;
}

#define PRODUCT_MAX 2000u /* states looked at for a proof */

static bool has_none(struct finder *f, const struct regex_demand *demand, uint32_t n,
                     struct slice prefix, struct slice suffix)
{
    const struct regex_question q = {.demand = demand,
                                     .n_demands = n,
                                     .prefix = prefix,
                                     .suffix = suffix,
                                     .budget = PRODUCT_MAX};
    struct slice example;
    return regex_example(&q, f->arena, &example) == REGEX_NONE;
}

static bool all_match(const struct finder *f, struct slice text)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (d->atom->op == OP_MATCHES && match_value(d->table, d->atom, text) != d->holds)
            return false;
    }
    return true;
}

static struct slice below(struct finder *f, struct slice above)
{
    const bool ends = above.len > 0 && above.at[above.len - 1] == '/';
    return ends ? above : arena_format(f->arena, SLICE_FMT "/", SLICE_ARG(above));
}

bool value_never_matches(struct finder *f)
{
    struct regex_demand demand[EXPRESSIONS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n && n < EXPRESSIONS_MAX; i++)
        if (f->demand[i].atom->op == OP_MATCHES)
            demand[n++] = (struct regex_demand){
                &f->demand[i].table->regex[f->demand[i].atom->set].dfa, !f->demand[i].holds};
    if (n == 0)
        return false;
    bool none = has_none(f, demand, n, SLICE(""), SLICE(""));
    for (uint32_t i = 0; i < f->n && !none; i++) {
        const struct table_atom *a = f->demand[i].atom;
        if (!f->demand[i].holds)
            continue;
        if (a->op == OP_STARTS_WITH)
            none = has_none(f, demand, n, a->string, SLICE(""));
        else if (a->op == OP_ENDS_WITH)
            none = has_none(f, demand, n, SLICE(""), a->string);
        else if (a->op == OP_UNDER)
            none =
                !all_match(f, a->string) && has_none(f, demand, n, below(f, a->string), SLICE(""));
    }
    return none;
}
