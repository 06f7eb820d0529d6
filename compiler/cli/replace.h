/*
 * replace - puts a new text in the place of a file's, all of it or none.
 *
 * Whoever reads the file meanwhile sees the old text or the new one, never half of it, and a crash
 * leaves one of the two.
 */
#pragma once

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/*
 * Writes beside the file, to the disk, and renames. Symbolic links are followed, so they stay; mode
 * and, where that is allowed, owner are kept. Returns 0 or a negative errno; then the file is as it
 * was. Blocks on the disk.
 */
MUST_CHECK int replace_file(const char *path, struct slice text);
