/* `limit` blocks, and who names them. */
#include "compiler/lower/lower_priv.h"
#include "runtime/limit/gcra.h"

#define STATUS_DEFAULT     429
#define ENTRIES_DEFAULT    100000
#define TIMEOUT_DEFAULT_NS (50 * INT64_C(1000000))
#define V4_BITS_DEFAULT    32
#define V6_BITS_DEFAULT    64 /* what one client has */

static uint64_t number(const struct program_settings *s, enum setting_id id, uint64_t otherwise)
{
    const struct program_setting *a = lower_given(s->at, s->n, id);
    return a ? a->value[0].number : otherwise;
}

static void lower_keys(struct lowering *l, const struct program_settings *s, struct table_limit *to)
{
    const struct program_setting *a = lower_given(s->at, s->n, SETTING_LIMIT_KEY);
    to->n_keys = a ? a->n_values : 0;
    struct table_limit_key *key = ARENA_ARRAY(l->arena, struct table_limit_key, to->n_keys);
    for (uint32_t i = 0; i < to->n_keys; i++) {
        key[i] = (struct table_limit_key){a->value[i].field, lower_string(l, a->value[i].key)};
        l->table->asked |= UINT64_C(1) << key[i].field;
    }
    to->key = key;
}

static struct table_rate rate(const struct program_value *v, uint64_t burst, bool windows)
{
    const uint64_t at_once = burst && !windows ? burst : v->number;
    const struct gcra g = gcra_of(v->number, (int64_t)v->last, at_once);
    return (struct table_rate){.count = v->number,
                               .burst = at_once,
                               .period_ns = (int64_t)v->last,
                               .windows = windows,
                               .step_ns = g.step_ns,
                               .room_ns = g.room_ns};
}

static void lower_rates(struct lowering *l, const struct program_settings *s,
                        struct table_limit *to)
{
    struct table_rate *out = ARENA_ARRAY(l->arena, struct table_rate, s->n);
    const uint64_t burst = number(s, SETTING_LIMIT_BURST, 0);
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].id == SETTING_LIMIT_RATE)
            out[to->n_rates++] =
                rate(s->at[i].value, burst, program_rate_by_windows(s, s->at[i].value));
    to->rate = out;
}

static struct table_bandwidth bandwidth(const struct program_settings *s, enum setting_id id)
{
    const struct program_setting *a = lower_given(s->at, s->n, id);
    if (!a)
        return (struct table_bandwidth){0};
    const struct program_setting *burst = lower_given(a->own, a->n_own, SETTING_BANDWIDTH_BURST);
    const uint64_t bytes_per_s = a->value[0].number;
    return (struct table_bandwidth){.bytes_per_s = bytes_per_s,
                                    .burst = burst ? burst->value[0].number : bytes_per_s};
}

static void lower_bandwidths(const struct program_settings *s, struct table_limit *to)
{
    static const enum table_limit_per PER[] = {PER_CONNECTION, PER_REQUEST}; /* the schema's */
    const struct program_setting *per = lower_given(s->at, s->n, SETTING_LIMIT_PER);
    to->download = bandwidth(s, SETTING_LIMIT_DOWNLOAD);
    to->upload = bandwidth(s, SETTING_LIMIT_UPLOAD);
    to->bytes = to->download.bytes_per_s > 0 || to->upload.bytes_per_s > 0;
    to->per = per ? PER[per->value[0].number] : PER_KEY;
}

uint32_t lower_find_shared(const struct lowering *l, const struct program_setting *by)
{
    uint32_t i = 0;
    if (!by)
        return TABLE_NO_SHARED;
    while (!slice_eq(l->table->shared[i].name, by->value[0].text)) {
        i++;
        ASSERT(i < l->table->n_shared); /* sema has resolved it */
    }
    return i;
}

static void lower_shared(struct lowering *l)
{
    const uint32_t n = l->program->n_objects[OBJECT_SHARED];
    struct table_shared *shared = ARENA_ARRAY(l->arena, struct table_shared, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct program_object *from = &l->program->object[OBJECT_SHARED][i];
        const struct program_settings *s = &from->settings;
        const struct program_setting *prefix = lower_given(s->at, s->n, SETTING_SHARED_PREFIX);
        shared[i] = (struct table_shared){
            .name = lower_string(l, from->name),
            .place = lower_place(l, from->span),
            .address = *lower_given(s->at, s->n, SETTING_SHARED_ADDRESS)->value[0].endpoint,
            .password = (uint32_t)number(s, SETTING_SHARED_PASSWORD, TABLE_NO_SECRET),
            .database = (uint32_t)number(s, SETTING_SHARED_DATABASE, 0),
            .prefix = lower_string(l, prefix ? prefix->value[0].text : SLICE("lbc:")),
            .timeout_ns = (int64_t)number(s, SETTING_SHARED_TIMEOUT, TIMEOUT_DEFAULT_NS),
            .when_down =
                (enum table_when_down)number(s, SETTING_SHARED_WHEN_DOWN, WHEN_DOWN_LOCAL)};
    }
    l->table->shared = shared;
    l->table->n_shared = n;
}

static void lower_limit(struct lowering *l, const struct program_object *from,
                        struct table_limit *to)
{
    enum { ENFORCE, OBSERVE };
    const struct program_settings *s = &from->settings;
    const struct program_setting *prefix = lower_given(s->at, s->n, SETTING_LIMIT_PREFIX);
    *to = (struct table_limit){
        .name = lower_string(l, from->name),
        .place = lower_place(l, from->span),
        .status = (uint16_t)number(s, SETTING_LIMIT_STATUS, STATUS_DEFAULT),
        .entries = (uint32_t)number(s, SETTING_LIMIT_ENTRIES, ENTRIES_DEFAULT),
        .v4_bits = prefix ? (uint8_t)prefix->value[0].number : V4_BITS_DEFAULT,
        .v6_bits = prefix ? (uint8_t)prefix->value[1].number : V6_BITS_DEFAULT,
        .concurrent = (uint32_t)number(s, SETTING_LIMIT_CONCURRENT, 0),
        .observe = number(s, SETTING_LIMIT_MODE, ENFORCE) == OBSERVE,
        .shared = lower_find_shared(l, lower_given(s->at, s->n, SETTING_LIMIT_SHARED))};
    lower_keys(l, s, to);
    lower_rates(l, s, to);
    lower_bandwidths(s, to);
}

void lower_limits(struct lowering *l)
{
    lower_shared(l);
    const uint32_t n = l->program->n_objects[OBJECT_LIMIT];
    struct table_limit *limit = ARENA_ARRAY(l->arena, struct table_limit, n);
    for (uint32_t i = 0; i < n; i++)
        lower_limit(l, &l->program->object[OBJECT_LIMIT][i], &limit[i]);
    l->table->limit = limit;
    l->table->n_limits = n;
}

uint32_t lower_find_limit(const struct lowering *l, struct slice name)
{
    uint32_t i = 0;
    while (!slice_eq(l->table->limit[i].name, name)) {
        i++;
        ASSERT(i < l->table->n_limits); /* sema has resolved it */
    }
    return i;
}

const uint32_t *lower_limits_named(struct lowering *l, const struct program_settings *by,
                                   enum setting_id id, uint32_t *n)
{
    uint32_t *limit = ARENA_ARRAY(l->arena, uint32_t, by->n);
    *n = 0;
    for (uint32_t i = 0; i < by->n; i++)
        if (by->at[i].id == id)
            limit[(*n)++] = lower_find_limit(l, by->at[i].value[0].text);
    return limit;
}
