/* request_id - the value of X-Request-Id. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define REQUEST_ID_BYTES 32

/* Writes 32 lower-case hex digits, `high` first, without a NUL, and returns REQUEST_ID_BYTES. That
 * the two numbers together never come again is the caller's business. */
size_t request_id_write(uint64_t high, uint64_t low, char out[REQUEST_ID_BYTES]);
