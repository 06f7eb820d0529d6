/*
 * server - the state of one conversation with an editor, and the messages that change it.
 *
 * One thread: messages are answered one after the other, in order. What was changed is compiled
 * when somebody asks about it, or when nothing else waits to be read; so quick typing is compiled
 * once. Proofs that took long wait for a pause.
 */
#pragma once

#include "compiler/lsp/project.h"

enum server_state { SERVER_NEW, SERVER_READY, SERVER_SHUT, SERVER_GONE };

struct server {
    enum server_state state;
    int exit_code; /* once GONE */
    int out;       /* where to; -1: nowhere */
    bool lost;     /* writing failed: the client is gone */
    enum encoding encoding;
    /* What the client can do. */
    bool snippets, versioned_edits, related, tags, prepares;
    struct documents open;
};

/* One request for a feature, with what its params name. */
struct ask {
    struct server *s;
    const struct json *params;
    struct document *doc;
    struct project *p;
    uint32_t file;       /* the document's number in it */
    uint32_t at;         /* the place asked about, a byte of the project */
    const char *refused; /* set by who returns false, when the params are well-formed */
};

/* Writes the result, or nothing for null; false: an error, see `refused`. */
typedef bool feature(struct ask *a, struct text *out);
typedef void notice(struct server *s, const struct json *params);

#define REQUEST(method, function, wants) feature function;
#define NOTICE(method, function)         notice function;
#include "compiler/lsp/methods.def"
#undef REQUEST
#undef NOTICE

/* Answers one message, well-formed or not: NULL is what was no JSON. */
void server_take(struct server *s, const struct json *message);

/* Answers a request with an error, without looking at it further. */
enum server_error {
    ERROR_PARSE = -32700,
    ERROR_INVALID_REQUEST = -32600,
    ERROR_NO_METHOD = -32601,
    ERROR_INVALID_PARAMS = -32602,
    ERROR_NOT_INITIALIZED = -32002,
    ERROR_REFUSED = -32803,
    ERROR_CANCELLED = -32800,
};
void server_fail(struct server *s, const struct json *id, enum server_error code, const char *why);

/* Writes one message. */
void server_send(struct server *s, struct slice body);

/* Compiles what changed and says what is wrong with it. */
void server_idle(struct server *s);

/* Proofs that take long are left out at first: are there any left? Make those of one text. */
bool server_owes_proofs(const struct server *s);
void server_prove(struct server *s);

void server_done(struct server *s);

/* diagnostics.c: one Diagnostic of `r`, as an object; what is wrong in each file of the root's
 * project. */
struct report;
void add_diagnostic(const struct server *s, const struct project *p, const struct report *r,
                    struct text *out);
void publish(struct server *s, struct document *root);
/* Says that nothing is wrong in what was said to be wrong because of `root`. */
void unpublish(struct server *s, struct document *root);

/* Edits: a WorkspaceEdit of the project's files. begin, add any number in order of place, end. */
struct edits {
    const struct server *s;
    const struct project *p;
    struct text *out;
    uint32_t file, n; /* of the last edit; how many there are */
};
void edits_begin(struct edits *e, const struct server *s, const struct project *p,
                 struct text *out);
void edits_add(struct edits *e, struct span span, struct slice replacement);
void edits_end(struct edits *e);
