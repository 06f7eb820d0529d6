/* route - what a path of the admin port means. Pure. */
#pragma once

#include "runtime/base/embedded.h"
#include "runtime/base/slice.h"

enum api {
#define ENDPOINT(id, path, command, help) ENDPOINT_##id,
#include "stats/server/endpoints.def"
#undef ENDPOINT
    ENDPOINT_COUNT
};

/* ASK is answered by the control thread, EVENTS never ends, FILE is part of the page. */
enum route_kind { ROUTE_NONE, ROUTE_ASK, ROUTE_HEALTH, ROUTE_EVENTS, ROUTE_INDEX, ROUTE_FILE };

struct route {
    enum route_kind kind;
    enum api endpoint;           /* ASK */
    const struct embedded *file; /* FILE */
    bool needs_token;
    bool is_page; /* the very page: where a token becomes a cookie */
};

/* `metrics` and `pages` as the configuration has them. */
struct route route_find(struct slice path, bool metrics, bool pages);

const char *endpoint_path(enum api e);
const char *endpoint_command(enum api e);
const char *endpoint_help(enum api e);

/* "text/css; charset=utf-8": of what a file's name ends with. */
const char *route_type(struct slice name);
