/* filter - words that choose among clients and requests, as several commands take them. */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/text.h"

/* Takes the next word off the front; false when there is none. */
MUST_CHECK bool filter_word(struct slice *rest, struct slice *word);

/* An address or a network, canonical. False, with a sentence in `why`. */
MUST_CHECK bool filter_network(struct slice value, struct network *out, struct text *why);
