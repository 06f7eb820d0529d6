/* items - the items of a header that is a comma-separated list (RFC 9110 5.6.1), without copying.
 */
#pragma once

#include "runtime/base/slice.h"

/*
 * Takes the next item off the front of *rest, at first the whole value; false when there is none
 * left. Items are separated by commas outside of "quoted strings", whose quotes belong to the item;
 * blanks around an item do not count, and empty items are passed over.
 */
bool items_next(struct slice *rest, struct slice *item);
