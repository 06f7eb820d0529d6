/* Whatever two programs the bytes choose, their diff says what trying every request shows. */
#include "runtime/base/check.h"
#include "runtime/base/text.h"
#include "tests/prove/support/brute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct choice choice = {.bytes = data, .n_bytes = size};
    struct brute_count count = {0};
    struct text why = {0};
    if (!brute_diff(&choice, &count, &why)) {
        fputs(why.at, stderr);
        abort();
    }
    text_done(&why);
    return 0;
}
