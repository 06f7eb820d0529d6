/*
 * NETWORKS and NUMBERS: the line of all addresses, cut wherever a range of a set begins or ends. A
 * number is the address that ends with its eight bytes.
 *
 * Pieces of which the same few atoms hold are one class, wherever they lie. Where many sets
 * overlap, each piece is a class of its own: that keeps the work at the number of ranges. An atom
 * holds for the classes that were made while one of its ranges was open, and so for one run for
 * each range.
 */
#include <string.h>

#include "compiler/classify/classify_priv.h"
#include "runtime/base/hash.h"

#define FEW 8u

/* From `at` on, an atom holds, or holds no more. */
struct border {
    struct address at;
    uint32_t atom; /* by its place in the group */
    bool begins;
};

struct few {
    uint32_t n;
    uint32_t atom[FEW]; /* ascending */
};

struct mapping {
    struct classifying *c;
    enum classifier_kind kind;
    VEC(struct border) border;
    VEC(struct classifier_v6) piece;
    VEC(struct class_info) info;
    VEC(struct few) few; /* of each class; n is 0 where there are more */
    uint32_t *slot;      /* 1 + a class */
    uint32_t n_slots;

    uint32_t *open; /* the atoms that hold now, in no order */
    uint32_t n_open;
    uint32_t *place;             /* of each atom in `open` */
    uint32_t *since;             /* of each atom: the first class that was made since it opened */
    VEC(struct class_run) * run; /* of each atom */
};

static int by_place(const void *a, const void *b)
{
    return address_compare(&((const struct border *)a)->at, &((const struct border *)b)->at);
}

static struct address address_of_number(uint64_t number)
{
    struct address a = {{0}};
    for (int i = 0; i < 8; i++)
        a.byte[15 - i] = (uint8_t)(number >> (8 * i));
    return a;
}

static uint64_t number_of_address(const struct address *a)
{
    uint64_t number = 0;
    for (int i = 8; i < 16; i++)
        number = number << 8 | a->byte[i];
    return number;
}

static void add_range(struct mapping *x, uint32_t atom, struct table_range range)
{
    struct address behind;
    VEC_ADD(&x->border, (struct border){range.first, atom, true});
    if (address_next(&range.last, &behind))
        VEC_ADD(&x->border, (struct border){behind, atom, false});
}

static void add_borders(struct mapping *x, uint32_t i, const struct table_atom *atom)
{
    const struct table *t = x->c->table;
    if (x->kind == CLASSIFIER_NETWORKS) {
        const struct table_network_set *set = &t->network_set[atom->set];
        for (uint32_t k = 0; k < set->n; k++)
            add_range(x, i, set->range[k]);
        return;
    }
    const struct table_number_set *set = &t->number_set[atom->set];
    for (uint32_t k = 0; k < set->n; k++)
        add_range(x, i,
                  (struct table_range){address_of_number(set->range[k].first),
                                       address_of_number(set->range[k].last)});
}

/* Ranges of one set never touch, so an atom that begins somewhere was not open before. */
static void cross(struct mapping *x, const struct border *b)
{
    if (b->begins) {
        x->since[b->atom] = x->info.n;
        x->place[b->atom] = x->n_open;
        x->open[x->n_open++] = b->atom;
        return;
    }
    const uint32_t moved = x->open[--x->n_open];
    x->open[x->place[b->atom]] = moved;
    x->place[moved] = x->place[b->atom];
    if (x->since[b->atom] < x->info.n)
        VEC_ADD(&x->run[b->atom], (struct class_run){x->since[b->atom], x->info.n - 1});
}

static struct few open_few(const struct mapping *x)
{
    struct few f = {0};
    if (x->n_open > FEW)
        return f;
    for (uint32_t i = 0; i < x->n_open; i++) {
        uint32_t at = f.n++;
        for (; at > 0 && f.atom[at - 1] > x->open[i]; at--)
            f.atom[at] = f.atom[at - 1];
        f.atom[at] = x->open[i];
    }
    return f;
}

/* The class of the piece that begins here, with what is open now. */
static uint32_t class_here(struct mapping *x, const struct address *at)
{
    const struct few few = open_few(x);
    const bool numbers = x->kind == CLASSIFIER_NUMBERS;
    const struct class_info info = {.kind = numbers ? CLASS_KIND_NUMBER : CLASS_KIND_ADDRESS,
                                    .parent = CLASS_OTHER,
                                    .address = *at,
                                    .number = number_of_address(at)};
    if (x->n_open == 0) {
        /* What is behind the last number is none. */
        if (x->info.at[CLASS_OTHER].kind == CLASS_KIND_NEVER && !(numbers && at->byte[7] > 0))
            x->info.at[CLASS_OTHER] = info;
        return CLASS_OTHER;
    }
    uint32_t *slot = NULL;
    for (uint64_t i = hash_bytes(&few, sizeof(few), 0); few.n > 0; i++) {
        slot = &x->slot[i & (x->n_slots - 1)];
        if (*slot == 0)
            break;
        if (memcmp(&x->few.at[*slot - 1], &few, sizeof(few)) == 0)
            return *slot - 1;
    }
    VEC_ADD(&x->info, info);
    VEC_ADD(&x->few, few);
    if (slot)
        *slot = x->info.n;
    return x->info.n - 1;
}

static void add_piece(struct mapping *x, const struct address *first)
{
    const uint32_t class = class_here(x, first);
    if (x->piece.n == 0 || x->piece.at[x->piece.n - 1].class != class)
        VEC_ADD(&x->piece, (struct classifier_v6){*first, class});
}

static void cut(struct mapping *x)
{
    if (x->border.n > 0)
        qsort(x->border.at, x->border.n, sizeof(*x->border.at), by_place);
    const struct address lowest = {{0}};
    if (x->border.n == 0 || address_compare(&x->border.at[0].at, &lowest) != 0)
        add_piece(x, &lowest);
    for (uint32_t i = 0; i < x->border.n;) {
        const struct address at = x->border.at[i].at;
        for (; i < x->border.n && address_compare(&x->border.at[i].at, &at) == 0; i++)
            cross(x, &x->border.at[i]);
        add_piece(x, &at);
    }
    for (uint32_t i = 0; i < x->n_open; i++)
        if (x->since[x->open[i]] < x->info.n)
            VEC_ADD(&x->run[x->open[i]], (struct class_run){x->since[x->open[i]], x->info.n - 1});
}

/* The pieces of IPv4 go by themselves, with four bytes each. */
static void split(const struct mapping *x, struct table_classifier *c)
{
    struct classifier_v4 *v4 = ARENA_ARRAY(x->c->keep, struct classifier_v4, x->piece.n + 1);
    struct classifier_v6 *v6 = ARENA_ARRAY(x->c->keep, struct classifier_v6, x->piece.n + 1);
    static const struct address BEHIND_V4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    uint32_t class = CLASS_OTHER; /* where we are */
    bool behind = false;
    v4[c->n_v4++] = (struct classifier_v4){0, CLASS_OTHER};
    for (uint32_t i = 0; i < x->piece.n; i++) {
        const struct classifier_v6 *p = &x->piece.at[i];
        const uint8_t *b = p->first.byte + 12;
        const uint32_t first =
            (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        behind |= address_compare(&p->first, &BEHIND_V4) >= 0;
        if (!behind && !address_is_v4(&p->first)) {
            v6[c->n_v6++] = *p;
            v4[0].class = p->class; /* the last one before */
        } else if (address_is_v4(&p->first)) {
            c->n_v4 -= first == 0; /* in place of the one before */
            v4[c->n_v4++] = (struct classifier_v4){first, p->class};
        } else {
            if (address_compare(&p->first, &BEHIND_V4) > 0 && c->n_v6 > 0 &&
                address_compare(&v6[c->n_v6 - 1].first, &BEHIND_V4) < 0)
                v6[c->n_v6++] = (struct classifier_v6){BEHIND_V4, class};
            v6[c->n_v6++] = *p;
        }
        class = p->class;
    }
    if (!behind && (c->n_v6 == 0 || v6[c->n_v6 - 1].class != class))
        v6[c->n_v6++] = (struct classifier_v6){BEHIND_V4, class};
    c->v4 = v4;
    c->v6 = v6;
}

static void keep_numbers(const struct mapping *x, struct table_classifier *c)
{
    struct classifier_number *number =
        ARENA_ARRAY(x->c->keep, struct classifier_number, x->piece.n);
    for (uint32_t i = 0; i < x->piece.n && x->piece.at[i].first.byte[7] == 0; i++)
        number[c->n_numbers++] = (struct classifier_number){
            number_of_address(&x->piece.at[i].first), x->piece.at[i].class};
    c->number = number;
}

static void keep(struct mapping *x)
{
    struct arena *arena = x->c->arena;
    struct class_info *info = ARENA_ARRAY(arena, struct class_info, x->info.n);
    memcpy(info, x->info.at, x->info.n * sizeof(*info));
    struct table_classifier *made = classify_facet(x->c, x->kind, x->info.n, info);
    if (x->kind == CLASSIFIER_NETWORKS) {
        split(x, made);
    } else {
        info[CLASS_ABSENT].kind = CLASS_KIND_ABSENT;
        keep_numbers(x, made);
    }
    for (uint32_t i = 0; i < x->c->group->atom.n; i++) {
        const uint32_t at = x->c->group->atom.at[i];
        if (classify_kind(x->c, classifying_atom(x->c, at)) == x->kind)
            classify_hold(x->c, at, x->run[i].at, x->run[i].n);
        VEC_DONE(&x->run[i]);
    }
}

static void mapping_done(struct mapping *x)
{
    VEC_DONE(&x->border);
    VEC_DONE(&x->piece);
    VEC_DONE(&x->info);
    VEC_DONE(&x->few);
    free(x->slot);
    free(x->open);
    free(x->place);
    free(x->since);
    free(x->run);
}

void classify_ranges(struct classifying *c, enum classifier_kind kind)
{
    struct mapping x = {.c = c, .kind = kind};
    const uint32_t n = c->group->atom.n;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct table_atom *atom = classifying_atom(c, c->group->atom.at[i]);
        if (classify_kind(c, atom) != kind)
            continue;
        any = true;
        add_borders(&x, i, atom);
    }
    if (!any)
        return;
    x.n_slots = 4;
    while (x.n_slots / 2 < x.border.n)
        x.n_slots *= 2;
    x.slot = MUST_ARRAY(uint32_t, x.n_slots);
    x.open = MUST_ARRAY(uint32_t, n);
    x.place = MUST_ARRAY(uint32_t, n);
    x.since = MUST_ARRAY(uint32_t, n);
    x.run = must_calloc(n, sizeof(*x.run));
    for (uint32_t i = 0; i < CLASS_FIRST; i++) {
        VEC_ADD(&x.info, (struct class_info){.kind = CLASS_KIND_NEVER, .parent = CLASS_OTHER});
        VEC_ADD(&x.few, (struct few){0});
    }
    cut(&x);
    keep(&x);
    mapping_done(&x);
}
