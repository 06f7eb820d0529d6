/* Shared by replay.c and replay_report.c. */
#pragma once

#include "compiler/table/verdict.h"
#include "compiler/tools/explain_priv.h"
#include "compiler/tools/logline.h"
#include "compiler/tools/replay.h"
#include "compiler/tools/request.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"
#include "runtime/base/uri.h"
#include "runtime/base/vec.h"

/* With more different differences than this, the rest is counted in one group. */
#define REPLAY_GROUPS_MAX 10000u

/* Requests whose decision changed alike. */
struct replay_group {
    struct slice old, new; /* "forward web (shop:3)" */
    struct slice lacks;    /* what their decision depends on and the log does not have; or empty */
    struct slice example;  /* as lbc explain takes it */
    uint64_t line, count;  /* the example's */
};

struct replay_count {
    uint64_t lines, requests, unreadable, no_request, refused, cut, no_listener;
    uint64_t alike, other_clause, differ, unknown; /* of requests */
    uint64_t header_asked; /* requests that were asked for a header the log does not have */
};

struct replay {
    struct replay_options options;
    struct replay_count count;
    uint64_t *by_clause; /* of options.table: how many it decided */

    /* The request at hand. */
    struct request request; /* what a request has that no log tells */
    struct logline line;
    bool header_asked;
    char *scratch, *path; /* as long as the longest line */
    size_t room;
    char host[URI_HOST_BYTES_MAX + 8];
    struct verdict *verdict, *verdict_old;

    struct arena arena; /* of the groups' texts */
    VEC(struct replay_group) group;
    uint32_t *slot; /* open addressing: 1 + index of a group */
    uint32_t slots;
    struct text key; /* of the group being looked for */
};
