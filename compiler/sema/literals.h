/* literals - the parsers of single types; each reports what is wrong and returns false. */
#pragma once

#include "compiler/sema/values.h"

bool duration_parse(struct sema *s, struct slice text, struct span where, uint64_t *out_ns);
bool network_value(struct sema *s, struct slice text, struct span where, struct network *out);
bool address_value(struct sema *s, struct slice text, struct span where, struct network *out);
bool endpoint_value(struct sema *s, struct slice text, struct span where, struct endpoint *out);
