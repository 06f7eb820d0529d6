/*
 * probe - active health checks: one prober for the whole process, on the control thread's loop.
 *
 * Each checked server has one timer; the first probe of a new server is at once, later ones are
 * spread over the interval so that they do not come in bursts.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/event/loop.h"
#include "runtime/upstream/server.h"

struct probes;

/* At most so many connections of probes at a time; the others wait for their turn. */
#define PROBES_AT_ONCE 256u

/* Told when a server's state changed, after it was stored; the last thing a probe does, so that it
 * may call any function here. `reason` is short: "status 200", "connection refused", "no answer
 * within 1s". */
typedef void probe_changed(void *of, struct server *s, enum health_state state, const char *reason);

struct probes *probes_new(struct loop *loop, uint64_t seed, probe_changed *changed, void *of);

/* Ends what is under way without a result. NULL is allowed. */
void probes_free(struct probes *p);

/*
 * Makes the set of probed servers exactly `server` with these checks: new ones begin, gone ones
 * end, ones that stay (the same struct server) keep their run of results and their rhythm.
 * `check[i]` is how server[i] is checked and is copied with its texts; HEALTH_NONE ones may be
 * among them. `tls[i]` is how it is spoken to, NULL without TLS; all of it NULL where none is. Pins
 * what it probes.
 *
 * Writes `checked` of every server given, and makes the health of one that is no longer checked
 * unknown again. What is under way with a check that has changed ends without a result.
 */
void probes_set(struct probes *p, struct server *const *server,
                const struct table_health *const *check, struct tls_client *const *tls, size_t n);

/* Since the process began. Late ones began more than a tenth of their interval behind it: because
 * too many others were under way, or the thread was busy. */
struct probes_count {
    uint64_t begun, late;
};
struct probes_count probes_count(const struct probes *p);

/* Probes this server now rather than at its next turn; nothing when it is not checked. */
void probes_hurry(struct probes *p, struct server *s);
