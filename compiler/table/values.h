/*
 * values - the values a field has for one request, one after the other, with the header changes
 * that were made so far.
 *
 * The one place that knows how a change is seen: a removed or set header has lost the values it
 * came with, an added one follows the others, and cookies are read from the changed "cookie"
 * header.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

struct values {
    const struct facts *facts;
    const struct verdict *so_far;
    const struct table *table;
    enum table_field field;
    struct slice key;

    bool response;               /* the headers are the response's */
    bool encoded;                /* the values are still encoded as in a query: see query.h */
    bool first;                  /* nothing was taken yet */
    bool from_request;           /* the request's own headers are not used up */
    uint32_t cursor;             /* of facts.header, facts.response_header */
    uint32_t effect;             /* the next change to look at */
    struct slice rest;           /* of a query, of one Cookie header, of a list */
    char text[ADDRESS_TEXT_MAX]; /* an address or a number as text */
};

/* The number of a field that is one; false when it is absent. */
bool values_number(const struct facts *f, enum table_field field, struct slice key, uint64_t *out);

/* The address of a field that is one. */
const struct address *values_address(const struct facts *f, enum table_field field);

/* `so_far` may be NULL: no change was made. Everything is borrowed until the last values_next(). */
void values_begin(struct values *v, const struct table *t, const struct facts *f,
                  const struct verdict *so_far, enum table_field field, struct slice key);

/* The next value; false when there is no more. It is good until the facts or `v` change. */
bool values_next(struct values *v, struct slice *value);
