#include "stats/server/route.h"

#include "runtime/base/check.h"

extern const struct embedded ui_files[]; /* made from the folder ui/ */

static const struct {
    const char *path, *command, *help;
} ENDPOINT[] = {
#define ENDPOINT(id, path, command, help) {path, command, help},
#include "stats/server/endpoints.def"
#undef ENDPOINT
};

const char *endpoint_path(enum api e)
{
    return ENDPOINT[e].path;
}

const char *endpoint_command(enum api e)
{
    return ENDPOINT[e].command;
}

const char *endpoint_help(enum api e)
{
    return ENDPOINT[e].help;
}

static const struct embedded *find_file(struct slice name)
{
    const struct embedded *f = ui_files;
    while (f->name && !slice_eq(slice_of(f->name), name))
        f++;
    return f->name ? f : NULL;
}

/* The page's parts are no secret: they are in everybody's copy of the program. What they show is
 * asked for, and that needs the token. */
static struct route route_page(struct slice path)
{
    const bool is_page = path.len == 1;
    const struct embedded *file = find_file(is_page ? SLICE("index.html") : slice_from(path, 1));
    if (!file)
        return (struct route){.kind = ROUTE_NONE};
    return (struct route){.kind = ROUTE_FILE, .file = file, .is_page = is_page};
}

struct route route_find(struct slice path, bool metrics, bool pages)
{
    if (path.len == 0 || path.at[0] != '/')
        return (struct route){.kind = ROUTE_NONE};
    if (slice_eq(path, SLICE("/health")))
        return (struct route){.kind = ROUTE_HEALTH};
    if (slice_eq(path, SLICE("/api/v1/events")))
        return (struct route){.kind = ROUTE_EVENTS, .needs_token = true};
    if (slice_eq(path, SLICE("/api/v1")) || slice_eq(path, SLICE("/api/v1/")))
        return (struct route){.kind = ROUTE_INDEX, .needs_token = true};
    for (enum api e = 0; e < ENDPOINT_COUNT; e++) {
        if (!slice_eq(path, slice_of(ENDPOINT[e].path)))
            continue;
        if (e == ENDPOINT_metrics && !metrics)
            return (struct route){.kind = ROUTE_NONE};
        return (struct route){.kind = ROUTE_ASK, .endpoint = e, .needs_token = true};
    }
    return pages ? route_page(path) : (struct route){.kind = ROUTE_NONE};
}

const char *route_type(struct slice name)
{
    static const struct {
        struct slice ending;
        const char *type;
    } TYPE[] = {{SLICE_INIT(".html"), "text/html; charset=utf-8"},
                {SLICE_INIT(".css"), "text/css; charset=utf-8"},
                {SLICE_INIT(".js"), "text/javascript; charset=utf-8"},
                {SLICE_INIT(".svg"), "image/svg+xml"}};
    for (size_t i = 0; i < COUNT_OF(TYPE); i++)
        if (slice_ends(name, TYPE[i].ending))
            return TYPE[i].type;
    return "application/octet-stream";
}
