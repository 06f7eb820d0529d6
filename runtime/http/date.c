#include "runtime/http/date.h"

#include <string.h>

#include "runtime/base/check.h"

#define DAY_S           INT64_C(86400)
#define YEAR_1_S        (-INT64_C(719162) * DAY_S)
#define YEAR_10000_S    (INT64_C(2932897) * DAY_S)
#define DAYS_TO_1970    719468 /* from 1 March of the year 0 */
#define DAYS_IN_400     146097
#define DAYS_BEFORE_1_1 306 /* from 1 March */

struct date {
    unsigned year, month, day; /* month and day from 1 */
};

/* Counting years from 1 March puts the leap day last (H. Hinnant, "chrono-compatible low-level date
 * algorithms", civil_from_days). */
static struct date date_of(int64_t days_since_1970)
{
    const unsigned days = (unsigned)(days_since_1970 + DAYS_TO_1970);
    const unsigned era = days / DAYS_IN_400, of_era = days % DAYS_IN_400;
    const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    const unsigned month = (5 * of_year + 2) / 153; /* from March: 0 */
    return (struct date){
        .year = era * 400 + year + (of_year >= DAYS_BEFORE_1_1),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

static char *put_digits(char *at, unsigned number, unsigned n)
{
    for (unsigned i = n; i-- > 0; number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + n;
}

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

size_t http_date_write(int64_t wall_s, char out[HTTP_DATE_BYTES])
{
    ASSERT(wall_s >= YEAR_1_S && wall_s < YEAR_10000_S);
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    int64_t days = wall_s / DAY_S;
    if (wall_s % DAY_S < 0)
        days--;
    const unsigned second = (unsigned)(wall_s - days * DAY_S);
    const struct date date = date_of(days);

    char *at = put_text(out, weekdays + 3 * ((days % 7 + 7) % 7), 3);
    at = put_text(at, ", ", 2);
    at = put_digits(at, date.day, 2);
    at = put_text(at, " ", 1);
    at = put_text(at, months + (size_t)3 * (date.month - 1), 3);
    at = put_text(at, " ", 1);
    at = put_digits(at, date.year, 4);
    at = put_text(at, " ", 1);
    at = put_digits(at, second / 3600, 2);
    at = put_text(at, ":", 1);
    at = put_digits(at, second / 60 % 60, 2);
    at = put_text(at, ":", 1);
    at = put_digits(at, second % 60, 2);
    at = put_text(at, " GMT", 4);
    ASSERT(at == out + HTTP_DATE_BYTES);
    return HTTP_DATE_BYTES;
}
