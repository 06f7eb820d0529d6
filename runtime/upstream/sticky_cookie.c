#include "runtime/upstream/sticky_cookie.h"

#include "runtime/base/base64.h"
#include "runtime/base/check.h"

#define ID_BYTES     5u
#define UNTIL_BYTES  4u
#define SIGNED_BYTES (ID_BYTES + UNTIL_BYTES)
#define SIGN_BYTES   15u
#define RAW_BYTES    (SIGNED_BYTES + SIGN_BYTES)

_Static_assert(RAW_BYTES % 3 == 0, "no bits are left over, so a value has one spelling");
_Static_assert(RAW_BYTES / 3 * 4 == STICKY_COOKIE_BYTES, "four characters are three bytes");

/* Says what it is for, so that what else is made of the secret is no cookie. */
void sticky_cookie_key(struct mac_key *out, struct slice secret)
{
    uint8_t derived[MAC_BYTES];
    struct mac_key k;
    mac_key_init(&k, secret);
    mac_sign(&k, SLICE("lbc sticky cookie 1"), derived);
    mac_key_done(&k);
    mac_key_init(out, (struct slice){(const char *)derived, sizeof(derived)});
    explicit_bzero(derived, sizeof(derived));
}

static void put_number(uint8_t *out, size_t n, uint64_t number)
{
    for (size_t i = n; i-- > 0; number >>= 8)
        out[i] = (uint8_t)number;
}

static uint64_t number_of(const uint8_t *at, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++)
        number = number << 8 | at[i];
    return number;
}

static void sign(const uint8_t raw[RAW_BYTES], const struct mac_key *key, uint8_t out[MAC_BYTES])
{
    mac_sign(key, (struct slice){(const char *)raw, SIGNED_BYTES}, out);
}

void sticky_cookie_write(const struct sticky_cookie *c, const struct mac_key *key,
                         char out[STICKY_COOKIE_BYTES])
{
    static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    ASSERT(c->server > 0 && c->server >> 8 * ID_BYTES == 0);
    uint8_t raw[RAW_BYTES], mac[MAC_BYTES];
    put_number(raw, ID_BYTES, c->server);
    put_number(raw + ID_BYTES, UNTIL_BYTES, c->until_s);
    sign(raw, key, mac);
    memcpy(raw + SIGNED_BYTES, mac, SIGN_BYTES);
    for (size_t i = 0; i < RAW_BYTES; i += 3, out += 4) {
        const uint64_t three = number_of(raw + i, 3);
        for (unsigned k = 0; k < 4; k++)
            out[k] = DIGIT[three >> (18 - 6 * k) & 63];
    }
}

static bool decode(struct slice value, uint8_t raw[RAW_BYTES])
{
    if (value.len != STICKY_COOKIE_BYTES)
        return false;
    for (size_t i = 0; i < STICKY_COOKIE_BYTES; i += 4) {
        uint64_t three = 0;
        for (size_t k = i; k < i + 4; k++) {
            const int digit = base64_digit(value.at[k], '-', '_');
            if (digit < 0)
                return false;
            three = three << 6 | (uint64_t)digit;
        }
        put_number(raw + i / 4 * 3, 3, three);
    }
    return true;
}

static struct slice without_quotes(struct slice s)
{
    const bool quoted = s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"';
    return quoted ? (struct slice){s.at + 1, s.len - 2} : s;
}

enum sticky_cookie_result sticky_cookie_read(struct slice value, const struct mac_key *key,
                                             int64_t now_s, struct sticky_cookie *out)
{
    uint8_t raw[RAW_BYTES], mac[MAC_BYTES];
    if (!decode(without_quotes(value), raw))
        return STICKY_COOKIE_FORGED;
    sign(raw, key, mac);
    if (!mac_eq(raw + SIGNED_BYTES, mac, SIGN_BYTES))
        return STICKY_COOKIE_FORGED;
    const uint32_t until_s = (uint32_t)number_of(raw + ID_BYTES, UNTIL_BYTES);
    if (until_s > 0 && until_s <= now_s)
        return STICKY_COOKIE_EXPIRED;
    *out = (struct sticky_cookie){.server = number_of(raw, ID_BYTES), .until_s = until_s};
    return STICKY_COOKIE_GOOD;
}

bool sticky_cookie_ages(const struct sticky_cookie *c, int64_t ttl_s, int64_t now_s)
{
    if (ttl_s == 0 || c->until_s == 0)
        return (ttl_s == 0) != (c->until_s == 0);
    const int64_t left_s = c->until_s - now_s;
    return left_s * 2 <= ttl_s || left_s > ttl_s;
}
