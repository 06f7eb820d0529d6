/* embedded - files that are part of the program: cmake/Texts.cmake makes an array of each folder.
 */
#pragma once

#include <stddef.h>

/* An array of them is sorted by name and ends with a NULL name. */
struct embedded {
    const char *name; /* without its ending, unless the room says otherwise */
    const char *at;   /* with a NUL behind it */
    size_t len;
};
