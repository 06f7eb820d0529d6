/* Any bytes as an expression and a subject: what compiles is sound, and the automaton, the program
 * and trying agree on whether it matches; where groups say something, they are inside the subject.
 */
#include "compiler/regex/naive.h"
#include "compiler/regex/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct slice part, struct slice whole)
{
    return part.at == NULL || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

/* The first byte: flags, and how much of the rest is the expression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 256)
        return 0;
    const struct slice all = {(const char *)data + 1, size - 1};
    const size_t cut = (data[0] >> 1) < all.len ? data[0] >> 1 : all.len;
    const struct slice pattern = {all.at, cut}, subject = slice_from(all, cut);
    const struct regex_limits limits = {1000, 200000, 100000};
    struct arena a = {0};
    struct regex_error e;
    struct regex_dfa d;
    struct regex_program p;
    struct slice group[REGEX_GROUPS_MAX + 1];
    const struct regex *re = regex_parse(&a, pattern, data[0] & 1 ? SLICE("i") : SLICE(""), &e);
    if (!re)
        ASSERT((size_t)e.at + e.len <= pattern.len && e.reason.len > 0);
    const enum naive want = re ? regex_naive_search(re, subject, 20000, NULL) : NAIVE_GAVE_UP;
    if (re && regex_compile_dfa(re, &limits, &a, &d, &e)) {
        ASSERT(regex_dfa_verify(&d) == NULL);
        ASSERT(want == NAIVE_GAVE_UP || regex_dfa_matches(&d, subject) == (want == NAIVE_YES));
    }
    if (re && regex_compile_program(re, &a, &p, &e)) {
        ASSERT(regex_program_verify(&p) == NULL);
        const bool found = regex_search(&p, subject, group);
        ASSERT(want == NAIVE_GAVE_UP || found == (want == NAIVE_YES));
        for (uint32_t i = 0; found && i <= p.n_groups; i++)
            ASSERT(is_inside(group[i], subject));
    }
    arena_free(&a);
    return 0;
}
