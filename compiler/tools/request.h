/*
 * request - a request typed by hand: `GET https://shop.example.com/a?b=c`, and what goes with it.
 *
 * Read as a client's would be, with the same normal form of path and host, so that what is
 * explained is what would happen.
 */
#pragma once

#include "compiler/table/facts.h"

struct arena;
struct bearer;
struct table;

#define REQUEST_HEADERS_MAX 100u
#define REQUEST_CLAIMS_MAX  32u

struct request_header {
    struct slice name; /* lower case */
    struct slice value;
};

struct request {
    struct facts facts; /* .request points at this struct: it must not be moved */
    struct request_header header[REQUEST_HEADERS_MAX];
    uint32_t n_headers;
    struct request_header claim[REQUEST_CLAIMS_MAX]; /* of a token that is not there as it is */
    uint32_t n_claims;
    struct bearer *bearer;        /* once there is an Authorization header */
    const struct slice *exceeded; /* the limits that it is above; borrowed */
    uint32_t n_exceeded;
    const struct table *table; /* see request_assume() */
    /* Somebody can be asked: how many servers of a cluster are up. NULL: all are taken to be. */
    uint32_t (*usable)(const void *of, struct slice cluster);
    const void *usable_of;
    uint16_t refused; /* with a problem: whoever sends this gets that status, before any clause is
                         asked; 0: nobody could send it as it was typed */
};

/*
 * `line` is a method, a blank and a URL: absolute ("GET http://host[:port]/path?query"), or a path
 * alone, whose host is the Host header's or empty; of OPTIONS, `*` too. `path_rules` are the
 * listener's, by whom it comes. The client is 127.0.0.1 until request_from(). The listener is empty
 * until the caller sets it.
 *
 * Each returns NULL, or what is wrong with it as a sentence in `arena`, which owns the request's
 * text too. What is passed in need not live on.
 */
MUST_CHECK const char *request_parse(struct request *r, struct slice line, unsigned path_rules,
                                     struct arena *arena);

/* Once all of it was said: is it a method that is served? */
MUST_CHECK const char *request_served(struct request *r);

/* The same, and is there what every request needs, a Host in HTTP/1.1? */
MUST_CHECK const char *request_complete(struct request *r);

/* Does it fit into what the listener allows? */
struct table_listener;
MUST_CHECK const char *request_fits(struct request *r, const struct table_listener *l);

/* An address, as the client's. */
MUST_CHECK const char *request_from(struct request *r, struct slice address, struct arena *arena);

/* "name: value". A Host header must agree with the URL's host, and is the host where there is none.
 */
MUST_CHECK const char *request_add_header(struct request *r, struct slice line,
                                          struct arena *arena);

/* It comes with a token that has this claim, without anybody having to write the token. The same
 * one again is one more value of it. */
MUST_CHECK const char *request_add_claim(struct request *r, struct slice name, struct slice value,
                                         struct arena *arena);

/* Nobody is there to ask: all servers are taken to be up, and the limits r->exceeded to be
 * exceeded. `t` must stay. */
void request_assume(struct request *r, const struct table *t);
