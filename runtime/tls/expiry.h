/* expiry - how near a certificate's end is, and when that is to be said. Pure. */
#pragma once

#include <stdint.h>

/* Each begins at its time before the end: 14 days, or a fifth of the lifetime where that is less; 3
 * days, or a twentieth; the end itself. */
enum expiry { EXPIRY_FAR, EXPIRY_SOON, EXPIRY_NEAR, EXPIRY_OVER };

/* All in seconds since 1970; `to_s` is at or behind `from_s`. Valid at its last second still. */
enum expiry expiry_at(int64_t from_s, int64_t to_s, int64_t now_s);

/* When the one behind that of `now_s` begins; INT64_MAX: there is none. */
int64_t expiry_next_s(int64_t from_s, int64_t to_s, int64_t now_s);
