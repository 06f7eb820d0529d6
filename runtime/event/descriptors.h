/* descriptors - how many file descriptors this process has open. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Linux says it from 6.2 on, at no cost. Older ones list them, some microseconds for each: where
 * `list` is false they are not asked. A negative errno where it can't be known; -EAGAIN where it
 * would have to be listed.
 */
int64_t descriptors_open(bool list);
