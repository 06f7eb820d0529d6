#include "stats/top/top.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "stats/ctl/ask.h"
#include "stats/top/screen.h"
#include "stats/top/terminal.h"

enum exit_status { DONE = 0, USAGE = 2, UNREACHABLE = 3 };

#define INTERVAL_S_MAX 60u
#define ANSWER_NS      (5 * NS_PER_S)
/* While it is awaited no key is: who hangs is not waited for. */
#define LIVE_ANSWER_NS NS_PER_S
#define COLUMNS_UNSEEN 160u /* where nobody looks, as with --once into a file */

struct top {
    const char *path;
    int64_t interval_ns;
    bool once;
    int fd; /* -1: nobody answers */
    struct snapshot before, now;
    struct rows rows;
    struct screen screen;
    struct text said;
    bool ends;
};

/* --- asking ---------------------------------------------------------------------------------- */

static void say(struct top *t, struct slice what)
{
    text_clear(&t->said);
    text_add(&t->said, what);
    text_addc(&t->said, '\0');
    t->screen.said = t->said.len > 1 ? t->said.at : NULL;
}

static void lose(struct top *t, const char *why)
{
    struct text text = {0};
    text_addf(&text, "no answer (%s), trying again: %s", why, t->path);
    say(t, text_slice(&text));
    text_done(&text);
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static bool reach(struct top *t)
{
    if (t->fd >= 0)
        return true;
    const int fd = ask_open(t->path);
    if (fd < 0)
        lose(t, strerror(-fd));
    else
        say(t, SLICE(""));
    t->fd = fd < 0 ? -1 : fd;
    return fd >= 0;
}

/* False: nobody answers, or not as lbc does. */
static bool take_snapshot(struct top *t)
{
    static const struct slice command[] = {SLICE_INIT("show info --json\n"),
                                           SLICE_INIT("show clusters --json\n"),
                                           SLICE_INIT("show servers --json\n")};
    struct text room[COUNT_OF(command)] = {0};
    struct ask_answer answer[COUNT_OF(command)] = {0};
    const int64_t at_ns = clock_now_ns();
    const char *failure = reach(t) ? NULL : "";
    for (size_t i = 0; i < COUNT_OF(command) && !failure; i++) {
        failure = ask(t->fd, command[i], at_ns + (t->once ? ANSWER_NS : LIVE_ANSWER_NS), &room[i],
                      &answer[i]);
        if (!failure && !answer[i].ok)
            failure = "it refuses";
    }
    struct snapshot next = {0};
    if (!failure && !snapshot_read(answer[0].lines, answer[1].lines, answer[2].lines, at_ns, &next))
        failure = "that is no lbc";
    for (size_t i = 0; i < COUNT_OF(room); i++)
        text_done(&room[i]);
    if (failure) {
        snapshot_done(&next);
        if (*failure)
            lose(t, failure);
        return false;
    }
    snapshot_done(&t->before);
    t->before = t->now;
    t->now = next;
    return true;
}

/* --- keys ------------------------------------------------------------------------------------ */

static void tell_server(struct top *t, const char *verb)
{
    if (t->rows.list.n == 0 || t->fd < 0)
        return;
    const struct top_row *row = &t->rows.list.at[rows_chosen(&t->rows)];
    if (!row->server) {
        say(t, SLICE("choose a server first: j and k, or the arrows"));
        return;
    }
    struct text line = {0}, room = {0};
    struct ask_answer answer;
    text_addf(&line, "%s %s/%s\n", verb, row->cluster->name, row->server->name);
    const char *failure =
        ask(t->fd, text_slice(&line), clock_now_ns() + LIVE_ANSWER_NS, &room, &answer);
    struct slice first = SLICE_NONE, rest = SLICE_NONE;
    if (!failure) {
        rest = answer.ok ? answer.lines : answer.last;
        (void)slice_split(&rest, '\n', &first);
        say(t, first);
    } else {
        lose(t, failure);
    }
    text_done(&line);
    text_done(&room);
}

static void drain(struct top *t)
{
    tell_server(t, "drain");
}

static void maintain(struct top *t)
{
    tell_server(t, "maintenance");
}

static void make_ready(struct top *t)
{
    tell_server(t, "ready");
}

static void quit(struct top *t)
{
    t->ends = true;
}

static void sort(struct top *t)
{
    t->rows.order = (enum top_order)((t->rows.order + 1) % N_ORDERS);
}

static void find(struct top *t)
{
    t->screen.finds = true;
    t->rows.wanted[0] = '\0';
}

static void up(struct top *t)
{
    rows_move(&t->rows, -1);
}

static void down(struct top *t)
{
    rows_move(&t->rows, 1);
}

static void page_up(struct top *t)
{
    rows_move(&t->rows, -(int32_t)(t->screen.lines / 2));
}

static void page_down(struct top *t)
{
    rows_move(&t->rows, (int32_t)(t->screen.lines / 2));
}

static void forget_what_was_said(struct top *t)
{
    t->rows.wanted[0] = '\0';
    if (t->fd >= 0)
        say(t, SLICE(""));
}

static const struct {
    int key;
    void (*run)(struct top *t);
} KEY[] = {{'q', quit},
           {'d', drain},
           {'m', maintain},
           {'r', make_ready},
           {'s', sort},
           {'/', find},
           {'k', up},
           {'j', down},
           {KEY_UP, up},
           {KEY_DOWN, down},
           {KEY_PAGE_UP, page_up},
           {KEY_PAGE_DOWN, page_down},
           {KEY_ESCAPE, forget_what_was_said}};

/* While it is typed, keys are letters of what is looked for. */
static void type(struct top *t, int key)
{
    char *wanted = t->rows.wanted;
    const size_t n = strlen(wanted);
    if (key == KEY_ENTER || key == KEY_ESCAPE)
        t->screen.finds = false;
    if (key == KEY_ESCAPE)
        wanted[0] = '\0';
    else if (key == KEY_DELETE && n > 0)
        wanted[n - 1] = '\0';
    else if (key >= 0x20 && key < 256 && n + 1 < ROWS_NAME_MAX) {
        wanted[n] = (char)key;
        wanted[n + 1] = '\0';
    }
}

static void take_key(struct top *t, int key)
{
    if (t->screen.finds) {
        type(t, key);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(KEY); i++)
        if (KEY[i].key == key)
            KEY[i].run(t);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void draw(struct top *t, struct text *page)
{
    rows_make(&t->rows, &t->before, &t->now);
    screen_draw(&t->screen, &t->rows, &t->before, &t->now, page);
}

static void show(struct top *t)
{
    struct text page = {0};
    terminal_size(&t->screen.lines, &t->screen.columns);
    draw(t, &page);
    terminal_show(text_slice(&page));
    text_done(&page);
}

static void look(struct top *t)
{
    int64_t next_ns = clock_now_ns();
    while (!t->ends) {
        int64_t left_ns = next_ns - clock_now_ns();
        if (left_ns <= 0) {
            (void)take_snapshot(t); /* why not stands in the page */
            next_ns = clock_now_ns() + t->interval_ns;
            left_ns = t->interval_ns;
        }
        show(t);
        const int key = terminal_key(left_ns);
        if (key < 0)
            return;
        if (key > 0)
            take_key(t, key);
    }
}

static enum exit_status print_once(struct top *t)
{
    if (!take_snapshot(t) || usleep((useconds_t)(t->interval_ns / NS_PER_US)) != 0 ||
        !take_snapshot(t)) {
        fprintf(stderr, "lbc top: %s\n", t->screen.said ? t->screen.said : "interrupted");
        return UNREACHABLE;
    }
    struct text page = {0};
    t->screen = (struct screen){.columns = COLUMNS_UNSEEN};
    draw(t, &page);
    fwrite(page.at, 1, page.len, stdout);
    text_done(&page);
    return DONE;
}

static const char usage[] =
    "usage: lbc top [--socket PATH] [--interval SECONDS] [--once]\n"
    "\n"
    "Shows what a running lbc does: its clusters and servers, what they are asked and what goes\n"
    "wrong. Keys: j k and the arrows choose, d drains a server, m puts it into maintenance, r "
    "makes\n"
    "it ready, s sorts, / finds, q quits.\n"
    "\n"
    "options:\n"
    "  --socket PATH       where it listens, as with `lbc ctl`\n"
    "  --interval SECONDS  between two looks, 1 to 60 (default: 1)\n"
    "  --once              print one page and end; so it is where there is no terminal\n"
    "  --help              this text\n"
    "\n"
    "exit code: 0 done, 2 the command line is wrong, 3 nobody answers at that path\n";

/* False: *status is what to end with. */
static bool parse_options(int argc, char **argv, struct top *t, enum exit_status *status)
{
    static const struct option known[] = {{"socket", required_argument, NULL, 's'},
                                          {"interval", required_argument, NULL, 'i'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int option;
    uint64_t seconds = 1;
    *status = USAGE;
    optind = 0; /* glibc: begin anew, whoever used getopt before */
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 's')
            t->path = optarg;
        else if (option == 'o')
            t->once = true;
        else if (option == 'h')
            *status = DONE;
        else if (option != 'i' || !number_parse(slice_of(optarg), INTERVAL_S_MAX, &seconds) ||
                 seconds == 0)
            break;
    }
    if (*status == DONE)
        fputs(usage, stdout);
    else if (option != -1 || optind < argc)
        fputs(usage, stderr);
    t->interval_ns = (int64_t)seconds * NS_PER_S;
    return *status != DONE && option == -1 && optind >= argc;
}

int top_main(int argc, char **argv)
{
    struct top t = {.path = default_socket_path(), .fd = -1};
    enum exit_status status;
    if (!parse_options(argc, argv, &t, &status))
        return (int)status;
    status = DONE;
    t.screen.colors = !getenv("NO_COLOR");
    t.fd = ask_open(t.path);
    if (t.fd < 0) {
        ask_say_unreachable("lbc top", t.path, -t.fd);
        return UNREACHABLE;
    }
    if (t.once || !terminal_open())
        status = print_once(&t);
    else
        look(&t);
    terminal_close();
    if (t.fd >= 0)
        close(t.fd);
    rows_done(&t.rows);
    snapshot_done(&t.before);
    snapshot_done(&t.now);
    text_done(&t.said);
    return (int)status;
}
