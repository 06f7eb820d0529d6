/* The stats sockets themselves: where they are, who may connect, and what may be done there. */
#include "runtime/base/text.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/show_priv.h"
#include "stats/socket/socket.h"

static const char *speech_name(enum stats_speech speech)
{
    switch (speech) {
    case STATS_LBC: return "lbc";
    case STATS_HAPROXY: return "haproxy";
    }
    ASSERT(!"what is spoken has a name");
    return "";
}

static void socket_as_row(void *to, const struct stats_at *at, uint32_t clients)
{
    struct columns *table = to;
    columns_add(table, "%s", at->path);
    columns_add(table, "%s", speech_name(at->speech));
    columns_add(table, "%s", stats_level_name(at->level));
    columns_add(table, "%04o", at->mode);
    if (at->group == STATS_NO_GROUP)
        columns_add(table, "-");
    else
        columns_add(table, "%u", (unsigned)at->group);
    columns_add(table, "%u", clients);
}

static void socket_as_json(void *to, const struct stats_at *at, uint32_t clients)
{
    struct text *out = to;
    show_separate(out);
    text_adds(out, "{\"path\":");
    text_add_json(out, slice_of(at->path));
    text_addf(out, ",\"speaks\":\"%s\",\"level\":\"%s\",\"mode\":\"%04o\",\"gid\":",
              speech_name(at->speech), stats_level_name(at->level), at->mode);
    if (at->group == STATS_NO_GROUP)
        text_adds(out, "null");
    else
        text_addf(out, "%u", (unsigned)at->group);
    text_addf(out, ",\"clients\":%u}", clients);
}

enum command_end command_show_sockets(struct command *c)
{
    if (!c->sockets) {
        text_adds(c->why, "only a stats socket knows them");
        return COMMAND_REFUSED;
    }
    if (c->json) {
        text_addc(c->out, '[');
        stats_sockets_each(c->sockets, socket_as_json, c->out);
        text_adds(c->out, "]\n");
        return COMMAND_DONE;
    }
    static const char *const title[] = {"socket", "speaks", "level", "mode", "gid", "clients"};
    struct columns table = {.n = COUNT_OF(title), .to_the_right = 0x38};
    for (size_t i = 0; i < COUNT_OF(title); i++)
        columns_add(&table, "%s", title[i]);
    stats_sockets_each(c->sockets, socket_as_row, &table);
    columns_finish(&table, c->out);
    return COMMAND_DONE;
}
