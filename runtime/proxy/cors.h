/*
 * cors - what a browser is told about a request that a page of another origin makes (Fetch, 3.2).
 *
 * Pure. What the server says itself about it is replaced: the rule is the only word.
 */
#pragma once

#include "compiler/table/cors.h"
#include "runtime/http/h1_write.h"

#define CORS_EDITS_MAX 7u

/* The most that a browser may name of headers, to be told that any of them may be sent. */
#define CORS_HEADERS_BYTES_MAX ((size_t)1024)

/* The changes of a response's headers; returns their number. `asked` is what the request says. The
 * values are good as long as both. */
size_t cors_edits(const struct table_cors *c, const struct facts *asked, bool preflight,
                  struct http_edit out[CORS_EDITS_MAX]);
