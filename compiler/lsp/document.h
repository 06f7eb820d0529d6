/*
 * document - the texts that the editor has open, as it sees them.
 *
 * An open text wins over the file of the same name, saved or not.
 */
#pragma once

#include "compiler/lsp/json.h"
#include "compiler/lsp/position.h"
#include "runtime/base/check.h"

struct project;

struct document {
    struct slice uri;  /* as the editor writes it */
    struct slice path; /* of a file: URI, decoded; the URI itself for any other */
    uint32_t version;
    bool has_version;
    struct text text;
    struct lines lines;      /* of the text */
    bool slow;               /* proofs took long the last time: they wait for a pause */
    bool changed;            /* since what is known of it was worked out */
    struct project *project; /* what is known of it as a configuration of its own; may be NULL */
    bool unpublished;        /* what is wrong with it was not said since the last change */
    VEC(char *) published;   /* paths of the files that something is said about because of it */
};

struct documents {
    VEC(struct document *) all;
};

/* Opens it, or gives an open one a new text. */
struct document *documents_open(struct documents *d, struct slice uri, struct slice text);
struct document *documents_find(const struct documents *d, struct slice uri);
struct document *documents_find_path(const struct documents *d, struct slice path);
void documents_close(struct documents *d, struct document *one);
void documents_done(struct documents *d);

/* Replaces the bytes [from, to); from <= to, which lie in the text. */
void document_edit(struct document *d, uint32_t from, uint32_t to, struct slice by);

/* The path of a file: URI, plain, in memory the caller frees; any other URI is copied. */
char *uri_path(struct slice uri);

/* Takes `.`, `..` and empty parts out of a path that begins with /, in place; any other is left. */
void path_plain(char *path);

/* Writes the URI of a path, percent-encoded as RFC 3986 wants it, as a JSON string. */
void uri_add_json(struct text *out, struct slice path);
