#include "runtime/auth/jwt.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/base/clock.h"

const char *jwt_answer_log(enum jwt_answer a)
{
    static const char *const LOG[] = {
#define JWT(id, log, says) [JWT_##id] = (log),
        JWT_ANSWERS(JWT)
#undef JWT
    };
    return LOG[a];
}

const char *jwt_answer_text(enum jwt_answer a)
{
    static const char *const TEXT[] = {
#define JWT(id, log, says) [JWT_##id] = (says),
        JWT_ANSWERS(JWT)
#undef JWT
    };
    return TEXT[a];
}

/* --- what it claims -------------------------------------------------------------------------- */

/* The end of the year 9999. Whoever writes more means never, which is no date. */
#define DATE_MAX 253402300800.0

/* RFC 7519 2: seconds, which may have a fraction. False: it is there, and is no date. */
static bool read_date(const struct bearer *b, const char *name, double if_absent, double *out)
{
    const struct flat_json v = flat_json_member(b->claims, slice_of(name));
    char digits[64];
    *out = if_absent;
    if (v.kind == FLAT_JSON_NONE)
        return true;
    if (v.kind != FLAT_JSON_NUMBER || v.text.len >= sizeof(digits))
        return false;
    memcpy(digits, v.text.at, v.text.len);
    digits[v.text.len] = '\0';
    *out = strtod(digits, NULL);
    return *out < DATE_MAX; /* that is false of what is no number, too */
}

/* What never ends is not taken: it can't be taken back. */
static enum jwt_answer check_dates(const struct bearer *b, double leeway_s, double wall_s)
{
    double expires, not_before, issued;
    if (!read_date(b, "exp", -INFINITY, &expires) || !read_date(b, "nbf", 0, &not_before) ||
        !read_date(b, "iat", 0, &issued))
        return JWT_MALFORMED;
    if (expires == -INFINITY)
        return JWT_ENDLESS;
    if (wall_s >= expires + leeway_s)
        return JWT_EXPIRED;
    return wall_s + leeway_s < not_before || wall_s + leeway_s < issued ? JWT_EARLY : JWT_GOOD;
}

static bool is_any(struct flat_json v, const struct slice *of, uint32_t n)
{
    for (uint32_t i = 0; v.kind == FLAT_JSON_STRING && i < n; i++)
        if (slice_eq(v.text, of[i]))
            return true;
    return false;
}

/* RFC 7519 4.1.3: one, or several of which any will do. */
static bool has_any(struct flat_json v, const struct slice *of, uint32_t n)
{
    struct slice rest = v.text;
    struct flat_json element;
    if (v.kind != FLAT_JSON_ARRAY)
        return is_any(v, of, n);
    while (flat_json_next(&rest, &element))
        if (is_any(element, of, n))
            return true;
    return false;
}

enum jwt_answer jwt_check_claims(const struct table_jwt *rule, const struct bearer *b,
                                 int64_t wall_s)
{
    if (b->found != BEARER_FOUND)
        return b->found == BEARER_NONE ? JWT_ABSENT : JWT_MALFORMED;
    const enum jwt_answer dates =
        check_dates(b, (double)rule->leeway_ns / (double)NS_PER_S, (double)wall_s);
    if (dates != JWT_GOOD)
        return dates;
    if (rule->n_issuers > 0 &&
        !is_any(flat_json_member(b->claims, SLICE("iss")), rule->issuer, rule->n_issuers))
        return JWT_ISSUER;
    if (rule->n_audiences > 0 &&
        !has_any(flat_json_member(b->claims, SLICE("aud")), rule->audience, rule->n_audiences))
        return JWT_AUDIENCE;
    return JWT_GOOD;
}

/* --- whose it is ----------------------------------------------------------------------------- */

static bool is_called(const struct jwt_key *k, struct flat_json id)
{
    return k->id && slice_eq(slice_of(k->id), id.text);
}

static bool any_is_called(const struct jwt_keys *keys, struct flat_json id)
{
    for (uint32_t i = 0; i < keys->n; i++)
        if (is_called(&keys->key[i], id))
            return true;
    return false;
}

static bool fits(const struct jwt_key *k, enum signature_algorithm a)
{
    return signature_key_fits(k->key, a) && (k->only == SIGNATURE_ALGORITHM_COUNT || k->only == a);
}

/* The keys that the token may mean: those that are called as it says; where none is, those that
 * have no name, for theirs may be that; without a name in the token, all. */
static enum jwt_answer find_keys(const struct jwt_keys *keys, struct flat_json id,
                                 enum signature_algorithm a,
                                 const struct signature_key *out[JWT_TRIES_MAX], uint32_t *n)
{
    const bool named = id.kind == FLAT_JSON_STRING;
    const bool known = named && any_is_called(keys, id);
    bool meant = false;
    *n = 0;
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct jwt_key *k = &keys->key[i];
        if (named && (known ? !is_called(k, id) : k->id != NULL))
            continue;
        meant = true;
        if (!fits(k, a))
            continue;
        if (*n == JWT_TRIES_MAX)
            return JWT_KEY;
        out[(*n)++] = k->key;
    }
    return !meant ? JWT_KEY : *n == 0 ? JWT_ALGORITHM : JWT_GOOD;
}

enum jwt_answer jwt_check_signature(const struct jwt_keys *keys, const struct bearer *b)
{
    const struct flat_json algorithm = flat_json_member(b->header, SLICE("alg"));
    const struct flat_json id = flat_json_member(b->header, SLICE("kid"));
    const struct signature_key *key[JWT_TRIES_MAX];
    uint32_t n;
    if (algorithm.kind != FLAT_JSON_STRING ||
        (id.kind != FLAT_JSON_NONE && id.kind != FLAT_JSON_STRING))
        return JWT_MALFORMED;
    /* What must be understood of it is not (RFC 7515 4.1.11). */
    if (flat_json_member(b->header, SLICE("crit")).kind != FLAT_JSON_NONE)
        return JWT_ALGORITHM;
    const enum signature_algorithm a = signature_algorithm_find(algorithm.text);
    const enum jwt_answer found = find_keys(keys, id, a, key, &n);
    if (found != JWT_GOOD)
        return found;
    for (uint32_t i = 0; i < n; i++)
        if (signature_holds(key[i], a, b->is_signed, b->signature))
            return JWT_GOOD;
    return JWT_SIGNATURE;
}
