#include "stats/socket/command.h"

#include "runtime/base/check.h"
#include "runtime/base/nearest.h"

#define WORDS_MAX 8u
#define ECHO_MAX  40u /* of what was not understood */

enum form { TEXT, JSON };

static const struct spec {
    struct slice words;
    struct slice arguments;
    enum form form;
    enum stats_level level;
    const char *help;
    command_run *run;
} spec[] = {
#define COMMAND(id, words, arguments, form, level, help)                                           \
    {SLICE_INIT(words), SLICE_INIT(arguments), form, STATS_##level, help, command_##id},
#include "stats/socket/commands.def"
#undef COMMAND
};

struct words {
    struct slice line;
    struct slice at[WORDS_MAX];
    size_t n;
    bool more;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first of them; `more` when there are more than any command has. */
static void split(struct slice line, struct words *out)
{
    *out = (struct words){.line = line};
    for (size_t i = 0; i < line.len;) {
        if (is_blank(line.at[i])) {
            i++;
            continue;
        }
        size_t end = i;
        while (end < line.len && !is_blank(line.at[end]))
            end++;
        out->more = out->n == WORDS_MAX;
        if (out->more)
            return;
        out->at[out->n++] = (struct slice){line.at + i, end - i};
        i = end;
    }
}

/* Does the line begin with the words of `s`? Returns how many those are, or 0. */
static size_t match(const struct spec *s, const struct words *w)
{
    struct slice rest = s->words, word;
    size_t n = 0;
    while (slice_split(&rest, ' ', &word)) {
        if (n == w->n || !slice_eq(w->at[n], word))
            return 0;
        n++;
    }
    return n;
}

/* What was typed, fit for one line of text: cut, and without what could move a terminal's cursor.
 */
static void add_echo(struct text *out, struct slice typed)
{
    text_addc(out, '"');
    for (size_t i = 0; i < typed.len && i < ECHO_MAX; i++)
        text_addc(out, typed.at[i] >= 0x20 && typed.at[i] < 0x7f ? typed.at[i] : '?');
    text_adds(out, typed.len > ECHO_MAX ? "...\"" : "\"");
}

static struct slice first_words(struct words w, size_t n)
{
    const struct slice last = w.at[n - 1];
    return (struct slice){w.at[0].at, (size_t)(last.at + last.len - w.at[0].at)};
}

/* "show" alone: names what can follow. */
static bool refuse_half_a_command(struct command *c, const struct words *w)
{
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(spec); i++) {
        struct slice rest = spec[i].words, first;
        if (!slice_split(&rest, ' ', &first) || rest.len == 0 || !slice_eq(w->at[0], first) ||
            w->n > 1)
            continue;
        if (!any)
            text_addf(c->why, SLICE_FMT " what? There are: ", SLICE_ARG(first));
        text_addf(c->why, "%s" SLICE_FMT, any ? ", " : "", SLICE_ARG(spec[i].words));
        any = true;
    }
    return any;
}

/* Compares as many of the typed words as the command has. */
static struct slice nearest_command(const struct words *w)
{
    struct nearest best = {.distance = SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(spec); i++) {
        const size_t n = memchr(spec[i].words.at, ' ', spec[i].words.len) && w->n > 1 ? 2 : 1;
        struct nearest n_words = {.wanted = first_words(*w, n)};
        nearest_offer(&n_words, spec[i].words);
        if (n_words.best.len > 0 && (best.best.len == 0 || n_words.distance < best.distance))
            best = n_words;
    }
    return best.best;
}

static enum command_end refuse_unknown(struct command *c, const struct words *w, struct slice line)
{
    if (refuse_half_a_command(c, w))
        return COMMAND_REFUSED;
    text_adds(c->why, "there is no command ");
    add_echo(c->why, line);
    const struct slice near = nearest_command(w);
    if (near.len > 0)
        text_addf(c->why, "; did you mean \"" SLICE_FMT "\"?", SLICE_ARG(near));
    else
        text_adds(c->why, "; \"help\" lists them");
    return COMMAND_REFUSED;
}

static size_t n_arguments(const struct spec *s)
{
    struct slice rest = s->arguments, word;
    size_t n = 0;
    while (rest.len > 0 && slice_split(&rest, ' ', &word))
        n++;
    ASSERT(n <= COMMAND_ARGUMENTS_MAX);
    return n;
}

/* The last word of what is left. */
static void take_json(struct command *c)
{
    const struct slice all = c->argument[0], word = SLICE("--json");
    const size_t before = all.len - word.len;
    c->json = slice_ends(all, word) && (before == 0 || is_blank(all.at[before - 1]));
    if (c->json)
        c->argument[0] = slice_trim((struct slice){all.at, before});
}

/* All that stands behind the command's own words is one argument. */
static enum command_end run_with_rest(struct command *c, const struct spec *s,
                                      const struct words *w, size_t used)
{
    c->argument[0] = SLICE_NONE;
    if (w->n == used && slice_starts(s->arguments, SLICE("[")))
        return s->run(c);
    if (w->n == used) {
        text_addf(c->why, "\"" SLICE_FMT "\" takes what is to be done: " SLICE_FMT " " SLICE_FMT,
                  SLICE_ARG(s->words), SLICE_ARG(s->words), SLICE_ARG(s->arguments));
        return COMMAND_REFUSED;
    }
    const size_t at = (size_t)(w->at[used].at - w->line.at);
    c->argument[0] = slice_trim(slice_from(w->line, at));
    if (s->form == JSON)
        take_json(c);
    return s->run(c);
}

static enum command_end run_with(struct command *c, const struct spec *s, const struct words *w,
                                 size_t used)
{
    if (slice_ends(s->arguments, SLICE("...")) || slice_ends(s->arguments, SLICE("...]")))
        return run_with_rest(c, s, w, used);
    if (w->more) {
        text_addf(c->why, "no command has more than %u words", WORDS_MAX);
        return COMMAND_REFUSED;
    }
    size_t n = w->n;
    c->json = n > used && slice_eq(w->at[n - 1], SLICE("--json"));
    if (c->json)
        n--;
    if (c->json && s->form != JSON) {
        text_addf(c->why, "\"" SLICE_FMT "\" has no --json", SLICE_ARG(s->words));
        return COMMAND_REFUSED;
    }
    static const char *const takes[] = {"no arguments", "one argument: ", "two arguments: "};
    const size_t wanted = n_arguments(s);
    const bool may_lack = slice_starts(s->arguments, SLICE("["));
    if (n - used != wanted && !(may_lack && n == used)) {
        text_addf(c->why, "\"" SLICE_FMT "\" takes %s", SLICE_ARG(s->words), takes[wanted]);
        if (wanted)
            text_addf(c->why, SLICE_FMT " " SLICE_FMT, SLICE_ARG(s->words),
                      SLICE_ARG(s->arguments));
        return COMMAND_REFUSED;
    }
    for (size_t i = 0; i < COMMAND_ARGUMENTS_MAX; i++)
        c->argument[i] = i < n - used ? w->at[used + i] : SLICE_NONE;
    return s->run(c);
}

/* What it is called with is not looked at: whoever may not run it need not know how. */
static enum command_end refuse_level(struct command *c, const struct spec *s)
{
    text_addf(c->why, "\"" SLICE_FMT "\" needs the level %s, and this socket has %s",
              SLICE_ARG(s->words), stats_level_name(s->level), stats_level_name(c->level));
    return COMMAND_REFUSED;
}

enum command_end command_line(struct command *c, struct slice line)
{
    struct words w;
    split(line, &w);
    ASSERT(w.n > 0);
    for (size_t i = 0; i < COUNT_OF(spec); i++) {
        const size_t used = match(&spec[i], &w);
        if (used > 0)
            return spec[i].level > c->level ? refuse_level(c, &spec[i])
                                            : run_with(c, &spec[i], &w, used);
    }
    return refuse_unknown(c, &w, line);
}

/* What may be run here, and that there is more. */
enum command_end command_help(struct command *c)
{
    size_t more = 0;
    for (size_t i = 0; i < COUNT_OF(spec); i++) {
        if (spec[i].level > c->level) {
            more++;
            continue;
        }
        char usage[64];
        snprintf(usage, sizeof(usage), SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(spec[i].words),
                 spec[i].arguments.len > 0 ? " "
                 : spec[i].form == JSON    ? " [--json]"
                                           : "",
                 SLICE_ARG(spec[i].arguments));
        text_addf(c->out, "%-26s %s\n", usage, spec[i].help);
    }
    if (more > 0)
        text_addf(c->out, "\nThis socket has the level %s; %zu more commands need a higher one.\n",
                  stats_level_name(c->level), more);
    return COMMAND_DONE;
}
