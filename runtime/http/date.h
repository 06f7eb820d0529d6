/* date - times of day as HTTP writes them (RFC 9110 5.6.7). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HTTP_DATE_BYTES 29

/*
 * Writes "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL, and returns HTTP_DATE_BYTES. `wall_s` is
 * in seconds since 1970, from year 1 to 9999. No locale, no time zone, no lock, unlike strftime()
 * and gmtime().
 */
size_t http_date_write(int64_t wall_s, char out[HTTP_DATE_BYTES]);
