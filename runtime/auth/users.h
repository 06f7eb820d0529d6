/*
 * users - who may come in: the users of an htpasswd text, and how their passwords are stored.
 *
 * Immutable once made.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"

struct users;

/* Lines `user:hash`; blank ones, and those that begin with '#', say nothing. NULL, and one sentence
 * behind "line 3: " for the first that can't be taken. What is borrowed is copied. */
struct users *users_new(struct slice htpasswd, struct text *why);

/* Wipes it. NULL is allowed. */
void users_free(struct users *u);

/* How the user's password is stored: NUL-terminated, borrowed. Of a user that is not there some
 * other's, so that finding out takes as long, and *known is false. */
const char *users_hash(const struct users *u, struct slice user, bool *known);
