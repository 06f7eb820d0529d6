/*
 * secrets - the values of a configuration's secrets.
 *
 * Read beside the table, on the thread that compiles, because files take a moment; all of them
 * again with each reload. Values are neither logged nor shown, and wiped before their memory is
 * given back.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/base/check.h"
#include "runtime/base/text.h"

/* A user list of some thousand lines has room; a file with more is something else. */
#define SECRET_BYTES_MAX 1048576u

#define SECRET_OWN_BYTES 32u

struct secrets;

/*
 * Pinned once. NULL with a line in `why` for each that can't be had. What is used although it
 * should not be so (a file that others may read) is a line in `warnings`. `before` may be NULL: its
 * secret_own() goes on. Blocks on the disk.
 */
struct secrets *secrets_new(const struct table *t, const struct secrets *before,
                            struct text *warnings, struct text *why);
struct secrets *secrets_pin(struct secrets *s);

/* NULL is allowed. Any thread. */
void secrets_unpin(struct secrets *s);

/* The value of table.secret[index]: 1..SECRET_BYTES_MAX bytes, a NUL behind them; borrowed. Any
 * thread. */
struct slice secret_value(const struct secrets *s, uint32_t index);

/* SECRET_OWN_BYTES random bytes that no other process has, but who takes our place; borrowed. Any
 * thread. */
struct slice secret_own(const struct secrets *s);

/* The place of another process is ours, and so is what it had of these; before anybody else has
 * seen ours. False, and they stay, where it is no SECRET_OWN_BYTES. */
MUST_CHECK bool secrets_take_own(struct secrets *s, struct slice own);
