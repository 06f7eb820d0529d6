/* stamp - a moment as people and their tools read it: 2026-03-01T09:30:00.250Z. */
#pragma once

#include <stdint.h>

#define STAMP_LEN  24 /* of years 1970 to 9999 */
#define STAMP_SIZE 32 /* with its NUL, whatever the year */

/* Writes `wall_ns` (since 1970, at least 0) in UTC (RFC 3339), with milliseconds, and a NUL. */
void stamp_format(int64_t wall_ns, char out[STAMP_SIZE]);
