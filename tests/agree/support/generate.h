/*
 * generate - programs and requests that have something to do with each other.
 *
 * A request is made of the program's own literals and of values that miss them by one byte, in
 * another case, escaped, repeated or absent: there the mistakes are.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/facts.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"
#include "tests/agree/support/choice.h"

/* How many of each a program has at most. */
#define GENERATED_CLAUSES_MAX 7u
#define GENERATED_ACTIONS_MAX 5u

struct generated {
    struct arena arena; /* owns the program */
    struct program program;
    struct choice *choice;
    bool writable;
    VEC(struct slice) literal; /* all that the program compares with */
    VEC(struct network) network;
    VEC(const struct cond *) acl;
};

/* `writable`: literals, tests and names are of the kinds that sema takes from a file, so that the
 * program can be written down and compiled. Otherwise anything the evaluators must cope with. */
void generated_init(struct generated *g, struct choice *choice, bool writable);
void generated_done(struct generated *g);

#define REQUEST_HEADERS_MAX 10u

struct request_header {
    struct slice name, value;
};

/* A request, and the facts that read it. Lives in `arena`. */
struct generated_request {
    struct request_header header[REQUEST_HEADERS_MAX];
    uint32_t n_headers;
    struct facts facts;
};

struct generated_request *generate_request(struct generated *g, struct arena *arena);

/* A header, cookie or parameter name of those that programs use. */
struct slice generate_name(struct choice *c);
