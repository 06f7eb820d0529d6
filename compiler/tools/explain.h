/*
 * explain - why did this request go there? The walk through the table, told step by step.
 *
 * It is the evaluator's own walk, not a second opinion: what is told is what runs.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/facts.h"
#include "compiler/table/table.h"

struct text;

struct explain {
    const struct table *table;     /* verified */
    const struct program *program; /* what the table is made of; NULL: only where clauses begin is
                                      known */
    uint32_t route;
    const struct facts *facts; /* a `status` that is not 0 is what the server answers, with the
                                  headers of the response that they have */
    const struct table_listener *listener; /* its `on connect` is told first, its `on response`
                                              last; NULL: neither */
    const char *refused; /* why no clause is asked, and `refused_with` answered; NULL: they are */
    uint16_t refused_with;
    bool says_claims; /* of a token that it comes with */
};

/*
 * Decides the request and writes down each clause that was considered, with its place; each atom
 * that was asked, with the request's values and the answer; each change with its value; the
 * decision, and where it is written. `on response` is told where we answer ourselves, and of a
 * server's answer where one was given. `color`: with the terminal's colours.
 */
void explain_write(const struct explain *x, bool color, struct text *out);

/* The request in words, as an explanation begins: "GET http://host/path from 10.0.0.1, by listener
 * web, route shop", on two lines. */
void explain_request(const struct explain *x, struct text *out);

/* The same as one JSON object and a line end; grammar/LANGUAGE.md has its keys. */
void explain_json(const struct explain *x, struct text *out);
