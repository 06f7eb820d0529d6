#include "runtime/auth/password_priv.h"
#include "runtime/base/check.h"

/* What is found in such files besides, by how it begins. */
static const struct {
    struct slice begins;
    const char *why;
} WEAK[] = {
    {SLICE_INIT("$apr1$"), "is stored as Apache's MD5, which is guessed too fast"},
    {SLICE_INIT("$1$"), "is stored as MD5, which is guessed too fast"},
    {SLICE_INIT("{SHA}"), "is stored as SHA-1 without salt, which is guessed too fast"},
    {SLICE_INIT("{SSHA}"), "is stored as SHA-1, which is guessed too fast"},
    {SLICE_INIT("{PLAIN}"), "is stored as it is"},
    {SLICE_INIT("$5$"), "is stored as SHA-256, which is guessed faster than bcrypt"},
    {SLICE_INIT("$6$"), "is stored as SHA-512, which is guessed faster than bcrypt"},
    {SLICE_INIT("$argon2i$"), "is stored as argon2i; argon2id is taken"},
    {SLICE_INIT("$argon2d$"), "is stored as argon2d; argon2id is taken"},
    {SLICE_INIT("$2x$"), "is stored by a bcrypt that was broken"},
};

const char *password_refused(struct slice hash)
{
    if (hash.len > PASSWORD_HASH_MAX)
        return "is stored in more bytes than argon2id and bcrypt take";
    if (argon2_is(hash))
        return argon2_refused(hash);
    if (bcrypt_is(hash))
        return bcrypt_refused(hash);
    for (size_t i = 0; i < COUNT_OF(WEAK); i++)
        if (slice_starts(hash, WEAK[i].begins))
            return WEAK[i].why;
    return "is stored neither by argon2id nor by bcrypt: by DES, or as it is";
}

bool password_matches(const char *hash, const char *password)
{
    return argon2_is(slice_of(hash)) ? argon2_matches(hash, password)
                                     : bcrypt_matches(hash, password);
}
