/* bcrypt, by libcrypt. */
#include <crypt.h>
#include <string.h>

#include "runtime/auth/password_priv.h"
#include "runtime/base/check.h"

/* "$2b$12$", 22 characters of salt, 31 of the hash. */
#define BCRYPT_BYTES 60u

bool bcrypt_is(struct slice hash)
{
    return slice_starts(hash, SLICE("$2a$")) || slice_starts(hash, SLICE("$2b$")) ||
           slice_starts(hash, SLICE("$2y$"));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_its_alphabet(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
}

const char *bcrypt_refused(struct slice hash)
{
    bool whole = hash.len == BCRYPT_BYTES && is_digit(hash.at[4]) && is_digit(hash.at[5]) &&
                 hash.at[6] == '$';
    for (size_t i = 7; i < hash.len; i++)
        whole &= is_of_its_alphabet(hash.at[i]);
    if (!whole)
        return "is no whole hash of bcrypt";
    const unsigned cost = (unsigned)(hash.at[4] - '0') * 10 + (unsigned)(hash.at[5] - '0');
    if (cost < 4)
        return "is no whole hash of bcrypt";
    return cost > PASSWORD_BCRYPT_COST_MAX ? "takes seconds to check: a cost of 10 to 12 will do"
                                           : NULL;
}

bool bcrypt_matches(const char *hash, const char *password)
{
    struct crypt_data *data = MUST_NEW(struct crypt_data); /* 32 KiB: too large for a stack */
    const char *made = crypt_r(password, hash, data);
    bool same = made && strlen(made) == strlen(hash);
    unsigned differs = 0;
    for (size_t i = 0; same && hash[i]; i++)
        differs |= (unsigned char)made[i] ^ (unsigned char)hash[i];
    same &= differs == 0;
    explicit_bzero(data, sizeof(*data));
    free(data);
    return same;
}
