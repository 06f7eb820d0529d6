/* libyaml's events to nodes. The only file that knows libyaml. */
#include <yaml.h>

#include "grammar/convert/node.h"
#include "grammar/diag.h"
#include "runtime/base/arena.h"
#include "runtime/base/hash.h"
#include "runtime/base/utf8.h"
#include "runtime/base/vec.h"

struct anchor {
    struct slice name;
    struct node *node;
    bool open; /* its node is not whole yet */
};

struct reader {
    yaml_parser_t yaml;
    struct arena *arena;
    struct diags *diags;
    struct slice text;
    uint32_t first;
    size_t seen_characters,
        seen_bytes; /* how far marks were looked up: libyaml counts characters */
    VEC(struct anchor) anchor;
    uint32_t depth;
    bool failed;
};

/* The byte that a mark stands at. */
static uint32_t place(struct reader *r, const yaml_mark_t *mark)
{
    if (mark->index < r->seen_characters)
        r->seen_characters = r->seen_bytes = 0;
    while (r->seen_characters < mark->index && r->seen_bytes < r->text.len) {
        const size_t n = utf8_next(slice_from(r->text, r->seen_bytes));
        r->seen_bytes += n ? n : 1;
        r->seen_characters++;
    }
    return r->first + (uint32_t)r->seen_bytes;
}

static struct span span_of(struct reader *r, const yaml_event_t *e)
{
    const uint32_t from = place(r, &e->start_mark);
    return (struct span){from, place(r, &e->end_mark)};
}

static struct node *fail(struct reader *r)
{
    r->failed = true;
    return NULL;
}

static bool next_event(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->yaml, e))
        return true;
    const char *why = r->yaml.problem ? r->yaml.problem : "it ends too early";
    const uint32_t at = place(r, &r->yaml.problem_mark);
    diag(r->diags, DIAG_BAD_YAML, (struct span){at, at}, why);
    if (r->yaml.context && r->yaml.context_mark.line != r->yaml.problem_mark.line) {
        const uint32_t from = place(r, &r->yaml.context_mark);
        diag_also(r->diags, (struct span){from, from}, "%s", r->yaml.context);
    }
    (void)fail(r);
    return false;
}

typedef VEC(struct run) run_list;

static void add_run(run_list *runs, uint32_t len, uint32_t from, uint32_t to)
{
    struct run *last = runs->n > 0 ? &runs->at[runs->n - 1] : NULL;
    if (last && len == 1 && to - from == 1 && last->span.to == from &&
        last->len == last->span.to - last->span.from) {
        last->len++;
        last->span.to++;
    } else {
        VEC_ADD(runs, (struct run){len, {from, to}});
    }
}

/* The character that an escape of one letter stands for; 0: it is another kind of escape. */
static char unescaped(char letter)
{
    static const char pairs[] = "\"\"\\\\//n\nr\rt\tb\ba\ae\x1b";
    for (size_t i = 0; i + 1 < sizeof(pairs); i += 2)
        if (pairs[i] == letter)
            return pairs[i + 1];
    return '\0';
}

/* Follows a scalar of one line through the source. False where that does not work out: the text is
 * folded, or has rarer escapes. */
static bool follow(const struct reader *r, const struct node *n, yaml_scalar_style_t style,
                   run_list *runs)
{
    const bool quoted = style != YAML_PLAIN_SCALAR_STYLE;
    uint32_t at = n->span.from + quoted;
    for (size_t i = 0; i < n->text.len; i++) {
        if (at >= n->span.to)
            return false;
        const char c = r->text.at[at - r->first], want = n->text.at[i];
        const char next = at + 1 < n->span.to ? r->text.at[at + 1 - r->first] : '\0';
        uint32_t bytes = 1;
        if ((style == YAML_SINGLE_QUOTED_SCALAR_STYLE && c == '\'' && next == '\'' &&
             want == '\'') ||
            (style == YAML_DOUBLE_QUOTED_SCALAR_STYLE && c == '\\' && unescaped(next) == want))
            bytes = 2;
        else if (c != want || c == '\n' || (c == '\\' && style == YAML_DOUBLE_QUOTED_SCALAR_STYLE))
            return false;
        add_run(runs, 1, at, at + bytes);
        at += bytes;
    }
    return at + quoted == n->span.to;
}

static struct node *scalar(struct reader *r, const yaml_event_t *e)
{
    struct node *n = ARENA_NEW(r->arena, struct node);
    const yaml_scalar_style_t style = e->data.scalar.style;
    n->span = span_of(r, e);
    n->text = arena_copy(r->arena,
                         (struct slice){(const char *)e->data.scalar.value, e->data.scalar.length});
    const bool is_null = n->text.len == 0 || slice_eq(n->text, SLICE("null"));
    n->kind = style == YAML_PLAIN_SCALAR_STYLE && is_null ? NODE_NONE : NODE_SCALAR;
    if (memchr(n->text.at, '\0', n->text.len)) {
        diag(r->diags, DIAG_BAD_YAML, n->span, "a NUL character");
        return fail(r);
    }
    run_list runs = {0};
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ||
        !follow(r, n, style, &runs))
        runs.n = 0;
    n->n_runs = runs.n;
    n->run = ARENA_ARRAY(r->arena, struct run, runs.n + 1);
    if (runs.n > 0)
        memcpy(n->run, runs.at, runs.n * sizeof(*runs.at));
    VEC_DONE(&runs);
    return n;
}

static struct node *alias(struct reader *r, const yaml_event_t *e)
{
    const struct slice name = slice_of((const char *)e->data.alias.anchor);
    for (uint32_t i = r->anchor.n; i-- > 0;) {
        if (!slice_eq(r->anchor.at[i].name, name))
            continue;
        if (!r->anchor.at[i].open)
            return r->anchor.at[i].node;
        diag(r->diags, DIAG_BAD_ALIAS, span_of(r, e), SLICE_ARG(name), "stands in itself");
        return fail(r);
    }
    diag(r->diags, DIAG_BAD_ALIAS, span_of(r, e), SLICE_ARG(name), "has no anchor before it");
    return fail(r);
}

/* Notes an anchor; returns its number, or UINT32_MAX when there is none. */
static uint32_t note_anchor(struct reader *r, const yaml_char_t *name, struct node *n)
{
    if (!name)
        return UINT32_MAX;
    const struct slice copy = arena_copy(r->arena, slice_of((const char *)name));
    VEC_ADD(&r->anchor, (struct anchor){copy, n, true});
    return r->anchor.n - 1;
}

static bool tag_is_fine(struct reader *r, const yaml_event_t *e, const yaml_char_t *tag)
{
    if (!tag || tag[0] == '\0' || strcmp((const char *)tag, "!") == 0 ||
        strncmp((const char *)tag, "tag:yaml.org,2002:", 18) == 0)
        return true;
    diag(r->diags, DIAG_BAD_YAML, span_of(r, e), "tags mean nothing in a configuration");
    (void)fail(r);
    return false;
}

static struct node *node(struct reader *r, yaml_event_t *e, bool *is_alias);

/* Has this mapping another key of that text? Said once, and the later one is left out. */
struct keys {
    const struct node **slot;
    uint32_t n, room;
};

static void keys_grow(struct keys *k)
{
    const uint32_t room = k->room ? k->room * 2 : 16;
    const struct node **slot = MUST_ARRAY(const struct node *, room);
    for (uint32_t i = 0; i < k->room; i++) {
        if (!k->slot[i])
            continue;
        uint32_t at = (uint32_t)hash_slice(k->slot[i]->text, 0) & (room - 1);
        while (slot[at])
            at = (at + 1) & (room - 1);
        slot[at] = k->slot[i];
    }
    free(k->slot);
    k->slot = slot;
    k->room = room;
}

/* Returns the earlier key of the same text, or NULL, and then this one is noted. */
static const struct node *keys_note(struct keys *k, const struct node *key)
{
    if (k->n * 2 >= k->room)
        keys_grow(k);
    uint32_t at = (uint32_t)hash_slice(key->text, 0) & (k->room - 1);
    for (; k->slot[at]; at = (at + 1) & (k->room - 1))
        if (slice_eq(k->slot[at]->text, key->text))
            return k->slot[at];
    k->slot[at] = key;
    k->n++;
    return NULL;
}

static bool key_is_fine(struct reader *r, const struct node *key, struct keys *keys)
{
    if (key->kind != NODE_SCALAR) {
        diag(r->diags, DIAG_YAML_SHAPE, key->span, "a key is the beginning of a statement: a text");
        return false;
    }
    if (slice_eq(key->text, SLICE("<<"))) {
        diag(r->diags, DIAG_YAML_SHAPE, key->span, "mappings are not merged here");
        return false;
    }
    const struct node *other = keys_note(keys, key);
    if (!other)
        return true;
    diag(r->diags, DIAG_KEY_TWICE, key->span, SLICE_ARG(key->text));
    diag_also(r->diags, other->span, "the first one");
    return false;
}

static void entries(struct reader *r, struct node *n, yaml_event_type_t end, struct keys *keys)
{
    struct item **last = &n->first;
    for (;;) {
        yaml_event_t e;
        if (r->failed || !next_event(r, &e))
            return;
        if (e.type == end) {
            if (span_of(r, &e).to > n->span.to)
                n->span.to = span_of(r, &e).to;
            yaml_event_delete(&e);
            return;
        }
        struct item *item = ARENA_NEW(r->arena, struct item);
        bool fine = true;
        if (n->kind == NODE_MAP) {
            item->key = node(r, &e, &item->is_alias);
            item->is_alias = false;
            if (!item->key || !next_event(r, &e))
                return;
            fine = key_is_fine(r, item->key, keys);
        }
        item->value = node(r, &e, &item->is_alias);
        if (!item->value)
            return;
        if (!item->is_alias && item->value->span.to > n->span.to)
            n->span.to = item->value->span.to;
        if (fine) {
            *last = item;
            last = &item->next;
        }
    }
}

static struct node *collection(struct reader *r, const yaml_event_t *e, enum node_kind kind,
                               yaml_event_type_t end)
{
    struct node *n = ARENA_NEW(r->arena, struct node);
    n->kind = kind;
    n->span = span_of(r, e);
    if (++r->depth > NODE_DEPTH_MAX) {
        diag(r->diags, DIAG_NESTED_TOO_DEEP, n->span, NODE_DEPTH_MAX);
        return fail(r);
    }
    const yaml_char_t *anchor =
        kind == NODE_MAP ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const uint32_t noted = note_anchor(r, anchor, n);
    struct keys keys = {0};
    entries(r, n, end, &keys);
    free(keys.slot);
    if (noted != UINT32_MAX)
        r->anchor.at[noted].open = false;
    r->depth--;
    return r->failed ? NULL : n;
}

/* The node that begins with event *e, which is used up. */
static struct node *node(struct reader *r, yaml_event_t *e, bool *is_alias)
{
    struct node *n = NULL;
    *is_alias = e->type == YAML_ALIAS_EVENT;
    if (e->type == YAML_ALIAS_EVENT) {
        n = alias(r, e);
    } else if (e->type == YAML_SCALAR_EVENT) {
        if (tag_is_fine(r, e, e->data.scalar.tag))
            n = scalar(r, e);
        const uint32_t noted = n ? note_anchor(r, e->data.scalar.anchor, n) : UINT32_MAX;
        if (noted != UINT32_MAX)
            r->anchor.at[noted].open = false;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        if (tag_is_fine(r, e, e->data.mapping_start.tag))
            n = collection(r, e, NODE_MAP, YAML_MAPPING_END_EVENT);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        if (tag_is_fine(r, e, e->data.sequence_start.tag))
            n = collection(r, e, NODE_LIST, YAML_SEQUENCE_END_EVENT);
    }
    yaml_event_delete(e);
    return n;
}

/* The one document of the stream. */
static struct node *document(struct reader *r)
{
    struct node *root = NULL;
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!next_event(r, &e))
            return NULL;
        more = e.type != YAML_STREAM_END_EVENT;
        if (e.type == YAML_DOCUMENT_START_EVENT && root) {
            diag(r->diags, DIAG_YAML_SHAPE, span_of(r, &e), "a configuration is one document");
            more = false;
        }
        const bool is_structure =
            e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT ||
            e.type == YAML_DOCUMENT_END_EVENT || e.type == YAML_STREAM_END_EVENT;
        if (is_structure) {
            yaml_event_delete(&e);
            continue;
        }
        bool is_alias;
        root = node(r, &e, &is_alias);
        if (!root)
            return NULL;
    }
    return root ? root : ARENA_NEW(r->arena, struct node);
}

struct node *node_read(const struct sources *sources, int index, struct arena *arena,
                       struct diags *d)
{
    struct reader r = {.arena = arena, .diags = d};
    r.text = sources_text(sources, index, &r.first);
    if (!yaml_parser_initialize(&r.yaml))
        die_out_of_memory(1, sizeof(r.yaml));
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)r.text.at, r.text.len);
    struct node *root = document(&r);
    yaml_parser_delete(&r.yaml);
    VEC_DONE(&r.anchor);
    return r.failed ? NULL : root;
}
