/* What HAProxy's tools set of servers: the same overrides that `drain` and `set weight` are. */
#include <string.h>

#include "runtime/base/number.h"
#include "stats/socket/haproxy_priv.h"

/* Whom it is about, and the weight that the file gives it: for percents. */
struct wanted_weight {
    struct slice server;
    uint32_t now, file;
    enum server_admin admin;
    bool found, backend; /* its cluster has servers */
};

/* Weight 0 is a drain here, which another weight ends, and no other drain: it is known by its why.
 */
#define ZERO "its weight is 0"

struct wanted_zero {
    struct slice server;
    bool found;
};

static void look_for_zero(void *to, const struct control_change *g)
{
    struct wanted_zero *w = to;
    struct slice server = g->sentence, verb;
    w->found |= g->server && slice_split(&server, ' ', &verb) && slice_eq(verb, SLICE("drain")) &&
                slice_eq(server, w->server) && slice_eq(g->why, SLICE(ZERO));
}

static bool is_at_zero(const struct asked *a, struct slice server)
{
    struct wanted_zero w = {.server = server};
    control_changes(a->control, look_for_zero, &w);
    return w.found;
}

static void look_for_weight(void *to, const struct control_server *s)
{
    struct wanted_weight *w = to;
    struct slice name = w->server, cluster;
    if (!slice_split(&name, '/', &cluster) || !slice_eq(cluster, s->cluster))
        return;
    w->backend = true;
    if (slice_eq(name, s->name)) {
        w->now = s->weight;
        w->file = s->file_weight;
        w->admin = s->admin;
        w->found = true;
    }
}

/* Of one that is there; else that is said, in HAProxy's words. */
static struct wanted_weight weight_of(const struct asked *a, struct slice server)
{
    struct wanted_weight w = {.server = server};
    control_servers(a->control, look_for_weight, &w);
    if (!w.found)
        text_adds(a->out, !memchr(server.at, '/', server.len) ? "Require 'backend/server'.\n"
                          : w.backend                         ? "No such server.\n"
                                                              : "No such backend.\n");
    return w;
}

/* It is so at once; that it is kept is not waited for. */
static void override(const struct asked *a, struct control_override o)
{
    struct text why = {0};
    const struct control_asker asker = {.who = a->session->who, .why = &why};
    if (!control_override(a->control, &o, &asker))
        text_addf(a->out, SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
    text_done(&why);
}

static void set_admin(const struct asked *a, struct slice server, enum server_admin admin)
{
    if (weight_of(a, server).found)
        override(a, (struct control_override){.server = server, .admin = admin});
}

/* "50%" is of what the file says. */
static bool read_weight(struct slice weight, uint32_t file, uint64_t *out)
{
    if (!slice_ends(weight, SLICE("%")))
        return number_parse(weight, CONTROL_WEIGHT_MAX, out);
    weight.len--;
    const bool ok = number_parse(weight, UINT64_C(100) * CONTROL_WEIGHT_MAX, out);
    *out = ok ? (*out * file + 99) / 100 : 0;
    *out = *out < CONTROL_WEIGHT_MAX ? *out : CONTROL_WEIGHT_MAX;
    return ok;
}

/* Who gets nothing anyway stays as it is. */
static void set_to_zero(const struct asked *a, const struct wanted_weight *w)
{
    if (w->admin == SERVER_READY)
        override(a, (struct control_override){
                        .server = w->server, .admin = SERVER_DRAIN, .why = SLICE(ZERO)});
    else if (w->admin == SERVER_MAINTENANCE)
        text_adds(a->out, "The server is in maintenance, and gets nothing until it is ready.\n");
}

static void set_weight(const struct asked *a, struct slice server, struct slice weight)
{
    const struct wanted_weight w = weight_of(a, server);
    uint64_t n = 0;
    if (!w.found)
        return;
    if (!read_weight(weight, w.file, &n))
        text_addf(a->out, "A weight is 0 to %u, or a part of the file's, as 50%%.\n",
                  CONTROL_WEIGHT_MAX);
    else if (n == 0)
        set_to_zero(a, &w);
    else
        override(a, (struct control_override){.server = server, .weight = (uint32_t)n});
    if (n > 0 && w.admin == SERVER_DRAIN && is_at_zero(a, server))
        override(a, (struct control_override){.server = server, .admin = SERVER_READY});
}

void haproxy_set_weight(const struct asked *a)
{
    set_weight(a, asked_word(a, 2), asked_word(a, 3));
}

void haproxy_get_weight(const struct asked *a)
{
    const struct wanted_weight w = weight_of(a, asked_word(a, 2));
    if (w.found)
        text_addf(a->out, "%u (initial %u)\n", is_at_zero(a, w.server) ? 0 : w.now, w.file);
}

void haproxy_set_server(const struct asked *a)
{
    static const struct {
        struct slice name;
        enum server_admin admin;
    } STATE[] = {{SLICE_INIT("ready"), SERVER_READY},
                 {SLICE_INIT("drain"), SERVER_DRAIN},
                 {SLICE_INIT("maint"), SERVER_MAINTENANCE}};
    const struct slice what = asked_word(a, 3), value = asked_word(a, 4);
    if (slice_eq(what, SLICE("weight"))) {
        set_weight(a, asked_word(a, 2), value);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(STATE) && slice_eq(what, SLICE("state")); i++)
        if (slice_eq(value, STATE[i].name)) {
            set_admin(a, asked_word(a, 2), STATE[i].admin);
            return;
        }
    text_adds(a->out, "'set server <backend>/<server>' takes 'state' with 'ready', 'drain' or "
                      "'maint', and 'weight' with a number.\n");
}

void haproxy_enable_server(const struct asked *a)
{
    set_admin(a, asked_word(a, 2), SERVER_READY);
}

void haproxy_disable_server(const struct asked *a)
{
    set_admin(a, asked_word(a, 2), SERVER_MAINTENANCE);
}
