/* utf8 - well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF. */
#pragma once

#include "runtime/base/slice.h"

/* The number of bytes (1..4) of the character that starts `s`, or 0 when none does. */
size_t utf8_next(struct slice s);

/* Does `s` begin with a character that could move a cursor: one of ASCII's controls, or of U+0080
 * to U+009F? */
bool utf8_is_control(struct slice s);

/* The offset of the first byte that is not part of well-formed UTF-8, or s.len. */
size_t utf8_valid_bytes(struct slice s);
