/*
 * resolver - names to addresses over DNS: the one door to c-ares.
 *
 * On the loop of the thread that made it; nothing blocks, but for the system's files that are read
 * when it is made. An answer says whether all of the question was answered: who asks can tell
 * "there is no such server any more" from "half of it could not be found out".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/address.h"
#include "runtime/base/text.h"
#include "runtime/event/loop.h"

struct resolver;

struct resolver_options {
    const struct endpoint *nameserver; /* none: those of the system, and its hosts file */
    uint32_t n_nameservers;
    int64_t timeout_ns; /* of the first try; each further round waits twice as long */
    uint32_t tries;     /* each nameserver is asked so often; at least 1 */
};

/* Of the records of one answer; what is beyond is left out. */
#define RESOLVER_RECORDS_MAX 1024u

struct resolver_record {
    struct address address;
    uint16_t port, priority, weight; /* RESOLVER_SRV only; else 0 */
};

struct resolver_answer {
    bool whole;         /* every part of it was answered, be it that there is nothing */
    const char *reason; /* why it is not whole, or why there is nothing; static text, or NULL */
    const struct resolver_record *record; /* each once; gone after the call */
    uint32_t n;
    int64_t ttl_s; /* the shortest of what was found; 0 where nothing was */
};

enum resolver_kind {
    RESOLVER_ADDRESS, /* A and AAAA */
    RESOLVER_SRV,     /* and the addresses of each target */
};

/* Called once for every question that was not forgotten; may ask, forget and free others, but not
 * the resolver. */
typedef void resolver_done(void *of, const struct resolver_answer *answer);

struct resolver_question;

/* NULL with a sentence in `why`. `options` is copied. */
struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options,
                              struct text *why);

/* Questions under way end without an answer. NULL is allowed. */
void resolver_free(struct resolver *r);

/* Never calls `done` before it returns. The question is the resolver's and is gone once it has been
 * answered. `name` is copied; a final dot keeps the system's search list out. */
struct resolver_question *resolver_ask(struct resolver *r, enum resolver_kind kind,
                                       struct slice name, resolver_done *done, void *of);

/* There will be no answer. */
void resolver_forget(struct resolver_question *q);
