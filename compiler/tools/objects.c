#include "compiler/tools/objects.h"

#include "compiler/tools/unparse.h"
#include "runtime/base/text.h"

/* One line of a block; blocks inside blocks have names of their own. */
struct line {
    struct slice object, text;
    bool paired;
};

struct lines {
    VEC(struct line) at;
};

/* Routes, and definitions that only they name, are told by what they do. */
static bool is_of_routes(struct slice line)
{
    static const struct slice WORDS[] = {SLICE_INIT("route "), SLICE_INIT("acl "),
                                         SLICE_INIT("set "), SLICE_INIT("map "),
                                         SLICE_INIT("lbconf ")};
    for (size_t i = 0; i < COUNT_OF(WORDS); i++)
        if (slice_starts(line, WORDS[i]))
            return true;
    return false;
}

/* Blocks of clauses are told as routes are. */
static bool is_block(struct slice line)
{
    return slice_eq(line, SLICE("on connect {")) || slice_eq(line, SLICE("on response {"));
}

static struct slice outer_of(struct slice object)
{
    for (size_t i = object.len; i-- > 0;)
        if (object.at[i] == '\n')
            return (struct slice){object.at, i};
    return SLICE("");
}

/* Blocks are named by their first lines, one in another. */
static void read_lines(struct slice text, struct arena *arena, struct lines *out)
{
    struct slice line, object = SLICE("");
    uint32_t skipped = 0; /* how deep we are in something that is left out */
    while (slice_split(&text, '\n', &line)) {
        line = slice_trim(line);
        const bool opens = slice_ends(line, SLICE("{")), closes = slice_eq(line, SLICE("}"));
        if (line.len == 0)
            continue;
        if (skipped > 0 || is_block(line) || (object.len == 0 && is_of_routes(line))) {
            skipped += opens;
            skipped -= closes;
        } else if (closes) {
            object = outer_of(object);
        } else if (opens) {
            const struct slice name = slice_trim((struct slice){line.at, line.len - 1});
            object = arena_format(arena, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(object),
                                  object.len ? "\n" : "", SLICE_ARG(name));
            VEC_ADD(&out->at, (struct line){.object = object, .text = SLICE("")});
        } else {
            VEC_ADD(&out->at, (struct line){.object = object, .text = line});
        }
    }
}

static struct slice first_words(struct slice s, unsigned n)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == ' ' && --n == 0)
            return (struct slice){s.at, i};
    return s;
}

static bool has_object(const struct lines *l, struct slice object)
{
    for (uint32_t i = 0; i < l->at.n; i++)
        if (slice_eq(l->at.at[i].object, object))
            return true;
    return false;
}

/* Pairs lines that begin with the same words (0: are the same). */
static void pair(struct lines *a, struct lines *b, unsigned words, struct objects_diff *out)
{
    for (uint32_t i = 0; i < a->at.n; i++) {
        struct line *x = &a->at.at[i];
        for (uint32_t k = 0; k < b->at.n && !x->paired; k++) {
            struct line *y = &b->at.at[k];
            if (y->paired || !slice_eq(x->object, y->object) ||
                (words == 0 ? !slice_eq(x->text, y->text)
                            : !slice_eq(first_words(x->text, words), first_words(y->text, words))))
                continue;
            x->paired = y->paired = true;
            if (words > 0)
                VEC_ADD(&out->change, (struct objects_change){.object = x->object,
                                                              .before = x->text,
                                                              .after = y->text});
        }
    }
}

static void rest(const struct lines *l, const struct lines *other, bool added,
                 struct objects_diff *out)
{
    for (uint32_t i = 0; i < l->at.n; i++) {
        const struct line *x = &l->at.at[i];
        if (x->paired)
            continue;
        struct objects_change c = {.object = x->object};
        if (x->object.len > 0 && !has_object(other, x->object)) {
            if (x->text.len > 0)
                continue; /* said with the object */
            c.added = added;
            c.removed = !added;
        } else if (added) {
            c.after = x->text;
        } else {
            c.before = x->text;
        }
        VEC_ADD(&out->change, c);
    }
}

static int by_object(const void *a, const void *b)
{
    const struct objects_change *x = a, *y = b;
    const size_t n = x->object.len < y->object.len ? x->object.len : y->object.len;
    const int order = n ? memcmp(x->object.at, y->object.at, n) : 0;
    if (order != 0)
        return order;
    return x->object.len < y->object.len ? -1 : x->object.len > y->object.len;
}

static struct slice on_one_line(struct arena *arena, struct slice object)
{
    struct slice copy = arena_copy(arena, object);
    char *at = ARENA_ARRAY(arena, char, copy.len + 1);
    for (size_t i = 0; i < copy.len; i++)
        at[i] = copy.at[i] == '\n' ? ' ' : copy.at[i];
    return (struct slice){at, copy.len};
}

void objects_diff(const struct program *before, const struct program *after, struct arena *arena,
                  struct objects_diff *out)
{
    *out = (struct objects_diff){0};
    struct text text[2] = {0};
    struct lines lines[2] = {0};
    unparse(before, &text[0]);
    unparse(after, &text[1]);
    for (unsigned i = 0; i < 2; i++)
        read_lines(arena_copy(arena, text_slice(&text[i])), arena, &lines[i]);
    for (unsigned words = 0; words <= 2; words++)
        pair(&lines[0], &lines[1], words == 0 ? 0 : 3 - words, out);
    rest(&lines[0], &lines[1], false, out);
    rest(&lines[1], &lines[0], true, out);
    if (out->change.n > 1)
        qsort(out->change.at, out->change.n, sizeof(*out->change.at), by_object);
    for (uint32_t i = 0; i < out->change.n; i++)
        out->change.at[i].object = on_one_line(arena, out->change.at[i].object);
    for (unsigned i = 0; i < 2; i++) {
        text_done(&text[i]);
        VEC_DONE(&lines[i].at);
    }
}

void objects_diff_done(struct objects_diff *d)
{
    VEC_DONE(&d->change);
}
