/* revisions - the history as runtime/control asks for it. */
#pragma once

#include "runtime/control/process.h"
#include "runtime/state/history.h"

/* Of `h`, which is borrowed; NULL: nothing is kept. */
struct control_revisions revisions_of(struct history *h);
