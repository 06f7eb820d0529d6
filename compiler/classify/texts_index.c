/* The hashes of a tree of texts: whole ones, and pieces with their markers. */
#include <string.h>

#include "compiler/classify/classify_priv.h"

/* Records and slots as they grow. */
struct hash {
    struct classifier_slot *slot;
    uint32_t n, n_slots;
};

struct indexing {
    struct table_classifier *classifier;
    VEC(uint32_t) record;
    const struct text_node *node;
    char *turned; /* room for the longest text */
    struct hash whole, piece, segments;
};

/* As it stands in a value: of a TAIL, texts came reversed. */
static struct slice upright(const struct indexing *x, struct slice s)
{
    if (x->classifier->kind != CLASSIFIER_TAIL)
        return s;
    for (size_t i = 0; i < s.len; i++)
        x->turned[i] = s.at[s.len - 1 - i];
    return (struct slice){x->turned, s.len};
}

static void put(struct hash *h, struct classifier_slot slot, uint64_t hash)
{
    while (h->slot[hash & (h->n_slots - 1)].at != 0)
        hash++;
    h->slot[hash & (h->n_slots - 1)] = slot;
}

static struct slice record_text(const struct indexing *x, uint32_t at)
{
    return (struct slice){(const char *)(x->record.at + at + 2), x->record.at[at + 1]};
}

static void grow(const struct indexing *x, struct hash *h)
{
    struct hash old = *h;
    h->n_slots = old.n_slots ? old.n_slots * 2 : 4;
    h->slot = MUST_ARRAY(struct classifier_slot, h->n_slots);
    for (uint32_t i = 0; i < old.n_slots; i++)
        if (old.slot[i].at != 0)
            put(h, old.slot[i], classifier_hash(record_text(x, old.slot[i].at)));
    free(old.slot);
}

/* Makes the record of a text, unless there is one. */
static void record(struct indexing *x, struct hash *h, struct slice text, uint32_t class)
{
    text = upright(x, text);
    const uint64_t hash = classifier_hash(text);
    if (h->n >= h->n_slots / 2)
        grow(x, h);
    for (uint64_t at = hash;; at++) {
        const struct classifier_slot slot = h->slot[at & (h->n_slots - 1)];
        if (slot.at == 0)
            break;
        if (slot.tag == (uint32_t)(hash >> 32) && slice_eq(record_text(x, slot.at), text))
            return;
    }
    const uint32_t at = x->record.n;
    VEC_ADD(&x->record, class);
    VEC_ADD(&x->record, (uint32_t)text.len);
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t word = 0;
        memcpy(&word, text.at + i, text.len - i < 4 ? text.len - i : 4);
        VEC_ADD(&x->record, word);
    }
    put(h, (struct classifier_slot){.tag = (uint32_t)(hash >> 32), .at = at}, hash);
    h->n++;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t count_slashes(struct slice s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.at[i] == '/';
    return n;
}

static uint32_t measure(const struct text_node *node)
{
    return node->extent == TEXT_SEGMENT ? count_slashes(node->text) : (uint32_t)node->text.len;
}

/* The different measures of the nodes of one extent, ascending. */
static const uint32_t *measures(const struct indexing *x, uint32_t n, enum text_extent extent,
                                struct arena *arena, uint32_t *n_kept)
{
    VEC(uint32_t) all = {0};
    for (uint32_t i = 0; i < n; i++)
        if (x->node[i].extent == extent)
            VEC_ADD(&all, measure(&x->node[i]));
    if (all.n > 0)
        qsort(all.at, all.n, sizeof(*all.at), by_number);
    uint32_t different = 0;
    for (uint32_t i = 0; i < all.n; i++)
        if (different == 0 || all.at[different - 1] != all.at[i])
            all.at[different++] = all.at[i];
    uint32_t *kept = ARENA_ARRAY(arena, uint32_t, different);
    if (different > 0)
        memcpy(kept, all.at, different * sizeof(*kept));
    VEC_DONE(&all);
    *n_kept = different;
    return kept;
}

static void add_nodes(struct indexing *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct text_node *node = &x->node[i];
        switch (node->extent) {
        case TEXT_BEGINS: record(x, &x->piece, node->text, node->class); break;
        case TEXT_SEGMENT: record(x, &x->segments, node->text, node->class); break;
        case TEXT_EXACT:
            record(x, &x->whole, node->text, node->class);
            if (node->text.len > x->classifier->whole_bytes_max)
                x->classifier->whole_bytes_max = (uint32_t)node->text.len;
            break;
        }
    }
}

/* The class of whatever begins with the first `length` bytes of the node's text, by segments where
 * the node is so: that of the nearest node around it of which this is enough. */
static uint32_t class_so_far(const struct indexing *x, uint32_t node, uint32_t length)
{
    const bool by_segments = x->node[node].extent == TEXT_SEGMENT;
    uint32_t at = x->node[node].parent;
    for (; at != UINT32_MAX; at = x->node[at].parent) {
        const struct text_node *around = &x->node[at];
        if (around->text.len < length ||
            (around->text.len == length && (by_segments || around->extent == TEXT_BEGINS)))
            break;
    }
    return at == UINT32_MAX ? (uint32_t)CLASS_OTHER : x->node[at].class;
}

/* A marker wherever the search for the node's own text looks before it. */
static void add_markers_of(struct indexing *x, uint32_t i, const uint32_t *measured, uint32_t n)
{
    const struct text_node *node = &x->node[i];
    const uint32_t own = measure(node);
    for (uint32_t low = 0, high = n; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        if (measured[middle] > own) {
            high = middle;
            continue;
        }
        low = middle + 1;
        if (measured[middle] == own)
            continue;
        struct slice front = {node->text.at, measured[middle]};
        const bool by_segments = node->extent == TEXT_SEGMENT;
        if (by_segments && !classifier_segments(node->text, measured[middle], &front))
            continue;
        record(x, by_segments ? &x->segments : &x->piece, front,
               class_so_far(x, i, (uint32_t)front.len));
    }
}

static void add_markers(struct indexing *x, uint32_t n)
{
    const struct table_classifier *c = x->classifier;
    for (uint32_t i = 0; i < n; i++) {
        if (x->node[i].extent == TEXT_BEGINS)
            add_markers_of(x, i, c->length, c->n_lengths);
        else if (x->node[i].extent == TEXT_SEGMENT)
            add_markers_of(x, i, c->slashes, c->n_slashes);
    }
}

static struct classifier_texts kept(struct hash *h, struct arena *arena)
{
    if (h->n_slots == 0) {
        h->n_slots = 2;
        h->slot = MUST_ARRAY(struct classifier_slot, 2);
    }
    struct classifier_slot *slot = ARENA_ARRAY(arena, struct classifier_slot, h->n_slots);
    memcpy(slot, h->slot, h->n_slots * sizeof(*slot));
    free(h->slot);
    return (struct classifier_texts){.slot = slot, .mask = h->n_slots - 1, .n = h->n};
}

void texts_index(struct table_classifier *c, const struct text_node *node, uint32_t n,
                 struct arena *arena)
{
    struct indexing x = {.classifier = c, .node = node};
    size_t longest = 0;
    for (uint32_t i = 0; i < n; i++)
        longest = node[i].text.len > longest ? node[i].text.len : longest;
    x.turned = MUST_ARRAY(char, longest);
    VEC_ADD(&x.record, 0); /* no record is at 0 */
    c->length = measures(&x, n, TEXT_BEGINS, arena, &c->n_lengths);
    c->slashes = measures(&x, n, TEXT_SEGMENT, arena, &c->n_slashes);
    add_nodes(&x, n);
    add_markers(&x, n);

    uint32_t *all = ARENA_ARRAY(arena, uint32_t, x.record.n);
    memcpy(all, x.record.at, x.record.n * sizeof(*all));
    c->record = all;
    c->n_record = x.record.n;
    c->whole = kept(&x.whole, arena);
    c->piece = kept(&x.piece, arena);
    c->segments = kept(&x.segments, arena);
    VEC_DONE(&x.record);
    free(x.turned);
}
