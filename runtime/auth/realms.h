/*
 * realms - whom a configuration lets in: what each secret that a `require` names holds.
 *
 * Read beside the table, from its secrets, on the thread that compiles.
 */
#pragma once

#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/auth/jwt_keys.h"
#include "runtime/auth/users.h"
#include "runtime/base/check.h"
#include "runtime/secret/secrets.h"

struct realms;

/* Pinned once. NULL with a line in `why` for each secret that is not what its `require` wants. */
struct realms *realms_new(const struct table *t, const struct secrets *secrets, struct text *why);
struct realms *realms_pin(struct realms *r);

/* NULL is allowed. Any thread. */
void realms_unpin(struct realms *r);

/* Of table.secret[index], which some `require basic` of the table names; borrowed. Any thread. */
const struct users *realms_users(const struct realms *r, uint32_t index);

/* The same of a `require jwt`. */
const struct jwt_keys *realms_keys(const struct realms *r, uint32_t index);
