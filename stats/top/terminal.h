/*
 * terminal - standard input and output as a page and keys.
 *
 * What it was like is given back by terminal_close(), and by signals that end the process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

enum { KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_ENTER, KEY_ESCAPE, KEY_DELETE };

/* False: that is no terminal. */
MUST_CHECK bool terminal_open(void);
void terminal_close(void);

void terminal_size(uint32_t *lines, uint32_t *columns);

/* Shows a page in the place of the one before; in one go. */
void terminal_show(struct slice page);

/* Waits for a key: a character or one of KEY_*; 0: none came in time, or the size is another now;
 * -1: there will be none any more. */
int terminal_key(int64_t wait_ns);
