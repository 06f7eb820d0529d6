/*
 * srv_answer - what a DNS message says about a service: RFC 2782's records.
 *
 * Pure: bytes to records. c-ares asks, but its reader of these records leaves their lifetimes out.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* What is behind these in an answer is left out. */
#define SRV_RECORDS_MAX 256u

#define SRV_NAME_MAX 1025u /* with its NUL: 255 bytes, each of them escaped at the worst */

struct srv_record {
    uint32_t ttl_s;
    uint16_t priority, weight, port; /* the lowest priority comes first; port above 0 */
    char target[SRV_NAME_MAX];       /* as text, with what is special in it escaped */
};

#define SRV_BAD (-1)

/*
 * Returns how many records of this type are among the answers, at most SRV_RECORDS_MAX; SRV_BAD
 * when the message is broken. A target "." (there is decidedly no such service) is none.
 */
MUST_CHECK int srv_answer_read(struct slice message, struct srv_record out[SRV_RECORDS_MAX]);
