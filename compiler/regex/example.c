#include "compiler/regex/example.h"

#include "compiler/regex/regex_priv.h"
#include "runtime/base/hash.h"
#include "runtime/base/vec.h"

#define ROOT UINT32_MAX

/* A state of the product, which is one state of each automaton, was come to over a byte. */
struct found {
    uint32_t from; /* or ROOT */
    uint8_t byte;
};

struct walk {
    const struct regex_question *q;
    uint8_t byte[256]; /* one of each class of the product, the nicest, those nicest first */
    uint32_t n_bytes;
    VEC(struct found) found;
    VEC(uint16_t) at; /* of found[i]: at[i * n_demands] and so on */
    uint32_t *slot;   /* 1 + an index into found; 0 where free */
    uint32_t mask;
};

static const char nicest_first[] = "abcdefghijklmnopqrstuvwxyz0123456789/-._"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ~=:@,;!$&'()*+?#%[]{}<>|^`\"\\ ";

static bool are_alike(const struct regex_question *q, uint8_t a, uint8_t b)
{
    for (uint32_t i = 0; i < q->n_demands; i++)
        if (q->demand[i].dfa->class_of[a] != q->demand[i].dfa->class_of[b])
            return false;
    return true;
}

static void add_byte(struct walk *w, uint8_t byte)
{
    if (w->q->alphabet && !regex_set_has(w->q->alphabet, byte))
        return;
    for (uint32_t i = 0; i < w->n_bytes; i++)
        if (are_alike(w->q, w->byte[i], byte))
            return;
    w->byte[w->n_bytes++] = byte;
}

static void find_bytes(struct walk *w)
{
    for (const char *c = nicest_first; *c; c++)
        add_byte(w, (uint8_t)*c);
    for (uint32_t c = 0; c < 256; c++)
        add_byte(w, (uint8_t)c);
}

static void step(const struct regex_question *q, const uint16_t *from, uint8_t byte, uint16_t *to)
{
    for (uint32_t i = 0; i < q->n_demands; i++)
        to[i] = (uint16_t)regex_dfa_step(q->demand[i].dfa, from[i], byte);
}

static void steps(const struct regex_question *q, uint16_t *at, struct slice over)
{
    for (size_t i = 0; i < over.len; i++)
        step(q, at, (uint8_t)over.at[i], at);
}

static void start(const struct regex_question *q, uint16_t *at)
{
    for (uint32_t i = 0; i < q->n_demands; i++)
        at[i] = (uint16_t)q->demand[i].dfa->start;
}

static bool all_hold(const struct regex_question *q, const uint16_t *at)
{
    for (uint32_t i = 0; i < q->n_demands; i++)
        if (regex_dfa_accepts(q->demand[i].dfa, at[i]) == q->demand[i].negated)
            return false;
    return true;
}

/* Is there a demand that nothing behind this can satisfy? */
static bool is_lost(const struct regex_question *q, const uint16_t *at)
{
    for (uint32_t i = 0; i < q->n_demands; i++)
        if (at[i] == (q->demand[i].negated ? REGEX_ALWAYS : REGEX_DEAD))
            return true;
    return false;
}

/* Do all hold when the suffix comes next? `scratch` has n_demands entries. */
static bool ends_well(const struct regex_question *q, const uint16_t *at, uint16_t *scratch)
{
    memcpy(scratch, at, q->n_demands * sizeof(*at));
    steps(q, scratch, q->suffix);
    return all_hold(q, scratch);
}

/* ---- the product's states ---- */

static void slots_grow(struct walk *w, uint32_t n)
{
    const uint32_t mask = w->mask ? 2 * w->mask + 1 : 255;
    free(w->slot);
    w->slot = MUST_ARRAY(uint32_t, (size_t)mask + 1);
    w->mask = mask;
    for (uint32_t i = 0; i < w->found.n; i++) {
        uint64_t at = hash_bytes(w->at.at + (size_t)i * n, n * sizeof(uint16_t), 0);
        while (w->slot[at & mask])
            at++;
        w->slot[at & mask] = i + 1;
    }
}

/* True when the state is new; then it is the last found. */
static bool add_state(struct walk *w, const uint16_t *state, struct found how)
{
    const uint32_t n = w->q->n_demands;
    if (w->found.n >= w->mask / 2)
        slots_grow(w, n);
    uint64_t at = hash_bytes(state, n * sizeof(*state), 0);
    for (; w->slot[at & w->mask]; at++) {
        const size_t other = w->slot[at & w->mask] - 1;
        if (n == 0 || memcmp(w->at.at + other * n, state, n * sizeof(*state)) == 0)
            return false;
    }
    VEC_ADD(&w->found, how);
    for (uint32_t i = 0; i < n; i++)
        VEC_ADD(&w->at, state[i]);
    w->slot[at & w->mask] = w->found.n;
    return true;
}

/* ---- the walk ---- */

/* Both, with `room` bytes between them. */
static char *joined(struct slice first, size_t room, struct slice last, struct arena *into)
{
    char *text = arena_take(into, first.len + room + last.len + 1, 1);
    if (first.len > 0)
        memcpy(text, first.at, first.len);
    if (last.len > 0)
        memcpy(text + first.len + room, last.at, last.len);
    return text;
}

static struct slice spelled(const struct walk *w, uint32_t last, struct arena *into)
{
    const struct regex_question *q = w->q;
    size_t n = 0;
    for (uint32_t i = last; w->found.at[i].from != ROOT; i = w->found.at[i].from)
        n++;
    const size_t len = q->prefix.len + n + q->suffix.len;
    char *text = joined(q->prefix, n, q->suffix, into);
    for (uint32_t i = last; n > 0; i = w->found.at[i].from)
        text[q->prefix.len + --n] = (char)w->found.at[i].byte;
    return (struct slice){text, len};
}

/* Where the prefix's end is the suffix's beginning, the longest such first. */
static bool overlap(const struct regex_question *q, uint16_t *at, struct arena *into,
                    struct slice *out)
{
    const size_t shorter = q->prefix.len < q->suffix.len ? q->prefix.len : q->suffix.len;
    for (size_t n = shorter; n > 0; n--) {
        const struct slice rest = slice_from(q->suffix, n);
        if (!slice_ends(q->prefix, (struct slice){q->suffix.at, n}))
            continue;
        start(q, at);
        steps(q, at, q->prefix);
        steps(q, at, rest);
        if (!all_hold(q, at))
            continue;
        *out = (struct slice){joined(q->prefix, 0, rest, into), q->prefix.len + rest.len};
        return true;
    }
    return false;
}

/* From the state that the prefix leads to; REGEX_FOUND leaves the end as the last found. */
static enum regex_answer search(struct walk *w, uint16_t *at, uint16_t *scratch)
{
    const struct regex_question *q = w->q;
    const uint32_t budget = q->budget ? q->budget : REGEX_EXAMPLE_BUDGET;
    start(q, at);
    steps(q, at, q->prefix);
    if (is_lost(q, at))
        return REGEX_NONE;
    (void)add_state(w, at, (struct found){ROOT, 0});
    if (ends_well(q, at, scratch))
        return REGEX_FOUND;
    for (uint32_t i = 0; i < w->found.n; i++)
        for (uint32_t b = 0; b < w->n_bytes; b++) {
            step(q, w->at.at + (size_t)i * q->n_demands, w->byte[b], at);
            if (is_lost(q, at) || !add_state(w, at, (struct found){i, w->byte[b]}))
                continue;
            if (ends_well(q, at, scratch))
                return REGEX_FOUND;
            if (w->found.n >= budget)
                return REGEX_UNKNOWN;
        }
    return REGEX_NONE;
}

enum regex_answer regex_example(const struct regex_question *q, struct arena *into,
                                struct slice *out)
{
    struct walk w = {.q = q};
    uint16_t *at = MUST_ARRAY(uint16_t, 2 * (size_t)q->n_demands);
    enum regex_answer answer = REGEX_FOUND;
    if (!overlap(q, at, into, out)) {
        find_bytes(&w);
        answer = search(&w, at, at + q->n_demands);
        if (answer == REGEX_FOUND)
            *out = spelled(&w, w.found.n - 1, into);
    }
    VEC_DONE(&w.found);
    VEC_DONE(&w.at);
    free(w.slot);
    free(at);
    return answer;
}

/* ---- alphabets ---- */

/* 0x21, 0x23-0x7e: all that can be seen but the quote. */
const struct regex_set *regex_alphabet_of_headers(void)
{
    static const struct regex_set set = {
        {UINT64_C(0xfffffffa00000000), UINT64_C(0x7fffffffffffffff), 0, 0}};
    return &set;
}

const struct regex_set *regex_alphabet_of_hosts(void)
{
    static const struct regex_set set = {
        {UINT64_C(0x03ff600000000000), UINT64_C(0x07fffffe00000000), 0, 0}};
    return &set;
}

/* RFC 3986's pchar without escapes, and the slash. */
const struct regex_set *regex_alphabet_of_paths(void)
{
    static const struct regex_set set = {
        {UINT64_C(0x2fffffd200000000), UINT64_C(0x47fffffe87ffffff), 0, 0}};
    return &set;
}

#define ANY      "[-.!$&'()*+,;=:@~\\w]"
#define NO_DOT   "[-!$&'()*+,;=:@~\\w]"
#define SEGMENT  "(?:" NO_DOT ANY "*|\\." NO_DOT ANY "*|\\.\\." ANY "+)"
#define IN_PATHS "^/(?:" SEGMENT "(?:/" SEGMENT ")*/?)?$"

bool regex_compile_paths(struct arena *into, struct regex_dfa *out)
{
    struct regex_error error;
    const struct regex *re = regex_parse(into, SLICE(IN_PATHS), SLICE(""), &error);
    ASSERT(re);
    return regex_compile_dfa(re, NULL, into, out, &error);
}
