/*
 * accept_encoding - what a request wants its answer's content to be coded in (RFC 9110 12.5.3).
 */
#pragma once

#include "runtime/base/slice.h"

struct http_head;

#define ACCEPT_UNSAID (-1)

/*
 * The weight that a value of Accept-Encoding gives a coding, or "*", by that name: 0 (not
 * acceptable) to 1000; ACCEPT_UNSAID when it does not name it. x-gzip is gzip. An item that is
 * malformed names nothing; of several items with the same name the first counts. Pure; any thread.
 */
int accept_encoding_weight(struct slice value, struct slice coding);

/*
 * The weights of a request for `n` codings, "*" counted in, and for "identity": 0 where nothing is
 * said of a coding. For identity nothing said is ACCEPT_UNSAID: it may be had, and anything else is
 * wanted more.
 */
void accept_encoding(const struct http_head *request, const struct slice *coding, int *weight,
                     unsigned n, int *identity);
