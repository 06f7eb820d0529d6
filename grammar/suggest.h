/* suggest - the nearest of a fixed list of words; runtime/base/nearest says what near is. */
#pragma once

#include "runtime/base/slice.h"

/* Its .at is NULL when none is near. */
struct slice suggest_nearest(struct slice word, const struct slice *list, size_t n);
