/* semantics_priv - the parts of semantics.c that stand in files of their own. */
#pragma once

#include "runtime/http/semantics.h"

/* Where the request is for: writes out->authority and out->path. Returns 0 or an h1_error. */
MUST_CHECK int http_target_understand(const struct http_head *h, struct http_request_info *out);

/* What the Connection fields say; marks the fields they name dropped. */
struct http_connection {
    bool close, keep_alive, upgrade;
};

/* Returns 0 and writes *out, or an h1_error. */
MUST_CHECK int http_connection_understand(struct http_head *h, struct http_connection *out);
