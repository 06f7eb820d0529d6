#include "stats/ctl/shortcut.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "stats/ctl/ctl_priv.h"

enum takes { NOTHING, JSON, NUMBER, CANDIDATE, PROGRAM, TRIAL };

struct shortcut {
    const char *name;
    enum takes takes;
    const char *line, *usage, *text;
};

static const struct shortcut shortcuts[] = {
#define SHORTCUT(name, takes, line, usage, text) {#name, takes, line, usage, text},
#include "stats/ctl/shortcuts.def"
#undef SHORTCUT
};

static void print_usage(const struct shortcut *s)
{
    printf("usage: lbc %s [OPTION...]%s%s\n\n%s", s->name, s->usage[0] ? " " : "", s->usage,
           s->text);
    printf("\noptions:\n"
           "  --socket PATH      where the running lbc listens, as `lbc ctl` has it\n"
           "  --timeout SECONDS  how long to wait for the whole answer (default: 30)\n"
           "  --help             this text\n"
           "\n"
           "exit code: 0 done, 1 refused (the reason is on standard error), 2 the command line is\n"
           "wrong, 3 nobody answers at that path\n");
}

/* The running one has a working directory of its own; a program without a slash is looked for in
 * its PATH. */
static bool add_path(struct ctl *c, const char *path, bool is_program)
{
    char here[PATH_MAX];
    text_addc(&c->line, ' ');
    if (path[0] != '/' && (!is_program || strchr(path, '/'))) {
        if (!getcwd(here, sizeof(here)))
            return false;
        text_addf(&c->line, "%s/", here);
    }
    text_adds(&c->line, path);
    return true;
}

static bool add_word(struct ctl *c, const char *word)
{
    text_addf(&c->line, " %s", word);
    return true;
}

static bool is_number(const char *word)
{
    uint64_t number;
    return number_parse(slice_of(word), UINT64_MAX, &number);
}

/* --confirm 60s p99 3x, or --canary 5% for 10m. */
static bool add_trial(struct ctl *c, char **word)
{
    if (c->confirm && c->canary)
        return false;
    if (c->confirm || c->canary)
        add_word(c, c->confirm ? "confirm" : "canary");
    if (c->confirm || c->canary)
        add_word(c, c->confirm ? c->confirm : c->canary);
    for (; *word; word++)
        add_word(c, *word);
    return true;
}

/* `word` has the n words that follow the options. False: they are not what it takes. */
static bool add_words(struct ctl *c, enum takes takes, int n, char **word)
{
    switch (takes) {
    case NOTHING: return n == 0;
    case JSON: return n == 0 && (!c->json || add_word(c, "--json"));
    case NUMBER: return n == 1 && is_number(word[0]) && add_word(c, word[0]);
    case CANDIDATE:
        return n == 1 &&
               (strcmp(word[0], "off") == 0 ? add_word(c, word[0]) : add_path(c, word[0], false));
    case PROGRAM: return n == 0 || (n == 1 && add_path(c, word[0], true));
    case TRIAL: return add_trial(c, word);
    }
    return false;
}

static const struct shortcut *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(shortcuts); i++)
        if (strcmp(shortcuts[i].name, name) == 0)
            return &shortcuts[i];
    return NULL;
}

int shortcut_main(int argc, char **argv)
{
    const struct shortcut *s = find(argv[0]);
    ASSERT(s);
    struct ctl c = {.name = s->name,
                    .path = default_socket_path(),
                    .also = s->takes == TRIAL  ? CTL_TRIAL
                            : s->takes == JSON ? CTL_JSON
                                               : 0};
    enum ctl_status status;
    if (!ctl_options(&c, argc, argv, &status)) {
        if (status == CTL_DONE)
            print_usage(s);
        return (int)status;
    }
    text_adds(&c.line, s->line);
    if (!add_words(&c, s->takes, argc - optind, argv + optind) || strpbrk(c.line.at, "\r\n")) {
        fprintf(stderr, "lbc %s: it takes %s. Try `lbc %s --help`.\n", s->name,
                s->usage[0] ? s->usage : "nothing", s->name);
        text_done(&c.line);
        return CTL_USAGE;
    }
    text_addc(&c.line, '\n');
    return (int)ctl_ask(&c);
}
