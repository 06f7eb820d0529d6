#include "runtime/http/request_id.h"

static void put_hex(char out[16], uint64_t number)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 16; i-- > 0; number >>= 4)
        out[i] = hex[number & 15];
}

size_t request_id_write(uint64_t high, uint64_t low, char out[REQUEST_ID_BYTES])
{
    put_hex(out, high);
    put_hex(out + 16, low);
    return REQUEST_ID_BYTES;
}
