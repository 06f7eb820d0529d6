/* Classes against the atoms themselves, for all short texts and for the ends of all networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/classify/classify.h"
#include "compiler/table/match.h"
#include "runtime/base/arena.h"
#include "runtime/base/rng.h"

enum { ATOMS_MAX = 12, SETS_MAX = 12 };

struct example {
    struct arena arena;
    struct table table;
    struct table_atom atom[ATOMS_MAX];
    struct table_string_set strings[SETS_MAX];
    struct table_network_set networks[SETS_MAX];
    struct table_number_set numbers[SETS_MAX];
    uint32_t asked[ATOMS_MAX];
    struct classified c;
};

static void begin(struct example *e)
{
    *e = (struct example){.arena = {0}};
    e->table.atom = e->atom;
    e->table.string_set = e->strings;
    e->table.network_set = e->networks;
    e->table.number_set = e->numbers;
}

static void done(struct example *e)
{
    arena_free(&e->arena);
}

static void add_atom(struct example *e, struct table_atom atom)
{
    e->asked[e->table.n_atoms] = e->table.n_atoms;
    e->atom[e->table.n_atoms++] = atom;
}

static void classify_all(struct example *e, struct classify_options options)
{
    e->c = classify(&e->table, e->asked, e->table.n_atoms, &options, &e->arena);
}

static uint32_t add_strings(struct example *e, const struct slice *string, uint32_t n)
{
    uint32_t *slot = ARENA_ARRAY(&e->arena, uint32_t, 32);
    struct slice *copy = ARENA_ARRAY(&e->arena, struct slice, n);
    assert_true(n < 16);
    for (uint32_t i = 0; i < n; i++) {
        copy[i] = string[i];
        uint64_t at = string_set_hash(string[i]) % 32;
        while (slot[at] != 0)
            at = (at + 1) % 32;
        slot[at] = i + 1;
    }
    e->strings[e->table.n_string_sets] =
        (struct table_string_set){.string = copy, .slot = slot, .n = n, .mask = 31};
    return e->table.n_string_sets++;
}

static bool holds(const struct classified_atom *a, uint32_t class)
{
    for (uint32_t i = 0; i < a->n; i++) {
        assert_true(a->run[i].first <= a->run[i].last);
        assert_true(i == 0 || a->run[i].first > a->run[i - 1].last + 1);
        if (a->run[i].first <= class && class <= a->run[i].last)
            return true;
    }
    return false;
}

/* All texts of "ab/" up to six bytes, by number. */
#define TEXTS 1093u

static struct slice numbered_text(struct arena *arena, uint32_t i)
{
    char *at = ARENA_ARRAY(arena, char, 8);
    size_t len = 0;
    for (; i > 0; i = (i - 1) / 3)
        at[len++] = "ab/"[(i - 1) % 3];
    return (struct slice){at, len};
}

static struct slice any_text(struct example *e, struct rng *rng)
{
    return numbered_text(&e->arena, rng_below(rng, rng_below(rng, 3) ? 121 : 13));
}

static void add_any(struct example *e, struct rng *rng)
{
    static const enum table_op OPS[] = {OP_EQUAL,     OP_UNDER,      OP_STARTS_WITH,
                                        OP_ENDS_WITH, OP_IN_STRINGS, OP_EXISTS};
    struct table_atom atom = {.field = FIELD_HEADER, .key = SLICE("x"), .string = SLICE("")};
    atom.op = OPS[rng_below(rng, COUNT_OF(OPS))];
    if (atom.op == OP_IN_STRINGS) {
        struct slice member[6];
        uint32_t n = 0;
        for (uint32_t i = 0; i < 6; i++) {
            member[n] = any_text(e, rng);
            bool there = false;
            for (uint32_t k = 0; k < n; k++)
                there |= slice_eq(member[k], member[n]);
            n += !there;
        }
        atom.set = add_strings(e, member, n);
    } else if (atom.op != OP_EXISTS) {
        atom.string = any_text(e, rng);
    }
    for (uint32_t i = 0; i < e->table.n_atoms; i++)
        if (e->atom[i].op == atom.op && atom.op != OP_IN_STRINGS &&
            slice_eq(e->atom[i].string, atom.string))
            return;
    add_atom(e, atom);
}

static uint32_t class_of(const struct example *e, uint32_t facet, struct slice text)
{
    const struct table_classifier *c = e->c.facet[facet].classifier;
    if (c->kind == CLASSIFIER_ATOM)
        return match_value(&e->table, &e->atom[c->atom], text);
    return classifier_of_text(c, text);
}

static void a_class_is_what_holds(void **state)
{
    (void)state;
    struct rng rng = {.state = 11};
    for (uint32_t round = 0; round < 400; round++) {
        struct example e;
        begin(&e);
        const uint32_t n = 1 + rng_below(&rng, ATOMS_MAX - 1);
        for (uint32_t i = 0; i < n; i++)
            add_any(&e, &rng);
        classify_all(&e, (struct classify_options){.members_max = round % 2 ? 100 : 5});
        for (uint32_t i = 0; i < TEXTS; i++) {
            const struct slice text = numbered_text(&e.arena, i);
            for (uint32_t a = 0; a < e.table.n_atoms; a++)
                assert_int_equal(holds(&e.c.atom[a], class_of(&e, e.c.atom[a].facet, text)),
                                 match_value(&e.table, &e.atom[a], text));
        }
        for (uint32_t a = 0; a < e.table.n_atoms; a++)
            assert_false(holds(&e.c.atom[a], CLASS_ABSENT));
        done(&e);
    }
}

static void two_values_have_what_holds_for_either(void **state)
{
    (void)state;
    struct rng rng = {.state = 12};
    uint32_t known = 0, unknown = 0;
    for (uint32_t round = 0; round < 200; round++) {
        struct example e;
        begin(&e);
        for (uint32_t i = 0; i < ATOMS_MAX; i++)
            add_any(&e, &rng);
        classify_all(&e, (struct classify_options){.members_max = 100});
        for (uint32_t f = 0; f < e.c.n_facets; f++) {
            const struct table_classifier *c = e.c.facet[f].classifier;
            for (uint32_t a = 0; a < c->n_classes; a++) {
                for (uint32_t b = 0; b < c->n_classes; b++) {
                    uint32_t both;
                    if (!classifier_both(c, a, b, &both)) {
                        unknown++;
                        continue;
                    }
                    known++;
                    for (uint32_t i = 0; i < e.table.n_atoms; i++) {
                        const struct classified_atom *atom = &e.c.atom[i];
                        if (atom->facet == f)
                            assert_int_equal(holds(atom, both), holds(atom, a) || holds(atom, b));
                    }
                }
            }
        }
        done(&e);
    }
    assert_true(known > 1000 && unknown > 1000);
}

static void a_whole_text_stands_for_its_class_in_every_facet(void **state)
{
    (void)state;
    struct rng rng = {.state = 13};
    uint32_t shared = 0;
    for (uint32_t round = 0; round < 200; round++) {
        struct example e;
        begin(&e);
        for (uint32_t i = 0; i < ATOMS_MAX; i++)
            add_any(&e, &rng);
        classify_all(&e, (struct classify_options){.members_max = round % 2 ? 100 : 5,
                                                   .exact_across_facets = true});
        const struct classified_facet *head = NULL;
        for (uint32_t f = 0; f < e.c.n_facets; f++)
            if (e.c.facet[f].classifier->kind == CLASSIFIER_HEAD)
                head = &e.c.facet[f];
        for (uint32_t i = 0; head && i < TEXTS; i++) {
            const struct slice text = numbered_text(&e.arena, i);
            const uint32_t class = classifier_of_text(head->classifier, text);
            const struct class_info *info = &head->class[class];
            if (info->kind != CLASS_KIND_EXACT)
                continue;
            shared += !slice_eq(info->example, text);
            for (uint32_t f = 0; f < e.c.n_facets; f++)
                assert_int_equal(class_of(&e, f, text), class_of(&e, f, info->example));
        }
        done(&e);
    }
    assert_true(shared > 100);
}

static void an_example_is_of_its_class(void **state)
{
    (void)state;
    struct rng rng = {.state = 14};
    for (uint32_t round = 0; round < 200; round++) {
        struct example e;
        begin(&e);
        for (uint32_t i = 0; i < ATOMS_MAX; i++)
            add_any(&e, &rng);
        classify_all(&e, (struct classify_options){.members_max = 100});
        for (uint32_t f = 0; f < e.c.n_facets; f++) {
            const struct classified_facet *facet = &e.c.facet[f];
            for (uint32_t k = CLASS_FIRST; k < facet->classifier->n_classes; k++) {
                const struct class_info *info = &facet->class[k];
                const uint32_t class = classifier_of_text(facet->classifier, info->example);
                /* What begins so may be cut further, down to the example itself. */
                assert_true(info->kind == CLASS_KIND_EXACT
                                ? class == k
                                : class >= k && class <= facet->classifier->last[k]);
                assert_true(info->parent < k && facet->classifier->last[info->parent] >= k);
            }
        }
        done(&e);
    }
}

/* ---- addresses ---- */

static struct address any_address(struct rng *rng)
{
    struct address a = {{0}};
    a.byte[15] = (uint8_t)rng_below(rng, 40);
    switch (rng_below(rng, 4)) {
    case 0: a.byte[10] = a.byte[11] = 0xff; break; /* IPv4 */
    case 1:
        a.byte[10] = a.byte[11] = 0xff;
        a.byte[12] = 255;
        break;                    /* at its end */
    case 2: a.byte[9] = 1; break; /* right behind it */
    default: break;
    }
    if (rng_below(rng, 20) == 0)
        for (int i = 0; i < 16; i++)
            a.byte[i] = 0xff;
    return a;
}

static int by_address(const void *a, const void *b)
{
    return address_compare(a, b);
}

/* Ranges between sorted addresses, of which every second is left out. */
static uint32_t add_networks(struct example *e, struct rng *rng)
{
    struct address at[12];
    const uint32_t n = 2 * (1 + rng_below(rng, 5));
    for (uint32_t i = 0; i < n; i++)
        at[i] = any_address(rng);
    qsort(at, n, sizeof(*at), by_address);
    struct table_range *range = ARENA_ARRAY(&e->arena, struct table_range, n);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i += 2) {
        struct address behind;
        if (kept > 0 && (!address_next(&range[kept - 1].last, &behind) ||
                         address_compare(&at[i], &behind) <= 0))
            range[kept - 1].last = at[i + 1];
        else
            range[kept++] = (struct table_range){at[i], at[i + 1]};
    }
    e->networks[e->table.n_network_sets] = (struct table_network_set){range, kept};
    return e->table.n_network_sets++;
}

static void an_address_is_of_one_class(void **state)
{
    (void)state;
    struct rng rng = {.state = 15};
    for (uint32_t round = 0; round < 2000; round++) {
        struct example e;
        begin(&e);
        for (uint32_t i = 1 + rng_below(&rng, ATOMS_MAX - 1); i > 0; i--)
            add_atom(&e, (struct table_atom){.field = FIELD_SRC,
                                             .op = OP_IN_NETWORKS,
                                             .set = add_networks(&e, &rng)});
        classify_all(&e, (struct classify_options){.members_max = 100});
        assert_int_equal(e.c.n_facets, 1);
        const struct classified_facet *facet = &e.c.facet[0];
        for (uint32_t i = 0; i < 300; i++) {
            const struct address a = any_address(&rng);
            const uint32_t class = classifier_of_address(facet->classifier, &a);
            assert_true(class >= CLASS_OTHER && class < facet->classifier->n_classes);
            assert_int_equal(facet->class[class].kind, CLASS_KIND_ADDRESS);
            for (uint32_t k = 0; k < e.table.n_atoms; k++)
                assert_int_equal(holds(&e.c.atom[k], class), network_set_has(&e.networks[k], &a));
        }
        for (uint32_t k = 0; k < facet->classifier->n_classes; k++)
            if (facet->class[k].kind == CLASS_KIND_ADDRESS)
                assert_int_equal(classifier_of_address(facet->classifier, &facet->class[k].address),
                                 k);
        done(&e);
    }
}

static struct table_atom atom_of(enum table_field field, enum table_op op, struct slice key,
                                 struct slice string)
{
    return (struct table_atom){.field = field, .op = op, .key = key, .string = string};
}

/* Few numbers, at both ends. */
static uint64_t any_number(struct rng *rng)
{
    const uint64_t n = rng_below(rng, 40);
    return rng_below(rng, 4) ? n : UINT64_MAX - n;
}

static uint32_t add_numbers(struct example *e, struct rng *rng)
{
    struct table_number_range *range = ARENA_ARRAY(&e->arena, struct table_number_range, 2);
    const uint64_t a = rng_below(rng, 20), b = any_number(rng);
    uint32_t n = 1;
    range[0] = (struct table_number_range){a, a + rng_below(rng, 5)};
    if (b > range[0].last + 1)
        range[n++] = (struct table_number_range){b, rng_below(rng, 3) ? b : UINT64_MAX};
    e->numbers[e->table.n_number_sets] = (struct table_number_set){range, n};
    return e->table.n_number_sets++;
}

static void a_number_is_of_one_class(void **state)
{
    (void)state;
    struct rng rng = {.state = 16};
    for (uint32_t round = 0; round < 1000; round++) {
        struct example e;
        begin(&e);
        for (uint32_t i = 1 + rng_below(&rng, ATOMS_MAX - 1); i > 0; i--)
            add_atom(&e, (struct table_atom){.field = FIELD_BODY_LENGTH,
                                             .op = OP_IN_NUMBERS,
                                             .set = add_numbers(&e, &rng)});
        classify_all(&e, (struct classify_options){.members_max = 100});
        assert_int_equal(e.c.n_facets, 1);
        const struct classified_facet *facet = &e.c.facet[0];
        assert_int_equal(facet->classifier->kind, CLASSIFIER_NUMBERS);
        for (uint32_t i = 0; i < 200; i++) {
            const uint64_t number = any_number(&rng);
            const uint32_t class = classifier_of_number(facet->classifier, number);
            assert_true(class >= CLASS_OTHER && class < facet->classifier->n_classes);
            for (uint32_t k = 0; k < e.table.n_atoms; k++)
                assert_int_equal(holds(&e.c.atom[k], class), number_set_has(&e.numbers[k], number));
        }
        for (uint32_t k = CLASS_OTHER; k < facet->classifier->n_classes; k++)
            if (facet->class[k].kind == CLASS_KIND_NUMBER)
                assert_int_equal(classifier_of_number(facet->classifier, facet->class[k].number),
                                 k);
        done(&e);
    }
}

static void fields_and_keys_are_kept_apart(void **state)
{
    (void)state;
    struct example e;
    begin(&e);
    const struct slice a = SLICE("a");
    add_atom(&e, atom_of(FIELD_HEADER, OP_EQUAL, SLICE("x"), a));
    add_atom(&e, atom_of(FIELD_COOKIE, OP_EQUAL, SLICE("x"), a));
    add_atom(&e, atom_of(FIELD_HEADER, OP_EQUAL, SLICE("y"), a));
    add_atom(&e, atom_of(FIELD_HEADER, OP_ENDS_WITH, SLICE("x"), a));
    add_atom(&e, atom_of(FIELD_HEADER, OP_STARTS_WITH, SLICE("x"), a));
    classify_all(&e, (struct classify_options){.members_max = 100});
    assert_int_equal(e.c.n_groups, 3);
    assert_int_equal(e.c.n_facets, 4);
    assert_int_equal(e.c.atom[0].facet, e.c.atom[4].facet);
    assert_int_not_equal(e.c.atom[0].facet, e.c.atom[3].facet);
    assert_int_equal(e.c.facet[e.c.atom[0].facet].group, e.c.facet[e.c.atom[3].facet].group);
    assert_int_not_equal(e.c.facet[e.c.atom[0].facet].group, e.c.facet[e.c.atom[1].facet].group);
    assert_int_not_equal(e.c.atom[0].facet, e.c.atom[2].facet);
    done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_is_what_holds),
        cmocka_unit_test(two_values_have_what_holds_for_either),
        cmocka_unit_test(a_whole_text_stands_for_its_class_in_every_facet),
        cmocka_unit_test(an_example_is_of_its_class),
        cmocka_unit_test(an_address_is_of_one_class),
        cmocka_unit_test(a_number_is_of_one_class),
        cmocka_unit_test(fields_and_keys_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
