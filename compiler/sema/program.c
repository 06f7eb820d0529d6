#include "compiler/sema/program.h"

#include "runtime/base/number.h"

static const struct route *phase_of(const struct program_listener *l, enum table_phase phase)
{
    return phase == PHASE_CONNECT ? &l->on_connect : &l->on_response;
}

/* The blocks of all listeners that have clauses, in order; stops at the one wanted. */
struct walk {
    const struct route *route;
    uint32_t number; /* the table's */
};

static bool next_block(const struct program *p, uint32_t *at, struct walk *w)
{
    static const enum table_phase PHASE[] = {PHASE_CONNECT, PHASE_RESPONSE};
    while (*at < 2 * p->n_listeners) {
        const uint32_t i = (*at)++;
        w->route = phase_of(&p->listener[i / 2], PHASE[i % 2]);
        if (w->route->n_clauses == 0)
            continue;
        w->number++;
        return true;
    }
    return false;
}

uint32_t program_n_routes(const struct program *p)
{
    uint32_t at = 0;
    struct walk w = {.number = p->n_routes};
    while (next_block(p, &at, &w))
        ;
    return w.number;
}

const struct route *program_route(const struct program *p, uint32_t route)
{
    if (route < p->n_routes)
        return &p->route[route];
    uint32_t at = 0;
    struct walk w = {.number = p->n_routes};
    while (next_block(p, &at, &w))
        if (w.number == route + 1)
            return w.route;
    ASSERT(!"there is such a route");
    return NULL;
}

uint32_t program_phase_route(const struct program *p, uint32_t listener, enum table_phase phase)
{
    const struct route *wanted = phase_of(&p->listener[listener], phase);
    uint32_t at = 0;
    struct walk w = {.number = p->n_routes};
    while (next_block(p, &at, &w))
        if (w.route == wanted)
            return w.number - 1;
    return TABLE_NO_ROUTE;
}

void program_dns_name(struct slice text, struct slice *name, uint16_t *port)
{
    const char *colon = memrchr(text.at, ':', text.len);
    ASSERT(colon);
    *name = (struct slice){text.at, (size_t)(colon - text.at)};
    uint64_t number = 0;
    ASSERT(number_parse(slice_from(text, name->len + 1), UINT16_MAX, &number));
    *port = (uint16_t)number;
}

struct slice program_path(const struct program *p, struct arena *arena,
                          const struct program_value *v)
{
    const struct slice file =
        p->sources ? sources_place(p->sources, v->span.from).file : SLICE_NONE;
    const char *slash = file.len > 0 ? memrchr(file.at, '/', file.len) : NULL;
    if (!slash || (v->text.len > 0 && v->text.at[0] == '/'))
        return arena_copy(arena, v->text);
    return arena_format(arena, SLICE_FMT SLICE_FMT, (int)(slash + 1 - file.at), file.at,
                        SLICE_ARG(v->text));
}
