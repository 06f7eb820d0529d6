/* authorities - those whose signature on a certificate is trusted, read from files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"

struct ssl_ctx_st;

/*
 * Reads all certificates of the PEM files at `path` and trusts what they sign; `name_them` tells
 * clients their names, too. `digest` becomes one of all of them. False with half a sentence in
 * `why`. Blocks on the disk.
 */
bool authorities_load(struct ssl_ctx_st *into, const struct slice *path, uint32_t n, bool name_them,
                      uint8_t digest[32], struct text *why);
