/*
 * events - the last of what happened in the process, kept to be asked for: `show events`.
 *
 * An event is a line of the process log that has a kind, and something that it is about; both are
 * written by the one call, so nothing is told in one place that is missing in the other. A ring of
 * fixed size: the oldest is overwritten. Like the log there is one of the process; the control
 * thread's alone.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/log/log.h"

#define EVENTS_MAX      1024u /* that are kept; a power of two */
#define EVENT_ABOUT_MAX 128u  /* with their NULs; what is longer is cut, and ends with "..." */
#define EVENT_TEXT_MAX  256u

#define EVENT_KINDS(K)                                                                             \
    K(SERVER, "server")   /* up, down, ejected, back; drained and weighed; listed or no more */    \
    K(CLUSTER, "cluster") /* whether it has servers */                                             \
    K(BREAKER, "breaker")                                                                          \
    K(SOURCE, "source") /* of servers: whether it answers */                                       \
    K(RELOAD, "reload") /* another configuration serves, or was refused */                         \
    K(CHANGE, "change") /* made, and ended */                                                      \
    K(TRIAL, "trial")                                                                              \
    K(CANARY, "canary")                                                                            \
    K(SHADOW, "shadow")                                                                            \
    K(SHARED, "shared")           /* the Redis of several processes: lost, back */                 \
    K(CERTIFICATE, "certificate") /* its end is near, or over */                                   \
    K(UPGRADE, "upgrade")                                                                          \
    K(PROCESS, "process") /* serves, shuts down */

enum event_kind {
#define K(id, name) EVENT_##id,
    EVENT_KINDS(K)
#undef K
};

struct event {
    uint64_t number; /* from 1, without gaps */
    int64_t wall_ns; /* since 1970 */
    enum event_kind kind;
    enum log_level level;
    char about[EVENT_ABOUT_MAX]; /* "web/a"; empty: the process */
    char text[EVENT_TEXT_MAX];   /* one line, as the log has it */
};

/* What an event is about: "web", or "web/a". */
struct event_about {
    struct slice name, part;
};
#define ABOUT(...)    ((struct event_about){__VA_ARGS__})
#define ABOUT_PROCESS ((struct event_about){.part = {0}})

/* log_line(), and the event. */
void event_log(enum event_kind kind, enum log_level level, struct event_about about,
               const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Calls `each` for the last `n` of those that are kept, oldest first. */
void events_each(uint32_t n, void (*each)(void *to, const struct event *e), void *to);

/* So many have been; those that are not kept any more among them. */
uint64_t events_total(void);

/* Static memory. */
const char *event_kind_name(enum event_kind kind);
