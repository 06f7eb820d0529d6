/*
 * log - what the process has to say about itself, to standard error: one line each, with the time.
 *
 * For the control plane: started, reloaded, a server changed its state. Library rooms never log;
 * they return. Any thread; a line is one write.
 */
#pragma once

#include "runtime/base/check.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* As the lines have it. Static memory. */
const char *log_level_name(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
