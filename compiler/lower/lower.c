#include "compiler/lower/lower.h"

#include "compiler/lower/lower_priv.h"

struct slice lower_string(struct lowering *l, struct slice s)
{
    return s.len > 0 ? arena_copy(l->arena, s) : SLICE("");
}

struct table_place lower_place(struct lowering *l, struct span span)
{
    if (!l->program->sources)
        return (struct table_place){.file = SLICE("")};
    const struct place place = sources_place(l->program->sources, span.from);
    if (l->file.at != place.file.at || l->file.len != place.file.len) {
        l->file = place.file;
        l->file_copy = lower_string(l, place.file);
    }
    return (struct table_place){l->file_copy, place.line, place.column};
}

/* Two literals side by side become one, so that a template of literals alone has one part. */
static void join_literals(struct lowering *l, struct table_part *before, struct slice more)
{
    char *both = ARENA_ARRAY(l->arena, char, before->literal.len + more.len + 1);
    if (before->literal.len > 0)
        memcpy(both, before->literal.at, before->literal.len);
    if (more.len > 0)
        memcpy(both + before->literal.len, more.at, more.len);
    before->literal = (struct slice){both, before->literal.len + more.len};
}

struct table_template lower_template(struct lowering *l, const struct table_template *from)
{
    struct table_part *part = ARENA_ARRAY(l->arena, struct table_part, from->n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        const struct table_part *p = &from->part[i];
        if (!p->literal.at && p->field < FIELD_COUNT)
            l->table->asked |= UINT64_C(1) << p->field;
        if (!p->literal.at)
            part[n++] = (struct table_part){
                .field = p->field, .key = lower_string(l, p->key), .group = p->group};
        else if (n > 0 && part[n - 1].literal.at)
            join_literals(l, &part[n - 1], p->literal);
        else
            part[n++] = (struct table_part){.literal = lower_string(l, p->literal)};
    }
    return (struct table_template){part, n};
}

/* Gives the table its own copy of an array that grew while lowering. */
#define KEEP(l, items, vec)                                                                        \
    do {                                                                                           \
        void *kept = arena_take((l)->arena, (vec)->n, sizeof(*(vec)->at));                         \
        if ((vec)->n > 0)                                                                          \
            memcpy(kept, (vec)->at, (vec)->n * sizeof(*(vec)->at));                                \
        (l)->table->items = kept;                                                                  \
        (l)->table->n_##items##s = (vec)->n;                                                       \
    } while (0)

static void keep(struct lowering *l)
{
    KEEP(l, atom, &l->atom);
    KEEP(l, effect, &l->effect);
    KEEP(l, end, &l->end);
    KEEP(l, network_set, &l->network_set);
    KEEP(l, regex, &l->regex);
    KEEP(l, map, &l->map);
    KEEP(l, cors_rule, &l->cors_rule);
    KEEP(l, jwt_rule, &l->jwt_rule);
    KEEP(l, auth_rule, &l->auth_rule);
    KEEP(l, number_set, &l->number_set);
    KEEP(l, string_set, &l->string_set);
}

static void lowering_done(struct lowering *l)
{
    VEC_DONE(&l->node);
    VEC_DONE(&l->atom);
    VEC_DONE(&l->effect);
    VEC_DONE(&l->end);
    VEC_DONE(&l->network_set);
    VEC_DONE(&l->network_source);
    VEC_DONE(&l->regex);
    VEC_DONE(&l->map);
    VEC_DONE(&l->cors_rule);
    VEC_DONE(&l->jwt_rule);
    VEC_DONE(&l->auth_rule);
    VEC_DONE(&l->map_source);
    free(l->route_begin);
    VEC_DONE(&l->number_set);
    VEC_DONE(&l->number_source);
    VEC_DONE(&l->string_set);
    VEC_DONE(&l->string_source);
    index_done(&l->atom_index);
    index_done(&l->network_index);
    VEC_DONE(&l->range_set);
    index_done(&l->number_index);
    index_done(&l->range_index);
    index_done(&l->string_index);
    free(l->forward_end);
}

struct table *lower(const struct program *program)
{
    struct lowering l = {.table = MUST_NEW(struct table), .program = program};
    l.arena = &l.table->arena;
    l.forward_end = MUST_ARRAY(uint32_t, program->n_clusters);
    for (uint32_t i = 0; i < program->n_clusters; i++)
        l.forward_end[i] = UINT32_MAX;

    lower_objects(&l);
    struct table_route *route = lower_routes(&l);
    keep(&l);
    lower_clauses_compress(&l);
    lower_stages(l.table, route);

    struct table *t = l.table;
    lowering_done(&l);
    return t;
}
