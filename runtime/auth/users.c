#include "runtime/auth/users.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/table/credentials.h"
#include "runtime/auth/password.h"
#include "runtime/base/hash.h"
#include "runtime/base/vec.h"

struct user {
    struct slice name; /* in `text` */
    const char *hash;
    uint32_t line;
};

struct users {
    char *text; /* owned: the lines, with NULs for what stood behind each hash */
    size_t bytes;
    VEC(struct user) user; /* by name */
};

static int by_name(const void *a, const void *b)
{
    const struct user *x = a, *y = b;
    const size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    const int order = memcmp(x->name.at, y->name.at, n);
    return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static const char *wrong_with(struct slice name, bool has_colon, struct slice hash)
{
    if (!has_colon)
        return "there is no colon between a user and how the password is stored";
    if (name.len == 0 || name.len > CREDENTIALS_USER_MAX)
        return "a user's name has 1 to 128 bytes";
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
            return "a user's name has a control character";
    return memchr(hash.at, '\0', hash.len) ? "there is a NUL in it" : NULL;
}

static bool complain(struct text *why, uint32_t line, const char *what)
{
    text_addf(why, "line %u: %s", line, what);
    return false;
}

/* Into u->text, which `line` is a part of and has a byte behind. */
static bool add_line(struct users *u, struct slice line, uint32_t number, struct text *why)
{
    if (slice_ends(line, SLICE("\r")))
        line.len--;
    line = slice_trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return true;
    const char *colon = memchr(line.at, ':', line.len);
    const struct slice name = {line.at, colon ? (size_t)(colon - line.at) : line.len};
    const struct slice hash = colon ? slice_from(line, name.len + 1) : SLICE("");
    const char *wrong = wrong_with(name, colon != NULL, hash);
    if (wrong)
        return complain(why, number, wrong);
    wrong = password_refused(hash);
    if (wrong) {
        text_addf(why,
                  "line %u: the password of " SLICE_FMT
                  " %s; store it anew: htpasswd -B FILE " SLICE_FMT,
                  number, SLICE_ARG(name), wrong, SLICE_ARG(name));
        return false;
    }
    u->text[hash.at + hash.len - u->text] = '\0';
    VEC_ADD(&u->user, ((struct user){name, hash.at, number}));
    return true;
}

static bool all_differ(const struct users *u, struct text *why)
{
    for (uint32_t i = 1; i < u->user.n; i++) {
        const struct user *a = &u->user.at[i - 1], *b = &u->user.at[i];
        if (!slice_eq(a->name, b->name))
            continue;
        text_addf(why, "line %u: " SLICE_FMT " stands in line %u, too",
                  a->line > b->line ? a->line : b->line, SLICE_ARG(a->name),
                  a->line > b->line ? b->line : a->line);
        return false;
    }
    return true;
}

struct users *users_new(struct slice htpasswd, struct text *why)
{
    struct users *u = MUST_NEW(struct users);
    u->bytes = htpasswd.len + 1;
    u->text = MUST_ARRAY(char, u->bytes);
    memcpy(u->text, htpasswd.at, htpasswd.len);
    struct slice rest = {u->text, htpasswd.len}, line;
    uint32_t number = 0;
    bool ok = true;
    while (ok && slice_split(&rest, '\n', &line))
        ok = add_line(u, line, ++number, why);
    if (ok && u->user.n == 0)
        ok = complain(why, number, "there is no user in it, and so nobody could come in");
    if (ok) {
        qsort(u->user.at, u->user.n, sizeof(*u->user.at), by_name);
        ok = all_differ(u, why);
    }
    if (ok)
        return u;
    users_free(u);
    return NULL;
}

void users_free(struct users *u)
{
    if (!u)
        return;
    explicit_bzero(u->text, u->bytes);
    free(u->text);
    VEC_DONE(&u->user);
    free(u);
}

const char *users_hash(const struct users *u, struct slice user, bool *known)
{
    const struct user wanted = {.name = user};
    const struct user *found =
        bsearch(&wanted, u->user.at, u->user.n, sizeof(*u->user.at), by_name);
    *known = found != NULL;
    return found ? found->hash : u->user.at[hash_slice(user, 0) % u->user.n].hash;
}
