/* Classifiers: a lookup ends, stays inside, and comes to a class that is there. */
#include "compiler/table/classifier.h"
#include "compiler/table/verify_priv.h"

static const char *verify_slots(const struct table_classifier *c, const struct classifier_texts *x)
{
    REQUIRE(x->slot, "a classifier has no slots");
    const uint64_t slots = (uint64_t)x->mask + 1;
    REQUIRE((slots & x->mask) == 0 && slots <= UINT32_MAX, "a number of slots is no power of two");
    uint64_t used = 0;
    for (uint64_t i = 0; i < slots; i++) {
        const uint32_t at = x->slot[i].at;
        if (at == 0)
            continue;
        used++;
        REQUIRE(at < c->n_record && c->n_record - at >= 2, "a slot has no record");
        const uint32_t *record = c->record + at;
        REQUIRE(record[0] < c->n_classes, "a text is of a class that is not there");
        REQUIRE(record[1] / 4 + (record[1] % 4 != 0) <= c->n_record - at - 2,
                "a record has no room for its text");
    }
    REQUIRE(used < slots, "a classifier has no free slot, so that a search would not end");
    return NULL;
}

static const char *verify_texts(const struct table_classifier *c)
{
    REQUIRE(c->n_classes > CLASS_OTHER && c->last && c->record, "a classifier has no classes");
    for (uint32_t i = CLASS_OTHER; i < c->n_classes; i++)
        REQUIRE(c->last[i] >= i && c->last[i] < c->n_classes,
                "a class holds what ends before it, or behind all");
    REQUIRE((c->n_lengths == 0 || c->length) && (c->n_slashes == 0 || c->slashes),
            "a classifier has no lengths where some are counted");
    for (uint32_t i = 1; i < c->n_lengths; i++)
        REQUIRE(c->length[i] > c->length[i - 1], "the lengths of a classifier are not in order");
    for (uint32_t i = 1; i < c->n_slashes; i++)
        REQUIRE(c->slashes[i] > c->slashes[i - 1], "the depths of a classifier are not in order");
    const char *problem = verify_slots(c, &c->whole);
    if (!problem)
        problem = verify_slots(c, &c->piece);
    return problem ? problem : verify_slots(c, &c->segments);
}

static const char *verify_pieces(const struct table_classifier *c)
{
    static const struct address LOWEST;
    REQUIRE(c->n_v4 > 0 && c->v4 && c->v4[0].first == 0,
            "IPv4 does not begin at its first address");
    REQUIRE(c->n_v6 > 0 && c->v6 && address_compare(&c->v6[0].first, &LOWEST) == 0,
            "IPv6 does not begin at its first address");
    for (uint32_t i = 0; i < c->n_v4; i++) {
        REQUIRE(c->v4[i].class < c->n_classes, "an address is of a class that is not there");
        REQUIRE(i == 0 || c->v4[i].first > c->v4[i - 1].first, "addresses are not in order");
    }
    for (uint32_t i = 0; i < c->n_v6; i++) {
        REQUIRE(c->v6[i].class < c->n_classes, "an address is of a class that is not there");
        REQUIRE(i == 0 || address_compare(&c->v6[i].first, &c->v6[i - 1].first) > 0,
                "addresses are not in order");
    }
    return NULL;
}

static const char *verify_numbers(const struct table_classifier *c)
{
    REQUIRE(c->n_numbers > 0 && c->number && c->number[0].first == 0, "numbers do not begin at 0");
    for (uint32_t i = 0; i < c->n_numbers; i++) {
        REQUIRE(c->number[i].class < c->n_classes, "a number is of a class that is not there");
        REQUIRE(i == 0 || c->number[i].first > c->number[i - 1].first, "numbers are not in order");
    }
    return NULL;
}

static const char *verify_classifier(const struct table *t, const struct table_classifier *c)
{
    REQUIRE(c->kind <= CLASSIFIER_ATOM, "a classifier is of no known kind");
    const char *problem = verify_field(c->field, c->key);
    if (problem)
        return problem;
    switch (c->kind) {
    case CLASSIFIER_HEAD:
    case CLASSIFIER_TAIL: return verify_texts(c);
    case CLASSIFIER_NETWORKS:
        REQUIRE(c->field == FIELD_SRC || c->field == FIELD_DST,
                "a field that is no address has networks");
        return verify_pieces(c);
    case CLASSIFIER_NUMBERS: return verify_numbers(c);
    case CLASSIFIER_ATOM:
        REQUIRE(c->atom < t->n_atoms && c->n_classes == 2, "a classifier asks no atom");
        break;
    }
    return NULL;
}

const char *verify_classifiers(const struct table *t)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < t->n_classifiers && !problem; i++)
        problem = verify_classifier(t, t->classifier[i]);
    return problem;
}
