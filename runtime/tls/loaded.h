/*
 * loaded - all that a table's TLS needs from files, ready to be used by a generation.
 *
 * Made beside the table, on the thread that compiles, because reading ten thousand certificates
 * takes a moment. What has not changed since the one before is taken over, and not read again.
 */
#pragma once

#include "runtime/tls/client.h"
#include "runtime/tls/context.h"

struct tls_loaded {
    atomic_uint pins;
    struct tickets *tickets;          /* pinned; the same from the first to the last */
    struct certificate **certificate; /* of all blocks, in order; pinned */
    uint32_t n_certificates;
    struct tls_context **context; /* parallel to table.tls; pinned */
    uint32_t n_contexts;
    struct tls_client *
        *client; /* parallel to table.cluster; pinned; NULL where TLS is not spoken */
    struct tls_client **prober; /* the same, for health checks */
    uint32_t n_clusters;
    bool differ; /* do they verify clients in different ways? */
};

/*
 * Pinned once. NULL with a line in `why` for each thing that is wrong. What can be served although
 * it should not be so (a certificate has expired, or is not valid yet at `now_s`) is a line in
 * `warnings`. `before` may be NULL. Blocks on the disk.
 */
struct tls_loaded *tls_loaded_new(const struct table *t, const struct tls_loaded *before,
                                  int64_t now_s, struct text *warnings, struct text *why);
struct tls_loaded *tls_loaded_pin(struct tls_loaded *l);

/* NULL is allowed. Any thread. */
void tls_loaded_unpin(struct tls_loaded *l);

/* The first of all certificates to expire: seconds since 1970; INT64_MAX when there is none. */
int64_t tls_loaded_soonest(const struct tls_loaded *l);

/*
 * Has a request for `host` come to the wrong place (RFC 9110 15.5.20)? So it is when another block
 * has a certificate for that host, the connection's own has not, and they verify clients in
 * different ways: whoever reaches the one must not be taken for having been let in by the other.
 */
bool tls_loaded_misdirected(const struct tls_loaded *l, const struct tls_context *came_by,
                            struct slice host);
