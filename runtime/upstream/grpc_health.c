#include "runtime/upstream/grpc_health.h"

#include <stdint.h>

#define MESSAGE_HEAD_BYTES ((size_t)5)

/* Field 1 of either message: a string in what is asked, a number in what is answered. */
#define TAG_SERVICE 0x0a
#define TAG_STATUS  0x08

static void add_number(struct text *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        text_addc(out, (char)(n | 0x80));
    text_addc(out, (char)n);
}

void grpc_health_ask(struct slice service, struct text *out)
{
    struct text body = {0};
    if (service.len > 0) {
        text_addc(&body, TAG_SERVICE);
        add_number(&body, service.len);
        text_add(&body, service);
    }
    text_addc(out, 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        text_addc(out, (char)(body.len >> shift & 0xff));
    text_add(out, text_slice(&body));
    text_done(&body);
}

/* Takes a varint off the front. */
static bool take_number(struct slice *from, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < from->len && i < 10; i++) {
        const unsigned char c = (unsigned char)from->at[i];
        n |= (uint64_t)(c & 0x7f) << 7 * i;
        if (c < 0x80) {
            *from = slice_from(*from, i + 1);
            *out = n;
            return true;
        }
    }
    return false;
}

/* Takes off the value of a field that is not looked at. */
static bool skip_field(struct slice *from, unsigned type)
{
    enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };
    uint64_t n = 0;
    if (type == VARINT)
        return take_number(from, &n);
    if (type == BYTES && !take_number(from, &n))
        return false;
    if (type != BYTES && type != FIXED64 && type != FIXED32)
        return false;
    const uint64_t len = type == FIXED64 ? 8 : type == FIXED32 ? 4 : n;
    if (len > from->len)
        return false;
    *from = slice_from(*from, (size_t)len);
    return true;
}

enum grpc_health grpc_health_read(struct slice message)
{
    if (message.len < MESSAGE_HEAD_BYTES || message.at[0] != 0)
        return GRPC_HEALTH_BAD;
    size_t len = 0;
    for (size_t i = 1; i < MESSAGE_HEAD_BYTES; i++)
        len = len << 8 | (unsigned char)message.at[i];
    struct slice rest = slice_from(message, MESSAGE_HEAD_BYTES);
    if (rest.len != len)
        return GRPC_HEALTH_BAD;
    uint64_t status = GRPC_HEALTH_UNKNOWN;
    while (rest.len > 0) {
        uint64_t tag;
        if (!take_number(&rest, &tag) ||
            !(tag == TAG_STATUS ? take_number(&rest, &status) : skip_field(&rest, tag & 7)))
            return GRPC_HEALTH_BAD;
    }
    return status <= GRPC_HEALTH_SERVICE_UNKNOWN ? (enum grpc_health)status : GRPC_HEALTH_UNKNOWN;
}

int grpc_health_status(struct slice lines)
{
    for (struct slice line; slice_split(&lines, '\n', &line);) {
        struct slice name;
        if (!slice_split(&line, ':', &name) || !slice_eq_nocase(name, SLICE("grpc-status")))
            continue;
        const struct slice value = slice_trim(line.len > 0 && line.at[line.len - 1] == '\r'
                                                  ? (struct slice){line.at, line.len - 1}
                                                  : line);
        int status = 0;
        for (size_t i = 0; i < value.len; i++) {
            if (value.at[i] < '0' || value.at[i] > '9' || i == 3)
                return -1;
            status = status * 10 + (value.at[i] - '0');
        }
        return value.len > 0 ? status : -1;
    }
    return -1;
}
