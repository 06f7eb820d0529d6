/*
 * override - what an operator has set of a server, over what the file says of it; as a text.
 *
 * The text is the sentence that operators say, a tab, and what the file said then:
 *
 *     drain web/a              ready
 *     set weight web/a 5       1
 *
 * It holds as long as the file says that still. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

enum override_of { OVERRIDE_STATE, OVERRIDE_WEIGHT };

struct override {
    enum override_of of;
    struct slice server;  /* CLUSTER/SERVER */
    uint32_t value, file; /* enum server_admin, or a weight: what is set, and what the file said; 0:
                           * nothing, for the server was found, and its weight with it */
};

/* Appends it. */
void override_write(const struct override *o, struct text *out);

/* False when it is none. `out` points into the text. */
MUST_CHECK bool override_read(struct slice text, struct override *out);

/* The part of the text that operators say. */
struct slice override_sentence(struct slice text);
