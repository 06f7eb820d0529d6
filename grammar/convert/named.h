/* named - which statements have a name behind their first word. */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

enum named_where { NAMED_TOP, NAMED_BLOCK };

/* The sign behind the name, or NULL where this word has none. */
const char *named_sign(struct slice word, enum named_where where);

/* Is what belongs to this word always a block? */
bool named_is_block(struct slice word);
