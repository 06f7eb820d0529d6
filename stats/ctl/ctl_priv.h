/* What `lbc ctl` and the commands that stand for one of its lines have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

enum ctl_status { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

/* Options of some commands only, as bits. */
enum { CTL_TRIAL = 1, CTL_JSON = 2 };

struct ctl {
    const char *name;             /* of the command: what is wrong begins with "lbc NAME" */
    const char *path;             /* of the socket */
    int64_t timeout_s;            /* 0: none was said */
    bool any_words;               /* what follows the first word is the command's, --json for one */
    unsigned also;                /* which of those it takes, too */
    const char *confirm, *canary; /* CTL_TRIAL: their values; NULL: not given */
    bool json;                    /* CTL_JSON */
    struct text line;             /* what the socket is told, with its line end; owned */
};

/* Returns whether to go on; if not, *status is what to end with, and of CTL_DONE it is help that
 * was asked for. optind is at the first word. */
bool ctl_options(struct ctl *c, int argc, char **argv, enum ctl_status *status);

/* Appends the words, with blanks between them, and a line end; false after a complaint: none, or
 * one with a line end inside, which would be two commands. */
bool ctl_join(struct ctl *c, char **word);

/* Tells the socket c->line, prints what is answered, and frees the line. */
enum ctl_status ctl_ask(struct ctl *c);
