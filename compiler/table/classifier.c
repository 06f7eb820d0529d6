#include "compiler/table/classifier.h"

#include "runtime/base/hash.h"

/* What a record begins with. */
enum { RECORD_CLASS, RECORD_LENGTH, RECORD_BYTES };

uint64_t classifier_hash(struct slice s)
{
    return hash_slice(s, 0); /* the configuration's texts: see string_set_hash() */
}

const uint32_t *classifier_record(const struct table_classifier *c,
                                  const struct classifier_texts *in, struct slice s)
{
    const uint64_t hash = classifier_hash(s);
    for (uint64_t at = hash;; at++) {
        const struct classifier_slot slot = in->slot[at & in->mask];
        if (slot.at == 0)
            return NULL;
        const uint32_t *record = c->record + slot.at;
        if (slot.tag == (uint32_t)(hash >> 32) && record[RECORD_LENGTH] == s.len &&
            memcmp(record + RECORD_BYTES, s.at, s.len) == 0)
            return record;
    }
}

/* The first bytes of a value, or for a TAIL the last. */
static struct slice piece(const struct table_classifier *c, struct slice value, uint32_t length)
{
    return c->kind == CLASSIFIER_TAIL ? slice_from(value, value.len - length)
                                      : (struct slice){value.at, length};
}

/* The longest piece that is known decides. A piece that is found has markers at all lengths that
 * the search looks at before it, and each knows the class as far as itself. */
static uint32_t class_by_pieces(const struct table_classifier *c, struct slice value)
{
    uint32_t class = CLASS_OTHER;
    for (uint32_t low = 0, high = c->n_lengths; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        const uint32_t length = c->length[middle];
        const uint32_t *record =
            length <= value.len ? classifier_record(c, &c->piece, piece(c, value, length)) : NULL;
        if (record) {
            class = record[RECORD_CLASS];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return class;
}

bool classifier_segments(struct slice value, uint32_t slashes, struct slice *out)
{
    size_t at = 0;
    for (;; at++) {
        const char *slash = at < value.len ? memchr(value.at + at, '/', value.len - at) : NULL;
        at = slash ? (size_t)(slash - value.at) : value.len;
        if (slashes == 0)
            break;
        if (!slash)
            return false;
        slashes--;
    }
    *out = (struct slice){value.at, at};
    return true;
}

/* The same by whole segments. */
static uint32_t class_by_segments(const struct table_classifier *c, struct slice value)
{
    uint32_t class = CLASS_OTHER;
    for (uint32_t low = 0, high = c->n_slashes; low < high;) {
        const uint32_t middle = low + (high - low) / 2;
        struct slice front;
        const uint32_t *record = classifier_segments(value, c->slashes[middle], &front)
                                     ? classifier_record(c, &c->segments, front)
                                     : NULL;
        if (record) {
            class = record[RECORD_CLASS];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return class;
}

uint32_t classifier_of_text(const struct table_classifier *c, struct slice value)
{
    if (value.len <= c->whole_bytes_max && c->whole.n > 0) {
        const uint32_t *record = classifier_record(c, &c->whole, value);
        if (record)
            return record[RECORD_CLASS];
    }
    /* Both are classes around the value, and so one is around the other: the inner is the higher
     * number. */
    const uint32_t begins = class_by_pieces(c, value), under = class_by_segments(c, value);
    return begins > under ? begins : under;
}

static uint32_t class_of_v4(const struct table_classifier *c, uint32_t a)
{
    uint32_t low = 0, high = c->n_v4; /* the last that begins at or before `a` is in [low, high) */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (c->v4[middle].first <= a)
            low = middle;
        else
            high = middle;
    }
    return c->v4[low].class;
}

uint32_t classifier_of_address(const struct table_classifier *c, const struct address *a)
{
    if (address_is_v4(a)) {
        const uint8_t *b = a->byte + 12;
        return class_of_v4(c, (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
                                  b[3]);
    }
    uint32_t low = 0, high = c->n_v6;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (address_compare(&c->v6[middle].first, a) <= 0)
            low = middle;
        else
            high = middle;
    }
    return c->v6[low].class;
}

uint32_t classifier_of_number(const struct table_classifier *c, uint64_t number)
{
    uint32_t low = 0, high = c->n_numbers;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (c->number[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    return c->number[low].class;
}

bool classifier_both(const struct table_classifier *c, uint32_t a, uint32_t b, uint32_t *out)
{
    const uint32_t lower = a < b ? a : b, higher = a < b ? b : a;
    *out = higher;
    return lower == CLASS_ABSENT || higher <= c->last[lower];
}
