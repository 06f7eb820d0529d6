/*
 * query - the parameters of a query string, compared in decoded form without being copied.
 *
 * Keys and values are decoded as forms are: "%41" is 'A', '+' is a blank; a '%' that two
 * hexadecimal digits do not follow stands for itself, as browsers have it.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/slice.h"

/*
 * Takes the next parameter off the front of *rest, at first the whole query; false when there is
 * none left. Parameters are separated by '&'; empty ones are passed over; without a '=' the value
 * is empty. Both come as they were sent: still encoded.
 */
bool query_next(struct slice *rest, struct slice *key, struct slice *value);

/* Takes one decoded byte (0..255) off the front of *raw; -1 when there is none. */
int query_byte(struct slice *raw);

/* Takes what decodes to `plain` off the front of *raw; false, and *raw undefined, if it does not
 * begin so. */
bool query_takes(struct slice *raw, struct slice plain);

/* Does `raw` decode to `plain`? */
bool query_eq(struct slice raw, struct slice plain);

/* The number of bytes that `raw` decodes to. */
size_t query_decoded_bytes(struct slice raw);
