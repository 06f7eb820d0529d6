/* lbc check - is this configuration right? */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/stats.h"
#include "compiler/prove/prove.h"
#include "compiler/tools/testcase.h"

enum { OPTION_FORMAT, OPTION_DENY, OPTION_STATS, OPTION_SYNTAX, OPTION_ENV };

static const struct cli_option options[] = {
    [OPTION_FORMAT] = {"--format", "FORMAT", "how to say what is wrong (human)"},
    [OPTION_DENY] = {"--deny", "warnings", "count warnings as errors"},
    [OPTION_STATS] = {"--stats", NULL,
                      "sizes of decisions, work of proofs, memory that connections may take"},
    [OPTION_SYNTAX] = {"--syntax", NULL,
                       "prove nothing about routes: words, names, types and values alone"},
    [OPTION_ENV] = {"--env", NULL,
                    "look at this machine, too: addresses to bind, files, certificates"},
    {0},
};

static const struct cli_command check = {
    .name = "check",
    .arguments = "FILE...",
    .what =
        "Reads configurations and says everything that is wrong with them. Nothing but the text\n"
        "and the environment variables it names is looked at: no sockets, no name service, no\n"
        "keys. Its tests are run. Several files are several configurations. FILE may be - for\n"
        "standard input.",
    .option = options,
    .more = "formats:\n"
            "  human    for people, on standard error; the others are on standard output\n"
            "  json     an object a line; grammar/LANGUAGE.md has its keys\n"
            "  sarif    one SARIF 2.1.0 log, for code scanning\n"
            "  github   workflow commands, which GitHub Actions shows beside the lines\n"
            "\n"
            "examples:\n"
            "  lbc check shop.lbconf\n"
            "  lbc check --deny warnings --format github conf/*.lbconf\n"
            "  lbc explain E0201           what a code means",
};

static const char *s(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void summary(const struct loaded *l)
{
    const struct table *t = l->table;
    ASSERT(l->program); /* it comes with the table */
    const uint32_t tests = l->program->n_tests;
    printf("ok: %u listener%s, %u cluster%s, %u server%s, %u route%s, %u clause%s", t->n_listeners,
           s(t->n_listeners), t->n_clusters, s(t->n_clusters), t->n_servers, s(t->n_servers),
           t->n_routes, s(t->n_routes), t->n_clauses, s(t->n_clauses));
    if (tests > 0)
        printf(", %u test%s passed", tests, s(tests));
    printf("\n");
}

struct checking {
    enum diag_format format;
    bool deny, alone, stats, syntax;
    check_environment *environment; /* NULL: not asked for */
    const struct memory_costs *costs;
};

/* One file, with what it is about said at once; SARIF is one log, and comes at the end. */
static int check_one(const struct checking *c, const char *path, struct loaded *l)
{
    struct prove_count proven = {0};
    int code = c->syntax ? load_program(path, l) : load_counted(path, &proven, l);
    if (code == EXIT_UNREADABLE)
        return code;
    if (code == EXIT_CLEAN && !c->syntax && testcase_run_all(l->program, l->table, l->diags) > 0)
        code = EXIT_ERRORS;
    if (l->program && c->environment)
        c->environment(l->program, l->diags);
    if (diag_errors(l->diags) > 0 || (c->deny && diag_warnings(l->diags) > 0))
        code = EXIT_ERRORS;
    if (c->format != DIAG_SARIF)
        report(l, c->format);
    if (code == EXIT_CLEAN && c->format == DIAG_HUMAN) {
        if (!c->alone)
            printf("%s: ", path);
        if (c->syntax)
            printf("ok: nothing was proven about its routes\n");
        else
            summary(l);
    }
    if (code == EXIT_CLEAN && c->stats) {
        struct text out = {0};
        if (c->format == DIAG_HUMAN)
            stats_as_text(l->table, &proven, c->costs, &out);
        else
            stats_as_json(path, l->table, &proven, c->costs, &out);
        cli_print(&out);
    }
    return code;
}

static void print_sarif(const struct loaded *l, int n)
{
    const struct diags **d = MUST_ARRAY(const struct diags *, (size_t)n);
    size_t readable = 0;
    for (int i = 0; i < n; i++)
        if (l[i].diags)
            d[readable++] = l[i].diags;
    struct text out = {0};
    diag_render_sarif(d, readable, &out);
    cli_print(&out);
    free(d);
}

static int check_all(const struct checking *c, char **path, int n)
{
    struct loaded *l = MUST_ARRAY(struct loaded, (size_t)n);
    int worst = EXIT_CLEAN;
    for (int i = 0; i < n; i++) {
        const int code = check_one(c, path[i], &l[i]);
        worst = code > worst ? code : worst;
    }
    if (c->format == DIAG_SARIF)
        print_sarif(l, n);
    for (int i = 0; i < n; i++)
        loaded_done(&l[i]);
    free(l);
    return worst;
}

static bool find_format(const char *name, enum diag_format *out)
{
    static const struct {
        const char *name;
        enum diag_format format;
    } known[] = {
        {"human", DIAG_HUMAN}, {"json", DIAG_JSON}, {"sarif", DIAG_SARIF}, {"github", DIAG_GITHUB}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].format;
            return true;
        }
    }
    return false;
}

int check_with(int argc, char **argv, check_environment *environment,
               const struct memory_costs *costs)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&check, argc, argv, value);
    if (n < 0)
        return -1 - n;
    enum diag_format format = DIAG_HUMAN;
    if (value[OPTION_FORMAT] && !find_format(value[OPTION_FORMAT], &format))
        return cli_usage(&check, "--format is human, json, sarif or github");
    if (value[OPTION_DENY] && strcmp(value[OPTION_DENY], "warnings") != 0)
        return cli_usage(&check, "only warnings can be denied");
    if (value[OPTION_SYNTAX] && value[OPTION_STATS])
        return cli_usage(&check, "--stats tells about the routes, which --syntax leaves out");
    if (value[OPTION_STATS] && format != DIAG_HUMAN && format != DIAG_JSON)
        return cli_usage(&check, "--stats has no such format: human or json");
    if (n == 0)
        return cli_usage(&check, "which file?");
    const struct checking c = {.format = format,
                               .deny = value[OPTION_DENY] != NULL,
                               .alone = n == 1,
                               .syntax = value[OPTION_SYNTAX] != NULL,
                               .stats = value[OPTION_STATS] != NULL,
                               .environment = value[OPTION_ENV] ? environment : NULL,
                               .costs = costs};
    return check_all(&c, argv + 1, n);
}
