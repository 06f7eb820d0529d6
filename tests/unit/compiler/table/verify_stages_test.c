/* What the compiler makes of stages and classifiers passes; each way to spoil it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/sema/sema.h"
#include "compiler/table/classifier.h"
#include "compiler/table/verify.h"
#include "grammar/diag.h"
#include "grammar/parse.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"

static const char TEXT[] =
    "lbconf 1\n"
    "cluster web {\n  server s 127.0.0.1:1\n}\n"
    "listener l {\n  bind 127.0.0.1:80\n  route r\n}\n"
    "route r {\n"
    "  when path under \"/api/v1\" and src in { 10.0.0.0/8 } { set header \"x\" \"1\"; continue }\n"
    "  when path under \"/api\" or path starts-with \"/ap\" or path starts-with \"/b\" { deny 401 "
    "}\n"
    "  when path == \"/c\" and body.length >= 10B { deny 402 }\n"
    "  when header \"x\" == \"1\" { set header \"y\" \"1\"; deny 403 }\n"
    "  otherwise { forward web }\n"
    "}\n";

static struct table *sound(void)
{
    struct arena arena = {0};
    struct sources *sources = sources_new();
    assert_int_equal(sources_add(sources, SLICE("test"), slice_of(TEXT)), 0);
    struct diags *d = diags_new(sources, 0);
    const struct sema_input in = {.file = parse(sources, 0, &arena, d).root, .sources = sources};
    struct scope scope;
    const struct program *p = sema(&in, &arena, d, &scope);
    scope_done(&scope);
    assert_non_null(p);
    struct table *t = lower(p);
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    return t;
}

/* A table is const to all but those who spoil it. */
#define SPOILABLE(type, at) ((type *)(uintptr_t)(at))

static struct table_classifier *classifier(struct table *t, enum classifier_kind kind)
{
    for (uint32_t i = 0; i < t->n_classifiers; i++)
        if (t->classifier[i]->kind == kind)
            return SPOILABLE(struct table_classifier, t->classifier[i]);
    fail_msg("there is no classifier of kind %d", kind);
    return NULL;
}

/* The path's, which has everything. */
static struct table_classifier *head(struct table *t)
{
    for (uint32_t i = 0; i < t->n_classifiers; i++)
        if (t->classifier[i]->field == FIELD_PATH)
            return SPOILABLE(struct table_classifier, t->classifier[i]);
    fail_msg("there is no classifier of paths");
    return NULL;
}

static struct table_branch *branch(struct table *t, bool flat)
{
    for (uint32_t i = 0; i < t->n_branches; i++)
        if (t->branch[i].flat == flat)
            return SPOILABLE(struct table_branch, &t->branch[i]);
    return NULL;
}

static struct table_leaf *leaf(struct table *t, bool decides)
{
    for (uint32_t i = 0; i < t->n_leaves; i++)
        if ((t->leaf[i].stage == TABLE_NO_STAGE) == decides)
            return SPOILABLE(struct table_leaf, &t->leaf[i]);
    fail_msg("there is no such leaf");
    return NULL;
}

static uint32_t *record(const struct table_classifier *c, const struct classifier_texts *of)
{
    for (uint32_t i = 0; i <= of->mask; i++)
        if (of->slot[i].at != 0)
            return SPOILABLE(uint32_t, c->record + of->slot[i].at);
    fail_msg("there is no text");
    return NULL;
}

static void fill(const struct classifier_texts *of)
{
    struct classifier_slot *slot = SPOILABLE(struct classifier_slot, of->slot), any = {0};
    for (uint32_t i = 0; i <= of->mask; i++)
        any = slot[i].at ? slot[i] : any;
    for (uint32_t i = 0; i <= of->mask; i++)
        slot[i] = any;
}

#define STAGE(i)  SPOILABLE(struct table_stage, &t->stage[i])
#define TARGET(b) SPOILABLE(uint32_t, &t->target[(b)->first])
#define HEAD      head(t)
#define NETWORKS  classifier(t, CLASSIFIER_NETWORKS)
#define NUMBERS   classifier(t, CLASSIFIER_NUMBERS)

/* SPOIL(what is done to the table t, the sentence) */
#define SPOILT                                                                                     \
    SPOIL(t->stage = NULL, "there are no stages where some are counted")                           \
    SPOIL(t->classifier = NULL, "there are no classifiers where some are counted")                 \
    SPOIL(SPOILABLE(struct table_route, t->route)->stage = t->n_stages,                            \
          "a route begins at a stage that is not its own")                                         \
    SPOIL(STAGE(0)->route = 1, "a route begins at a stage that is not its own")                    \
    SPOIL(STAGE(1)->route = 1, "a stage belongs to a route that is not there")                     \
    SPOIL(STAGE(0)->test = t->n_nodes, "a stage goes on at a node that is not there")              \
    SPOIL(STAGE(0)->n_leaves = t->n_leaves + 1,                                                    \
          "a stage has branches or leaves that are not there")                                     \
    SPOIL(STAGE(0)->entry = STAGE(1)->entry,                                                       \
          "a branch leads backward, to itself or out of its stage")                                \
    SPOIL(branch(t, true)->classifier = t->n_classifiers,                                          \
          "a branch asks a classifier that is not there")                                          \
    SPOIL(branch(t, true)->n = 1, "a branch has not one target for each class")                    \
    SPOIL(branch(t, true)->first = t->n_targets, "a branch has edges that are not there")          \
    SPOIL(*TARGET(branch(t, true)) = (uint32_t)(branch(t, true) - t->branch),                      \
          "a branch leads backward, to itself or out of its stage")                                \
    SPOIL(*TARGET(branch(t, true)) = t->n_leaves | TABLE_LEAF,                                     \
          "a branch leads to a leaf that is not its stage's")                                      \
    SPOIL(leaf(t, true)->act = t->n_nodes, "a leaf goes on at a node that is not there")           \
    SPOIL(leaf(t, true)->n_acts = 1000, "a leaf does what is not there")                           \
    SPOIL((leaf(t, true)->act = 0, leaf(t, true)->n_acts = 0),                                     \
          "a leaf neither decides nor leads to a later stage")                                     \
    SPOIL(leaf(t, false)->stage = 0, "a leaf neither decides nor leads to a later stage")          \
    SPOIL(HEAD->kind = (enum classifier_kind)9, "a classifier is of no known kind")                \
    SPOIL(HEAD->field = FIELD_COUNT, "a field is none of the known ones")                          \
    SPOIL(HEAD->last = NULL, "a classifier has no classes")                                        \
    SPOIL(SPOILABLE(uint32_t, HEAD->last)[2] = 1,                                                  \
          "a class holds what ends before it, or behind all")                                      \
    SPOIL(HEAD->length = NULL, "a classifier has no lengths where some are counted")               \
    SPOIL(SPOILABLE(uint32_t, HEAD->length)[1] = 0,                                                \
          "the lengths of a classifier are not in order")                                          \
    SPOIL(SPOILABLE(uint32_t, HEAD->slashes)[1] = 0,                                               \
          "the depths of a classifier are not in order")                                           \
    SPOIL(HEAD->whole.mask = 2, "a number of slots is no power of two")                            \
    SPOIL(HEAD->piece.slot = NULL, "a classifier has no slots")                                    \
    SPOIL(fill(&HEAD->segments), "a classifier has no free slot, so that a search would not end")  \
    SPOIL(*record(HEAD, &HEAD->piece) = HEAD->n_classes, "a text is of a class that is not there") \
    SPOIL(record(HEAD, &HEAD->piece)[1] = UINT32_MAX, "a record has no room for its text")         \
    SPOIL(HEAD->n_record = 2, "a slot has no record")                                              \
    SPOIL(NETWORKS->field = FIELD_PATH, "a field that is no address has networks")                 \
    SPOIL(NETWORKS->n_v4 = 0, "IPv4 does not begin at its first address")                          \
    SPOIL(NETWORKS->v6 = NULL, "IPv6 does not begin at its first address")                         \
    SPOIL(SPOILABLE(struct classifier_v4, NETWORKS->v4)[1].first = 0,                              \
          "addresses are not in order")                                                            \
    SPOIL(SPOILABLE(struct classifier_v4, NETWORKS->v4)[1].class = 99,                             \
          "an address is of a class that is not there")                                            \
    SPOIL(SPOILABLE(struct classifier_number, NUMBERS->number)[0].first = 1,                       \
          "numbers do not begin at 0")                                                             \
    SPOIL(SPOILABLE(struct classifier_number, NUMBERS->number)[1].class = 99,                      \
          "a number is of a class that is not there")

static void check(struct table **t, const char *how, const char *sentence)
{
    const char *problem = table_verify(*t);
    if (!problem || strcmp(problem, sentence) != 0)
        fail_msg("%s: %s", how, problem ? problem : "passes");
    table_free(*t);
    *t = sound();
}

static void what_is_spoilt_is_refused(void **state)
{
    (void)state;
    struct table *t = sound();
    assert_null(table_verify(t));
    assert_int_equal(t->n_stages, 2);
#define SPOIL(how, sentence) (void)(how), check(&t, #how, sentence);
    SPOILT
#undef SPOIL
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_spoilt_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
