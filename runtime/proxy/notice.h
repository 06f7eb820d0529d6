/*
 * notice - what was done to a client that has no record in the access log: a line in the process's
 * own log.
 *
 * A flood must not become one of lines. Of each kind a worker has one line in NOTICE_EVERY_NS,
 * about the first such client of that time; the next line says how many there were in between. It
 * is the control thread that writes it.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/address.h"
#include "runtime/base/slice.h"
#include "runtime/proxy/overload.h"

struct mailbox;

#define NOTICE_EVERY_NS INT64_C(10000000000)

/* NOTICE(id, what was done) */
#define NOTICES(NOTICE)                                                                            \
    NOTICE(H2_FLOOD, "ended an HTTP/2 connection")                                                 \
    NOTICE(SOURCE, "reset a connection above max-connections-per-source")                          \
    NOTICE(LIMIT, "reset a connection above a limit of `on connect`")

enum notice_kind {
#define NOTICE(id, text) NOTICE_##id,
    NOTICES(NOTICE)
#undef NOTICE
        NOTICE_COUNT
};

/* A worker's own. Zero them. */
struct notices {
    struct {
        int64_t quiet_until_ns;
        uint64_t left_out;
    } of[NOTICE_COUNT];
};

/* A worker begins to leave things out, or ends it: each time, for it falls late. */
void notice_overload(struct mailbox *control, uint32_t worker, enum overload_stage stage,
                     const struct overload *o);

/* `why` is static text, or NULL. */
void notice(struct notices *all, struct mailbox *control, enum notice_kind kind,
            struct slice listener, const struct address *client, const char *why, int64_t now_ns);
