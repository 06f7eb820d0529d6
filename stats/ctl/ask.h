/* ask - commands to the stats socket of a running lbc, and their answers. All of it blocks. */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

/* The connected descriptor, which the caller closes, or a negative errno. */
MUST_CHECK int ask_open(const char *path);

/* What is wrong, and what may help, for whoever typed the path, on standard error. */
void ask_say_unreachable(const char *who, const char *path, int error);

/* Parts of an answer. */
struct ask_answer {
    struct slice lines; /* all but the last */
    struct slice last;  /* "ok", or "refused: " and the reason */
    bool ok;
};

/* `line` has its line end. The answer is whole when it is here: `room` is emptied first and holds
 * it. NULL, or a sentence about what went wrong; then the descriptor is of no use any more. */
MUST_CHECK const char *ask(int fd, struct slice line, int64_t until_ns, struct text *room,
                           struct ask_answer *out);

/* The same for an answer that comes bit by bit: `each` gets whole lines as they are here, and
 * out->lines stays empty. */
MUST_CHECK const char *ask_and_follow(int fd, struct slice line, int64_t until_ns,
                                      struct text *room, void (*each)(struct slice lines),
                                      struct ask_answer *out);
