/*
 * witness - a request that shows something: made of what has to be so, with usual values for all
 * the rest, and told as `lbc explain` takes it.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/table.h"

#define WITNESS_HEADERS_MAX 64u

struct arena;
struct text;

struct witness_header {
    struct slice name, value;
};

/* What else is so when the request comes: claims, limits exceeded, servers up. */
struct witness_live {
    enum table_field field;
    struct slice key, text;
    uint64_t number;
};

struct witness {
    struct facts facts; /* .request points at this struct: see witness_init() */
    uint32_t n_headers, n_live;
    struct witness_header header[WITNESS_HEADERS_MAX];
    struct witness_live live[WITNESS_HEADERS_MAX];
};

/* GET http://example.com/ from 192.0.2.1. It must not be moved afterwards. */
void witness_init(struct witness *w);

/* All of it, in the arena. */
struct witness *witness_copy(const struct witness *w, struct arena *arena);

/* False when there is no more room. */
bool witness_add_header(struct witness *w, struct slice name, struct slice value);

/* GET http://example.com/api?x=1 from 192.0.2.1 -H 'x-tier: a', and in parentheses what no request
 * line says. */
void witness_write(const struct witness *w, struct text *out);
