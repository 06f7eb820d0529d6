/*
 * acceptor - one worker's end of a listener's socket.
 *
 * It accepts as long as the listener's max-connections allows. At the limit, and when the kernel is
 * out of descriptors, it pauses: clients wait in the kernel's queue, and are served when others
 * leave.
 */
#pragma once

#include "runtime/generation/generation.h"

struct acceptor;
struct worker;

/* Leaves the sockets that neither `next` nor its canary has, which may be NULL. What waits there is
 * accepted first, and served by the current generation, the last that knows them. */
void acceptors_leave(struct worker *w, const struct generation *next,
                     const struct generation *canary);

/* Accepts at all sockets of the current generation, and at those that its canary alone has; those
 * that stay are not touched. */
void acceptors_update(struct worker *w);

/* Accepts no more. */
void acceptors_close(struct worker *w);

/* Those that paused try again; returns whether there were any. */
bool acceptors_resume(struct worker *w);
