/* The two forms; only this room includes it. */
#pragma once

#include "runtime/auth/password.h"

/* Does the hash say that it is one? */
bool argon2_is(struct slice hash);
bool bcrypt_is(struct slice hash);

/* As password_refused(), of one that is. */
const char *argon2_refused(struct slice hash);
const char *bcrypt_refused(struct slice hash);

bool argon2_matches(const char *hash, const char *password);
bool bcrypt_matches(const char *hash, const char *password);
