/*
 * writer - the thread that turns access records into lines of JSON.
 *
 * It looks at the rings some twenty times a second, so that no worker ever makes a system call to
 * wake it; lines appear within 50 ms. One line is one object; the keys are in README.md.
 */
#pragma once

#include "runtime/log/access.h"

struct writer;

/*
 * `path` is a file to append to, or "-" for standard output. `ring` has one ring per worker; both
 * the array and the rings stay the caller's and must outlive the writer. Returns 0 and sets *out,
 * or a negative errno.
 */
MUST_CHECK int writer_start(const char *path, struct access_ring *const *ring, size_t n,
                            struct writer **out);

/* Opens the path anew, after a log rotation. Any thread; takes effect within 50 ms. */
void writer_reopen(struct writer *w);

/* Writes what the rings still hold, then ends the thread. NULL is allowed. */
void writer_stop(struct writer *w);
