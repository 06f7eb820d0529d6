/*
 * memory - the most that the connections of a configuration may take.
 *
 * What a table allows (connections, streams, how servers are spoken to) times what each thing
 * takes, which the runtime says (runtime/proxy/footprint.h): it knows what it is made of. What the
 * allocator rounds up to and the kernel's socket buffers come on top. Pure.
 */
#pragma once

#include "compiler/table/table.h"

/* What one thing takes at most: bytes of its own, and blocks of its worker's pool of buffers. */
struct memory_cost {
    uint64_t bytes, buffers;
};

struct memory_costs {
    uint64_t buffer_bytes;    /* of a block */
    uint64_t buffers_max;     /* blocks in use at a time, of one worker */
    uint64_t worker_bytes;    /* a worker without connections, and the free blocks it keeps */
    uint64_t idle_links_max;  /* connections kept to one server, of one worker */
    uint64_t compressors_max; /* bodies compressed at a time, of one worker */
    uint64_t (*limit_bytes)(const struct table_limit *l); /* its keys; NULL: none */
    uint64_t told_bytes; /* what a worker keeps to tell others, of what is shared */
    uint64_t (*callers_bytes)(uint32_t connections); /* who has how many; NULL: 0 */
    uint64_t (*sticky_bytes)(uint32_t entries); /* clients that a cluster remembers; NULL: none */
    uint64_t coding_bytes[TABLE_CODING_COUNT];  /* what one of them takes */
    uint64_t found_max;                         /* servers that one source may list */
    /* What is counted of each, by one worker. */
    uint64_t server_bytes, cluster_bytes, listener_bytes, clause_bytes;
    uint64_t server_h2_max;      /* connections of HTTP/2 to one server, of one worker */
    struct memory_cost session;  /* a client's connection, or a stream, with nothing under way */
    struct memory_cost exchange; /* a request under way, with its connection to a server */
    struct memory_cost hedge;    /* more, where two servers may be asked at a time */
    struct memory_cost question; /* more, where a cluster is asked about requests */
    struct memory_cost link;     /* a connection to a server that waits for the next request */
    struct memory_cost tls_idle, tls_most; /* more, for a connection with TLS */
    struct memory_cost tls_chain;          /* more, where its peer shows certificates */
    struct memory_cost h2_idle, h2_most;   /* more, for a client's connection with HTTP/2 */
    struct memory_cost stream;             /* more, for what is a stream of such a connection */
    struct memory_cost server_h2;          /* a connection of HTTP/2 to a server */
};

/* Of a connection: while it waits for its next request, and at its worst. */
struct memory_connection {
    struct memory_cost idle, most;
};

struct memory_listener {
    uint64_t connections, streams; /* the latter 0 where bytes are only passed on */
    struct memory_connection h1;   /* or of TCP */
    struct memory_connection h2;
};

/* Of all listeners together, and of each worker. `connections.most.buffers` may be more than the
 * workers have: further ones are refused. */
struct memory_all {
    struct memory_connection connections;
    uint64_t worker_bytes, worker_servers_bytes, worker_buffers_bytes, worker_compress_bytes;
    uint64_t limits_bytes; /* of what limits and listeners remember, over all workers */
    uint64_t sticky_bytes; /* and clusters of their clients */
};

void memory_of_listener(const struct table *t, const struct memory_costs *c, uint32_t listener,
                        struct memory_listener *out);
void memory_of_all(const struct table *t, const struct memory_costs *c, struct memory_all *out);

/* Bytes and the blocks' bytes. */
uint64_t memory_bytes(const struct memory_costs *c, struct memory_cost m);
