/* lbc explain - why does this request go there, and what does this diagnostic mean? */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/explain_limit.h"
#include "compiler/tools/explain.h"
#include "compiler/tools/request.h"
#include "grammar/explanation.h"
#include "runtime/base/nearest.h"
#include "runtime/base/number.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

enum {
    OPTION_FROM,
    OPTION_HEADER,
    OPTION_CLAIM,
    OPTION_LISTENER,
    OPTION_EXCEEDS,
    OPTION_STATUS,
    OPTION_RESPONSE_HEADER,
    OPTION_FORMAT,
    OPTION_LIST
};

struct explaining {
    const char *value[9];
    bool json;
    struct arena arena;
    struct request request, response; /* of the latter, the headers */
    const char *refused;              /* why; NULL: the request is decided */
    VEC(const char *) header;
    VEC(const char *) claim;
    VEC(struct slice) exceeded;
    VEC(const char *) response_header;
};

static const char *take_header(void *to, const char *value)
{
    struct explaining *e = to;
    VEC_ADD(&e->header, value);
    return NULL;
}

static const char *take_claim(void *to, const char *value)
{
    struct explaining *e = to;
    if (!strchr(value, '='))
        return "--claim is NAME=VALUE";
    VEC_ADD(&e->claim, value);
    return NULL;
}

static const char *take_response_header(void *to, const char *value)
{
    struct explaining *e = to;
    VEC_ADD(&e->response_header, value);
    return NULL;
}

static const char *take_exceeded(void *to, const char *value)
{
    struct explaining *e = to;
    VEC_ADD(&e->exceeded, slice_of(value));
    return NULL;
}

static const struct cli_option options[] = {
    [OPTION_FROM] = {"--from", "IP", "the client's address (127.0.0.1)"},
    [OPTION_HEADER] = {"-H", "'NAME: VALUE'", "a request header; may be repeated", take_header},
    [OPTION_CLAIM] = {"--claim", "NAME=VALUE", "a claim of its token; may be repeated", take_claim},
    [OPTION_LISTENER] = {"--listener", "NAME", "the listener it comes in by (the first one)"},
    [OPTION_EXCEEDS] = {"--exceeds", "LIMIT", "it is above this limit; may be repeated",
                        take_exceeded},
    [OPTION_STATUS] = {"--status", "N", "what the server answers: `on response` is asked, too"},
    [OPTION_RESPONSE_HEADER] = {"--response-header", "'NAME: VALUE'",
                                "a header of that answer; may be repeated", take_response_header},
    [OPTION_FORMAT] = {"--format", "human|json", "how to tell it (human)"},
    [OPTION_LIST] = {"--list", NULL, "all diagnostics, a line each"},
    {0},
};

static const struct cli_command explain = {
    .name = "explain",
    .arguments = "FILE 'METHOD URL' | FILE limit NAME | CODE",
    .what =
        "Compiles FILE and shows how it decides one request: each clause that is considered, each\n"
        "condition with the request's value, the changes, and the decision. The listener's `on\n"
        "connect` is asked first, and `on response` last: about what is answered here, or with\n"
        "--status about what a server answers. FILE may be - for standard input.\n"
        "With `limit NAME`, what the limit lets through of a client that asks as often as it can.\n"
        "With a CODE, as E0201, tells what that diagnostic means and what to do.",
    .option = options,
    .more = "examples:\n"
            "  lbc explain shop.lbconf 'GET https://shop.example.com/api?x=1' --from 10.1.2.3\n"
            "  lbc explain shop.lbconf 'GET /api' -H 'Host: shop.example.com' -H 'Cookie: beta=1'\n"
            "  lbc explain shop.lbconf 'GET http://a/' --status 503 --response-header 'Age: 1'\n"
            "  lbc explain shop.lbconf limit per-client\n"
            "  lbc explain E0201",
};

static const struct table_listener *find_listener(const struct table *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_listeners; i++)
        if (!name || slice_eq(t->listener[i].name, slice_of(name)))
            return &t->listener[i];
    return NULL;
}

static int unknown_listener(const struct table *t, const char *name)
{
    struct nearest n = {.wanted = slice_of(name)};
    for (uint32_t i = 0; i < t->n_listeners; i++)
        nearest_offer(&n, t->listener[i].name);
    char why[200];
    snprintf(why, sizeof(why), "there is no listener %.60s%s" SLICE_FMT "%s", name,
             n.best.len ? "; did you mean " : "", SLICE_ARG(n.best), n.best.len ? "?" : "");
    return cli_usage(&explain, why);
}

static int unknown_limit(const struct table *t, struct slice name)
{
    struct nearest n = {.wanted = name};
    for (uint32_t i = 0; i < t->n_limits; i++)
        nearest_offer(&n, t->limit[i].name);
    char why[200];
    snprintf(why, sizeof(why), "there is no limit %.*s%s" SLICE_FMT "%s",
             (int)(name.len < 60 ? name.len : 60), name.at, n.best.len ? "; did you mean " : "",
             SLICE_ARG(n.best), n.best.len ? "?" : "");
    return cli_usage(&explain, why);
}

static const char *read_response(struct explaining *e)
{
    const char *status = e->value[OPTION_STATUS];
    uint64_t number = 0;
    if (!status)
        return e->response_header.n > 0 ? "--response-header is of an answer: give its --status"
                                        : NULL;
    if (!number_parse(slice_of(status), 599, &number) || number < 200)
        return "--status is 200 to 599";
    struct request *answer = &e->response;
    const char *problem = request_parse(answer, SLICE("GET /"), 0, &e->arena);
    for (uint32_t i = 0; i < e->response_header.n && !problem; i++)
        problem = request_add_header(answer, slice_of(e->response_header.at[i]), &e->arena);
    e->request.facts.status = (uint16_t)number;
    e->request.facts.response_header = answer->facts.header;
    e->request.facts.response = answer;
    return problem;
}

static const char *add_claim(struct explaining *e, struct slice value)
{
    struct slice name;
    return slice_split(&value, '=', &name)
               ? request_add_claim(&e->request, name, value.at ? value : SLICE(""), &e->arena)
               : NULL;
}

static const char *read_request(struct explaining *e, const char *line, unsigned path_rules)
{
    struct request *r = &e->request;
    const char *problem = request_parse(r, slice_of(line), path_rules, &e->arena);
    for (uint32_t i = 0; i < e->header.n && !problem; i++)
        problem = request_add_header(r, slice_of(e->header.at[i]), &e->arena);
    for (uint32_t i = 0; i < e->claim.n && !problem; i++)
        problem = add_claim(e, slice_of(e->claim.at[i]));
    if (!problem)
        problem = request_complete(r);
    e->refused = NULL;
    if (r->refused > 0) {
        e->refused = problem;
        problem = NULL;
    }
    if (!problem && e->value[OPTION_FROM])
        problem = request_from(r, slice_of(e->value[OPTION_FROM]), &e->arena);
    return problem ? problem : read_response(e);
}

static int explain_by(struct explaining *e, const struct loaded *l, const char *line)
{
    const struct table *t = l->table;
    const struct table_listener *listener = find_listener(t, e->value[OPTION_LISTENER]);
    if (!listener)
        return unknown_listener(t, e->value[OPTION_LISTENER]);
    const char *problem = listener->path_rules ? read_request(e, line, listener->path_rules) : NULL;
    if (problem)
        return cli_usage(&explain, problem);
    if (!e->refused)
        e->refused = request_fits(&e->request, listener);
    e->request.facts.listener = listener->name;
    e->request.exceeded = e->exceeded.at;
    e->request.n_exceeded = (uint32_t)e->exceeded.n;
    for (uint32_t i = 0; i < e->exceeded.n; i++)
        if (table_find_limit(t, e->exceeded.at[i]) == UINT32_MAX)
            return unknown_limit(t, e->exceeded.at[i]);
    request_assume(&e->request, t);
    struct text out = {0};
    const struct explain what = {t,        l->program, listener->route,    &e->request.facts,
                                 listener, e->refused, e->request.refused, e->claim.n > 0};
    if (e->json) {
        explain_json(&what, &out);
    } else {
        explain_request(&what, &out);
        explain_write(&what, cli_color(stdout), &out);
    }
    cli_print(&out);
    return EXIT_CLEAN;
}

static int decide_request(struct explaining *e, const char *file, const char *line)
{
    const char *problem = read_request(e, line, 0);
    if (problem)
        return cli_usage(&explain, problem);
    struct loaded l;
    int status = load(file, &l);
    if (status == EXIT_CLEAN)
        status = explain_by(e, &l, line);
    else if (status == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    loaded_done(&l);
    return status;
}

static int explain_code(const struct explaining *e, enum diag_code code)
{
    struct text out = {0};
    if (e->json)
        diag_explain_json(code, &out);
    else
        diag_explain(code, cli_color(stdout), &out);
    cli_print(&out);
    return EXIT_CLEAN;
}

static int list(const struct explaining *e)
{
    struct text out = {0};
    for (enum diag_code code = 0; code < DIAG_COUNT; code++) {
        if (e->json)
            diag_explain_json(code, &out);
        else
            diag_list_line(code, &out);
    }
    cli_print(&out);
    return EXIT_CLEAN;
}

/* A letter and four digits, and no such file's name ends so. */
static bool looks_like_code(const char *word)
{
    return strchr("EeWw", word[0]) && strlen(word) == 5 && strspn(word + 1, "0123456789") == 4;
}

static int explain_limit_of(const char *file, const char *name)
{
    struct loaded l;
    struct text out = {0};
    int status = load(file, &l);
    if (status == EXIT_ERRORS)
        report(&l, DIAG_HUMAN);
    if (status == EXIT_CLEAN && !explain_limit(l.table, slice_of(name), &out)) {
        char why[200];
        snprintf(why, sizeof(why), "there is no limit %.60s", name);
        status = cli_usage(&explain, why);
    }
    loaded_done(&l);
    cli_print(&out);
    return status;
}

static int explain_words(struct explaining *e, int n, char **word)
{
    if (e->value[OPTION_LIST])
        return n ? cli_usage(&explain, "--list stands alone") : list(e);
    if (n == 0)
        return cli_usage(&explain, "a file is missing, or the code of a diagnostic");
    if (looks_like_code(word[0])) {
        const enum diag_code code = diag_code_find(slice_of(word[0]));
        if (code == DIAG_COUNT) {
            char why[100];
            snprintf(why, sizeof(why), "there is no diagnostic %s; --list shows all", word[0]);
            return cli_usage(&explain, why);
        }
        return n > 1 ? cli_usage(&explain, "a code takes no request") : explain_code(e, code);
    }
    if (n == 1)
        return cli_usage(&explain, "a request is missing, as in 'GET http://host/path'");
    if (n == 3 && strcmp(word[1], "limit") == 0)
        return e->json ? cli_usage(&explain, "a limit is told to people only")
                       : explain_limit_of(word[0], word[2]);
    if (n > 2)
        return cli_usage(&explain, "there are more words than a file and a request");
    return decide_request(e, word[0], word[1]);
}

int explain_main(int argc, char **argv)
{
    struct explaining *e = MUST_NEW(struct explaining);
    const int n = cli_parse_into(&explain, argc, argv, e->value, e);
    const char *format = e->value[OPTION_FORMAT];
    e->json = format && strcmp(format, "json") == 0;
    int status;
    if (n < 0)
        status = -1 - n;
    else if (format && !e->json && strcmp(format, "human") != 0)
        status = cli_usage(&explain, "--format is human or json");
    else
        status = explain_words(e, n, argv + 1);
    VEC_DONE(&e->header);
    VEC_DONE(&e->claim);
    VEC_DONE(&e->exceeded);
    VEC_DONE(&e->response_header);
    arena_free(&e->arena);
    free(e);
    return status;
}
