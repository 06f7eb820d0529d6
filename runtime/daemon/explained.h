/* explained - why a request would go where it would, of what is served now. */
#pragma once

#include "runtime/control/process.h"

/* See control_config.explain. */
bool explained(const struct control_question *q, struct text *out, struct text *why);
