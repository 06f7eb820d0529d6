#include "compiler/prove/pull.h"

#include "compiler/table/match.h"
#include "compiler/table/template.h"
#include "runtime/base/hash.h"
#include "runtime/base/uri.h"

void pulls_done(struct pulls *p)
{
    VEC_DONE(&p->made);
    free(p->slot);
    arena_free(&p->arena);
    arena_free(&p->scratch);
}

static uint64_t hash_of(const struct table_atom *a)
{
    return hash_slice(a->string, a->op);
}

static void make_room(struct pulls *p)
{
    if (p->made.n * 2 < p->slots)
        return;
    free(p->slot);
    p->slots = p->slots ? p->slots * 2 : 64;
    p->slot = MUST_ARRAY(uint32_t, p->slots);
    for (uint32_t i = 0; i < p->made.n; i++) {
        uint64_t at = hash_of(p->made.at[i]);
        while (p->slot[at & (p->slots - 1)] != 0)
            at++;
        p->slot[at & (p->slots - 1)] = i + 1;
    }
}

/* `front` and `back`, one behind the other. */
static const struct table_atom *path(struct pulls *p, enum table_op op, struct slice front,
                                     struct slice back)
{
    const struct arena_mark mark = arena_mark(&p->arena);
    const struct slice text =
        arena_format(&p->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(front), SLICE_ARG(back));
    struct table_atom *made = ARENA_NEW(&p->arena, struct table_atom);
    *made = (struct table_atom){.field = FIELD_PATH, .op = op, .key = SLICE(""), .string = text};
    make_room(p);
    for (uint64_t at = hash_of(made);; at++) {
        uint32_t *slot = &p->slot[at & (p->slots - 1)];
        if (*slot == 0) {
            VEC_ADD(&p->made, made);
            *slot = p->made.n;
            return made;
        }
        const struct table_atom *known = p->made.at[*slot - 1];
        if (known->op == op && slice_eq(known->string, text)) {
            arena_rewind(&p->arena, mark);
            return known;
        }
    }
}

const struct table_atom *pull_root(struct pulls *p)
{
    return path(p, OP_STARTS_WITH, SLICE("/"), SLICE(""));
}

/* A path that begins with `from` has `to` in its place, and what is behind it stays. */
struct moving {
    struct pulls *pulls;
    struct slice from, to;
    struct pulled *out;
};

static void add_any(struct moving *m, enum table_op op, struct slice behind)
{
    if (m->out->n_any < PULLED_MAX)
        m->out->any[m->out->n_any] = path(m->pulls, op, m->from, behind);
    m->out->n_any++;
}

static void add_none(struct moving *m, struct slice behind)
{
    if (m->out->n_none < PULLED_MAX)
        m->out->none[m->out->n_none] = path(m->pulls, OP_EQUAL, m->from, behind);
    m->out->n_none++;
}

static struct slice first(struct slice s, size_t n)
{
    return (struct slice){s.at, n};
}

static void move_equal(struct moving *m, struct slice s)
{
    if (slice_starts(s, m->to))
        add_any(m, OP_EQUAL, slice_from(s, m->to.len));
}

static void move_start(struct moving *m, struct slice s)
{
    if (slice_starts(m->to, s))
        m->out->always = true;
    else if (slice_starts(s, m->to))
        add_any(m, OP_STARTS_WITH, slice_from(s, m->to.len));
}

/* The end may reach into what is replaced: then all that is behind it is known. */
static void move_end(struct moving *m, struct slice s)
{
    m->out->rest = path(m->pulls, OP_ENDS_WITH, s, SLICE(""));
    for (size_t k = 1; k <= s.len; k++) {
        const bool now = slice_ends(m->to, first(s, k)), before = slice_ends(m->from, first(s, k));
        if (now)
            add_any(m, OP_EQUAL, slice_from(s, k));
        else if (before)
            add_none(m, slice_from(s, k));
    }
}

/* True: it can be told. What overlaps with the text before it can't, unless it does so now. */
static bool move_contents(struct moving *m, const struct table_atom *atom)
{
    const struct slice s = atom->string;
    m->out->always = match_value(NULL, atom, m->to);
    bool told = m->out->always || !match_value(NULL, atom, m->from);
    for (size_t k = 1; k < s.len && !m->out->always; k++) {
        const bool now = slice_ends(m->to, first(s, k)), before = slice_ends(m->from, first(s, k));
        if (now)
            add_any(m, OP_STARTS_WITH, slice_from(s, k));
        told &= now || !before;
    }
    m->out->rest = path(m->pulls, OP_CONTAINS, s, SLICE(""));
    return told;
}

static bool move(struct moving *m, const struct table *t, const struct table_atom *atom)
{
    const struct slice s = atom->string;
    switch (atom->op) {
    case OP_EXISTS: m->out->always = true; return true;
    case OP_EQUAL: move_equal(m, s); return true;
    case OP_IN_STRINGS:
        for (uint32_t i = 0; i < t->string_set[atom->set].n; i++)
            move_equal(m, t->string_set[atom->set].string[i]);
        return true;
    case OP_UNDER: {
        const bool ends = slice_ends(s, SLICE("/"));
        char *folder = ARENA_ARRAY(&m->pulls->scratch, char, s.len + 1);
        memcpy(folder, s.at, s.len);
        folder[s.len] = '/';
        move_equal(m, s);
        move_start(m, first((struct slice){folder, s.len + 1}, s.len + !ends));
        return true;
    }
    case OP_STARTS_WITH: move_start(m, s); return true;
    case OP_ENDS_WITH: move_end(m, s); return true;
    case OP_CONTAINS: return move_contents(m, atom);
    case OP_IN_DOMAINS:
    case OP_IN_NETWORKS:
    case OP_IN_NUMBERS:
    case OP_MATCHES:
    case OP_COUNT: break;
    }
    return false;
}

/* Nothing is done to it when it becomes a path, by whatever listener. */
static bool is_normal(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f || s.at[i] == '#' || s.at[i] == '?')
            return false;
    char *out = MUST_ARRAY(char, s.len + 1);
    size_t len;
    const bool same = s.len > 0 && s.at[0] == '/' &&
                      uri_normalise_path(s, 0, out, &len) == URI_OK &&
                      slice_eq((struct slice){out, len}, s);
    free(out);
    return same;
}

static struct slice folder_of(struct pulls *p, struct slice s)
{
    return slice_ends(s, SLICE("/")) ? s : arena_format(&p->scratch, SLICE_FMT "/", SLICE_ARG(s));
}

bool pull_back(struct pulls *p, const struct table_effect *change, const struct table *t,
               const struct table_atom *atom, struct pulled *out)
{
    struct slice value;
    arena_free(&p->scratch);
    out->same = out->rest = NULL;
    out->always = false;
    out->n_any = out->n_none = 0;
    if (!template_is_literal(&change->value, &value))
        return false;
    if (change->kind == EFFECT_REWRITE_PATH) {
        out->begins = pull_root(p);
        out->always = match_value(t, atom, value);
        return is_normal(value);
    }
    if (change->kind != EFFECT_REPLACE_PREFIX || (value.len > 0 && !is_normal(value)))
        return false;
    if (t->path_rules & URI_KEEP_EMPTY_SEGMENTS)
        return false; /* behind what goes, "//b" may come to the front and become "/b" */
    const struct slice whole = value.len > 0 ? value : SLICE("/");
    struct moving m = {p, folder_of(p, change->name), folder_of(p, whole), out};
    out->same = path(p, OP_EQUAL, change->name, SLICE(""));
    out->same_passes = match_value(t, atom, whole);
    out->begins = path(p, OP_STARTS_WITH, m.from, SLICE(""));
    return move(&m, t, atom) && out->n_any <= PULLED_MAX && out->n_none <= PULLED_MAX;
}
