/*
 * retry - may a request that failed be tried again?
 *
 * Pure: what the rule says, what failed and what the request is come in as arguments. Whether there
 * is room for one more retry (the budget, the circuit breaker) is asked afterwards, by those who
 * keep the counts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"

/* Connections tried for one request where the cluster has no `retry`. */
#define RETRY_TRIES_DEFAULT 4u

enum retry_cause {
    RETRY_CONNECT, /* no connection could be made: nothing of the request was sent */
    RETRY_REFUSED, /* the server says that it has done nothing with it (RFC 9113 8.7) */
    RETRY_STALE,   /* a connection that had been used before died in silence */
    RETRY_RESET,   /* the server broke off before it had said anything */
    RETRY_TIMEOUT, /* it did not answer in time */
    RETRY_STATUS,  /* it answered, and nothing of that has been passed on */
    RETRY_BROKEN,  /* what it said is no response, or a part of one */
};

/* Why not, in the order in which it is asked. */
enum retry_verdict {
    RETRY_AGAIN,
    RETRY_NOT_ASKED, /* the rule does not name it */
    RETRY_METHOD,    /* it might be executed twice, and that may not be */
    RETRY_BODY,      /* its body has been read and not been kept */
    RETRY_TRIES,     /* it has been tried as often as it may be */
    RETRY_BUDGET,    /* others are being tried again too often: retry_budget_take() */
    RETRY_BREAKER,   /* too many are being tried again at a time */
};

struct retry_case {
    enum retry_cause cause;
    bool timed_out;      /* CONNECT: because it took too long */
    uint16_t status;     /* STATUS */
    struct slice method; /* empty: of a TCP connection */
    bool idempotent;     /* RFC 9110 9.2.2 */
    bool repeatable;     /* it has no body, or all that was read of it is still here */
    uint32_t tries;      /* connections made or reused, at least 1 */
    uint32_t retries;    /* of these, those that the rule allowed */
};

/* AGAIN, NOT_ASKED, METHOD, BODY or TRIES. */
enum retry_verdict retry_decide(const struct table_retry *rule, const struct retry_case *c);

/* May another server be asked this while one has it already? A method that is safe (RFC 9110
 * 9.2.1), or where the rule says `methods`, one of these. */
bool retry_may_hedge(const struct table_retry *rule, struct slice method);

/* Is a response with this status tried again? */
bool retry_names_status(const struct table_retry *rule, uint16_t status);

/* Does the rule have its say in it, so that it costs one of its tries and some of its budget? What
 * has surely reached nobody's program on a connection that was dead already does not. */
bool retry_is_counted(const struct table_retry *rule, const struct retry_case *c);

/*
 * The pause before retry number `nth` (from 1): `backoff_ns`, doubled for each further one up to a
 * minute, times one of nine factors between one half and one and a half. So few, because each
 * duration is a queue of deadlines. 0 where there is no backoff.
 */
int64_t retry_pause_ns(int64_t backoff_ns, uint32_t nth, uint64_t random);

/* "status", "budget": for the log. Static; NULL for AGAIN. */
const char *retry_cause_text(enum retry_cause cause);
const char *retry_verdict_text(enum retry_verdict verdict);
