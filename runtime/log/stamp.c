#include "runtime/log/stamp.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

static char *put(char *at, int value, int digits)
{
    for (int i = digits; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    return at + digits;
}

/* By hand: strftime takes five times as long, and there is one of these for every request. */
void stamp_format(int64_t wall_ns, char out[STAMP_SIZE])
{
    ASSERT(wall_ns >= 0);
    const time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm t;
    gmtime_r(&seconds, &t); /* 63 bits of nanoseconds end in the year 2262 */

    char *at = put(out, t.tm_year + 1900, 4);
    *at++ = '-';
    at = put(at, t.tm_mon + 1, 2);
    *at++ = '-';
    at = put(at, t.tm_mday, 2);
    *at++ = 'T';
    at = put(at, t.tm_hour, 2);
    *at++ = ':';
    at = put(at, t.tm_min, 2);
    *at++ = ':';
    at = put(at, t.tm_sec, 2);
    *at++ = '.';
    at = put(at, (int)(wall_ns % NS_PER_S / NS_PER_MS), 3);
    *at++ = 'Z';
    *at = '\0';
    ASSERT(at == out + STAMP_LEN);
}
