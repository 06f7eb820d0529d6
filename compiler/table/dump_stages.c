/* Classifiers and stages as text. */
#include "compiler/table/classifier.h"
#include "compiler/table/dump.h"
#include "compiler/table/dump_priv.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

/* A text of a classifier and what it stands for. */
struct known_text {
    uint32_t class;
    const char *how;
    struct slice text;
};

struct known_texts {
    VEC(struct known_text) text;
};

static int by_class(const void *a, const void *b)
{
    const struct known_text *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    const size_t both = x->text.len < y->text.len ? x->text.len : y->text.len;
    const int order = both > 0 ? memcmp(x->text.at, y->text.at, both) : 0;
    return order != 0 ? order : (x->text.len > y->text.len) - (x->text.len < y->text.len);
}

static void collect(const struct table_classifier *c, const struct classifier_texts *from,
                    const char *how, struct known_texts *out)
{
    for (uint64_t i = 0; i <= from->mask; i++) {
        const uint32_t *record = c->record + from->slot[i].at;
        if (from->slot[i].at != 0 && record[0] > CLASS_OTHER)
            VEC_ADD(&out->text,
                    (struct known_text){record[0], how, {(const char *)(record + 2), record[1]}});
    }
}

static void dump_texts(const struct table_classifier *c, struct text *out)
{
    struct known_texts known = {0};
    collect(c, &c->whole, "==", &known);
    collect(c, &c->piece, c->kind == CLASSIFIER_TAIL ? "ends with" : "starts with", &known);
    collect(c, &c->segments, "under", &known);
    if (known.text.n > 0)
        qsort(known.text.at, known.text.n, sizeof(*known.text.at), by_class);
    for (uint32_t i = 0; i < known.text.n; i++) {
        const struct known_text *k = &known.text.at[i];
        text_addf(out, "    %5u  %s ", k->class, k->how);
        text_add_json(out, k->text);
        text_addc(out, '\n');
    }
    VEC_DONE(&known.text);
}

static void dump_address(const struct address *first, uint32_t class, struct text *out)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(first, text);
    text_addf(out, "    %5u  from %s\n", class, text);
}

static void dump_networks(const struct table_classifier *c, struct text *out)
{
    for (uint32_t i = 0; i < c->n_v4; i++) {
        struct address a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
        for (int k = 0; k < 4; k++)
            a.byte[12 + k] = (uint8_t)(c->v4[i].first >> (24 - 8 * k));
        dump_address(&a, c->v4[i].class, out);
    }
    for (uint32_t i = 0; i < c->n_v6; i++)
        dump_address(&c->v6[i].first, c->v6[i].class, out);
}

static void dump_classifier(const struct table *t, uint32_t i, struct text *out)
{
    static const char *const WHAT[] = {[CLASSIFIER_HEAD] = "",
                                       [CLASSIFIER_TAIL] = ", its end",
                                       [CLASSIFIER_NETWORKS] = ", its network",
                                       [CLASSIFIER_NUMBERS] = "",
                                       [CLASSIFIER_ATOM] = ""};
    const struct table_classifier *c = t->classifier[i];
    text_addf(out, "  c%u  ", i);
    if (c->kind == CLASSIFIER_ATOM) {
        table_atom_write(t, &t->atom[c->atom], out);
        text_addc(out, '\n');
        return;
    }
    table_field_write(c->field, c->key, '"', out);
    text_addf(out, "%s: %u classes\n", WHAT[c->kind], c->n_classes);
    switch (c->kind) {
    case CLASSIFIER_HEAD:
    case CLASSIFIER_TAIL: dump_texts(c, out); break;
    case CLASSIFIER_NETWORKS: dump_networks(c, out); break;
    case CLASSIFIER_NUMBERS:
        for (uint32_t k = 0; k < c->n_numbers; k++)
            text_addf(out, "    %5u  from %llu\n", c->number[k].class,
                      (unsigned long long)c->number[k].first);
        break;
    case CLASSIFIER_ATOM: break;
    }
}

static void dump_target(uint32_t to, struct text *out)
{
    if (to == TABLE_ASK_NODES)
        text_adds(out, "nodes");
    else
        text_addf(out, "%c%u", to & TABLE_LEAF ? 'l' : 'b', to & ~TABLE_LEAF);
}

static void dump_branch(const struct table *t, uint32_t i, struct text *out)
{
    const struct table_branch *b = &t->branch[i];
    text_addf(out, "    b%u  asks c%u:", i, b->classifier);
    for (uint32_t k = 0; k < b->n; k++) {
        const uint32_t to = b->flat ? t->target[b->first + k] : t->edge[b->first + k].to;
        if (b->flat && k > 0 && to == t->target[b->first + k - 1])
            continue;
        text_addf(out, "%s %u.. ", k ? "," : "", b->flat ? k : t->edge[b->first + k].first);
        dump_target(to, out);
    }
    text_addc(out, '\n');
}

static void dump_act(const struct table *t, uint32_t node, struct text *out)
{
    text_addf(out, " #%u at %u", t->clause[t->node[node].clause].number, node);
}

static void dump_leaf(const struct table *t, uint32_t i, struct text *out)
{
    const struct table_leaf *leaf = &t->leaf[i];
    text_addf(out, "    l%u", i);
    for (uint32_t k = 0; k < leaf->n_acts; k++)
        dump_act(t, leaf->n_acts == 1 ? leaf->act : t->act[leaf->act + k], out);
    if (leaf->stage != TABLE_NO_STAGE)
        text_addf(out, "%s then s%u", leaf->n_acts ? "," : "", leaf->stage);
    text_addc(out, '\n');
}

/* Which classifiers the branches of a stage ask is known by looking. */
void dump_stages(const struct table *t, uint32_t route, struct text *out)
{
    bool *shown = MUST_ARRAY(bool, t->n_classifiers);
    for (uint32_t i = 0; i < t->n_stages; i++) {
        const struct table_stage *s = &t->stage[i];
        for (uint32_t b = s->first_branch; s->route == route && b < s->first_branch + s->n_branches;
             b++) {
            if (!shown[t->branch[b].classifier])
                dump_classifier(t, t->branch[b].classifier, out);
            shown[t->branch[b].classifier] = true;
        }
    }
    free(shown);
    for (uint32_t i = 0; i < t->n_stages; i++) {
        const struct table_stage *s = &t->stage[i];
        if (s->route != route)
            continue;
        text_addf(out, "  s%u  begins at ", i);
        dump_target(s->entry, out);
        text_addf(out, ", its nodes at %u\n", s->test);
        for (uint32_t k = 0; k < s->n_branches; k++)
            dump_branch(t, s->first_branch + k, out);
        for (uint32_t k = 0; k < s->n_leaves; k++)
            dump_leaf(t, s->first_leaf + k, out);
    }
}
