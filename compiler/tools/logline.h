/*
 * logline - a request as an access log tells it: a line of our own JSON, or of the Common or
 * Combined Log Format that nginx and Apache write.
 */
#pragma once

#include "runtime/base/address.h"
#include "runtime/base/slice.h"

enum logline_kind {
    LOGLINE_UNREADABLE,
    LOGLINE_OWN,     /* ours: with the decision */
    LOGLINE_COMMON,  /* with a status only */
    LOGLINE_NOTHING, /* ours, of a connection that never sent a whole request; or an empty line */
};

/* Texts are empty where the log does not have them. They point into the line or the scratch. */
struct logline {
    struct slice method, scheme, host, target, listener;
    struct slice clause, cluster; /* OWN: "shop:3"; no cluster: it was answered by a rule */
    struct slice referer, agent;  /* of the Combined format; .at is NULL: the log has none */
    bool has_headers;             /* referer and agent are known, if only to be absent */
    bool answered;                /* OWN: by a rule */
    bool cut;                     /* the request did not fit into the record */
    uint16_t status;              /* 0: none */
    struct address client;
};

/* `scratch` has room for as many bytes as the line. */
enum logline_kind logline_parse(struct slice line, char *scratch, struct logline *out);
