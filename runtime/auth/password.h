/*
 * password - stored passwords: which forms are taken, and does one match?
 *
 * Two forms that cost whoever guesses: argon2id (argon2.c) and bcrypt (bcrypt.c). Checking takes
 * from some milliseconds to a second, and argon2id as much memory as its hash says: not on a loop.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

/* What a hash may take, so that no line of a file stops the process. */
#define PASSWORD_HASH_MAX        127u
#define PASSWORD_ARGON2_KIB_MAX  262144u /* 256 MiB */
#define PASSWORD_ARGON2_TIME_MAX 16u
#define PASSWORD_BCRYPT_COST_MAX 15u

/* NULL, or what is wrong with how a password is stored, as the end of a sentence that begins with
 * "the password". Static; nothing of the hash is in it. */
const char *password_refused(struct slice hash);

/* `hash` is one that password_refused() has nothing against. Any thread; blocks. */
bool password_matches(const char *hash, const char *password);
