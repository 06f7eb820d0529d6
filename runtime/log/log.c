#include "runtime/log/log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/log/stamp.h"

#define LINE_BYTES 2048 /* below PIPE_BUF: lines of several threads do not mix in a pipe */

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_INFO: return "info";
    case LOG_WARNING: return "warning";
    case LOG_ERROR: return "error";
    }
    ASSERT(!"every level has a name");
    return "";
}

/* A line stays one line, whatever a name or a path in it contains. */
static void blank_controls(char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
            at[i] = ' ';
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[LINE_BYTES];
    char stamp[STAMP_SIZE];
    stamp_format(clock_wall_ns(), stamp);
    const int head = snprintf(line, sizeof(line), "%s %s: ", stamp, log_level_name(level));

    va_list args;
    va_start(args, fmt);
    const int body = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
    va_end(args);

    size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len > sizeof(line) - 1) {
        len = sizeof(line) - 1;
        memcpy(line + len - 3, "...", 3);
    }
    blank_controls(line, len);
    line[len++] = '\n'; /* in place of the NUL */
    const ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* there is nobody left to tell */
}
