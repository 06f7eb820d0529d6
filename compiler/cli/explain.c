#include "compiler/cli/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "compiler/tools/explain.h"
#include "compiler/tools/request.h"
#include "runtime/base/text.h"

static const char USAGE[] =
    "usage: lbc explain FILE 'METHOD URL' [--from IP] [-H 'NAME: VALUE']... [--listener NAME]\n"
    "\n"
    "Compiles FILE and shows how it decides one request: each clause that is considered,\n"
    "each condition with the request's value, the header changes, and the decision.\n"
    "\n"
    "  METHOD URL           as in 'GET https://shop.example.com/api?x=1', or 'GET /api'\n"
    "  --from IP            the client's address (127.0.0.1)\n"
    "  -H 'NAME: VALUE'     a request header; may be repeated\n"
    "  --listener NAME      the listener it comes in by (the first one in FILE)\n"
    "\n"
    "Exit: 0 explained, 1 FILE has errors, 2 wrong use, 3 FILE can't be read\n";

struct explain {
    const char *file, *line, *listener;
    struct arena arena;
    struct request request;
};

static int misused(const char *problem)
{
    fprintf(stderr, "lbc explain: %s\n\n%s", problem, USAGE);
    return EXIT_USAGE;
}

/* The two words, in order, before the options are applied to the request they make. */
static const char *read_words(struct explain *e, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0')
            i++; /* every option has a value */
        else if (!e->file)
            e->file = argv[i];
        else if (!e->line)
            e->line = argv[i];
        else
            return "there are more words than a file and a request";
    }
    if (!e->file)
        return "a file is missing";
    if (!e->line)
        return "a request is missing, as in 'GET http://host/path'";
    return request_parse(&e->request, slice_of(e->line), &e->arena);
}

static const char *read_options(struct explain *e, int argc, char **argv)
{
    const char *problem = NULL;
    for (int i = 1; i < argc && !problem; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            continue;
        const char *option = argv[i], *value = ++i < argc ? argv[i] : NULL;
        if (!value)
            return arena_format(&e->arena, "%s needs a value", option).at;
        if (strcmp(option, "--from") == 0)
            problem = request_from(&e->request, slice_of(value), &e->arena);
        else if (strcmp(option, "-H") == 0)
            problem = request_add_header(&e->request, slice_of(value), &e->arena);
        else if (strcmp(option, "--listener") == 0)
            e->listener = value;
        else
            return arena_format(&e->arena, "there is no option %s", option).at;
    }
    return problem;
}

static bool wants_color(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (!no || !no[0]);
}

static const struct table_listener *find_listener(const struct table *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (!name || slice_eq(t->listener[i].name, slice_of(name)))
            return &t->listener[i];
    return NULL;
}

static int explain_by(struct explain *e, const struct table *t)
{
    const struct table_listener *listener = find_listener(t, e->listener);
    if (!listener)
        return misused(
            e->listener ? arena_format(&e->arena, "%s has no listener %s", e->file, e->listener).at
                        : arena_format(&e->arena, "%s has no listener", e->file).at);
    struct facts *f = &e->request.facts;
    f->listener = listener->name;

    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    struct text out = {0};
    text_addf(&out, SLICE_FMT " ", SLICE_ARG(f->method));
    if (f->host.len > 0)
        text_addf(&out, SLICE_FMT "://" SLICE_FMT, SLICE_ARG(f->scheme), SLICE_ARG(f->host));
    text_addf(&out, SLICE_FMT " from %s\n", SLICE_ARG(f->uri), from);
    text_addf(&out, "by listener " SLICE_FMT ", route " SLICE_FMT "\n", SLICE_ARG(listener->name),
              SLICE_ARG(t->route[listener->route].name));
    explain_write(t, listener->route, f, wants_color(), &out);
    fwrite(out.at, 1, out.len, stdout);
    text_done(&out);
    return EXIT_CLEAN;
}

static int explain_file(struct explain *e)
{
    struct loaded l;
    int status = load(e->file, &l);
    if (status == EXIT_CLEAN)
        status = explain_by(e, l.table);
    else if (status == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    loaded_done(&l);
    return status;
}

int explain_main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(USAGE, stdout);
        return EXIT_CLEAN;
    }
    struct explain *e = MUST_NEW(struct explain);
    const char *problem = read_words(e, argc, argv);
    if (!problem)
        problem = read_options(e, argc, argv);
    const int status = problem ? misused(problem) : explain_file(e);
    arena_free(&e->arena);
    free(e);
    return status;
}
