/* lbc test - do the tests of this configuration hold, and what do they not try? */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/tools/coverage.h"
#include "compiler/tools/generate.h"
#include "compiler/tools/testcase.h"
#include "runtime/base/number.h"
#include "runtime/base/text.h"

enum { OPTION_FILTER, OPTION_COVERAGE, OPTION_FAIL_UNDER, OPTION_GENERATE, OPTION_FORMAT };

static const struct cli_option options[] = {
    [OPTION_FILTER] = {"--filter", "TEXT", "only tests whose name has this in it"},
    [OPTION_COVERAGE] = {"--coverage", NULL,
                         "which clauses and tests of conditions were exercised"},
    [OPTION_FAIL_UNDER] = {"--fail-under", "N%[/M%]",
                           "end with 1 when fewer clauses (and sides) are"},
    [OPTION_GENERATE] =
        {"--generate", NULL,
         "run nothing; print a test for each clause, with a request that gets there"},
    [OPTION_FORMAT] = {"--format", "human|json", "how to tell it (human)"},
    {0},
};

static const struct cli_command test = {
    .name = "test",
    .arguments = "FILE",
    .what =
        "Runs the tests of a configuration, on the table that would serve. Where one fails, its\n"
        "request is explained. Coverage counts the clauses that acted, and of each test of a\n"
        "condition the two sides: that it was true, and that it was false, where it can be both.\n"
        "FILE may be - for standard input.",
    .option = options,
    .more = "examples:\n"
            "  lbc test shop.lbconf\n"
            "  lbc test shop.lbconf --coverage --fail-under 100%/80%\n"
            "  lbc test shop.lbconf --generate >> shop.lbconf\n"
            "\n"
            "Ends with 1 when a test fails, or fewer is covered than was asked for.",
};

struct testing {
    const struct loaded *l;
    struct coverage *coverage; /* NULL: not asked for */
    bool json, color;
    struct text out;
    struct text trace; /* human: of the requests that failed; json: the requests */
    uint32_t run, failed;
    uint32_t under[2]; /* percent of clauses, of sides */
};

/* --- what is told of a test ----------------------------------------------------------------------
 */

static void step_json(struct testing *t, const struct testcase_step *s)
{
    struct text *out = &t->trace;
    struct text request = {0};
    explain_request(s->decided, &request);
    text_adds(out, out->len ? ",{\"request\":" : "{\"request\":");
    text_add_json(out, text_slice(&request));
    text_addf(out, ",\"failed\":%u,\"explain\":", s->failed);
    explain_json(s->decided, out);
    out->len--; /* its line end */
    text_addc(out, '}');
    text_done(&request);
}

static void step(void *to, const struct testcase_step *s)
{
    struct testing *t = to;
    if (t->json) {
        step_json(t, s);
        return;
    }
    if (s->failed == 0)
        return;
    explain_request(s->decided, &t->trace);
    explain_write(s->decided, t->color, &t->trace);
    text_addc(&t->trace, '\n');
}

static void tell_json(struct testing *t, const struct program_test *test_, uint32_t failed,
                      const struct diags *d)
{
    const struct place p = sources_place(t->l->sources, test_->span.from);
    text_adds(&t->out, t->run > 1 ? ",\n{\"name\":" : "\n{\"name\":");
    text_add_json(&t->out, test_->name);
    text_adds(&t->out, ",\"file\":");
    text_add_json(&t->out, p.file);
    text_addf(&t->out, ",\"line\":%u,\"passed\":%s,\"requests\":[", p.line,
              failed ? "false" : "true");
    text_add(&t->out, text_slice(&t->trace));
    text_adds(&t->out, "],\"diagnostics\":[");
    struct text reports = {0};
    diag_render(d, DIAG_JSON, &reports);
    struct slice rest = text_slice(&reports), line;
    for (bool any = false; slice_split(&rest, '\n', &line); any = true) {
        text_adds(&t->out, any ? "," : "");
        text_add(&t->out, line);
    }
    text_adds(&t->out, "]}");
    text_done(&reports);
}

static void tell(struct testing *t, const struct program_test *test_, uint32_t failed,
                 const struct diags *d)
{
    static const char *const word[2][2] = {{"ok   ", "\033[32mok   \033[0m"},
                                           {"FAIL ", "\033[1;31mFAIL \033[0m"}};
    text_addf(&t->out, "%s " SLICE_FMT "\n", word[failed > 0][t->color], SLICE_ARG(test_->name));
    if (failed == 0)
        return;
    diag_render_reports(d, t->color ? DIAG_HUMAN_COLOR : DIAG_HUMAN, &t->out);
    text_add(&t->out, text_slice(&t->trace));
}

static void run_one(struct testing *t, const struct program_test *test_)
{
    const struct testcase_watch watch = {
        .trace = t->coverage ? coverage_trace(t->coverage) : NULL, .step = step, .to = t};
    struct diags *d = diags_new(t->l->sources, 0);
    text_clear(&t->trace);
    const uint32_t failed = testcase_run(t->l->program, t->l->table, test_, &watch, d);
    t->run++;
    t->failed += failed > 0;
    if (t->json)
        tell_json(t, test_, failed, d);
    else
        tell(t, test_, failed, d);
    diags_free(d);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static bool is_wanted(const struct program_test *test_, const char *filter)
{
    return !filter || memmem(test_->name.at, test_->name.len, filter, strlen(filter));
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static bool is_under(const struct testing *t)
{
    if (!t->coverage)
        return false;
    const struct coverage_count n = coverage_count(t->coverage);
    return coverage_percent(n.clauses_covered, n.clauses) < t->under[0] ||
           coverage_percent(n.sides_covered, n.sides) < t->under[1];
}

static void finish(struct testing *t, bool show_coverage)
{
    if (t->json) {
        text_addf(&t->out, "],\"run\":%u,\"failed\":%u", t->run, t->failed);
        if (t->coverage) {
            text_adds(&t->out, ",\"coverage\":");
            coverage_json(t->coverage, &t->out);
        }
        text_adds(&t->out, "}\n");
        return;
    }
    text_addf(&t->out, "%s%u test%s: %u passed, %u failed\n", t->run ? "\n" : "", t->run,
              plural(t->run), t->run - t->failed, t->failed);
    if (show_coverage || is_under(t)) {
        text_addc(&t->out, '\n');
        coverage_write(t->coverage, t->color, &t->out);
    }
    if (is_under(t))
        text_addf(&t->out,
                  "\nless is covered than the %u%% of clauses and %u%% of sides asked for\n",
                  t->under[0], t->under[1]);
}

static int run_all(struct testing *t, const char *filter, bool show_coverage)
{
    const struct program *p = t->l->program;
    if (show_coverage || t->under[0] || t->under[1])
        t->coverage = coverage_new(t->l->table);
    text_adds(&t->out, t->json ? "{\"tests\":[" : "");
    for (uint32_t i = 0; i < p->n_tests; i++)
        if (is_wanted(&p->test[i], filter))
            run_one(t, &p->test[i]);
    finish(t, show_coverage);
    const bool bad = t->failed > 0 || is_under(t);
    coverage_free(t->coverage);
    text_done(&t->trace);
    cli_print(&t->out);
    return bad ? EXIT_ERRORS : EXIT_CLEAN;
}

static bool percent(struct slice s, uint32_t *out)
{
    uint64_t n;
    if (s.len > 0 && s.at[s.len - 1] == '%')
        s.len--;
    if (!number_parse(s, 100, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

/* N%, or N%/M%. */
static bool under(const char *value, uint32_t out[2])
{
    struct slice rest = slice_of(value), clauses, sides;
    if (!slice_split(&rest, '/', &clauses) || !percent(clauses, &out[0]))
        return false;
    return !rest.at || (slice_split(&rest, '/', &sides) && !rest.at && percent(sides, &out[1]));
}

static int generate(const struct loaded *l)
{
    struct text out = {0};
    generate_tests(l->program, l->table, &out);
    cli_print(&out);
    return EXIT_CLEAN;
}

int test_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&test, argc, argv, value);
    if (n < 0)
        return -1 - n;
    struct testing t = {.color = cli_color(stdout)};
    const char *format = value[OPTION_FORMAT];
    t.json = format && strcmp(format, "json") == 0;
    if (format && !t.json && strcmp(format, "human") != 0)
        return cli_usage(&test, "--format is human or json");
    if (value[OPTION_FAIL_UNDER] && !under(value[OPTION_FAIL_UNDER], t.under))
        return cli_usage(&test, "--fail-under takes percentages, as in 100% or 100%/80%");
    if (n != 1)
        return cli_usage(&test, n ? "one file at a time" : "which file?");

    struct loaded l;
    t.l = &l;
    int code = load(argv[1], &l);
    if (code == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    else if (code == EXIT_CLEAN && value[OPTION_GENERATE])
        code = generate(&l);
    else if (code == EXIT_CLEAN)
        code = run_all(&t, value[OPTION_FILTER], value[OPTION_COVERAGE] != NULL);
    loaded_done(&l);
    return code;
}
