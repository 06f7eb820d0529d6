#include "grammar/convert/document.h"

#include "grammar/convert/named.h"
#include "grammar/format/format.h"
#include "grammar/parser.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

/* A longer key is hard to read, and YAML has a limit at 1,024. */
#define KEY_COLUMNS_MAX 100u

struct builder {
    const struct outline *o;
    struct arena *arena;
    struct entry *last; /* what a comment on the same line belongs to */
};

/* How the statements of a body are written. */
enum style {
    STYLE_TOP,     /* definitions */
    STYLE_BLOCK,   /* settings: a mapping, if that can be */
    STYLE_ACTIONS, /* one after the other: a list */
};

/* How a statement can be an entry of a mapping. */
enum sort { SORT_NAMED, SORT_PLAIN, SORT_BLOCK };

static const struct piece *piece(const struct builder *b, uint32_t i)
{
    return &b->o->piece[i];
}

static struct slice flat(const struct builder *b, uint32_t from, uint32_t to)
{
    struct text t = {0};
    format_flat(b->o, from, to, &t);
    const struct slice s = arena_copy(b->arena, text_slice(&t));
    text_done(&t);
    return s;
}

static struct entry *new_entry(struct builder *b, struct slice key, enum node_kind kind)
{
    struct entry *e = ARENA_NEW(b->arena, struct entry);
    e->key = key;
    e->kind = kind;
    return e;
}

static struct note *add_note(struct builder *b, struct note **list, struct slice text)
{
    struct note *n = ARENA_NEW(b->arena, struct note);
    n->text = text;
    while (*list)
        list = &(*list)->next;
    *list = n;
    return n;
}

/* The comments in the gap before piece i: one on the same line goes to the last entry, the others
 * to *notes. Returns whether there is a blank line. */
static bool take_gap(struct builder *b, uint32_t i, struct note **notes)
{
    struct slice gap = piece(b, i)->gap;
    struct gap_comment c;
    uint32_t newlines;
    bool blank = false;
    struct note *last = NULL;
    while (gap_next(&gap, &c, &newlines)) {
        if (newlines > 1 && last)
            last->blank_behind = true;
        blank = blank || (newlines > 1 && !last);
        if (c.newlines == 0 && b->last && b->last->comment.len == 0)
            b->last->comment = c.text;
        else
            last = add_note(b, notes, c.text);
    }
    if (newlines > 1 && last)
        last->blank_behind = true;
    return blank || (newlines > 1 && !last);
}

/* The comments within pieces [from, to), the first one's gap aside. */
static void take_inner(struct builder *b, uint32_t from, uint32_t to, struct note **notes)
{
    struct entry *last = b->last;
    b->last = NULL;
    for (uint32_t i = from + 1; i < to; i++)
        (void)take_gap(b, i, notes);
    b->last = last;
}

static struct slice word_of(const struct builder *b, const struct statement *s)
{
    return piece(b, s->from)->text;
}

static bool is_name(const struct piece *p)
{
    const char c = p->text.len > 0 ? p->text.at[0] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static enum sort sort_of(const struct builder *b, const struct statement *s, enum style style)
{
    const char *sign = named_sign(word_of(b, s), style == STYLE_TOP ? NAMED_TOP : NAMED_BLOCK);
    const uint32_t n = s->to - s->from;
    if (sign && n >= 2 && is_name(piece(b, s->from + 1))) {
        if (sign[0] == '\0' && (n > 2 || statement_has_block(s)))
            return SORT_NAMED;
        if (sign[0] != '\0' && n > 3 && !statement_has_block(s) &&
            slice_eq(piece(b, s->from + 2)->text, slice_of(sign)))
            return SORT_NAMED;
    }
    return statement_has_block(s) ? SORT_BLOCK : SORT_PLAIN;
}

static bool was_short(const struct builder *b, uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i <= to; i++)
        if (gap_has_newline(piece(b, i)->gap))
            return false;
    return true;
}

static void set_text(struct builder *b, struct entry *e, uint32_t from, uint32_t to)
{
    e->kind = from < to ? NODE_SCALAR : NODE_NONE;
    if (from < to)
        e->text = flat(b, from, to);
}

/* Is `from` a set's brace, the end of the statement its other, with plain entries and no comma
 * behind the last? */
static bool is_plain_set(const struct builder *b, uint32_t from, uint32_t to)
{
    if (piece(b, from)->kind != TK_LSET || piece(b, to - 1)->kind != TK_RSET ||
        piece(b, to - 2)->kind == TK_COMMA)
        return false;
    for (uint32_t i = from + 1; i < to - 1; i++)
        if (piece(b, i)->kind == TK_LSET || piece(b, i)->kind == TK_LPAREN)
            return false;
    return true;
}

static struct entry *set_entries(struct builder *b, struct slice key, uint32_t from, uint32_t to)
{
    struct entry *list = new_entry(b, key, NODE_LIST), **end = &list->first;
    list->is_short = was_short(b, from, to - 1);
    b->last = list;
    for (uint32_t i = from + 1; i < to - 1;) {
        uint32_t next = i + 1;
        while (piece(b, next)->kind != TK_COMMA && next < to - 1)
            next++;
        struct entry *e = new_entry(b, SLICE(""), NODE_SCALAR);
        (void)take_gap(b, i, &e->before);
        take_inner(b, i, next, &e->before);
        e->text = flat(b, i, next);
        b->last = e;
        if (next < to - 1) {
            struct note *behind = NULL;
            (void)take_gap(b, next, &behind);
            for (; behind; behind = behind->next)
                (void)add_note(b, &e->before, behind->text);
        }
        *end = e;
        end = &e->next;
        i = next + 1;
    }
    (void)take_gap(b, to - 1, &list->behind);
    return list;
}

/* What stands behind `WORD NAME :`. */
static void set_typed(struct builder *b, struct entry *e, const struct statement *s)
{
    const uint32_t type = s->from + 3, sign = s->from + 4;
    if (sign + 1 >= s->to || piece(b, sign)->kind != TK_ASSIGN) {
        set_text(b, e, type, s->to);
        take_inner(b, s->from, s->to, &e->before);
        return;
    }
    const struct slice name = piece(b, type)->text;
    struct entry *value = new_entry(b, name, NODE_SCALAR);
    if (is_plain_set(b, sign + 1, s->to)) {
        take_inner(b, s->from, sign + 2, &e->before);
        value = set_entries(b, name, sign + 1, s->to);
    } else {
        take_inner(b, s->from, s->to, &e->before);
        set_text(b, value, sign + 1, s->to);
    }
    e->kind = NODE_MAP;
    e->first = value;
    e->is_short = value->kind == NODE_SCALAR;
}

static void set_body(struct builder *b, struct entry *e, const struct statement *s,
                     enum style style);

static enum style style_of(const struct builder *b, const struct statement *s)
{
    const struct slice word = word_of(b, s);
    if (slice_eq(word, SLICE("when")) || slice_eq(word, SLICE("otherwise")))
        return STYLE_ACTIONS;
    return STYLE_BLOCK;
}

/* Everything behind the key that ends before piece `from`: the rest of the words or the block. */
static void set_value(struct builder *b, struct entry *e, const struct statement *s, uint32_t from)
{
    take_inner(b, s->from, s->to, &e->before);
    if (!statement_has_block(s)) {
        set_text(b, e, from, s->to);
        return;
    }
    set_body(b, e, s, style_of(b, s));
}

/* The key of a statement that stands for itself, without (or with) its first word. */
static struct slice key_of(struct builder *b, const struct statement *s, enum sort sort, bool word)
{
    const uint32_t from = word ? s->from : s->from + 1;
    switch (sort) {
    case SORT_NAMED: return flat(b, from, statement_has_block(s) ? s->to : s->from + 2);
    case SORT_PLAIN: return word_of(b, s);
    case SORT_BLOCK: return flat(b, from, s->to);
    }
    return SLICE("");
}

static void set_statement(struct builder *b, struct entry *e, const struct statement *s,
                          enum sort sort, enum style style)
{
    b->last = e;
    if (sort == SORT_PLAIN)
        set_value(b, e, s, s->from + 1);
    else if (sort == SORT_BLOCK || statement_has_block(s))
        set_value(b, e, s, s->to);
    else if (named_sign(word_of(b, s), style == STYLE_TOP ? NAMED_TOP : NAMED_BLOCK)[0] == ':')
        set_typed(b, e, s);
    else
        set_value(b, e, s, s->from + (piece(b, s->from + 2)->kind == TK_ASSIGN ? 3 : 2));
}

/* Statements that follow one another and begin with the same word, or one with a block. */
struct run_of {
    const struct statement *first;
    uint32_t n;
    enum sort sort;
    struct slice key;
    bool apart; /* its statements cannot be one entry: each has its own */
};

typedef VEC(struct run_of) run_list;

static int by_key(const void *a, const void *b)
{
    const struct slice x = (*(const struct run_of *const *)a)->key,
                       y = (*(const struct run_of *const *)b)->key;
    const int c = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    return c ? c : (x.len > y.len) - (x.len < y.len);
}

static int by_text(const void *a, const void *b)
{
    const struct slice x = *(const struct slice *)a, y = *(const struct slice *)b;
    const int c = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    return c ? c : (x.len > y.len) - (x.len < y.len);
}

static bool are_unique(struct slice *key, uint32_t n)
{
    qsort(key, n, sizeof(*key), by_text);
    for (uint32_t i = 1; i < n; i++)
        if (slice_eq(key[i - 1], key[i]))
            return false;
    return true;
}

static void find_runs(struct builder *b, const struct statement *s, enum style style,
                      run_list *runs)
{
    struct run_of *last = NULL;
    for (; s; s = s->next) {
        const enum sort sort = sort_of(b, s, style);
        const struct slice word = word_of(b, s);
        if (last && sort != SORT_BLOCK && last->sort == sort && slice_eq(last->key, word)) {
            last->n++;
            continue;
        }
        const struct slice key = sort == SORT_BLOCK ? key_of(b, s, sort, true) : word;
        VEC_ADD(runs, (struct run_of){s, 1, sort, key, false});
        last = &runs->at[runs->n - 1];
    }
}

/* Named ones whose key is taken, or whose names repeat, stand apart. */
static void part_runs(struct builder *b, run_list *runs)
{
    const struct run_of **sorted = MUST_ARRAY(const struct run_of *, runs->n + 1);
    for (uint32_t i = 0; i < runs->n; i++)
        sorted[i] = &runs->at[i];
    if (runs->n > 0)
        qsort(sorted, runs->n, sizeof(*sorted), by_key);
    for (uint32_t i = 1; i < runs->n; i++)
        if (slice_eq(sorted[i - 1]->key, sorted[i]->key))
            runs->at[sorted[i - 1] - runs->at].apart = runs->at[sorted[i] - runs->at].apart = true;
    free(sorted);
    for (uint32_t i = 0; i < runs->n; i++) {
        struct run_of *r = &runs->at[i];
        struct slice *name = MUST_ARRAY(struct slice, r->n);
        const struct statement *s = r->first;
        for (uint32_t k = 0; k < r->n; k++, s = s->next)
            name[k] = key_of(b, s, r->sort, false);
        if (r->sort == SORT_NAMED && !are_unique(name, r->n))
            r->apart = true;
        free(name);
    }
}

/* Can these statements be a mapping? */
static bool is_mapping(struct builder *b, const run_list *runs, enum style style)
{
    VEC(struct slice) key = {0};
    bool can = style != STYLE_ACTIONS;
    for (uint32_t i = 0; i < runs->n && can; i++) {
        const struct run_of *r = &runs->at[i];
        const struct statement *s = r->first;
        const struct slice word = word_of(b, s);
        can = is_name(piece(b, s->from)) && !slice_eq(word, SLICE("when")) &&
              !slice_eq(word, SLICE("do")) && !slice_eq(word, SLICE("otherwise"));
        /* A block behind a word that names things would read as names. */
        if (r->sort == SORT_BLOCK && s->to == s->from + 1 &&
            named_sign(word, style == STYLE_TOP ? NAMED_TOP : NAMED_BLOCK))
            can = false;
        for (uint32_t k = 0; k < r->n; k++, s = s->next) {
            if (r->sort == SORT_PLAIN && r->n > 1 && s->to == s->from + 1)
                can = false;
            if (r->sort != SORT_NAMED || r->apart ||
                text_columns(key_of(b, s, r->sort, true)) > KEY_COLUMNS_MAX) {
                if (r->sort == SORT_PLAIN && k > 0)
                    continue;
                VEC_ADD(&key, key_of(b, s, r->sort, true));
                can = can && text_columns(key.at[key.n - 1]) <= KEY_COLUMNS_MAX;
            }
        }
        if (r->sort == SORT_NAMED && !r->apart)
            VEC_ADD(&key, r->key);
    }
    can = can && (key.n == 0 || are_unique(key.at, key.n));
    VEC_DONE(&key);
    return can;
}

/* What comes before statement s goes to the entry. */
static void begin(struct builder *b, struct entry *e, const struct statement *s)
{
    e->blank_before = take_gap(b, s->from, &e->before);
}

/* Entries of their own for each statement of a run. */
static struct entry **add_apart(struct builder *b, struct entry **end, const struct run_of *r,
                                enum style style)
{
    const struct statement *s = r->first;
    for (uint32_t k = 0; k < r->n; k++, s = s->next) {
        struct entry *e = new_entry(b, key_of(b, s, r->sort, true), NODE_NONE);
        begin(b, e, s);
        set_statement(b, e, s, r->sort, style);
        *end = e;
        end = &e->next;
    }
    return end;
}

/* One entry for a run: names below their word, or a list of what is given again and again. */
static struct entry *run_entry(struct builder *b, const struct run_of *r, enum style style)
{
    struct entry *e = new_entry(b, r->key, r->sort == SORT_NAMED ? NODE_MAP : NODE_LIST);
    struct entry **end = &e->first;
    const struct statement *s = r->first;
    for (uint32_t k = 0; k < r->n; k++, s = s->next) {
        const struct slice key = r->sort == SORT_NAMED ? key_of(b, s, r->sort, false) : SLICE("");
        struct entry *c = new_entry(b, key, NODE_NONE);
        begin(b, k == 0 ? e : c, s);
        set_statement(b, c, s, r->sort, style);
        *end = c;
        end = &c->next;
    }
    return e;
}

static void set_mapping(struct builder *b, struct entry *e, const run_list *runs, enum style style)
{
    e->kind = NODE_MAP;
    struct entry **end = &e->first;
    for (uint32_t i = 0; i < runs->n; i++) {
        const struct run_of *r = &runs->at[i];
        if (r->sort == SORT_BLOCK || (r->sort == SORT_NAMED && r->apart) ||
            (r->sort == SORT_PLAIN && r->n == 1)) {
            end = add_apart(b, end, r, style);
        } else {
            *end = run_entry(b, r, style);
            end = &(*end)->next;
        }
    }
}

/* A statement as an entry of a list: its text, or a mapping of its word, and its block. */
static void set_listed(struct builder *b, struct entry *e, const struct statement *s,
                       enum style style, bool as_mapping)
{
    b->last = e;
    if (!statement_has_block(s) && !as_mapping) {
        set_text(b, e, s->from, s->to);
        take_inner(b, s->from, s->to, &e->before);
        return;
    }
    e->kind = NODE_MAP;
    const bool alone = s->to == s->from + 1 &&
                       !named_sign(word_of(b, s), style == STYLE_TOP ? NAMED_TOP : NAMED_BLOCK);
    struct entry *head = new_entry(b, word_of(b, s), NODE_NONE);
    e->first = head;
    b->last = head;
    if (!statement_has_block(s) || alone) {
        set_value(b, head, s, s->from + 1);
    } else {
        take_inner(b, s->from, s->to, &e->before);
        set_text(b, head, s->from + 1, s->to);
        head->next = new_entry(b, SLICE("do"), NODE_NONE);
        b->last = head->next;
        set_body(b, head->next, s, style_of(b, s));
    }
    for (struct note *n = head->before; n; n = n->next)
        (void)add_note(b, &e->before, n->text);
    head->before = NULL;
}

/* A list is known for a block's when it has a mapping in it, unless the word says so. */
static void set_list(struct builder *b, struct entry *e, const struct statement *s,
                     enum style style)
{
    bool as_mapping = style == STYLE_BLOCK && !slice_eq(e->key, SLICE("do"));
    for (const struct statement *i = s; i; i = i->next)
        as_mapping = as_mapping && !statement_has_block(i);
    e->kind = NODE_LIST;
    struct entry **end = &e->first;
    for (; s; s = s->next) {
        struct entry *c = new_entry(b, SLICE(""), NODE_NONE);
        begin(b, c, s);
        set_listed(b, c, s, style, as_mapping);
        as_mapping = false;
        *end = c;
        end = &c->next;
    }
}

static void set_statements(struct builder *b, struct entry *e, const struct statement *s,
                           enum style style)
{
    run_list runs = {0};
    find_runs(b, s, style, &runs);
    part_runs(b, &runs);
    if (is_mapping(b, &runs, style))
        set_mapping(b, e, &runs, style);
    else
        set_list(b, e, s, style);
    VEC_DONE(&runs);
}

static bool has_comment(const struct builder *b, const struct statement *s)
{
    for (uint32_t i = s->open + 1; i <= s->close; i++)
        if (gap_has_comment(piece(b, i)->gap))
            return true;
    return false;
}

/* The block of statement s. */
static void set_body(struct builder *b, struct entry *e, const struct statement *s,
                     enum style style)
{
    const bool is_short = was_short(b, s->open, s->close);
    if (style == STYLE_ACTIONS && s->first && !s->first->next && !statement_has_block(s->first) &&
        !has_comment(b, s)) {
        set_text(b, e, s->first->from, s->first->to);
    } else {
        (void)take_gap(b, s->open, &e->before);
        set_statements(b, e, s->first, style);
        (void)take_gap(b, s->close, &e->behind);
        e->is_short = is_short;
    }
    b->last = is_short ? e : NULL;
}

const struct entry *document_of(const struct outline *o, struct arena *arena)
{
    struct builder b = {.o = o, .arena = arena};
    struct entry *document = new_entry(&b, SLICE(""), NODE_MAP);
    set_statements(&b, document, o->first, STYLE_TOP);
    (void)take_gap(&b, o->n, &document->behind);
    return document;
}
