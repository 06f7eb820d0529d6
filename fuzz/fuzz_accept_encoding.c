/* Of any value: a weight that there is, the same when the value is said twice, and another one's
 * item in front changes nothing. */
#include <stdint.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/http/accept_encoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice NAMES[] = {SLICE_INIT("gzip"), SLICE_INIT("br"), SLICE_INIT("*"),
                                         SLICE_INIT("identity")};
    static const char FRONT[] = "deflate;q=0.5,";
    const size_t front = sizeof(FRONT) - 1, twice = 2 * size + 1;
    char *exact = must_calloc(size ? size : 1, 1);
    char *longer = must_calloc(front + twice, 1);
    memcpy(exact, data, size);
    memcpy(longer, FRONT, front);
    memcpy(longer + front, exact, size);
    longer[front + size] = ',';
    memcpy(longer + front + size + 1, exact, size);
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const int weight = accept_encoding_weight((struct slice){exact, size}, NAMES[i]);
        ASSERT(weight >= ACCEPT_UNSAID && weight <= 1000);
        ASSERT(accept_encoding_weight((struct slice){longer, front + size}, NAMES[i]) == weight);
        ASSERT(accept_encoding_weight((struct slice){longer, front + twice}, NAMES[i]) == weight);
    }
    free(exact);
    free(longer);
    return 0;
}
