/* cookie - the pairs of a Cookie header (RFC 6265 4.2.1, read as in 5.2), without copying. */
#pragma once

#include "runtime/base/slice.h"

/*
 * Takes the next pair off the front of *rest, at first the whole value of one Cookie header; false
 * when there is none left. Pairs are separated by ';', blanks around names and values do not count,
 * and quotes are part of the value. What has no '=' is not a pair and is passed over.
 */
bool cookie_next(struct slice *rest, struct slice *name, struct slice *value);
