#include "runtime/net/srv_answer.h"

#include <arpa/nameser.h>
#include <limits.h>
#include <resolv.h>

#define FIXED_BYTES 6u /* priority, weight, port; the target follows */

/* 1: a record; 0: none that counts; SRV_BAD. */
static int read_record(ns_msg *message, int i, struct srv_record *out)
{
    ns_rr rr;
    if (ns_parserr(message, ns_s_an, i, &rr) != 0)
        return SRV_BAD;
    if (ns_rr_type(rr) != ns_t_srv || ns_rr_class(rr) != ns_c_in)
        return 0;
    const unsigned char *data = ns_rr_rdata(rr);
    if (ns_rr_rdlen(rr) <= FIXED_BYTES)
        return SRV_BAD;
    out->ttl_s = ns_rr_ttl(rr);
    out->priority = (uint16_t)ns_get16(data);
    out->weight = (uint16_t)ns_get16(data + 2);
    out->port = (uint16_t)ns_get16(data + 4);
    const int used = ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message),
                                        data + FIXED_BYTES, out->target, sizeof(out->target));
    if (used < 0 || (size_t)used != ns_rr_rdlen(rr) - FIXED_BYTES)
        return SRV_BAD;
    const bool is_none = out->target[0] == '\0' || strcmp(out->target, ".") == 0;
    return is_none || out->port == 0 ? 0 : 1;
}

int srv_answer_read(struct slice message, struct srv_record out[SRV_RECORDS_MAX])
{
    ns_msg handle;
    if (message.len > INT_MAX ||
        ns_initparse((const unsigned char *)message.at, (int)message.len, &handle) != 0)
        return SRV_BAD;
    int n = 0;
    for (int i = 0; i < ns_msg_count(handle, ns_s_an) && n < (int)SRV_RECORDS_MAX; i++) {
        const int one = read_record(&handle, i, &out[n]);
        if (one < 0)
            return SRV_BAD;
        n += one;
    }
    return n;
}
