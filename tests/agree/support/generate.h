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
    bool writable, live;
    enum table_phase phase; /* of what is being generated */
    uint32_t n_maps;
    VEC(struct slice) literal; /* all that the program compares with */
    VEC(struct network) network;
    VEC(const struct cond *) acl;
};

/* `writable`: literals, tests and names are of the kinds that sema takes from a file, so that the
 * program can be written down and compiled. Otherwise anything the evaluators must cope with. */
void generated_init(struct generated *g, struct choice *choice, bool writable);

/* A writable one that asks for nothing which whoever sends a request cannot choose, its own port;
 * and for chance so that there is one answer only. Its networks are those of loopback, so that a
 * client can come from them. */
void generated_init_live(struct generated *g, struct choice *choice);
void generated_done(struct generated *g);

#define GENERATED_HEADERS_MAX 10u

struct generated_header {
    struct slice name, value;
};

/* A request, and the facts that read it. Lives in `arena`. */
struct generated_request {
    struct generated_header header[GENERATED_HEADERS_MAX];
    uint32_t n_headers;
    uint32_t up[2]; /* servers of api, of web */
    struct facts facts;
};

struct generated_request *generate_request(struct generated *g, struct arena *arena);

/* A request as it is sent. Lives in `arena`. */
struct generated_wire {
    uint32_t route; /* = listener */
    uint32_t from;  /* an IPv4 address of loopback */
    bool absolute;  /* the target has the host too */
    bool old;       /* HTTP/1.0 */
    bool nameless;  /* without Host, which is wrong in HTTP/1.1 */
    struct slice method, host, target;
    struct generated_header header[GENERATED_HEADERS_MAX];
    uint32_t n_headers;
    uint32_t body_bytes;
};

struct generated_wire *generate_wire(struct generated *g, struct arena *arena);

/* A header, cookie or parameter name of those that programs use. */
struct slice generate_name(struct choice *c);
