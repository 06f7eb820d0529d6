/*
 * acceptor - one worker's end of a listener's socket.
 *
 * It accepts as long as the listener's max-connections allows. At the limit, and when the kernel is out
 * of descriptors, it pauses: clients wait in the kernel's queue, and are served when others leave.
 */
#pragma once

#include "runtime/generation/generation.h"

struct acceptor;
struct worker;

/* Makes the worker's acceptors those of its current generation: sockets that stay are not touched, and
 * what waits at sockets that go is accepted first. */
void acceptors_update(struct worker *w);

/* Accepts no more. */
void acceptors_close(struct worker *w);

/* Those that paused try again; returns whether there were any. */
bool acceptors_resume(struct worker *w);
