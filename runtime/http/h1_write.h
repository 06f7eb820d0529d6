/*
 * h1_write - heads, chunk lines and trailers as they are sent on.
 *
 * Each writes at most `room` bytes and returns the length it needed: more than `room` means that it
 * did not fit and nothing of `out` may be sent.
 */
#pragma once

#include "runtime/http/message.h"

/* A change to the fields, applied in order. Names in lower case. */
enum http_edit_kind { HTTP_SET, HTTP_ADD, HTTP_REMOVE };

struct http_edit {
    enum http_edit_kind kind;
    struct slice name, value;
};

/*
 * Marks the fields dropped that the edits set or remove; to be called once before writing. What a
 * later edit supersedes among the edits themselves is left out by the writer.
 *
 * An edit of Content-Length or of a hop-by-hop field of names.def has no effect: those are the
 * writer's. An HTTP_SET of "host" replaces h1_request_out.host; other edits of it have no effect.
 * Bytes that a value may not hold (controls) are written as blanks, those that a target may not
 * hold as escapes: what is written always parses.
 */
void http_edits_apply(struct http_head *h, const struct http_edit *edit, size_t n);

struct h1_request_out {
    const struct http_head *head;
    struct slice method; /* empty: the head's */
    struct slice target; /* what the server is asked for: normalised path and query; not empty */
    struct slice host;   /* the Host field's value; it is written first */
    const struct http_edit *edit; /* HTTP_SET and HTTP_ADD are written, in order */
    size_t n_edits;
    struct slice without_cookie; /* the head's cookies of this name are left out; empty: none */
    bool chunked;                /* add Transfer-Encoding: chunked, and leave Content-Length out */
    bool upgrade;                /* add Connection: upgrade, and the head's Upgrade field */
    bool trailers;               /* add TE: trailers */
};

size_t h1_write_request(char *out, size_t room, const struct h1_request_out *r);

struct h1_response_out {
    const struct http_head *head;
    const struct http_edit *edit;
    size_t n_edits;
    bool chunked;
    bool unsized;    /* leave Content-Length out */
    bool close;      /* add Connection: close */
    bool keep_alive; /* add Connection: keep-alive, for HTTP/1.0 clients */
    bool upgrade;    /* 101, 426: Connection: upgrade and the head's Upgrade; no other Connection */
};

/* The next value of the field `name` (lower case) among those that will be written: of the head,
 * whose edits have been applied, then of the edits. *cursor starts at 0. */
bool h1_response_next(const struct h1_response_out *r, struct slice name, uint32_t *cursor,
                      struct slice *value);

size_t h1_write_response(char *out, size_t room, const struct h1_response_out *r);

/* A whole answer of our own: status line, Date-less minimal head, body. `extra` is zero or more
 * whole field lines with their CR LF ("Location: /x\r\n"). `body_sent` false (HEAD) leaves the body
 * out but keeps its Content-Length. 1xx, 204 and 304 get neither. Not both `close` and
 * `keep_alive`. */
struct h1_answer {
    uint16_t status;
    struct slice type, extra, body;
    bool close, keep_alive, body_sent;
};

size_t h1_write_answer(char *out, size_t room, const struct h1_answer *a);

/* The line before a chunk of `len` bytes, 1 or more; at most H1_CHUNK_HEAD_MAX bytes. The chunk is
 * followed by CR LF. */
#define H1_CHUNK_HEAD_MAX 20u
size_t h1_write_chunk_head(char out[H1_CHUNK_HEAD_MAX], uint64_t len);

/* The last chunk, the trailer fields that are not dropped (`trailer` may be NULL), the empty line.
 */
size_t h1_write_last_chunk(char *out, size_t room, const struct http_head *trailer);
