/* argon2id, by libsodium. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "runtime/auth/password_priv.h"
#include "runtime/base/check.h"

_Static_assert(PASSWORD_HASH_MAX < crypto_pwhash_STRBYTES, "a hash fits, with its end");

bool argon2_is(struct slice hash)
{
    return slice_starts(hash, SLICE("$argon2id$"));
}

const char *argon2_refused(struct slice hash)
{
    ASSERT(sodium_init() >= 0); /* once for the process; again is harmless, on any thread */
    char text[crypto_pwhash_STRBYTES] = "";
    ASSERT(hash.len < sizeof(text));
    memcpy(text, hash.at, hash.len);
    unsigned memory_kib, time, lanes;
    const bool said =
        sscanf(text, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$", &memory_kib, &time, &lanes) == 3;
    const bool whole =
        said && crypto_pwhash_str_needs_rehash(text, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                               crypto_pwhash_MEMLIMIT_INTERACTIVE) >= 0;
    sodium_memzero(text, sizeof(text));
    if (!whole)
        return "is no whole hash of argon2id";
    if (memory_kib > PASSWORD_ARGON2_KIB_MAX || time > PASSWORD_ARGON2_TIME_MAX || lanes > 16)
        return "costs more to check than 256 MiB of memory (m=262144), t=16 or p=16";
    return NULL;
}

bool argon2_matches(const char *hash, const char *password)
{
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}
