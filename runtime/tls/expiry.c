#include "runtime/tls/expiry.h"

#define DAY_S INT64_C(86400)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t begins_s(enum expiry e, int64_t from_s, int64_t to_s)
{
    const int64_t lifetime_s = to_s - from_s;
    switch (e) {
    case EXPIRY_FAR: return INT64_MIN;
    case EXPIRY_SOON: return to_s - least(14 * DAY_S, lifetime_s / 5);
    case EXPIRY_NEAR: return to_s - least(3 * DAY_S, lifetime_s / 20);
    case EXPIRY_OVER: return to_s + 1;
    }
    return INT64_MAX;
}

enum expiry expiry_at(int64_t from_s, int64_t to_s, int64_t now_s)
{
    enum expiry e = EXPIRY_OVER;
    while (now_s < begins_s(e, from_s, to_s))
        e--;
    return e;
}

int64_t expiry_next_s(int64_t from_s, int64_t to_s, int64_t now_s)
{
    const enum expiry e = expiry_at(from_s, to_s, now_s);
    return e == EXPIRY_OVER ? INT64_MAX : begins_s(e + 1, from_s, to_s);
}
