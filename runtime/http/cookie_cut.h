/* cookie_cut - the value of a Cookie field (RFC 6265 4.2.1) without the pairs of one name. */
#pragma once

#include "runtime/base/slice.h"

/*
 * Writes it to `out`, which has room for it, and returns its length, at most value.len; NULL: the
 * length alone. All other pairs stay byte for byte, with what stands between them; a pair goes with
 * the semicolon before it, at the beginning with the one behind it and the blanks there.
 */
size_t cookie_cut(struct slice value, struct slice name, char *out);
