/* lbc diff - what does the new configuration do otherwise than the old one? */
#include <stdio.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/regions.h"
#include "compiler/prove/diff.h"
#include "compiler/tools/objects.h"
#include "runtime/base/text.h"

/* Of what lies in a region and is treated yet otherwise, so much is said. */
#define PARTS_SHOWN 8u

enum { OPTION_EXPECT_EQUAL, OPTION_ALL, OPTION_FORMAT };

static const struct cli_option options[] = {
    [OPTION_EXPECT_EQUAL] = {.name = "--expect-equal",
                             .help = "exit 1 unless they are proven to do the same"},
    [OPTION_ALL] = {.name = "--all", .help = "every part of a region, and not the first 8 of them"},
    [OPTION_FORMAT] = {.name = "--format", .value = "human|json", .help = "how to say it (human)"},
    {0},
};

static const struct cli_command command = {
    .name = "diff",
    .arguments = "OLD NEW",
    .what =
        "Compares what two configurations do, not how they are written. First what was changed of\n"
        "routes: the clause before and after, and below it the requests that are treated\n"
        "otherwise: which those are, one of them, and what happens to it before and after; the\n"
        "request can be given to lbc explain. Then the objects that differ, setting by setting.\n"
        "Either file may be - for standard input.",
    .option = options,
    .more = "With --expect-equal the exit code is 1 when there is a difference, or when it could "
            "not be\n"
            "proven that there is none.",
};

struct comparison {
    struct diff regions;
    struct objects_diff objects;
};

static void write_written(char sign, const struct diff_written *w, struct text *out)
{
    if (w->clause == UINT32_MAX)
        return;
    text_addf(out, "%c " SLICE_FMT, sign, SLICE_ARG(w->text));
    regions_write_place(&w->place, out);
}

static const char *what_was_done(const struct diff_change *c)
{
    if (c->before.clause == UINT32_MAX)
        return "a new clause";
    if (c->after.clause == UINT32_MAX)
        return "a clause is gone";
    if (c->moved)
        return "a clause stands elsewhere";
    return slice_eq(c->before.text, c->after.text) ? "what a clause names is another"
                                                   : "a clause is another";
}

static void write_change(const struct diff_change *c, struct text *out)
{
    text_addf(out, "%s " SLICE_FMT ": %s\n", c->phase == PHASE_REQUEST ? "route" : "listener",
              SLICE_ARG(c->route), what_was_done(c));
    write_written('-', &c->before, out);
    write_written('+', &c->after, out);
}

/* From `at` on, with its parts; returns what is behind them. */
static uint32_t write_whole(const struct diff *d, uint32_t at, bool all, struct text *out)
{
    const uint32_t whole = at;
    text_addc(out, '\n');
    regions_write(d, &d->region.at[at++], out);
    for (; at < d->region.n && d->region.at[at].part_of == whole; at++)
        if (all || at - whole <= PARTS_SHOWN)
            regions_write(d, &d->region.at[at], out);
    const uint32_t parts = at - whole - 1;
    if (!all && parts > PARTS_SHOWN)
        text_addf(out, "    and %u more part%s of it, which --all tells\n", parts - PARTS_SHOWN,
                  plural(parts - PARTS_SHOWN));
    return at;
}

/* Where a value that only the request knows goes into what later clauses ask. */
static void write_unknown(const struct diff_change *c, struct text *out)
{
    if (c->unknown > 0)
        text_adds(out, "\n  which requests it treats otherwise, if any more, could not be told\n");
    else if (c->partly > 0)
        text_adds(out, "\n  whether it treats more requests otherwise could not be told\n");
}

static void write_changes(const struct diff *d, bool all, struct text *out)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < d->change.n; i++) {
        write_change(&d->change.at[i], out);
        while (at < d->region.n && d->region.at[at].change == i)
            at = write_whole(d, at, all, out);
        write_unknown(&d->change.at[i], out);
        text_addc(out, '\n');
    }
}

static void write_object(const struct objects_change *c, struct text *out)
{
    if (c->added || c->removed) {
        text_addf(out, "%c " SLICE_FMT "\n", c->added ? '+' : '-', SLICE_ARG(c->object));
        return;
    }
    text_addf(out, SLICE_FMT "%s", SLICE_ARG(c->object), c->object.len ? "\n" : "");
    if (c->before.len > 0)
        text_addf(out, "  - " SLICE_FMT "\n", SLICE_ARG(c->before));
    if (c->after.len > 0)
        text_addf(out, "  + " SLICE_FMT "\n", SLICE_ARG(c->after));
}

static void write_human(const struct comparison *c, bool all, struct text *out)
{
    const struct diff *d = &c->regions;
    write_changes(d, all, out);
    for (uint32_t i = 0; i < c->objects.change.n; i++)
        write_object(&c->objects.change.at[i], out);
    if (c->objects.change.n > 0)
        text_addc(out, '\n');
    if (d->unknown > 0)
        text_addf(out, "of %u pair%s of clauses it could not be told whether they differ\n",
                  d->unknown, plural(d->unknown));
    if (d->dropped > 0)
        text_addf(out, "%u more regions\n", d->dropped);
    if (d->blocks > 0)
        text_addf(out,
                  "%u clause%s of on connect and on response differ%s; of these no regions are "
                  "told\n",
                  d->blocks, plural(d->blocks), d->blocks == 1 ? "s" : "");
    if (d->region.n + d->unknown == 0)
        text_addf(out, "%s; ",
                  d->blocks > 0 ? "routes treat every request alike"
                                : "every request is treated alike");
    else
        text_addf(out, "%u region%s treated otherwise; ", regions_count(d),
                  plural(regions_count(d)));
    text_addf(out, "%u object setting%s differ%s\n", c->objects.change.n,
              plural(c->objects.change.n), c->objects.change.n == 1 ? "s" : "");
}

static void add_member(struct text *out, const char *name, struct slice value)
{
    text_addf(out, "\"%s\": ", name);
    text_add_json(out, value);
}

static void json_place(const struct table_place *p, struct text *out)
{
    text_adds(out, ", ");
    add_member(out, "file", p->file);
    text_addf(out, ", \"line\": %u, \"column\": %u}", p->line, p->column);
}

static void json_fate(const char *name, const struct diff_fate *f, struct text *out)
{
    text_addf(out, ", \"%s\": {", name);
    add_member(out, "does", f->does);
    json_place(&f->place, out);
}

static void json_written(const char *name, const struct diff_written *w, struct text *out)
{
    text_addf(out, ", \"%s\": ", name);
    if (w->clause == UINT32_MAX) {
        text_adds(out, "null");
        return;
    }
    text_addc(out, '{');
    add_member(out, "clause", w->text);
    json_place(&w->place, out);
}

static void json_slices(const char *name, const struct slice *at, uint32_t n, struct text *out)
{
    text_addf(out, ", \"%s\": [", name);
    for (uint32_t i = 0; i < n; i++) {
        text_adds(out, i ? ", " : "");
        text_add_json(out, at[i]);
    }
    text_addc(out, ']');
}

static void json_change(const struct diff_change *c, struct text *out)
{
    static const char *const PHASES[] = {"connect", "request", "response"};
    text_addc(out, '{');
    add_member(out, "route", c->route);
    text_addf(out, ", \"phase\": \"%s\"", PHASES[c->phase]);
    json_written("before", &c->before, out);
    json_written("after", &c->after, out);
    text_addf(out, ", \"moved\": %s, \"unknown\": %u, \"partly\": %u}", c->moved ? "true" : "false",
              c->unknown, c->partly);
}

static void json_region(const struct diff *d, const struct diff_region *r, struct text *out)
{
    struct text when = {0};
    diff_write_when(d, r, false, &when);
    text_addc(out, '{');
    add_member(out, "listener", r->listener.at[0]);
    json_slices("listeners", r->listener.at, r->listener.n, out);
    text_addf(out, ", \"change\": %u, \"part_of\": ", r->change);
    if (r->part_of == UINT32_MAX)
        text_adds(out, "null, ");
    else
        text_addf(out, "%u, ", r->part_of);
    add_member(out, "when", text_slice(&when));
    json_slices("conditions", r->condition.at, r->condition.n, out);
    text_addf(out, ", \"exact\": %s, ", r->exact ? "true" : "false");
    add_member(out, "request", r->request);
    json_fate("before", &r->before, out);
    json_fate("after", &r->after, out);
    text_addc(out, '}');
    text_done(&when);
}

static void write_json(const struct comparison *c, struct text *out)
{
    const struct diff *d = &c->regions;
    text_adds(out, "{\"changes\": [");
    for (uint32_t i = 0; i < d->change.n; i++) {
        text_adds(out, i ? ", " : "");
        json_change(&d->change.at[i], out);
    }
    text_adds(out, "], \"regions\": [");
    for (uint32_t i = 0; i < d->region.n; i++) {
        text_adds(out, i ? ", " : "");
        json_region(d, &d->region.at[i], out);
    }
    text_adds(out, "], \"objects\": [");
    for (uint32_t i = 0; i < c->objects.change.n; i++) {
        const struct objects_change *o = &c->objects.change.at[i];
        text_adds(out, i ? ", {" : "{");
        add_member(out, "object", o->object);
        text_adds(out, ", ");
        add_member(out, "before", o->removed ? o->object : o->before);
        text_adds(out, ", ");
        add_member(out, "after", o->added ? o->object : o->after);
        text_addc(out, '}');
    }
    text_addf(out, "], \"unknown\": %u, \"partly\": %u, \"equal\": %s}\n", d->unknown + d->dropped,
              d->partly,
              d->region.n + d->blocks + d->unknown + c->objects.change.n == 0 ? "true" : "false");
}

struct how {
    bool json, all, expect_equal;
};

static int compare(const struct loaded *before, const struct loaded *after, struct how how)
{
    struct comparison c;
    struct arena arena = {0};
    struct text out = {0};
    diff_make(&(struct diff_side){before->table, before->program},
              &(struct diff_side){after->table, after->program}, &c.regions);
    objects_diff(before->program, after->program, &arena, &c.objects);
    if (how.json)
        write_json(&c, &out);
    else
        write_human(&c, how.all, &out);
    fwrite(out.at, 1, out.len, stdout);
    const bool differ =
        c.regions.region.n + c.regions.blocks + c.regions.unknown + c.objects.change.n > 0;
    text_done(&out);
    diff_done(&c.regions);
    objects_diff_done(&c.objects);
    arena_free(&arena);
    return how.expect_equal && differ ? EXIT_ERRORS : EXIT_CLEAN;
}

static int load_or_say(const char *path, struct loaded *l)
{
    const int code = load(path, l);
    if (code == EXIT_ERRORS)
        report(l, DIAG_HUMAN);
    return code;
}

int diff_main(int argc, char **argv)
{
    const char *value[COUNT_OF(options)] = {0};
    const int n = cli_parse(&command, argc, argv, value);
    if (n < 0)
        return -1 - n;
    const char *format = value[OPTION_FORMAT] ? value[OPTION_FORMAT] : "human";
    const bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "human") != 0)
        return cli_usage(&command, "--format is human or json");
    if (n != 2)
        return cli_usage(&command, "which two files?");

    struct loaded before, after;
    int code = load_or_say(argv[1], &before);
    if (code == EXIT_CLEAN) {
        code = load_or_say(argv[2], &after);
        if (code == EXIT_CLEAN)
            code = compare(&before, &after,
                           (struct how){.json = json,
                                        .all = value[OPTION_ALL] != NULL,
                                        .expect_equal = value[OPTION_EXPECT_EQUAL] != NULL});
        loaded_done(&after);
    }
    loaded_done(&before);
    return code;
}
