/* Whatever program and requests the bytes choose, the evaluator decides as the reference does. */
#include "runtime/base/check.h"
#include "runtime/base/text.h"
#include "tests/agree/support/agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct choice choice = {.bytes = data, .n_bytes = size};
    struct agree_count count = {0};
    struct text why = {0};
    if (!agree_once(&choice, 3, &count, &why)) {
        fputs(why.at, stderr);
        abort();
    }
    text_done(&why);
    return 0;
}
