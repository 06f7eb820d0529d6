/* Whatever a nameserver says: records with a port and a name, and the same each time. */
#include <stdint.h>
#include <string.h>

#include "runtime/net/srv_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct srv_record record[SRV_RECORDS_MAX];
    char *copy = must_calloc(size ? size : 1, 1); /* for the sanitizer to see its end */
    if (size > 0)
        memcpy(copy, data, size);
    const int n = srv_answer_read((struct slice){copy, size}, record);
    ASSERT(n >= SRV_BAD && n <= (int)SRV_RECORDS_MAX);
    for (int i = 0; i < n; i++) {
        ASSERT(record[i].port > 0);
        ASSERT(memchr(record[i].target, '\0', sizeof(record[i].target)));
        ASSERT(record[i].target[0] != '\0' && strcmp(record[i].target, ".") != 0);
    }
    free(copy);
    return 0;
}
