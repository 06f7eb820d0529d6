/* Configurations that were served. */
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "runtime/log/stamp.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"

typedef unsigned long long ull; /* what %llu wants */

static void revision_as_row(void *to, const struct control_revision *r)
{
    struct columns *table = to;
    char made[STAMP_SIZE], bytes[BYTES_TEXT_MAX];
    stamp_format(r->made_s * NS_PER_S, made);
    bytes_format(r->bytes, bytes);
    columns_add(table, "%llu%s", (ull)r->number, r->current ? " now" : "");
    columns_add(table, "%.19sZ", made);
    columns_add(table, "%u", r->files);
    columns_add(table, "%s", bytes);
    columns_add(table, SLICE_FMT, SLICE_ARG(r->who));
    columns_add(table, SLICE_FMT, SLICE_ARG(r->what));
}

static void revision_as_json(void *to, const struct control_revision *r)
{
    struct text *out = to;
    char made[STAMP_SIZE];
    stamp_format(r->made_s * NS_PER_S, made);
    show_separate(out);
    text_addf(
        out, "{\"number\":%llu,\"current\":%s,\"made\":\"%s\",\"files\":%u,\"bytes\":%llu,\"who\":",
        (ull)r->number, r->current ? "true" : "false", made, r->files, (ull)r->bytes);
    text_add_json(out, r->who);
    text_adds(out, ",\"what\":");
    text_add_json(out, r->what);
    text_addc(out, '}');
}

static enum command_end as_json(struct command *c)
{
    text_addc(c->out, '[');
    if (!control_revisions_each(c->control, revision_as_json, c->out, c->why)) {
        text_clear(c->out);
        return COMMAND_REFUSED;
    }
    text_adds(c->out, "]\n");
    return COMMAND_DONE;
}

enum command_end command_show_history(struct command *c)
{
    static const char *const title[] = {"revision", "served since", "files", "size", "by", "how"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0xc};
    if (c->json)
        return as_json(c);
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    const bool kept = control_revisions_each(c->control, revision_as_row, &table, c->why);
    columns_finish(&table, c->out);
    if (!kept)
        text_clear(c->out);
    return kept ? COMMAND_DONE : COMMAND_REFUSED;
}

enum command_end command_show_revision(struct command *c)
{
    uint64_t number;
    if (!number_parse(c->argument[0], UINT64_MAX, &number)) {
        text_adds(c->why, "a revision has a number; \"show history\" lists them");
        return COMMAND_REFUSED;
    }
    return control_revision_diff(c->control, number, c->out, c->why) ? COMMAND_DONE
                                                                     : COMMAND_REFUSED;
}
