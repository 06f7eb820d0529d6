#include "compiler/table/query.h"

#include "runtime/base/uri.h"

bool query_next(struct slice *rest, struct slice *key, struct slice *value)
{
    struct slice parameter;
    while (slice_split(rest, '&', &parameter)) {
        if (parameter.len == 0)
            continue;
        *value = parameter;
        slice_split(value, '=', key);
        return true;
    }
    return false;
}

int query_byte(struct slice *raw)
{
    if (raw->len == 0)
        return -1;
    const char c = raw->at[0];
    int byte = c == '+' ? ' ' : (unsigned char)c;
    size_t used = 1;
    if (c == '%' && raw->len >= 3) {
        const int high = uri_hex_value(raw->at[1]), low = uri_hex_value(raw->at[2]);
        if (high >= 0 && low >= 0) {
            byte = high * 16 + low;
            used = 3;
        }
    }
    *raw = slice_from(*raw, used);
    return byte;
}

bool query_takes(struct slice *raw, struct slice plain)
{
    for (size_t i = 0; i < plain.len; i++)
        if (query_byte(raw) != (unsigned char)plain.at[i])
            return false;
    return true;
}

bool query_eq(struct slice raw, struct slice plain)
{
    return query_takes(&raw, plain) && raw.len == 0;
}

size_t query_decoded_bytes(struct slice raw)
{
    size_t n = 0;
    while (query_byte(&raw) >= 0)
        n++;
    return n;
}
