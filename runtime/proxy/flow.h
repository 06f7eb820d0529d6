/*
 * flow - a body on its way from one connection to the other: decoded, perhaps chunked anew,
 * written.
 *
 * Bytes stay in the buffer they were read into until they are written; only what a full socket
 * leaves over of a head is copied. A flow never reads: its owner fills the buffer when the flow is
 * hungry.
 */
#pragma once

#include "runtime/filter/compress.h"
#include "runtime/http/h1_body.h"
#include "runtime/net/buffer.h"
#include "runtime/net/conn.h"

enum flow_result {
    FLOW_DONE,      /* all of the message is written */
    FLOW_HUNGRY,    /* all there was is written; more must be read */
    FLOW_BLOCKED,   /* the socket takes no more now */
    FLOW_PACED,     /* all that is allowed is written, and there is more */
    FLOW_BROKEN,    /* writing failed */
    FLOW_MALFORMED, /* the framing of what was read is wrong */
    FLOW_TOO_LARGE, /* the body is longer than body_bytes_max; nothing above that was written */
    FLOW_NO_MEMORY,
};

/* What a flow needs that sends another body than the one that comes: the same, compressed. */
struct flow_coding {
    struct compressor *by; /* borrowed */
    enum table_coding coding;
    struct buffer out; /* coded, and to be written; a block only while there is something */
    struct slice raw;  /* decoded, in the input buffer, and to be coded */
    enum compress_step step;
    bool busy;         /* that step is not done */
    bool source_ended; /* the last byte of the body has been decoded */
    bool dirty;        /* something went in that may not have come out */
    bool push; /* nothing more is there now: what went in is to come out. The owner's to set */
    uint64_t in_bytes, out_bytes;
};

struct flow {
    struct conn *to;
    const struct conn
        *source; /* a stream's end may be known with its last bytes; NULL is allowed */
    struct h1_body body;
    bool chunked;        /* frame the output as chunks */
    bool ended;          /* the last byte of the body has been decoded */
    bool goes_on;        /* a stream's message does not end with this: a tunnel may follow */
    bool finished;       /* the end was told to a stream */
    bool last_chunk_due; /* and the last chunk is still to be written, behind its trailers */
    struct buffer first; /* goes before everything else; mostly there is none */
    char *data;          /* decoded bytes, in the input buffer */
    size_t data_len;
    struct slice trailer; /* in the input buffer, or kept by the source until it closes */
    struct slice tail;    /* goes behind the data; static memory */
    uint64_t sent_bytes;  /* all that was written to the socket */
    uint64_t body_bytes_max;
    uint64_t *allowed;          /* bytes of the body that may be written yet; borrowed; NULL: any */
    struct flow_coding *coding; /* borrowed; NULL: the body goes on as it comes */
};

/* `chunked`: frame the output as chunks. Ended at once when there is no body. Any length may come
 * until body_bytes_max is set, and all of it is written until `allowed` is. */
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

/* Can the next bytes of the source go straight on, as they are? */
bool flow_passes(const struct flow *f, const struct conn *from);

/* Moves as much as there is and is allowed, at most a scratch full, to *n. FLOW_HUNGRY: go on as
 * after flow_run(); *more says that there may be more, be it what follows the body. Where *n is 0 a
 * read says why. */
enum flow_result flow_pass(struct flow *f, struct conn *from, struct flow_scratch scratch,
                           size_t *n, bool *more);

/* Is something kept back that a push would send? */
static inline bool flow_holds_back(const struct flow *f)
{
    return f->coding && (f->coding->dirty || f->coding->busy) && !f->ended;
}

/* The source has closed, or ended with these trailers: true when a body that ends so is now
 * complete; run the flow once more. */
bool flow_source_closed(struct flow *f, struct slice trailer);

/* Gives back what it holds. */
void flow_done(struct flow *f, struct pool *buffers);

/* Writes `scratch.head` bytes and nothing else: an interim response, an answer of our own. */
enum flow_result flow_write(struct flow *f, struct flow_scratch scratch);
