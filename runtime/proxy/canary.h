/*
 * canary - two configurations serve at once, and a share of the clients gets the newer one.
 *
 * Who gets which is a keyed hash of the client's address: the same on all workers, for all of a
 * client's requests, and a greater share has all that a smaller one had. Each worker counts, for
 * either side, what became of its requests; whoever shows it adds up.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/base/address.h"
#include "runtime/metrics/histogram.h"
#include "runtime/metrics/statuses.h"

#define CANARY_WHOLE 10000u /* a share of 100 % */

struct canary_share {
    uint64_t seed;
    uint32_t part; /* of CANARY_WHOLE */
};

/* An IPv6 client is its /64: it has all of that. */
bool canary_gets(const struct canary_share *s, const struct address *client);

enum canary_side { CANARY_NO_SIDE, CANARY_STABLE, CANARY_NEW, CANARY_SIDES };

struct canary_counts {
    struct statuses statuses;
    struct histogram took; /* up to the response's last byte; tunnels are not in it */
};

/* What is of no side is counted, too, and not looked at. */
struct canary_worker {
    struct canary_counts side[CANARY_SIDES];
};

struct exchange;

/* What is known of the request says whose it is: x->generation and x->listener may be other ones
 * afterwards. Only where its worker has a canary; before anything is decided. */
void exchange_take_side(struct exchange *x);

/* It is over, and has a side. */
void exchange_count_side(const struct exchange *x);
