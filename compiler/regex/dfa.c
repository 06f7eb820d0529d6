/*
 * Program to automaton: the subset construction. A state is the set of instructions that wait for a
 * byte, for the end or for a word's edge; what waits for a match begins anew at every byte, so that
 * the automaton searches. A state that has matched is REGEX_ALWAYS, whatever else is in it.
 */
#include "compiler/regex/regex_priv.h"
#include "runtime/base/hash.h"
#include "runtime/base/vec.h"

/* What comes behind a position, as far as conditions want to know. */
enum behind { BEHIND_UNKNOWN, BEHIND_END, BEHIND_WORD, BEHIND_OTHER };

struct position {
    bool at_begin, behind_word; /* what stands before it */
    enum behind behind;
};

struct state {
    uint32_t first, n; /* of subsets.item */
    bool at_begin, behind_word;
};

struct subsets {
    struct regex_program p;
    const struct regex_limits *limits;
    bool asks_words; /* it has \b or \B */
    bool out_of_states, out_of_work;
    uint64_t work;

    uint8_t class_of[256], byte_of[256]; /* byte_of: some byte of each class */
    uint32_t n_classes;

    VEC(struct state) states;
    VEC(uint16_t) item;
    VEC(uint16_t) next;
    uint32_t *slot; /* 1 + a state's number; 0 where free */
    uint32_t mask;

    /* The set being built. */
    uint64_t *seen, *kept;
    uint32_t n_words;
    uint16_t *todo;
    bool matched;
    uint16_t *resolved[2]; /* scratch of state_resolve() */
};

/* ---- classes of bytes ---- */

static void classes_split(struct subsets *s, const struct regex_set *by)
{
    uint16_t inside[256]; /* 1 + the class of those of a class that are in the set */
    bool outside[256] = {false};
    memset(inside, 0, sizeof(inside));
    for (uint32_t c = 0; c < 256; c++)
        if (!regex_set_has(by, (uint8_t)c))
            outside[s->class_of[c]] = true;
    for (uint32_t c = 0; c < 256; c++) {
        const uint8_t class = s->class_of[c];
        if (!regex_set_has(by, (uint8_t)c) || !outside[class])
            continue;
        if (inside[class] == 0)
            inside[class] = (uint16_t)(1 + s->n_classes++);
        s->class_of[c] = (uint8_t)(inside[class] - 1);
    }
}

static void classes_find(struct subsets *s)
{
    bool single[256] = {false};
    s->n_classes = 1;
    for (uint32_t i = 0; i < s->p.n_sets; i++)
        classes_split(s, &s->p.set[i]);
    for (uint32_t i = 0; i < s->p.n_instructions; i++)
        if (s->p.instruction[i].op == REGEX_BYTE)
            single[s->p.instruction[i].byte] = true;
    for (uint32_t c = 0; c < 256; c++) {
        struct regex_set only = {{0}};
        set_add(&only, (uint8_t)c, (uint8_t)c);
        if (single[c])
            classes_split(s, &only);
    }
    if (s->asks_words) {
        struct regex_set word;
        (void)set_of_letter('w', &word);
        classes_split(s, &word);
    }
    for (uint32_t c = 0; c < 256; c++)
        s->byte_of[s->class_of[c]] = (uint8_t)c;
}

/* ---- sets of instructions ---- */

static void set_begin(struct subsets *s)
{
    memset(s->seen, 0, s->n_words * sizeof(uint64_t));
    memset(s->kept, 0, s->n_words * sizeof(uint64_t));
    s->matched = false;
}

/* Does a condition hold? Where that can't be known yet, it waits. */
static bool condition_holds(enum regex_op op, const struct position *at, bool *waits)
{
    *waits = op != REGEX_BEGIN && at->behind == BEHIND_UNKNOWN;
    if (op == REGEX_BEGIN)
        return at->at_begin;
    if (op == REGEX_END)
        return at->behind == BEHIND_END;
    const bool edge = at->behind_word != (at->behind == BEHIND_WORD);
    return !*waits && edge == (op == REGEX_WORD_EDGE);
}

/* Adds an instruction, and all that it leads to without taking a byte. Each is expanded once, and a
 * split puts off one way, so todo[] never holds more than there are instructions. */
static void set_reach(struct subsets *s, uint16_t first, const struct position *at)
{
    uint32_t n = 0;
    s->todo[n++] = first;
    while (n > 0) {
        uint16_t i = s->todo[--n];
        while (!(s->seen[i / 64] >> (i % 64) & 1)) {
            const struct regex_instruction *in = &s->p.instruction[i];
            const enum regex_op op = (enum regex_op)in->op;
            bool waits = op == REGEX_BYTE || op == REGEX_SET;
            s->seen[i / 64] |= UINT64_C(1) << (i % 64);
            s->work++;
            s->matched |= op == REGEX_MATCH;
            if (op == REGEX_SPLIT)
                s->todo[n++] = in->other;
            const bool goes_on = op == REGEX_SPLIT || op == REGEX_SAVE ||
                                 (!waits && op != REGEX_MATCH && condition_holds(op, at, &waits));
            if (waits)
                s->kept[i / 64] |= UINT64_C(1) << (i % 64);
            if (!goes_on)
                break;
            i = in->next;
        }
    }
}

static bool state_is(const struct subsets *s, const struct state *a, const struct state *b)
{
    return a->n == b->n && a->at_begin == b->at_begin && a->behind_word == b->behind_word &&
           (a->n == 0 || memcmp(&s->item.at[a->first], &s->item.at[b->first],
                                a->n * sizeof(s->item.at[0])) == 0);
}

static void slots_grow(struct subsets *s)
{
    const uint32_t mask = s->mask ? 2 * s->mask + 1 : 255;
    free(s->slot);
    s->slot = MUST_ARRAY(uint32_t, (size_t)mask + 1);
    s->mask = mask;
    for (uint32_t i = REGEX_ALWAYS + 1; i < s->states.n; i++) {
        const struct state *old = &s->states.at[i];
        uint64_t at = hash_bytes(s->item.at + old->first, old->n * sizeof(uint16_t), 0);
        while (s->slot[at & mask])
            at++;
        s->slot[at & mask] = i + 1;
    }
}

/* The number of the state with these items, which are the last in s->item: an old one's, and then
 * they are given back, or a new one's. */
static uint32_t state_intern(struct subsets *s, struct state new)
{
    if (s->states.n > s->mask / 2)
        slots_grow(s);
    uint64_t at = hash_bytes(s->item.at + new.first, new.n * sizeof(uint16_t), 0);
    for (; s->slot[at & s->mask]; at++)
        if (state_is(s, &s->states.at[s->slot[at & s->mask] - 1], &new)) {
            s->item.n = new.first;
            return s->slot[at & s->mask] - 1;
        }
    if (s->states.n == s->limits->states) {
        s->out_of_states = true;
        return REGEX_DEAD;
    }
    VEC_ADD(&s->states, new);
    s->slot[at & s->mask] = s->states.n;
    return s->states.n - 1;
}

/* The number of the state that was built since set_begin(). */
static uint32_t set_state(struct subsets *s, const struct position *at)
{
    struct state new = {.first = s->item.n, .at_begin = at->at_begin};
    new.behind_word = s->asks_words && at->behind_word;
    if (s->matched)
        return REGEX_ALWAYS;
    for (uint32_t w = 0; w < s->n_words; w++)
        for (uint64_t bits = s->kept[w]; bits; bits &= bits - 1)
            VEC_ADD(&s->item, (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(bits)));
    new.n = s->item.n - new.first;
    return new.n == 0 ? REGEX_DEAD : state_intern(s, new);
}

/* ---- steps ---- */

static bool takes(const struct subsets *s, const struct regex_instruction *in, uint8_t byte)
{
    return in->op == REGEX_BYTE  ? in->byte == byte
           : in->op == REGEX_SET ? regex_set_has(&s->p.set[in->other], byte)
                                 : false;
}

/* Resolves the conditions of a state that wait for what comes behind it: the first *n of items are
 * what it is then. True when that is a match. */
static bool state_resolve(struct subsets *s, uint32_t number, enum behind behind, uint16_t *items,
                          uint32_t *n)
{
    const struct state state = s->states.at[number];
    const struct position at = {state.at_begin, state.behind_word, behind};
    set_begin(s);
    for (uint32_t i = 0; i < state.n; i++)
        set_reach(s, s->item.at[state.first + i], &at);
    *n = 0;
    for (uint32_t w = 0; w < s->n_words; w++)
        for (uint64_t bits = s->kept[w]; bits; bits &= bits - 1)
            items[(*n)++] = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(bits));
    return s->matched;
}

static uint32_t state_step(struct subsets *s, const uint16_t *items, uint32_t n, uint8_t byte)
{
    const struct position behind = {false, regex_is_word(byte), BEHIND_UNKNOWN};
    set_begin(s);
    for (uint32_t i = 0; i < n; i++)
        if (takes(s, &s->p.instruction[items[i]], byte))
            set_reach(s, s->p.instruction[items[i]].next, &behind);
    set_reach(s, (uint16_t)s->p.entry, &behind);
    s->work += n + 2 * s->n_words;
    return set_state(s, &behind);
}

/* Adds the row of a state, for each class of bytes. */
static void state_expand(struct subsets *s, uint32_t number)
{
    uint32_t n[2];
    bool matched[2];
    for (int word = 0; word < 2; word++)
        matched[word] = state_resolve(s, number, word ? BEHIND_WORD : BEHIND_OTHER,
                                      s->resolved[word], &n[word]);
    for (uint32_t c = 0; c < s->n_classes; c++) {
        const uint8_t byte = s->byte_of[c];
        const bool word = regex_is_word(byte);
        const uint32_t to =
            matched[word] ? REGEX_ALWAYS : state_step(s, s->resolved[word], n[word], byte);
        VEC_ADD(&s->next, (uint16_t)to);
    }
    s->out_of_work |= s->work > s->limits->work;
}

static bool state_accepts(struct subsets *s, uint32_t number)
{
    uint32_t n;
    return state_resolve(s, number, BEHIND_END, s->resolved[0], &n);
}

static void subsets_init(struct subsets *s, const struct regex *re,
                         const struct regex_limits *limits, struct arena *scratch)
{
    *s = (struct subsets){.limits = limits};
    nfa_build(re->tree, false, scratch, &s->p);
    for (uint32_t i = 0; i < s->p.n_instructions; i++)
        s->asks_words |= s->p.instruction[i].op == REGEX_WORD_EDGE ||
                         s->p.instruction[i].op == REGEX_NO_WORD_EDGE;
    classes_find(s);
    s->n_words = (s->p.n_instructions + 63) / 64;
    s->seen = ARENA_ARRAY(scratch, uint64_t, s->n_words);
    s->kept = ARENA_ARRAY(scratch, uint64_t, s->n_words);
    s->todo = ARENA_ARRAY(scratch, uint16_t, s->p.n_instructions + 1);
    for (int i = 0; i < 2; i++)
        s->resolved[i] = ARENA_ARRAY(scratch, uint16_t, s->p.n_instructions);
    VEC_ADD(&s->states, (struct state){0}); /* REGEX_DEAD */
    VEC_ADD(&s->states, (struct state){0}); /* REGEX_ALWAYS */
    for (uint32_t i = 0; i < 2 * s->n_classes; i++)
        VEC_ADD(&s->next, (uint16_t)(i < s->n_classes ? REGEX_DEAD : REGEX_ALWAYS));
}

static void subsets_done(struct subsets *s)
{
    VEC_DONE(&s->states);
    VEC_DONE(&s->item);
    VEC_DONE(&s->next);
    free(s->slot);
}

/* All states that can be reached. */
static uint32_t subsets_explore(struct subsets *s)
{
    const struct position begin = {true, false, BEHIND_UNKNOWN};
    set_begin(s);
    set_reach(s, (uint16_t)s->p.entry, &begin);
    const uint32_t start = set_state(s, &begin);
    for (uint32_t i = REGEX_ALWAYS + 1; i < s->states.n && !s->out_of_states && !s->out_of_work;
         i++)
        state_expand(s, i);
    return start;
}

/* The smallest automaton of what was explored; its arrays live in `into`. False when they would be
 * too large. */
static bool finish(struct subsets *s, uint32_t start, struct arena *scratch, struct arena *into,
                   struct regex_dfa *out)
{
    struct automaton made = {
        .next = s->next.at, .n_states = s->states.n, .n_classes = s->n_classes, .start = start};
    memcpy(made.class_of, s->class_of, sizeof(made.class_of));
    made.accepts = ARENA_ARRAY(scratch, bool, made.n_states);
    made.accepts[REGEX_ALWAYS] = true;
    for (uint32_t i = REGEX_ALWAYS + 1; i < made.n_states; i++)
        made.accepts[i] = state_accepts(s, i);

    struct regex_dfa smallest;
    minimise(&made, scratch, &smallest);
    const size_t n = (size_t)smallest.n_states * smallest.n_classes;
    if (n * sizeof(uint16_t) > s->limits->bytes)
        return false;
    uint16_t *next = ARENA_ARRAY(into, uint16_t, n);
    memcpy(next, smallest.next, n * sizeof(*next));
    smallest.next = next;
    *out = smallest;
    return true;
}

static void explain(const struct subsets *s, const struct regex *re, struct arena *into,
                    struct regex_error *error)
{
    if (!s->out_of_states && !s->out_of_work)
        regex_error_set(error, REGEX_TOO_LARGE, 0, re->pattern_len,
                        arena_format(into, "the automaton of this takes more than %zu KiB",
                                     s->limits->bytes / 1024));
    else if (s->out_of_states)
        regex_error_set(
            error, REGEX_TOO_MANY_STATES, 0, re->pattern_len,
            arena_format(into, "this expression needs more than %u states", s->limits->states));
    else
        regex_error_set(error, REGEX_TOO_MUCH_WORK, 0, re->pattern_len, SLICE_NONE);
}

bool regex_compile_dfa(const struct regex *re, const struct regex_limits *limits,
                       struct arena *into, struct regex_dfa *out, struct regex_error *error)
{
    struct arena scratch = {0};
    struct subsets s;
    subsets_init(&s, re, limits ? limits : &REGEX_LIMITS, &scratch);
    ASSERT(s.limits->states > REGEX_ALWAYS && s.limits->states <= REGEX_STATES_MAX);

    const uint32_t start = subsets_explore(&s);
    const bool fits = !s.out_of_states && !s.out_of_work && finish(&s, start, &scratch, into, out);
    if (!fits)
        explain(&s, re, into, error);
    subsets_done(&s);
    arena_free(&scratch);
    return fits;
}
