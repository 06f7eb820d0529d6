/*
 * regex_match - what test_regex_python.py asks: each line of standard input is an expression in
 * hexadecimal, its flags (or -), and a subject in hexadecimal (or -), with blanks between. Each
 * answer is a line: 0 or 1, whether the automaton matches; then the same of the program, and the
 * beginning and end of each group, -1 where it takes no part. A refusal is its reason.
 */
#include <stdio.h>

#include "compiler/regex/regex.h"
#include "runtime/base/uri.h"

#define BYTES_MAX 4096

static struct slice unhex(const char *hex, char *out)
{
    size_t n = 0;
    for (; uri_hex_value(hex[0]) >= 0 && uri_hex_value(hex[1]) >= 0; hex += 2)
        out[n++] = (char)(uri_hex_value(hex[0]) * 16 + uri_hex_value(hex[1]));
    return (struct slice){out, n};
}

static void answer(struct arena *a, struct slice pattern, struct slice flags, struct slice subject)
{
    struct regex_error e;
    struct regex_dfa d;
    struct regex_program p;
    struct slice group[REGEX_GROUPS_MAX + 1];
    const struct regex *re = regex_parse(a, pattern, flags, &e);
    if (!re || !regex_compile_dfa(re, NULL, a, &d, &e) || !regex_compile_program(re, a, &p, &e)) {
        printf(SLICE_FMT "\n", SLICE_ARG(e.reason));
        return;
    }
    const bool found = regex_search(&p, subject, group);
    printf("%d %d", regex_dfa_matches(&d, subject), found);
    for (uint32_t i = 0; found && i <= p.n_groups; i++) {
        const long at = group[i].at ? (long)(group[i].at - subject.at) : -1;
        printf(" %ld %ld", at, at < 0 ? at : at + (long)group[i].len);
    }
    printf("\n");
}

int main(void)
{
    static char pattern[2 * BYTES_MAX + 1], flags[3], subject[2 * BYTES_MAX + 1];
    static char pattern_room[BYTES_MAX], subject_room[BYTES_MAX];
    while (scanf("%8192s %2s %8192s", pattern, flags, subject) == 3) {
        struct arena a = {0};
        answer(&a, unhex(pattern, pattern_room), flags[0] == '-' ? SLICE("") : slice_of(flags),
               unhex(subject, subject_room));
        arena_free(&a);
    }
    return 0;
}
