#include "stats/top/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/base/write_all.h"

/* The other page, no cursor, no wrapping; and back. */
#define BEGIN "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define END   "\x1b[?7h\x1b[?25h\x1b[?1049l"

/* A key of several bytes that is not whole after this is what it looks like. */
#define WHOLE_MS 25

static struct termios before;
static volatile sig_atomic_t is_open;

/* Whoever looked may have gone. */
static void say(struct slice s)
{
    (void)!write_all(STDOUT_FILENO, s);
}

void terminal_close(void)
{
    if (!is_open)
        return;
    is_open = false;
    say(SLICE(END));
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* Both calls are allowed in a handler. */
static void end_by_signal(int number)
{
    terminal_close();
    signal(number, SIG_DFL);
    raise(number);
}

static void size_changed(int number)
{
    (void)number; /* poll() ends, and the page is drawn anew */
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* One that understands where to write. */
static bool has_cursor(void)
{
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_open(void)
{
    if (!has_cursor() || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
        tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        handle(ends[i], end_by_signal);
    handle(SIGWINCH, size_changed);
    handle(SIGTSTP, SIG_IGN); /* a page that is left behind helps nobody */
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    is_open = true;
    say(SLICE(BEGIN));
    return true;
}

void terminal_size(uint32_t *lines, uint32_t *columns)
{
    struct winsize size;
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    *lines = known ? size.ws_row : 24;
    *columns = known ? size.ws_col : 80;
}

/* Each line ends with what clears the rest of it; the last one has no end, for that would scroll.
 */
void terminal_show(struct slice page)
{
    struct text out = {0};
    struct slice line;
    text_adds(&out, "\x1b[H");
    for (bool first = true; slice_split(&page, '\n', &line); first = false) {
        text_adds(&out, first ? "" : "\r\n");
        text_add(&out, line);
        text_adds(&out, "\x1b[K");
    }
    text_adds(&out, "\x1b[J");
    say(text_slice(&out));
    text_done(&out);
}

static bool wait_ms(int ms)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

/* Behind an escape: the keys that send several bytes. */
static int rest_of_key(void)
{
    static const struct {
        const char *bytes;
        int key;
    } KEY[] = {{"[A", KEY_UP},   {"[B", KEY_DOWN},     {"OA", KEY_UP},
               {"OB", KEY_DOWN}, {"[5~", KEY_PAGE_UP}, {"[6~", KEY_PAGE_DOWN}};
    char bytes[8] = "";
    for (size_t n = 0; n + 1 < sizeof(bytes); n++) {
        if (!wait_ms(WHOLE_MS) || read(STDIN_FILENO, &bytes[n], 1) != 1)
            break;
        for (size_t i = 0; i < COUNT_OF(KEY); i++)
            if (strcmp(bytes, KEY[i].bytes) == 0)
                return KEY[i].key;
    }
    return bytes[0] ? 0 : KEY_ESCAPE;
}

int terminal_key(int64_t wait_ns)
{
    char c;
    if (!wait_ms((int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS)))
        return 0;
    const ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n <= 0)
        return n < 0 && errno == EINTR ? 0 : -1;
    return c == '\x1b'                ? rest_of_key()
           : c == '\r' || c == '\n'   ? KEY_ENTER
           : c == '\b' || c == '\x7f' ? KEY_DELETE
                                      : (unsigned char)c;
}
