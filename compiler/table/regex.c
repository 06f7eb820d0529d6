#include "compiler/table/regex.h"

#include "compiler/table/verify_priv.h"

#define NOWHERE UINT32_MAX
#define SLOTS   (2 * (REGEX_GROUPS_MAX + 1))

/* ---- the automaton ---- */

bool regex_dfa_matches(const struct regex_dfa *d, struct slice subject)
{
    uint32_t state = d->start;
    for (size_t i = 0; i < subject.len && state > REGEX_ALWAYS; i++)
        state = regex_dfa_step(d, state, (uint8_t)subject.at[i]);
    return regex_dfa_accepts(d, state);
}

bool regex_dfa_equal(const struct regex_dfa *a, const struct regex_dfa *b)
{
    return a->n_states == b->n_states && a->n_classes == b->n_classes && a->start == b->start &&
           a->first_accepting == b->first_accepting &&
           memcmp(a->class_of, b->class_of, sizeof(a->class_of)) == 0 &&
           memcmp(a->next, b->next, sizeof(*a->next) * a->n_states * a->n_classes) == 0;
}

const char *regex_dfa_verify(const struct regex_dfa *d)
{
    REQUIRE(d->next, "an automaton has no states");
    REQUIRE(d->n_states > REGEX_ALWAYS && d->n_states <= REGEX_STATES_MAX,
            "an automaton has too few states, or too many");
    REQUIRE(d->n_classes >= 1 && d->n_classes <= 256, "an automaton has a wrong number of classes");
    REQUIRE(d->start < d->n_states, "an automaton starts outside its states");
    REQUIRE(d->first_accepting > REGEX_ALWAYS && d->first_accepting <= d->n_states,
            "an automaton accepts outside its states");
    for (size_t i = 0; i < sizeof(d->class_of); i++)
        REQUIRE(d->class_of[i] < d->n_classes, "an automaton has a byte outside its classes");
    for (uint32_t i = 0; i < d->n_states * d->n_classes; i++)
        REQUIRE(d->next[i] < d->n_states, "an automaton goes outside its states");
    for (uint32_t c = 0; c < d->n_classes; c++)
        REQUIRE(d->next[c] == REGEX_DEAD && d->next[d->n_classes + c] == REGEX_ALWAYS,
                "an automaton comes back from the end of its search");
    return NULL;
}

/* ---- the program: Pike's machine, all threads in step, the first in `at` preferred ---- */

struct threads {
    uint32_t n;
    uint16_t at[REGEX_INSTRUCTIONS_MAX];    /* where each stands, by priority */
    uint16_t index[REGEX_INSTRUCTIONS_MAX]; /* of an instruction in `at`; means nothing if absent */
    uint32_t slot[REGEX_INSTRUCTIONS_MAX][SLOTS];
};

/* What is left to do in add(): an instruction to go to, or a slot to put back. */
struct left {
    uint32_t value;
    uint16_t what;
    bool restore;
};

struct machine {
    const struct regex_program *p;
    struct slice subject;
    uint32_t n_slots;
    struct left left[REGEX_INSTRUCTIONS_MAX + 1];
    struct threads threads[2];
};

static bool has_thread(const struct threads *t, uint16_t at)
{
    const uint32_t i = t->index[at];
    return i < t->n && t->at[i] == at;
}

static bool is_word_edge(struct slice s, size_t at)
{
    const bool before = at > 0 && regex_is_word((uint8_t)s.at[at - 1]);
    const bool behind = at < s.len && regex_is_word((uint8_t)s.at[at]);
    return before != behind;
}

static bool condition_holds(uint8_t op, struct slice s, size_t at)
{
    switch ((enum regex_op)op) {
    case REGEX_BEGIN: return at == 0;
    case REGEX_END: return at == s.len;
    case REGEX_WORD_EDGE: return is_word_edge(s, at);
    case REGEX_NO_WORD_EDGE: return !is_word_edge(s, at);
    case REGEX_BYTE:
    case REGEX_SET:
    case REGEX_SPLIT:
    case REGEX_SAVE:
    case REGEX_MATCH: break;
    }
    return false;
}

/* Follows from `at` all that takes no byte, up to the instructions that do. Each instruction enters
 * a list once per position, so `left` is never fuller than there are instructions. */
static void add(struct machine *m, struct threads *to, uint16_t first, size_t position,
                uint32_t slot[SLOTS])
{
    uint32_t n_left = 0;
    m->left[n_left++] = (struct left){0, first, false};
    while (n_left > 0) {
        const struct left one = m->left[--n_left];
        if (one.restore) {
            slot[one.what] = one.value;
            continue;
        }
        uint16_t at = one.what;
        while (!has_thread(to, at)) {
            const struct regex_instruction *in = &m->p->instruction[at];
            to->index[at] = (uint16_t)to->n;
            to->at[to->n] = at;
            memcpy(to->slot[to->n++], slot, m->n_slots * sizeof(slot[0]));
            if (in->op == REGEX_SPLIT) {
                m->left[n_left++] = (struct left){0, in->other, false};
            } else if (in->op == REGEX_SAVE) {
                m->left[n_left++] = (struct left){slot[in->byte], in->byte, true};
                slot[in->byte] = (uint32_t)position;
            } else if (!condition_holds(in->op, m->subject, position)) {
                break;
            }
            at = in->next;
        }
    }
}

/* Moves every thread over the byte at `position`, or to its end there. True when one matched: those
 * behind it are dropped, and best[] is its slots. */
static bool step(struct machine *m, struct threads *from, struct threads *to, size_t position,
                 uint32_t best[SLOTS])
{
    to->n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        const struct regex_instruction *in = &m->p->instruction[from->at[i]];
        if (in->op == REGEX_MATCH) {
            memcpy(best, from->slot[i], m->n_slots * sizeof(best[0]));
            best[1] = (uint32_t)position;
            return true;
        }
        if (position == m->subject.len)
            continue;
        const uint8_t byte = (uint8_t)m->subject.at[position];
        if (in->op == REGEX_BYTE
                ? in->byte == byte
                : in->op == REGEX_SET && regex_set_has(&m->p->set[in->other], byte))
            add(m, to, in->next, position + 1, from->slot[i]);
    }
    return false;
}

bool regex_search(const struct regex_program *p, struct slice subject,
                  struct slice group[REGEX_GROUPS_MAX + 1])
{
    struct machine m; /* most of it never touched: each list says how much of it counts */
    uint32_t fresh[SLOTS], best[SLOTS];
    bool found = false;
    ASSERT(subject.len < NOWHERE);
    m.p = p;
    m.subject = subject.at ? subject : SLICE("");
    m.n_slots = 2 * (p->n_groups + 1);
    for (int i = 0; i < 2; i++) {
        m.threads[i].n = 0;
        memset(m.threads[i].index, 0, p->n_instructions * sizeof(m.threads[i].index[0]));
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        fresh[i] = best[i] = NOWHERE;

    struct threads *now = &m.threads[0], *then = &m.threads[1];
    for (size_t at = 0; at <= subject.len; at++) {
        if (!found && (at == 0 || p->instruction[p->entry].op != REGEX_BEGIN)) {
            fresh[0] = (uint32_t)at;
            add(&m, now, (uint16_t)p->entry, at, fresh);
        }
        if (now->n == 0)
            break; /* a match was found before, or none can begin any more */
        found |= step(&m, now, then, at, best);
        struct threads *t = now;
        now = then;
        then = t;
    }
    for (size_t i = 0; found && i <= p->n_groups; i++)
        group[i] = best[2 * i + 1] == NOWHERE
                       ? SLICE_NONE
                       : (struct slice){m.subject.at + best[2 * i], best[2 * i + 1] - best[2 * i]};
    return found;
}

static const char *verify_instruction(const struct regex_program *p,
                                      const struct regex_instruction *in)
{
    REQUIRE(in->op <= REGEX_MATCH, "a regular expression has an unknown instruction");
    REQUIRE(in->op == REGEX_MATCH || in->next < p->n_instructions,
            "a regular expression goes on outside its instructions");
    REQUIRE(in->op != REGEX_SPLIT || in->other < p->n_instructions,
            "a regular expression branches outside its instructions");
    REQUIRE(in->op != REGEX_SET || in->other < p->n_sets,
            "a regular expression asks for a set it has not");
    REQUIRE(in->op != REGEX_SAVE || (in->byte >= 2 && in->byte < 2 * (p->n_groups + 1)),
            "a regular expression notes a group it has not");
    return NULL;
}

const char *regex_program_verify(const struct regex_program *p)
{
    REQUIRE(p->n_instructions >= 1 && p->n_instructions <= REGEX_INSTRUCTIONS_MAX,
            "a regular expression has too few instructions, or too many");
    REQUIRE(p->instruction, "a regular expression has no instructions");
    REQUIRE(p->n_sets == 0 || p->set, "a regular expression has no sets where some are counted");
    REQUIRE(p->n_groups <= REGEX_GROUPS_MAX, "a regular expression has too many groups");
    REQUIRE(p->entry < p->n_instructions, "a regular expression begins outside its instructions");
    const char *problem = NULL;
    for (uint32_t i = 0; i < p->n_instructions && !problem; i++)
        problem = verify_instruction(p, &p->instruction[i]);
    return problem;
}
