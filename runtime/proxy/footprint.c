#include "runtime/proxy/footprint.h"

#include "compiler/table/bearer.h"
#include "compiler/table/memory.h"
#include "runtime/auth/verified.h"
#include "runtime/base/told.h"
#include "runtime/filter/compress.h"
#include "runtime/limit/callers.h"
#include "runtime/limit/limiter.h"
#include "runtime/mux/stream.h"
#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/h2_front.h"
#include "runtime/proxy/session.h"
#include "runtime/proxy/worker.h"
#include "runtime/tls/transport.h"
#include "runtime/upstream/discover.h"
#include "runtime/upstream/h2_link.h"
#include "runtime/upstream/sticky.h"

/* A request's head and body, a response's, and what full sockets left over of two heads. */
#define EXCHANGE_BUFFERS 4u

/* Limits of requests in flight, and of bytes, that one request meets: of the listener, a clause and
 * the cluster. */
#define LIMITS_HELD 3u

static uint64_t worker_bytes(void)
{
    return sizeof(struct worker) + sizeof(struct verdict) + sizeof(struct metrics) +
           2 * verified_bytes() + WORKER_SCRATCH_BYTES + WIRE_BYTES +
           sizeof(struct access_record) * ACCESS_RING_RECORDS +
           WORKER_KEEP_FREE *
               (BUFFER_BLOCK_BYTES + sizeof(struct link) + sizeof(struct session) +
                sizeof(struct exchange) + sizeof(struct stream) + sizeof(struct flow_coding) +
                exchange_place_bytes() + exchange_hold_bytes() + exchange_attempt_bytes() +
                exchange_throttled_bytes() + sizeof(struct throttle) + exchange_inquiry_bytes() +
                exchange_question_bytes() + sizeof(struct bearer));
}

void footprint(struct memory_costs *out)
{
    *out = (struct memory_costs){
        .buffer_bytes = BUFFER_BLOCK_BYTES,
        .buffers_max = WORKER_BUFFERS_MAX,
        .worker_bytes = worker_bytes(),
        .idle_links_max = LINKS_IDLE_MAX,
        .server_h2_max = H2_LINES_MAX,
        .found_max = DISCOVER_MEMBERS_MAX,
        .server_bytes = sizeof(struct server_worker),
        .cluster_bytes = sizeof(struct cluster_worker),
        .listener_bytes = sizeof(struct gate_worker),
        .clause_bytes = tally_bytes(),
        .session = {.bytes = sizeof(struct session) + WATCH_LIBRARY_BYTES},
        .exchange = {.bytes = sizeof(struct exchange) + sizeof(struct access_record) +
                              sizeof(struct link) + WATCH_LIBRARY_BYTES + exchange_place_bytes() +
                              LIMITS_HELD * (exchange_hold_bytes() + sizeof(struct throttle)) +
                              exchange_throttled_bytes() + exchange_inquiry_bytes() +
                              sizeof(struct bearer),
                     .buffers = EXCHANGE_BUFFERS},
        /* A response's head, and what a full socket left over of the request's. */
        .hedge = {.bytes = exchange_attempt_bytes() + sizeof(struct link) + WATCH_LIBRARY_BYTES,
                  .buffers = 2},
        .question = {.bytes = exchange_question_bytes()},
        .link = {.bytes = sizeof(struct link) + WATCH_LIBRARY_BYTES},
        .tls_idle = {.bytes = TLS_BYTES_IDLE},
        .tls_most = {.bytes = TLS_BYTES_MOST},
        .tls_chain = {.bytes = TLS_BYTES_CHAIN},
        .h2_idle = {.bytes = h2_front_bytes() + H2_SESSION_BYTES_IDLE},
        .h2_most = {.bytes = h2_front_bytes() + H2_SESSION_BYTES_MOST, .buffers = 1},
        .stream = {.bytes = sizeof(struct stream) + H2_STREAM_BYTES, .buffers = STREAM_BOXES},
        .server_h2 = {.bytes = h2_link_bytes() + H2_SESSION_BYTES_MOST, .buffers = 1},
        .compressors_max = COMPRESSORS_MAX,
        .limit_bytes = limiter_bytes,
        .told_bytes = sizeof(struct told),
        .callers_bytes = callers_bytes,
        .sticky_bytes = sticky_bytes,
    };
    for (enum table_coding i = 0; i < TABLE_CODING_COUNT; i++)
        out->coding_bytes[i] =
            compressor_most_bytes(i) + sizeof(struct flow_coding) + BUFFER_BLOCK_BYTES;
}
