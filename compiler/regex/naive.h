/*
 * naive - an expression matched by trying out, the way its meaning is usually told. For references
 * and tests: it shares nothing with the automata but the parser, and can take exponential time.
 */
#pragma once

#include "compiler/regex/regex.h"

enum naive { NAIVE_NO, NAIVE_YES, NAIVE_GAVE_UP };

/*
 * As regex_search(), for any expression; `group`, which may be NULL, has regex_groups() + 1
 * entries. Gives up after `steps` of trying. What a group in a repeat captures may differ where
 * what is repeated can match nothing, as in (a*)*.
 */
enum naive regex_naive_search(const struct regex *re, struct slice subject, uint64_t steps,
                              struct slice *group);
