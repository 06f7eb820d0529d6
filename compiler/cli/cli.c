#include "compiler/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/nearest.h"

static void help(const struct cli_command *c)
{
    printf("usage: lbc %s [options] %s\n\n%s\n", c->name, c->arguments, c->what);
    printf("\noptions:\n");
    for (const struct cli_option *o = c->option; o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-24s %s\n", left, o->help);
    }
    printf("  %-24s %s\n", "--help", "this text");
    if (c->more)
        printf("\n%s\n", c->more);
    printf("\n%s", CLI_EXIT_CODES);
}

int cli_usage(const struct cli_command *c, const char *why)
{
    fprintf(stderr, "lbc %s: %s\nusage: lbc %s [options] %s (see lbc %s --help)\n", c->name, why,
            c->name, c->arguments, c->name);
    return EXIT_USAGE;
}

static int unknown(const struct cli_command *c, const char *written)
{
    struct nearest s = {.wanted = slice_of(written)};
    for (const struct cli_option *o = c->option; o->name; o++)
        nearest_offer(&s, slice_of(o->name));
    nearest_offer(&s, SLICE("--help"));
    char why[200];
    if (s.best.at)
        snprintf(why, sizeof(why), "unknown option %.60s; did you mean " SLICE_FMT "?", written,
                 SLICE_ARG(s.best));
    else
        snprintf(why, sizeof(why), "unknown option %.60s", written);
    return cli_usage(c, why);
}

/* The option that `arg` names, alone or as --name=value; then *inline_value is that value. */
static const struct cli_option *find(const struct cli_command *c, const char *arg,
                                     const char **inline_value)
{
    const char *equals = strchr(arg, '=');
    const size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    *inline_value = equals ? equals + 1 : NULL;
    for (const struct cli_option *o = c->option; o->name; o++)
        if (strlen(o->name) == len && memcmp(o->name, arg, len) == 0)
            return o;
    return NULL;
}

/* Takes the option at argv[*i], and its value. Returns 0 or an exit code. */
static int take_option(const struct cli_command *c, int argc, char **argv, int *i,
                       const char **value, void *to)
{
    const char *given;
    const struct cli_option *o = find(c, argv[*i], &given);
    if (!o || (given && !o->value))
        return unknown(c, argv[*i]);
    if (o->value && !given) {
        if (*i + 1 == argc) {
            char why[100];
            snprintf(why, sizeof(why), "%s wants a value: %s", o->name, o->value);
            return cli_usage(c, why);
        }
        given = argv[++*i];
    }
    value[o - c->option] = given ? given : "";
    const char *problem = o->take ? o->take(to, given) : NULL;
    return problem ? cli_usage(c, problem) : 0;
}

int cli_parse(const struct cli_command *c, int argc, char **argv, const char **value)
{
    return cli_parse_into(c, argc, argv, value, NULL);
}

int cli_parse_into(const struct cli_command *c, int argc, char **argv, const char **value, void *to)
{
    int n = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!options || arg[0] != '-' || arg[1] == '\0') {
            argv[1 + n++] = argv[i];
        } else if (strcmp(arg, "--") == 0) {
            options = false;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            help(c);
            return -1 - EXIT_CLEAN;
        } else {
            const int code = take_option(c, argc, argv, &i, value, to);
            if (code)
                return -1 - code;
        }
    }
    return n;
}
