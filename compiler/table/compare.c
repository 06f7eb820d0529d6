#include "compiler/table/compare.h"

#include "compiler/table/changes.h"
#include "compiler/table/eval.h"

/* A location that is longer is compared as far as that. */
#define LOCATION_BYTES 1024u

enum fate { FATE_FORWARDED, FATE_ANSWERED, FATE_DROPPED, FATE_TARPIT, FATE_PASSED };

static bool is_refused(const struct compared *c)
{
    return c->verdict->overflow || c->verdict->bad_target;
}

static enum fate fate_of(const struct compared *c)
{
    if (is_refused(c))
        return FATE_ANSWERED;
    switch (c->table->end[c->verdict->end].kind) {
    case END_FORWARD:
    case END_SPLIT:
    case END_MAP: return FATE_FORWARDED;
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT: return FATE_ANSWERED;
    case END_DROP: return FATE_DROPPED;
    case END_TARPIT: return FATE_TARPIT;
    case END_PASS: break;
    }
    return FATE_PASSED;
}

static uint16_t status_of(const struct compared *c)
{
    return c->verdict->overflow     ? 431
           : c->verdict->bad_target ? 400
                                    : c->table->end[c->verdict->end].status;
}

static const struct table_end *end_of(const struct compared *c)
{
    return &c->table->end[c->verdict->end];
}

static struct slice location_of(const struct compared *c, const struct facts *f,
                                char out[LOCATION_BYTES])
{
    const struct table_template *to = &end_of(c)->location;
    if (to->n == 0)
        return SLICE_NONE;
    const size_t n = eval_template(c->table, to, f, c->verdict, out, LOCATION_BYTES);
    return (struct slice){out, n < LOCATION_BYTES ? n : LOCATION_BYTES};
}

static bool same_answer(const struct compared *a, const struct compared *b, const struct facts *f)
{
    const struct table_end *e = end_of(a), *o = end_of(b);
    if (e->kind != o->kind || !slice_eq(e->type, o->type) || !slice_eq(e->body, o->body))
        return false;
    char here[LOCATION_BYTES], there[LOCATION_BYTES];
    return e->kind != END_REDIRECT || slice_eq(location_of(a, f, here), location_of(b, f, there));
}

/* --- changes --------------------------------------------------------------------------------- */

static const struct table_effect *effect_of(const struct compared *c, uint32_t i)
{
    return &c->table->effect[c->verdict->effect[i]];
}

static bool is_header(const struct table_effect *e)
{
    return table_effect_is_header(e->kind, false) || table_effect_is_header(e->kind, true);
}

/* Targets are compared as they come out. Of what is sent on nothing shows where nothing is. */
static bool shows(const struct table_effect *e, bool forwarded)
{
    if (table_effect_is_target(e->kind))
        return false;
    return forwarded ||
           !(table_effect_is_header(e->kind, false) || e->kind == EFFECT_TIMEOUT_READ ||
             e->kind == EFFECT_RETRY || e->kind == EFFECT_COMPRESS);
}

static bool same_thing(const struct table_effect *e, const struct table_effect *f)
{
    if (!is_header(e))
        return e->kind == f->kind;
    return is_header(f) && slice_eq(e->name, f->name) &&
           table_effect_is_header(e->kind, true) == table_effect_is_header(f->kind, true);
}

/* Does it leave nothing of what was said of the same thing before? */
static bool is_last_word(const struct table_effect *e)
{
    return e->kind == EFFECT_SET_HEADER || e->kind == EFFECT_REMOVE_HEADER ||
           e->kind == EFFECT_SET_RESPONSE_HEADER || e->kind == EFFECT_REMOVE_RESPONSE_HEADER ||
           e->kind == EFFECT_TIMEOUT_READ || e->kind == EFFECT_RETRY || e->kind == EFFECT_CORS;
}

static bool counts(const struct compared *c, uint32_t i, bool forwarded)
{
    const struct table_effect *e = effect_of(c, i);
    if (!shows(e, forwarded))
        return false;
    for (uint32_t k = i + 1; k < c->verdict->n_effects; k++)
        if (is_last_word(effect_of(c, k)) && same_thing(e, effect_of(c, k)))
            return false;
    return true;
}

static bool same_effect(const struct compared *a, uint32_t i, const struct compared *b, uint32_t k)
{
    const struct table_effect *e = effect_of(a, i), *o = effect_of(b, k);
    if (e->kind != o->kind || !slice_eq(e->name, o->name) ||
        (!effect_is_named(e->kind) && e->number != o->number))
        return false;
    const bool valued = e->kind == EFFECT_SET_HEADER || e->kind == EFFECT_ADD_HEADER ||
                        e->kind == EFFECT_SET_RESPONSE_HEADER ||
                        e->kind == EFFECT_ADD_RESPONSE_HEADER;
    if (valued)
        return slice_eq(a->verdict->value[i], b->verdict->value[k]);
    return e->kind != EFFECT_MIRROR ||
           slice_eq(a->table->cluster[e->cluster].name, b->table->cluster[o->cluster].name);
}

/* How many that count are about the same thing as effect `of`, before `end`. */
static uint32_t count_before(const struct compared *c, const struct table_effect *of, uint32_t end,
                             bool forwarded)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < end; i++)
        n += same_thing(of, effect_of(c, i)) && counts(c, i, forwarded);
    return n;
}

/* For each that counts the other side has the same, as the n-th about that thing. */
static enum verdict_difference lacks(const struct compared *a, const struct compared *b,
                                     bool forwarded)
{
    enum verdict_difference worst = DIFFERENCE_NONE;
    for (uint32_t i = 0; i < a->verdict->n_effects; i++) {
        const struct table_effect *e = effect_of(a, i);
        if (!counts(a, i, forwarded))
            continue;
        const uint32_t nth = count_before(a, e, i, forwarded);
        uint32_t k = 0;
        while (k < b->verdict->n_effects &&
               !(same_thing(e, effect_of(b, k)) && counts(b, k, forwarded) &&
                 count_before(b, e, k, forwarded) == nth))
            k++;
        if (k < b->verdict->n_effects && same_effect(a, i, b, k))
            continue;
        const enum verdict_difference d = is_header(e) ? DIFFERENCE_HEADERS : DIFFERENCE_RULES;
        worst = d < worst ? d : worst;
    }
    return worst;
}

static bool same_sequence(const struct compared *a, const struct compared *b)
{
    const uint32_t n = a->verdict->n_effects;
    for (uint32_t i = 0; i < n && n == b->verdict->n_effects; i++)
        if (!same_effect(a, i, b, i))
            return false;
    return n == b->verdict->n_effects;
}

static enum verdict_difference compare_effects(const struct compared *a, const struct compared *b,
                                               bool forwarded)
{
    if (same_sequence(a, b))
        return DIFFERENCE_NONE;
    const enum verdict_difference d = lacks(a, b, forwarded), o = lacks(b, a, forwarded);
    return d < o ? d : o;
}

static bool same_target(const struct compared *a, const struct compared *b, const struct facts *f)
{
    if (!a->verdict->rewritten && !b->verdict->rewritten)
        return true;
    return slice_eq(changed_uri(f, a->verdict), changed_uri(f, b->verdict));
}

static enum verdict_difference compare_ends(const struct compared *a, const struct compared *b,
                                            enum fate fate, const struct facts *f)
{
    switch (fate) {
    case FATE_FORWARDED:
        return slice_eq(a->table->cluster[a->verdict->cluster].name,
                        b->table->cluster[b->verdict->cluster].name)
                   ? DIFFERENCE_NONE
                   : DIFFERENCE_CLUSTER;
    case FATE_ANSWERED:
        if (status_of(a) != status_of(b))
            return DIFFERENCE_STATUS;
        return is_refused(a) || same_answer(a, b, f) ? DIFFERENCE_NONE : DIFFERENCE_ANSWER;
    case FATE_TARPIT:
        return end_of(a)->delay_ns == end_of(b)->delay_ns ? DIFFERENCE_NONE : DIFFERENCE_ANSWER;
    case FATE_DROPPED:
    case FATE_PASSED: break;
    }
    return DIFFERENCE_NONE;
}

enum verdict_difference verdict_compare(struct compared a, struct compared b, const struct facts *f)
{
    const enum fate fate = fate_of(&a);
    if (fate != fate_of(&b))
        return DIFFERENCE_OUTCOME;
    const bool refused = is_refused(&a);
    if (refused != is_refused(&b))
        return status_of(&a) == status_of(&b) ? DIFFERENCE_ANSWER : DIFFERENCE_STATUS;
    const enum verdict_difference d = compare_ends(&a, &b, fate, f);
    if (d != DIFFERENCE_NONE || refused)
        return d;
    if (fate == FATE_FORWARDED && !same_target(&a, &b, f))
        return DIFFERENCE_TARGET;
    return compare_effects(&a, &b, fate == FATE_FORWARDED);
}

const char *verdict_difference_word(enum verdict_difference d)
{
    static const char *const word[] = {
#define DIFFERENCE(id, word, text) word,
        VERDICT_DIFFERENCES(DIFFERENCE)
#undef DIFFERENCE
            [DIFFERENCE_COUNT] = "none"};
    return word[d];
}

const char *verdict_difference_text(enum verdict_difference d)
{
    static const char *const text[] = {
#define DIFFERENCE(id, word, text) text,
        VERDICT_DIFFERENCES(DIFFERENCE)
#undef DIFFERENCE
            [DIFFERENCE_COUNT] = "alike"};
    return text[d];
}
