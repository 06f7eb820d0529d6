#include "grammar/convert/script.h"

#include "grammar/convert/named.h"
#include "grammar/diag.h"
#include "grammar/outline.h"
#include "grammar/parse.h"
#include "grammar/parser.h"
#include "grammar/token.h"

/* More nodes than this are not gone through: aliases of aliases can stand for billions. */
#define NODES_MAX 2000000u

struct writer {
    struct script *s;
    struct diags *diags;
    struct slice source;
    uint32_t first;
    uint32_t last; /* up to where the document has been gone through */
    uint32_t nodes;
    uint32_t on_line; /* blocks on one line that are open */
    bool too_many;
};

/* What begins a statement: its word, and its name where that is a key of its own. */
struct head {
    const struct node *word, *name;
};

static void add_run(struct writer *w, uint32_t len, struct span span)
{
    if (len > 0)
        VEC_ADD(&w->s->run, (struct run){len, span});
}

/* Text that is not in the document, at the place that was reached. */
static void add(struct writer *w, const char *text)
{
    text_adds(&w->s->text, text);
    add_run(w, (uint32_t)strlen(text), (struct span){w->last, w->last});
}

/* What an alias stands for was gone through before. */
static void go_to(struct writer *w, uint32_t place)
{
    if (place > w->last)
        w->last = place;
}

/* Begins a line, perhaps behind a blank one. */
static void new_line(struct writer *w, bool blank)
{
    const struct text *t = &w->s->text;
    if (w->on_line > 0) {
        const char last = t->at[t->len - 1];
        add(w, last == '{' ? " " : last == ' ' ? "" : "; ");
        return;
    }
    if (t->len > 0 && t->at[t->len - 1] != '\n')
        add(w, "\n");
    if (blank && t->len > 1 && t->at[t->len - 2] != '\n')
        add(w, "\n");
}

static bool count(struct writer *w, const struct node *n)
{
    if (w->nodes++ < NODES_MAX && w->s->text.len + n->text.len <= PARSE_BYTES_MAX / 2)
        return true;
    if (!w->too_many)
        diag(w->diags, DIAG_YAML_SHAPE, n->span, "with its aliases this is far too large");
    w->too_many = true;
    return false;
}

static void shape(struct writer *w, const struct node *n, const char *what)
{
    diag(w->diags, DIAG_YAML_SHAPE, n->span, what);
    go_to(w, n->span.to);
}

/* Do its brackets match? Else it would go on in what follows. */
static bool is_closed(const struct node *n)
{
    struct lexer lx = {n->text.at, n->text.at, n->text.at + n->text.len, 0};
    int open[64];
    uint32_t depth = 0;
    for (struct token t = lex(&lx); t.kind != 0; t = lex(&lx)) {
        const int closing = t.kind == TK_LBRACE ? TK_RBRACE : t.kind == TK_LPAREN ? TK_RPAREN : 0;
        if (closing && depth == COUNT_OF(open))
            return false;
        if (closing)
            open[depth++] = closing;
        else if ((t.kind == TK_RBRACE || t.kind == TK_RPAREN) &&
                 (depth == 0 || open[--depth] != t.kind))
            return false;
    }
    return depth == 0;
}

/* A scalar is a part of a configuration's text. */
static void add_scalar(struct writer *w, const struct node *n)
{
    if (n->kind == NODE_NONE || !count(w, n))
        return;
    if (!is_closed(n)) {
        shape(w, n, "the brackets in this text do not match");
        return;
    }
    go_to(w, n->span.from);
    text_add(&w->s->text, n->text);
    for (uint32_t i = 0; i < n->n_runs; i++)
        add_run(w, n->run[i].len, n->run[i].span);
    if (n->n_runs == 0)
        add_run(w, (uint32_t)n->text.len, n->span);
    go_to(w, n->span.to);
}

/* Is the byte at `at` of the source the sign of a comment? */
static bool is_comment(const struct writer *w, uint32_t at)
{
    if (w->source.at[at] != '#')
        return false;
    return at == 0 || memchr(" \t\r\n", w->source.at[at - 1], 4);
}

static uint32_t column_of(const struct writer *w, uint32_t at)
{
    uint32_t column = 0;
    while (at > 0 && w->source.at[at - 1] != '\n') {
        at--;
        column++;
    }
    return column;
}

/*
 * Adds the comments between what was gone through and `place`: one on the same line, and those
 * below it that begin at column `least` or behind. Returns whether a blank line follows.
 */
static bool add_comments(struct writer *w, uint32_t place, uint32_t least)
{
    if (place <= w->last || w->on_line > 0)
        return false;
    uint32_t at = w->last - w->first;
    const uint32_t end = place - w->first;
    bool same_line = at > 0;
    uint32_t newlines = 0;
    for (; at < end; at++) {
        if (w->source.at[at] == '\n') {
            same_line = false;
            newlines++;
        }
        if (!is_comment(w, at))
            continue;
        if (!same_line && column_of(w, at) < least)
            return false;
        const char *line_end = memchr(w->source.at + at, '\n', end - at);
        const uint32_t len = line_end ? (uint32_t)(line_end - (w->source.at + at)) : end - at;
        if (same_line)
            add(w, " ");
        else
            new_line(w, newlines > 1);
        text_add(&w->s->text, (struct slice){w->source.at + at, len});
        add_run(w, len, (struct span){w->first + at, w->first + at + len});
        at += len - 1;
        newlines = 0;
        w->last = w->first + at + 1;
    }
    return newlines > 1;
}

static void statements(struct writer *w, const struct node *n, enum named_where where);

static void begin_statement(struct writer *w, const struct node *first)
{
    const bool blank = add_comments(w, first->span.from, 0);
    new_line(w, blank);
}

static void add_head(struct writer *w, const struct head *h)
{
    add_scalar(w, h->word);
    if (h->name) {
        add(w, " ");
        add_scalar(w, h->name);
    }
}

/* The column in which the entries of a block begin. */
static uint32_t block_column(const struct writer *w, const struct node *n)
{
    if (!n->first)
        return UINT32_MAX;
    const struct node *first = n->first->key ? n->first->key : n->first->value;
    const uint32_t column = column_of(w, first->span.from - w->first);
    return n->kind == NODE_LIST && column >= 2 ? column - 2 : column;
}

/* Where the blanks and comments end that follow what was gone through. */
static uint32_t end_of_blanks(const struct writer *w)
{
    uint32_t at = w->last - w->first;
    bool comment = false;
    for (; at < w->source.len; at++) {
        if (w->source.at[at] == '\n')
            comment = false;
        else if (w->source.at[at] == '#')
            comment = true;
        else if (!comment && !memchr(" \t\r", w->source.at[at], 3))
            break;
    }
    return w->first + at;
}

/* Was all of it written on one line, and may the like be in a configuration's text? Not when a
 * comment could be in it or before it. */
static bool is_on_line(const struct writer *w, const struct node *n)
{
    const struct text *t = &w->s->text;
    const char *line = t->len > 0 ? memrchr(t->at, '\n', t->len) : NULL;
    const size_t begin = line ? (size_t)(line - t->at) : 0;
    if (t->len > begin && memchr(t->at + begin, '#', t->len - begin))
        return false;
    const char *at = w->source.at + (n->span.from - w->first);
    const size_t len = n->span.to - n->span.from;
    return !memchr(at, '\n', len) && !memchr(at, '#', len) && !memchr(at, '*', len);
}

static void block(struct writer *w, const struct node *n)
{
    const bool on_line = is_on_line(w, n);
    w->on_line += on_line;
    add(w, w->on_line > 0 ? "  {" : "\n{");
    statements(w, n, NAMED_BLOCK);
    if (n->first && w->on_line == 0)
        (void)add_comments(w, end_of_blanks(w), block_column(w, n));
    add(w, w->on_line > 0 ? " }" : "\n}");
    w->on_line -= on_line;
}

static bool is_block_list(const struct node *n)
{
    for (const struct item *i = n->first; i; i = i->next)
        if (i->value->kind == NODE_MAP)
            return true;
    return false;
}

/* The same statement again and again. */
static void repeated(struct writer *w, const struct head *h, const struct node *list)
{
    for (const struct item *i = list->first; i && !w->too_many; i = i->next) {
        if (i->value->kind == NODE_LIST) {
            shape(w, i->value, "a list cannot stand in a list here");
            continue;
        }
        begin_statement(w, i->value);
        add_head(w, h);
        add(w, " ");
        add_scalar(w, i->value);
    }
}

/* What stands behind the head of a statement: the rest of its words, its block, or both sorts of
 * it several times. */
static void rest(struct writer *w, const struct head *h, const struct node *n)
{
    const bool is_block = !h->name && named_is_block(h->word->text);
    if (n->kind == NODE_LIST && !is_block && !is_block_list(n)) {
        repeated(w, h, n);
        return;
    }
    add_head(w, h);
    if (n->kind == NODE_MAP || n->kind == NODE_LIST || is_block) {
        block(w, n);
    } else if (n->kind == NODE_SCALAR) {
        add(w, " ");
        add_scalar(w, n);
    }
}

static void set(struct writer *w, const struct node *list)
{
    const bool on_line = is_on_line(w, list);
    w->on_line += on_line;
    add(w, "{");
    for (const struct item *i = list->first; i; i = i->next) {
        (void)add_comments(w, i->value->span.from, 0);
        add(w, w->on_line > 0 ? " " : "\n");
        if (i->value->kind == NODE_SCALAR)
            add_scalar(w, i->value);
        else
            shape(w, i->value, "a value is wanted here");
        add(w, i->next ? (w->on_line > 0 ? "," : "\n,") : "");
    }
    if (w->on_line == 0)
        (void)add_comments(w, end_of_blanks(w), block_column(w, list));
    add(w, w->on_line > 0 ? " }" : "\n}");
    w->on_line -= on_line;
}

/* `{ TYPE: value }` behind a name, or all of it in one text. */
static void typed(struct writer *w, const struct node *n)
{
    add(w, "  : ");
    if (n->kind == NODE_SCALAR) {
        add_scalar(w, n);
        return;
    }
    if (n->kind != NODE_MAP || !n->first || n->first->next) {
        shape(w, n, "a type and a value are wanted here: `duration: 5s` below the name");
        return;
    }
    const struct node *value = n->first->value;
    add_scalar(w, n->first->key);
    if (value->kind == NODE_NONE)
        return;
    add(w, "  = ");
    if (value->kind == NODE_SCALAR) {
        add_scalar(w, value);
        return;
    }
    if (value->kind == NODE_MAP) {
        shape(w, value, "a value or a list of values is wanted here");
        return;
    }
    set(w, value);
}

static void named(struct writer *w, const struct head *h, const char *sign, const struct node *n)
{
    if (sign[0] == '\0') {
        rest(w, h, n);
        return;
    }
    add_head(w, h);
    if (sign[0] == ':') {
        typed(w, n);
        return;
    }
    add(w, "  = ");
    if (n->kind == NODE_SCALAR)
        add_scalar(w, n);
    else
        shape(w, n, "a condition is wanted here");
}

/* The sign behind a key of two words, `const PATIENT`, or "". */
static const char *sign_in(struct slice key, enum named_where where)
{
    const char *blank = memchr(key.at, ' ', key.len);
    if (!blank)
        return "";
    const struct slice word = {key.at, (size_t)(blank - key.at)};
    const struct slice name = slice_trim(slice_from(key, word.len));
    const char *sign = named_sign(word, where);
    return sign && name.len > 0 && !memchr(name.at, ' ', name.len) ? sign : "";
}

/* A definition with a block has a blank line before it. */
static bool is_tall(const struct node *n)
{
    return n->kind == NODE_MAP || n->kind == NODE_LIST;
}

static void pair(struct writer *w, const struct item *i, enum named_where where)
{
    const struct node *key = i->key, *value = i->value;
    const char *sign = named_sign(key->text, where);
    begin_statement(w, key);
    if (value->kind != NODE_MAP || !sign) {
        const char *inner = sign_in(key->text, where);
        new_line(w, where == NAMED_TOP && is_tall(value) && inner[0] == '\0');
        named(w, &(struct head){key, NULL}, inner, value);
        return;
    }
    go_to(w, key->span.to);
    for (const struct item *c = value->first; c && !w->too_many; c = c->next) {
        begin_statement(w, c->key);
        new_line(w, where == NAMED_TOP && is_tall(c->value) && sign[0] == '\0');
        named(w, &(struct head){key, c->key}, sign, c->value);
    }
}

/* `when: ...` and `do: ...` in one entry of a list: a statement and its block. */
static bool is_done(const struct node *n)
{
    return n->first && n->first->next && !n->first->next->next &&
           slice_eq(n->first->next->key->text, SLICE("do"));
}

static void done(struct writer *w, const struct node *n)
{
    const struct item *head = n->first, *body = head->next;
    begin_statement(w, head->key);
    add_scalar(w, head->key);
    add(w, " ");
    if (head->value->kind == NODE_SCALAR)
        add_scalar(w, head->value);
    else if (head->value->kind != NODE_NONE)
        shape(w, head->value, "a text is wanted here");
    block(w, body->value);
}

static void entry(struct writer *w, const struct node *n, enum named_where where)
{
    if (n->kind == NODE_LIST) {
        shape(w, n, "a list cannot stand in a list here");
    } else if (n->kind == NODE_SCALAR) {
        begin_statement(w, n);
        add_scalar(w, n);
    } else if (n->kind == NODE_MAP && is_done(n)) {
        done(w, n);
    } else if (n->kind == NODE_MAP) {
        for (const struct item *i = n->first; i && !w->too_many; i = i->next)
            pair(w, i, where);
    }
}

/* All that a block (or the document) holds. */
static void statements(struct writer *w, const struct node *n, enum named_where where)
{
    if (!count(w, n))
        return;
    if (n->kind == NODE_SCALAR) {
        begin_statement(w, n);
        add_scalar(w, n);
    } else if (n->kind == NODE_MAP) {
        for (const struct item *i = n->first; i && !w->too_many; i = i->next)
            pair(w, i, where);
    } else if (n->kind == NODE_LIST) {
        for (const struct item *i = n->first; i && !w->too_many; i = i->next) {
            entry(w, i->value, where);
        }
    }
}

void script_write(struct script *s, const struct node *root, const struct sources *sources,
                  int index, struct diags *d)
{
    struct writer w = {.s = s, .diags = d};
    w.source = sources_text(sources, index, &w.first);
    w.last = w.first;
    if (root->kind == NODE_SCALAR)
        shape(&w, root, "a configuration is a mapping or a list of statements");
    else
        statements(&w, root, NAMED_TOP);
    (void)add_comments(&w, end_of_blanks(&w), 0);
    new_line(&w, false);
}

/* The place of one byte: where its run begins in the document, or the very byte. */
static struct span place_of(const struct script *s, struct script_reader *r, uint32_t at)
{
    if (at < r->at)
        *r = (struct script_reader){0};
    while (r->run + 1 < s->run.n && r->at + s->run.at[r->run].len <= at)
        r->at += s->run.at[r->run++].len;
    ASSERT(r->run < s->run.n);
    const struct run *run = &s->run.at[r->run];
    if (run->span.to - run->span.from != run->len)
        return run->span;
    const uint32_t from = run->span.from + (at - r->at);
    return (struct span){from, from + 1};
}

struct span script_place(const struct script *s, struct script_reader *r, uint32_t from,
                         uint32_t to)
{
    if (s->run.n == 0)
        return (struct span){0, 0};
    const struct span begin = place_of(s, r, from == s->text.len && from > 0 ? from - 1 : from);
    if (to <= from)
        return (struct span){begin.from, begin.from};
    const struct span end = place_of(s, r, to - 1);
    return (struct span){begin.from, end.to > begin.from ? end.to : begin.from};
}

void script_done(struct script *s)
{
    text_done(&s->text);
    VEC_DONE(&s->run);
}
