/* Actions: changes become EFFECT nodes, decisions END nodes, and a goto an edge. */
#include "compiler/lower/lower_priv.h"

static uint32_t add_end(struct lowering *l, struct table_end end)
{
    VEC_ADD(&l->end, end);
    return l->end.n - 1;
}

/* All that forward to one cluster are one end. */
static uint32_t lower_forward(struct lowering *l, uint32_t cluster)
{
    if (l->forward_end[cluster] == UINT32_MAX)
        l->forward_end[cluster] =
            add_end(l, (struct table_end){.kind = END_FORWARD, .cluster = cluster});
    return l->forward_end[cluster];
}

static uint32_t end_node(struct lowering *l, uint32_t clause, uint32_t end)
{
    return lower_node(l, (struct table_node){.kind = NODE_END, .what = end, .clause = clause});
}

uint32_t lower_end(struct lowering *l, uint32_t clause, struct table_end end)
{
    return end_node(l, clause, add_end(l, end));
}

static uint32_t lower_split(struct lowering *l, const struct action *a, uint32_t clause)
{
    struct table_choice *choice = ARENA_ARRAY(l->arena, struct table_choice, a->n_choices);
    uint32_t below = 0;
    for (uint32_t i = 0; i < a->n_choices; i++)
        choice[i] = (struct table_choice){below += a->choice[i].percent, a->choice[i].cluster};
    if (a->field != FIELD_COUNT)
        l->table->asked |= UINT64_C(1) << a->field;
    return lower_end(l, clause,
                     (struct table_end){.kind = END_SPLIT,
                                        .field = a->field,
                                        .key = lower_string(l, a->key),
                                        .choice = choice,
                                        .n_choices = a->n_choices});
}

static uint32_t lower_mapped(struct lowering *l, const struct action *a, uint32_t clause)
{
    l->table->asked |= UINT64_C(1) << a->field;
    return lower_end(l, clause,
                     (struct table_end){.kind = END_MAP,
                                        .cluster = a->cluster,
                                        .field = a->field,
                                        .key = lower_string(l, a->key),
                                        .map = lower_map(l, a->map)});
}

/* What the change is; false where the action is none. */
static bool effect_of(enum action_kind action, enum table_effect_kind *out)
{
    static const enum table_effect_kind KIND[] = {
        [ACTION_SET_HEADER] = EFFECT_SET_HEADER,
        [ACTION_ADD_HEADER] = EFFECT_ADD_HEADER,
        [ACTION_REMOVE_HEADER] = EFFECT_REMOVE_HEADER,
        [ACTION_SET_RESPONSE_HEADER] = EFFECT_SET_RESPONSE_HEADER,
        [ACTION_ADD_RESPONSE_HEADER] = EFFECT_ADD_RESPONSE_HEADER,
        [ACTION_REMOVE_RESPONSE_HEADER] = EFFECT_REMOVE_RESPONSE_HEADER,
        [ACTION_REWRITE_PATH] = EFFECT_REWRITE_PATH,
        [ACTION_REPLACE_PREFIX] = EFFECT_REPLACE_PREFIX,
        [ACTION_REPLACE_PATH] = EFFECT_REPLACE_PATH,
        [ACTION_SET_QUERY] = EFFECT_SET_QUERY,
        [ACTION_REMOVE_QUERY] = EFFECT_REMOVE_QUERY,
        [ACTION_TAG] = EFFECT_TAG,
        [ACTION_TIMEOUT_READ] = EFFECT_TIMEOUT_READ,
        [ACTION_RETRY] = EFFECT_RETRY,
        [ACTION_MIRROR] = EFFECT_MIRROR,
        [ACTION_LIMIT] = EFFECT_LIMIT,
        [ACTION_REQUIRE_AUTH] = EFFECT_REQUIRE_AUTH,
        [ACTION_REQUIRE_BASIC] = EFFECT_REQUIRE_BASIC,
        [ACTION_REQUIRE_JWT] = EFFECT_REQUIRE_JWT,
        [ACTION_COMPRESS] = EFFECT_COMPRESS,
        [ACTION_CACHE] = EFFECT_CACHE,
        [ACTION_CORS] = EFFECT_CORS,
    };
    if (action >= COUNT_OF(KIND))
        return false;
    *out = KIND[action];
    return true;
}

static uint32_t lower_change(struct lowering *l, const struct action *a,
                             enum table_effect_kind kind, uint32_t clause, uint32_t next)
{
    struct table_effect effect = {.kind = kind,
                                  .name = lower_string(l, a->name),
                                  .value = lower_template(l, &a->value),
                                  .number = a->number,
                                  .cluster = a->cluster,
                                  .clause = clause};
    if (kind == EFFECT_LIMIT)
        effect.number = lower_find_limit(l, a->name);
    if (kind == EFFECT_CORS)
        effect.number = lower_cors(l, a->cors);
    if (kind == EFFECT_REQUIRE_AUTH)
        effect.number = lower_auth(l, a->auth);
    if (table_effect_is_require(kind)) {
        effect.number = kind == EFFECT_REQUIRE_JWT ? lower_jwt(l, a) : a->number;
        l->table->requires = true;
        l->table->requires_jwt |= kind == EFFECT_REQUIRE_JWT;
    }
    if (kind == EFFECT_REPLACE_PATH)
        effect.regex = lower_regex(l, a->pattern, a->flags, true);
    VEC_ADD(&l->effect, effect);
    return lower_node(
        l, (struct table_node){
               .kind = NODE_EFFECT, .what = l->effect.n - 1, .yes = next, .clause = clause});
}

static uint32_t lower_answer(struct lowering *l, const struct action *a, enum table_end_kind kind,
                             uint32_t clause)
{
    return lower_end(l, clause,
                     (struct table_end){.kind = kind,
                                        .status = a->status,
                                        .type = lower_string(l, a->type),
                                        .body = lower_string(l, a->body),
                                        .location = lower_template(l, &a->value)});
}

/* `next` is where the action leads if it is not terminal: the action behind it, or for CONTINUE the
 * next clause. */
uint32_t lower_action(struct lowering *l, const struct action *a, uint32_t clause, uint32_t next)
{
    enum table_effect_kind kind;
    if (effect_of(a->kind, &kind))
        return lower_change(l, a, kind, clause, next);
    if (a->kind == ACTION_CONTINUE)
        return next;
    if (a->kind == ACTION_GOTO)
        return l->route_begin[a->route];
    if (a->kind == ACTION_FORWARD)
        return end_node(l, clause, lower_forward(l, a->cluster));
    if (a->kind == ACTION_SPLIT)
        return lower_split(l, a, clause);
    if (a->kind == ACTION_FORWARD_MAP)
        return lower_mapped(l, a, clause);
    if (a->kind == ACTION_DROP)
        return lower_end(l, clause, (struct table_end){.kind = END_DROP});
    if (a->kind == ACTION_TARPIT)
        return lower_end(l, clause,
                         (struct table_end){.kind = END_TARPIT, .delay_ns = (int64_t)a->number});
    return lower_answer(l, a,
                        a->kind == ACTION_DENY      ? END_DENY
                        : a->kind == ACTION_RESPOND ? END_RESPOND
                                                    : END_REDIRECT,
                        clause);
}
