#include "compiler/cli/regions.h"

#include "compiler/prove/diff.h"
#include "compiler/tools/objects.h"
#include "runtime/base/text.h"

void regions_write_place(const struct table_place *p, struct text *out)
{
    if (p->line > 0)
        text_addf(out, "   (" SLICE_FMT ":%u)", SLICE_ARG(p->file), p->line);
    text_addc(out, '\n');
}

static void write_fate(const char *indent, char sign, const struct diff_fate *f, struct text *out)
{
    text_addf(out, "%s%c " SLICE_FMT, indent, sign,
              SLICE_ARG(f->does.len ? f->does : SLICE("nothing decides")));
    regions_write_place(&f->place, out);
}

static void write_listeners(const struct diff_region *r, struct text *out)
{
    text_addf(out, "listener%s ", r->listener.n > 1 ? "s" : "");
    for (uint32_t i = 0; i < r->listener.n; i++)
        text_addf(out, "%s" SLICE_FMT, i ? ", " : "", SLICE_ARG(r->listener.at[i]));
}

void regions_write(const struct diff *d, const struct diff_region *r, struct text *out)
{
    struct text when = {0};
    const bool part = r->part_of != UINT32_MAX;
    const struct diff_region *of = part ? &d->region.at[r->part_of] : NULL;
    diff_write_when(d, r, true, &when);
    if (part) {
        text_addf(out, "    %s %s\n", when.len ? "where" : "or", when.len ? when.at : "else");
    } else {
        text_adds(out, "  ");
        write_listeners(r, out);
        text_addf(out, ": %s\n", when.len ? when.at : "every request");
    }
    text_done(&when);
    const char *indent = part ? "      " : "    ";
    text_addf(out, "%s" SLICE_FMT "\n", indent, SLICE_ARG(r->request));
    if (!of || of->before.clause != r->before.clause || !slice_eq(of->before.does, r->before.does))
        write_fate(indent, '-', &r->before, out);
    if (!of || of->after.clause != r->after.clause || !slice_eq(of->after.does, r->after.does))
        write_fate(indent, '+', &r->after, out);
}

uint32_t regions_count(const struct diff *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->region.n; i++)
        n += d->region.at[i].part_of == UINT32_MAX;
    return n;
}

static void write_unknown(const struct diff *d, struct text *out)
{
    if (d->unknown + d->dropped > 0)
        text_addf(out, "; of %u pair%s of clauses it could not be told in time",
                  d->unknown + d->dropped, plural(d->unknown + d->dropped));
}

void regions_summarise(const struct diff *d, const struct table *before, const struct table *after,
                       const struct objects_diff *objects, struct text *out)
{
    const uint32_t n = regions_count(d);
    const uint32_t worst = diff_riskiest(d, before, after);
    if (n > 0)
        text_addf(out, "%u region%s of requests %s treated otherwise", n, plural(n),
                  n == 1 ? "is" : "are");
    else if (d->unknown + d->blocks == 0)
        text_adds(out, "every request is treated alike");
    else
        text_adds(out, "no region of requests is known to be treated otherwise");
    write_unknown(d, out);
    if (d->blocks > 0)
        text_addf(out, "; %u clause%s of on connect and on response differ%s", d->blocks,
                  plural(d->blocks), d->blocks == 1 ? "s" : "");
    if (objects->change.n > 0)
        text_addf(out, "; %u object setting%s differ%s", objects->change.n,
                  plural(objects->change.n), objects->change.n == 1 ? "s" : "");
    text_addc(out, '\n');
    if (worst != UINT32_MAX)
        regions_write(d, &d->region.at[worst], out);
}
