/*
 * wait - what stands between a command that takes longer than its call and who asked for it.
 *
 * It outlives whichever goes first: what is done goes on when its client leaves, and then answers
 * nobody. One that returns COMMAND_LATER calls wait_end() once, later or before it returns. The
 * control thread's.
 */
#pragma once

#include "stats/socket/command.h"

/* A part of the answer, whole lines, sent now. False, and nothing is said, when the client is gone
 * or reads too slowly. */
MUST_CHECK bool wait_say(struct wait *wait, struct slice lines);

/* Is there nobody who would read it? Costs a system call. */
MUST_CHECK bool wait_is_left(const struct wait *wait);

/* The last of the answer; frees `lines` and `why`, and the wait. */
void wait_end(struct wait *wait, enum command_end end, struct text *lines, struct text *why);
