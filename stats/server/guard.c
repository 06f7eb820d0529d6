#include "stats/server/guard.h"

#include <string.h>

#define COOKIE_TEXT "lbc admin cookie 1"

const char *guard_token_problem(struct slice token)
{
    if (token.len < GUARD_TOKEN_MIN)
        return "is shorter than 16 characters, and could be guessed; `openssl rand -hex 16` makes "
               "one that can't";
    if (token.len > GUARD_TOKEN_MAX)
        return "is longer than 512 characters";
    for (size_t i = 0; i < token.len; i++)
        if (token.at[i] <= 0x20 || token.at[i] >= 0x7f)
            return "has what can't stand in a header: blanks, or no ASCII";
    return NULL;
}

/* Derived from the token, so that it holds until the token is another, restarts or not; and the
 * token is not what a browser keeps. */
static void make_cookie(struct slice token, char out[GUARD_COOKIE_MAX])
{
    struct mac_key by_token;
    uint8_t mac[MAC_BYTES];
    mac_key_init(&by_token, token);
    mac_sign(&by_token, SLICE(COOKIE_TEXT), mac);
    mac_key_done(&by_token);
    for (size_t i = 0; i < MAC_BYTES; i++) {
        out[2 * i] = "0123456789abcdef"[mac[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[mac[i] & 15];
    }
    out[GUARD_COOKIE_MAX - 1] = '\0';
}

void guard_init(struct guard *g, struct slice token, struct slice own)
{
    g->asks = true;
    mac_key_init(&g->by, own);
    mac_sign(&g->by, token, g->token);
    make_cookie(token, g->cookie);
}

void guard_done(struct guard *g)
{
    if (g->asks)
        mac_key_done(&g->by);
    explicit_bzero(g, sizeof(*g));
}

bool guard_is_token(const struct guard *g, struct slice given)
{
    uint8_t mac[MAC_BYTES];
    mac_sign(&g->by, given, mac);
    return mac_eq(mac, g->token, MAC_BYTES);
}

bool guard_is_cookie(const struct guard *g, struct slice given)
{
    return given.len == GUARD_COOKIE_MAX - 1 && mac_eq(given.at, g->cookie, given.len);
}

struct slice guard_bearer(struct slice authorization)
{
    struct slice rest = slice_trim(authorization), scheme;
    if (!slice_split(&rest, ' ', &scheme) || !slice_eq_nocase(scheme, SLICE("bearer")))
        return SLICE("");
    return slice_trim(rest);
}

struct slice guard_cookie(struct slice cookies, struct slice name)
{
    struct slice pair;
    while (slice_split(&cookies, ';', &pair)) {
        struct slice value = slice_trim(pair), left;
        if (slice_split(&value, '=', &left) && slice_eq(left, name))
            return value;
    }
    return SLICE("");
}

/* Without the port; an IPv6 address without its brackets. */
static struct slice name_of(struct slice host)
{
    if (host.len > 0 && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.len);
        return end ? (struct slice){host.at + 1, (size_t)(end - host.at) - 1} : host;
    }
    const char *colon = memchr(host.at, ':', host.len);
    return colon ? (struct slice){host.at, (size_t)(colon - host.at)} : host;
}

bool guard_host_is_ours(struct slice host, const struct endpoint *bind)
{
    struct address a;
    const struct slice name = name_of(host);
    if (bind->path[0] || slice_eq_nocase(name, SLICE("localhost")))
        return true; /* no browser gets to a Unix socket */
    if (!address_parse(name, &a))
        return false;
    /* No name can stand for an address that is written as one. */
    return !address_is_loopback(&bind->address) || address_is_loopback(&a) ||
           address_compare(&a, &bind->address) == 0;
}

bool guard_is_foreign(struct slice site, struct slice mode, struct slice origin, struct slice host,
                      bool is_page)
{
    if (origin.len > 0) {
        const struct slice http = SLICE("http://"), https = SLICE("https://");
        const struct slice rest = slice_starts(origin, http)    ? slice_from(origin, http.len)
                                  : slice_starts(origin, https) ? slice_from(origin, https.len)
                                                                : SLICE("");
        if (!slice_eq_nocase(rest, host))
            return true;
    }
    const bool goes_to_page = is_page && slice_eq(mode, SLICE("navigate"));
    const bool other = slice_eq(site, SLICE("cross-site")) || slice_eq(site, SLICE("same-site"));
    return other && !goes_to_page;
}
