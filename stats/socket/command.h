/*
 * command - one line of the protocol: found in commands.def, checked, carried out.
 *
 * Knows nothing of sockets: text in, text out. The control thread's.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "stats/socket/level.h"

struct control;
struct control_asker;
struct control_reload;
struct stats_sockets;
struct wait;

enum command_end {
    COMMAND_DONE,
    COMMAND_REFUSED, /* `why` says why */
    COMMAND_LATER    /* asker->done, or wait_end(), will be called, or has been already */
};

#define COMMAND_ARGUMENTS_MAX 2u

struct command {
    struct control *control;
    enum stats_level level;              /* of whoever asks */
    const struct stats_sockets *sockets; /* all there are; NULL: whoever asks has come by none */
    struct text *out;                    /* the answer's lines, each with its line end */
    struct text *why;                    /* one line, without */
    struct slice argument[COMMAND_ARGUMENTS_MAX];
    bool json;

    const struct control_asker
        *asker; /* of an operator's and an admin's: who asks, and for those that take longer than
                   their call who is told; its `why` is ours */
    struct wait *wait; /* for others that take longer; NULL: nobody can wait here */
};

typedef enum command_end command_run(struct command *c);

#define COMMAND(id, words, arguments, form, level, help) command_run command_##id;
#include "stats/socket/commands.def"
#undef COMMAND

/* Carries out `line` (without its line end), which is not empty. `c` has all but argument and json.
 */
enum command_end command_line(struct command *c, struct slice line);

/* What a reload has come to, in the same form. */
enum command_end command_reload_answer(struct command *c, const struct control_reload *r);
