/*
 * server - the admin port: what `admin` of the configuration says, served over HTTP on a thread of
 * its own.
 *
 * This is the control thread's side of it: what is to be bound is opened before a generation is
 * published, so that a bind that fails refuses the reload, and handed to the thread once it is. The
 * thread begins with the first configuration that has an `admin`.
 */
#pragma once

#include "runtime/control/process.h"

struct admin;

struct admin *admin_new(void);

/* What control calls when a configuration comes, and what the port counts: for control_config. */
struct control_admin admin_hooks(struct admin *a);

/* Before the first configuration comes. */
void admin_attach(struct admin *a, struct control *c);

/* Ends the thread and closes all connections; blocks until it is so. Before control_free(). */
void admin_stop(struct admin *a);

/* After control_free(). NULL is allowed. */
void admin_free(struct admin *a);
