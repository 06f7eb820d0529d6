/* write_all - a text into a file, however many calls that takes. */
#pragma once

#include <errno.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* 0 or a negative errno; then a part may be written. Blocks. */
MUST_CHECK static inline int write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        const ssize_t n = write(fd, text.at, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text = slice_from(text, (size_t)n);
    }
    return 0;
}
