#include "compiler/table/eval.h"

#include "compiler/table/changes.h"
#include "compiler/table/classifier.h"
#include "compiler/table/match.h"
#include "compiler/table/query.h"
#include "compiler/table/template.h"
#include "compiler/table/touch.h"
#include "compiler/table/values.h"
#include "runtime/base/hash.h"

/* "Any value": one that passes is enough, and none passes where there is none. "All": each, and
 * there is one. */
static bool values_pass(const struct table *t, const struct table_atom *atom, const struct facts *f,
                        const struct verdict *so_far)
{
    struct values v;
    struct slice value;
    bool passed = false;
    values_begin(&v, t, f, so_far, atom->field, atom->key);
    while (values_next(&v, &value)) {
        passed = v.encoded ? match_encoded(t, atom, value) : match_value(t, atom, value);
        if (passed != atom->all)
            return passed;
    }
    return passed;
}

static bool atom_holds(const struct table *t, const struct table_atom *atom, const struct facts *f,
                       const struct verdict *so_far)
{
    if (atom->op == OP_IN_NUMBERS) {
        uint64_t number;
        return values_number(f, atom->field, atom->key, &number) &&
               number_set_has(&t->number_set[atom->set], number);
    }
    if (atom->op == OP_IN_NETWORKS)
        return network_set_has(&t->network_set[atom->set], values_address(f, atom->field));
    /* The two that most conditions ask for go past the iterator. */
    if (atom->field == FIELD_PATH)
        return match_value(t, atom, changed_path(f, so_far));
    if (atom->field == FIELD_HOST)
        return match_value(t, atom, f->host);
    return values_pass(t, atom, f, so_far);
}

bool eval_atom(const struct table *t, const struct table_atom *atom, const struct facts *f)
{
    static const struct verdict UNCHANGED;
    return atom_holds(t, atom, f, &UNCHANGED);
}

/* A value as it is compared, which for query parameters means decoded: into `room`, and no more of
 * it than that has. */
static struct slice plain_value(const struct values *v, struct slice value,
                                char room[TABLE_KEY_BYTES_MAX])
{
    if (!v->encoded)
        return (struct slice){value.at,
                              value.len < TABLE_KEY_BYTES_MAX ? value.len : TABLE_KEY_BYTES_MAX};
    size_t n = 0;
    for (int byte; n < TABLE_KEY_BYTES_MAX && (byte = query_byte(&value)) >= 0;)
        room[n++] = (char)byte;
    return (struct slice){room, n};
}

bool eval_hash_seeded(const struct table *t, enum table_field field, struct slice key,
                      const struct facts *f, const struct verdict *so_far, uint64_t seed,
                      uint64_t *out)
{
    char room[TABLE_KEY_BYTES_MAX];
    struct values values;
    struct slice value;
    values_begin(&values, t, f, so_far, field, key);
    if (!values_next(&values, &value))
        return false;
    *out = hash_slice(plain_value(&values, value, room), seed);
    return true;
}

bool eval_hash(const struct table *t, enum table_field field, struct slice key,
               const struct facts *f, const struct verdict *so_far, uint64_t *out)
{
    return eval_hash_seeded(t, field, key, f, so_far, 0, out);
}

/* Which cluster a split comes to: the same value the same one, and without a value by chance. */
static uint32_t split(const struct table *t, const struct table_end *e, const struct facts *f,
                      const struct verdict *v)
{
    uint64_t part = (uint64_t)f->chance * 100 >> 32;
    uint64_t hash;
    if (e->field != FIELD_COUNT && eval_hash(t, e->field, e->key, f, v, &hash))
        part = (hash >> 32) * 100 >> 32;
    uint32_t i = 0;
    while (i + 1 < e->n_choices && part >= e->choice[i].below)
        i++;
    return e->choice[i].cluster;
}

/* By the first value that the map has. */
static uint32_t mapped(const struct table *t, const struct table_end *e, const struct facts *f,
                       const struct verdict *v)
{
    const struct table_map *map = &t->map[e->map];
    char room[TABLE_KEY_BYTES_MAX];
    struct values values;
    struct slice value;
    values_begin(&values, t, f, v, e->field, e->key);
    while (values_next(&values, &value)) {
        const struct slice key = plain_value(&values, value, room);
        const uint32_t i = string_set_find(&t->string_set[map->keys], key);
        if (i != UINT32_MAX)
            return map->cluster[i];
    }
    return e->cluster;
}

static uint32_t cluster_of(const struct table *t, const struct table_end *e, const struct facts *f,
                           const struct verdict *v)
{
    if (e->kind == END_SPLIT)
        return split(t, e, f, v);
    return e->kind == END_MAP ? mapped(t, e, f, v) : e->cluster;
}

/* From a node to an END, atom by atom. */
static void walk_nodes(const struct table *t, uint32_t at, const struct facts *f,
                       struct verdict *out, const struct eval_trace *trace)
{
    /* Nodes point forward only and END stops the walk, so it makes at most n_nodes steps. */
    for (;;) {
        const struct table_node *node = &t->node[at];
        const bool held = node->kind == NODE_TEST && atom_holds(t, &t->atom[node->what], f, out);
        if (trace)
            trace->seen(trace->to, (struct eval_step){at, held, out});

        switch (node->kind) {
        case NODE_TEST: at = held ? node->yes : node->no; break;
        case NODE_EFFECT:
            change_make(t, node->what, f, out);
            at = node->yes;
            break;
        case NODE_END:
            out->end = node->what;
            out->clause = node->clause;
            out->cluster = cluster_of(t, &t->end[node->what], f, out);
            return;
        }
    }
}

/* ---- the diagram ---- */

/* Encoded values are decoded up to this size; longer ones are left to the nodes. */
#define DECODED_BYTES_MAX ((size_t)512)

static bool class_of_encoded(const struct table_classifier *c, struct slice raw, uint32_t *out)
{
    char decoded[DECODED_BYTES_MAX];
    size_t n = 0;
    for (int byte; (byte = query_byte(&raw)) >= 0;) {
        if (n == sizeof(decoded))
            return false;
        decoded[n++] = (char)byte;
    }
    *out = classifier_of_text(c, (struct slice){decoded, n});
    return true;
}

/* Of all values of the field together; n_classes where that is no class. */
static uint32_t class_of_values(const struct table *t, const struct table_classifier *c,
                                const struct facts *f, const struct verdict *so_far)
{
    struct values v;
    struct slice value;
    uint32_t all = CLASS_ABSENT;
    values_begin(&v, t, f, so_far, c->field, c->key);
    while (values_next(&v, &value)) {
        uint32_t class;
        if (!v.encoded)
            class = classifier_of_text(c, value);
        else if (!class_of_encoded(c, value, &class))
            return c->n_classes;
        if (!classifier_both(c, all, class, &all))
            return c->n_classes;
    }
    return all;
}

static uint32_t class_of_number(const struct table_classifier *c, const struct facts *f)
{
    uint64_t number;
    return values_number(f, c->field, c->key, &number) ? classifier_of_number(c, number)
                                                       : (uint32_t)CLASS_ABSENT;
}

static uint32_t look_up_class(const struct table *t, const struct table_classifier *c,
                              const struct facts *f, const struct verdict *so_far)
{
    switch (c->kind) {
    case CLASSIFIER_HEAD:
    case CLASSIFIER_TAIL:
        if (c->field == FIELD_PATH)
            return classifier_of_text(c, changed_path(f, so_far));
        if (c->field == FIELD_HOST)
            return classifier_of_text(c, f->host);
        return class_of_values(t, c, f, so_far);
    case CLASSIFIER_NETWORKS: return classifier_of_address(c, values_address(f, c->field));
    case CLASSIFIER_NUMBERS: return class_of_number(c, f);
    case CLASSIFIER_ATOM: return atom_holds(t, &t->atom[c->atom], f, so_far);
    }
    return 0;
}

/* Each classifier is looked up once, until a change touches its field. */
static uint32_t class_of(const struct table *t, uint32_t classifier, const struct facts *f,
                         struct verdict *out)
{
    const uint32_t at = classifier % VERDICT_CLASSES;
    if (out->known[at].classifier != classifier + 1) {
        out->known[at].class = look_up_class(t, t->classifier[classifier], f, out);
        out->known[at].classifier = classifier + 1;
    }
    return out->known[at].class;
}

static void forget_classes(const struct table *t, uint32_t effect, struct verdict *out)
{
    for (uint32_t i = 0; i < VERDICT_CLASSES; i++) {
        if (out->known[i].classifier == 0)
            continue;
        const struct table_classifier *c = t->classifier[out->known[i].classifier - 1];
        if (touches(&t->effect[effect], c->field, c->key))
            out->known[i].classifier = 0;
    }
}

static uint32_t branch_target(const struct table *t, const struct table_branch *b, uint32_t class)
{
    if (b->flat)
        return t->target[b->first + class];
    const struct table_edge *edge = t->edge + b->first;
    uint32_t low = 0, high = b->n; /* the last edge that begins at or before the class */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (edge[middle].first <= class)
            low = middle;
        else
            high = middle;
    }
    return edge[low].to;
}

/* Does what a clause that holds does, from its first node on; true when it decided. */
static bool act(const struct table *t, uint32_t at, const struct facts *f, struct verdict *out)
{
    const uint32_t clause = t->node[at].clause;
    for (;;) {
        const struct table_node *node = &t->node[at];
        if (node->clause != clause || node->kind == NODE_TEST)
            return false; /* it goes on behind the clause, or in another route */
        if (node->kind == NODE_END) {
            out->end = node->what;
            out->clause = clause;
            out->cluster = cluster_of(t, &t->end[node->what], f, out);
            return true;
        }
        change_make(t, node->what, f, out);
        forget_classes(t, node->what, out);
        at = node->yes;
    }
}

static bool act_all(const struct table *t, const struct table_leaf *leaf, const struct facts *f,
                    struct verdict *out)
{
    if (leaf->n_acts == 1)
        return act(t, leaf->act, f, out);
    for (uint32_t i = 0; i < leaf->n_acts; i++)
        if (act(t, t->act[leaf->act + i], f, out))
            return true;
    return false;
}

/* The leaf that a stage comes to; false where it has no answer. */
static bool find_leaf(const struct table *t, const struct table_stage *s, const struct facts *f,
                      struct verdict *out, const struct table_leaf **leaf)
{
    uint32_t at = s->entry;
    while (!(at & TABLE_LEAF)) {
        const struct table_branch *b = &t->branch[at];
        at = branch_target(t, b, class_of(t, b->classifier, f, out));
    }
    if (at == TABLE_ASK_NODES)
        return false;
    *leaf = &t->leaf[at & ~TABLE_LEAF];
    return true;
}

/* Branches lead forward only, and leaves to later stages: there is an end. */
static void walk_stages(const struct table *t, uint32_t stage, const struct facts *f,
                        struct verdict *out)
{
    memset(out->known, 0, sizeof(out->known));
    for (;;) {
        const struct table_leaf *leaf;
        if (!find_leaf(t, &t->stage[stage], f, out, &leaf)) {
            walk_nodes(t, t->stage[stage].test, f, out, NULL);
            return;
        }
        if (act_all(t, leaf, f, out))
            return;
        stage = leaf->stage;
    }
}

static void begin(struct verdict *out)
{
    out->overflow = out->bad_target = out->rewritten = out->required = false;
    out->n_effects = 0;
    out->text_bytes = 0;
}

void eval(const struct table *t, uint32_t route, const struct facts *f, struct verdict *out,
          const struct eval_trace *trace)
{
    begin(out);
    if (trace || t->route[route].stage == TABLE_NO_STAGE)
        walk_nodes(t, t->route[route].entry, f, out, trace);
    else
        walk_stages(t, t->route[route].stage, f, out);
}

void eval_nodes(const struct table *t, uint32_t route, const struct facts *f, struct verdict *out)
{
    begin(out);
    walk_nodes(t, t->route[route].entry, f, out, NULL);
}

size_t eval_template(const struct table *t, const struct table_template *template,
                     const struct facts *f, const struct verdict *so_far, char *out, size_t room)
{
    return template_write(t, template, f, so_far, out, room);
}
