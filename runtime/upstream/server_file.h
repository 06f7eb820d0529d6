/*
 * server_file - a file that lists servers: an endpoint a line, perhaps with `weight N`, `priority
 * N`, `backup`; `#` begins a comment.
 *
 * Pure. A file with a mistake is refused as a whole: who reads it keeps what was known before.
 */
#pragma once

#include "runtime/base/text.h"
#include "runtime/upstream/discover.h"

/* Files longer than this are refused. */
#define SERVER_FILE_BYTES_MAX ((size_t)1024 * 1024)

/*
 * Writes the servers to out[0..return), in their order; -EINVAL with a sentence in `why` when some
 * line is not understood, a server comes twice, or there are more than DISCOVER_MEMBERS_MAX. A
 * weight is 1..256, and 0 where none is said.
 */
MUST_CHECK int server_file_read(struct slice text, struct discover_found out[DISCOVER_MEMBERS_MAX],
                                struct text *why);
