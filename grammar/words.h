/* words - the spellings of tokens, both ways, and the words of later versions. */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

/* The token (TK_*) of a keyword, or 0. */
int words_keyword(struct slice word);

/* The spelling of a keyword or sign, or what a token of that kind is called: "a name". Never NULL.
 */
const char *words_name(int kind);

/* Is this kind spelt one way only, so that words_name() can be quoted? */
bool words_fixed(int kind);
