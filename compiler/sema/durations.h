/* durations - how a duration is written: the one place that knows it for dump, hover and reports.
 */
#pragma once

#include <stdint.h>

struct text;

/* Appends it in the largest unit that leaves a whole number: 90s, 2m. Any thread. */
void duration_write(uint64_t ns, struct text *out);
