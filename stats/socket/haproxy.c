/* The session: lines of commands, each answered and ended as HAProxy does. */
#include <stdio.h>
#include <string.h>

#include "stats/socket/haproxy_priv.h"

#define UNKNOWN "Unknown command: '"

static void prompt(const struct asked *a)
{
    a->session->prompts = !a->session->prompts;
}

static void quit(const struct asked *a)
{
    a->session->quits = true;
}

static void nothing(const struct asked *a)
{
    (void)a;
}

static void help(const struct asked *a);

static const struct {
    const char *words, *help;
    void (*run)(const struct asked *a);
    enum stats_level level;
} COMMAND[] = {
    {"show stat", "[<iid> <type> <sid>] : counters of each proxy and server, as CSV",
     haproxy_show_stat},
    {"show info", ": about the process", haproxy_show_info},
    {"show servers state", "[<backend>] : state and weight of each server",
     haproxy_show_servers_state},
    {"show errors", ": malformed requests; lbc has them in its log", haproxy_show_errors},
    {"show version", ": which lbc this is", haproxy_show_version},
    {"set server", "<backend>/<server> state|weight <value>", haproxy_set_server, STATS_OPERATOR},
    {"set weight", "<backend>/<server> <weight>", haproxy_set_weight, STATS_OPERATOR},
    {"get weight", "<backend>/<server>", haproxy_get_weight},
    {"enable server", "<backend>/<server> : it is ready", haproxy_enable_server, STATS_OPERATOR},
    {"disable server", "<backend>/<server> : it is in maintenance", haproxy_disable_server,
     STATS_OPERATOR},
    {"set timeout cli", "<delay> : taken, and not needed", nothing},
    {"prompt", ": stay connected", prompt},
    {"quit", ": leave", quit},
    {"help", ": this", help},
};

static void help(const struct asked *a)
{
    text_adds(a->out, "What lbc knows of HAProxy's commands; `lbc ctl help` has its own.\n");
    for (size_t i = 0; i < COUNT_OF(COMMAND); i++)
        if (COMMAND[i].level <= a->session->level)
            text_addf(a->out, "  %s %s\n", COMMAND[i].words, COMMAND[i].help);
}

/* Does it begin with these words? */
static bool begins(const struct asked *a, const char *words)
{
    struct slice rest = slice_of(words), word;
    uint32_t n = 0;
    while (slice_split(&rest, ' ', &word))
        if (n >= a->n || !slice_eq(a->word[n++], word))
            return false;
    return true;
}

static void add_echo(struct text *out, struct slice typed)
{
    for (size_t i = 0; i < typed.len && i < 64; i++)
        text_addc(out, typed.at[i] >= 0x20 && typed.at[i] < 0x7f ? typed.at[i] : '?');
}

/* It begins as HAProxy's own answer does. */
static void refuse_level(const struct asked *a, enum stats_level needs)
{
    text_addf(a->out, "Permission denied: it needs the level %s, and this socket has %s.\n",
              stats_level_name(needs), stats_level_name(a->session->level));
}

static void run_command(struct asked *a, struct slice command)
{
    struct slice rest = command, word;
    a->n = 0;
    while (a->n < HAPROXY_WORDS_MAX && slice_split(&rest, ' ', &word))
        if (word.len > 0)
            a->word[a->n++] = word;
    if (a->n == 0)
        return;
    for (size_t i = 0; i < COUNT_OF(COMMAND); i++)
        if (begins(a, COMMAND[i].words)) {
            if (COMMAND[i].level > a->session->level)
                refuse_level(a, COMMAND[i].level);
            else
                COMMAND[i].run(a);
            text_addc(a->out, '\n');
            return;
        }
    text_adds(a->out, UNKNOWN);
    add_echo(a->out, command);
    text_adds(a->out, "', but maybe one of the following ones is a better match:\n");
    help(a);
    text_addc(a->out, '\n');
}

struct slice haproxy_line(struct control *c, struct slice line, struct haproxy_session *s,
                          size_t enough_bytes, struct text *out)
{
    struct asked a = {.control = c, .session = s, .out = out};
    struct slice command;
    while (!s->quits && slice_split(&line, ';', &command)) {
        run_command(&a, slice_trim(command));
        if (line.len > 0 && out->len >= enough_bytes && !s->quits)
            return line;
    }
    if (s->prompts && !s->quits)
        text_adds(out, "> ");
    return SLICE_NONE;
}
