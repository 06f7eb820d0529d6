/*
 * flow - a body on its way from one connection to the other: decoded, perhaps chunked anew,
 * written.
 *
 * Bytes stay in the buffer they were read into until they are written; only what a full socket
 * leaves over of a head is copied. A flow never reads: its owner fills the buffer when the flow is
 * hungry.
 */
#pragma once

#include "runtime/http/h1_body.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"

enum flow_result {
    FLOW_DONE,      /* all of the message is written */
    FLOW_HUNGRY,    /* all there was is written; more must be read */
    FLOW_BLOCKED,   /* the socket takes no more now */
    FLOW_BROKEN,    /* writing failed */
    FLOW_MALFORMED, /* the framing of what was read is wrong */
    FLOW_NO_MEMORY,
};

struct flow {
    struct conn *to;
    struct h1_body body;
    bool chunked;        /* frame the output as chunks */
    bool ended;          /* the last byte of the body has been decoded */
    bool last_chunk_due; /* and the last chunk is still to be written, behind its trailers */
    struct buffer first; /* goes before everything else; mostly there is none */
    char *data;          /* decoded bytes, in the input buffer */
    size_t data_len;
    struct slice trailer; /* in the input buffer */
    struct slice tail;    /* goes behind the data; static memory */
    uint64_t sent_bytes;  /* all that was written to the socket */
};

/* `chunked`: frame the output as chunks. Ended at once when there is no body. */
void flow_init(struct flow *f, struct conn *to, enum http_framing framing, uint64_t length,
               bool chunked);

struct flow_scratch {
    char *at; /* begins with `head` bytes that are to go before the body */
    size_t head, room;
    struct pool *buffers; /* where a block comes from when a head does not fit into the socket */
};

/* Goes on as far as it can. What the scratch's head was has been written or kept when it returns.
 */
enum flow_result flow_run(struct flow *f, struct buffer *in, struct flow_scratch scratch);

/* The source has closed: true when a body that ends so is now complete; run the flow once more. */
bool flow_source_closed(struct flow *f);

/* Gives back what it holds. */
void flow_done(struct flow *f, struct pool *buffers);

/* Writes `scratch.head` bytes and nothing else: an interim response, an answer of our own. */
enum flow_result flow_write(struct flow *f, struct flow_scratch scratch);
