#include "grammar/edit/list.h"

#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/list_line.h"
#include "grammar/parser.h"
#include "runtime/base/address.h"
#include "runtime/base/arena.h"
#include "runtime/base/hash.h"

static struct slice piece_text(const struct editor *e, uint32_t i)
{
    return e->o.piece[i].text;
}

static struct slice unquoted(struct slice s)
{
    const bool quoted = s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"';
    return quoted ? (struct slice){s.at + 1, s.len - 2} : s;
}

/* `set banned : network from file "banned.txt"`, or a map of pairs. */
static bool names_list(const struct editor *e, const struct statement *s, struct slice *path,
                       bool *pairs)
{
    *pairs = slice_eq(piece_text(e, s->from), SLICE("map"));
    if (statement_has_block(s) || (!*pairs && !slice_eq(piece_text(e, s->from), SLICE("set"))))
        return false;
    for (uint32_t i = s->from; i + 2 < s->to; i++) {
        if (!slice_eq(piece_text(e, i), SLICE("from")) ||
            !slice_eq(piece_text(e, i + 1), SLICE("file")))
            continue;
        *path = arena_copy(e->arena, unquoted(piece_text(e, i + 2)));
        return true;
    }
    return false;
}

static struct slice words_unquoted(const struct editor *e, uint32_t from, uint32_t to)
{
    return unquoted(words_flat(e, from, to));
}

/* `KEY -> CLUSTER`, or a key that goes. */
static bool read_pair(struct editor *e, struct list_change *out)
{
    const struct outline *w = &e->request->words;
    const bool whole = w->n == 3 && w->piece[1].kind == TK_ARROW;
    if (!whole && (w->n != 1 || !out->removes))
        return false;
    out->entry = words_unquoted(e, 0, 1);
    if (!out->removes)
        out->entry = arena_format(e->arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(out->entry),
                                  SLICE_ARG(w->piece[2].text));
    return true;
}

static bool is_about_list(struct editor *e, struct list_change *out)
{
    const struct request *r = e->request;
    bool whole;
    *out = (struct list_change){.removes = r->verb == EDIT_REMOVE, .replaces = r->verb == EDIT_SET};
    if ((r->verb != EDIT_ADD && r->verb != EDIT_REMOVE && r->verb != EDIT_SET) || r->words.n == 0)
        return false;
    const struct statement *s = place_find(e, &whole);
    if (!s || !names_list(e, s, &out->path, &out->pairs))
        return false;
    if (out->pairs)
        return read_pair(e, out);
    out->entry = words_unquoted(e, 0, r->words.n);
    return !out->replaces;
}

bool list_change_of(const struct sources *sources, int file, int request, struct arena *arena,
                    struct list_change *out)
{
    uint32_t first, place;
    const struct slice text = sources_text(sources, file, &first);
    const struct slice sentence = sources_text(sources, request, &place);
    struct diags *quiet = diags_new(sources, 0); /* edit() says what is wrong with it */
    const struct tree tree = parse(sources, file, arena, quiet);
    struct request r;
    bool is = diag_errors(quiet) == 0 && request_read(sentence, place, arena, quiet, &r);
    if (is) {
        struct editor e = {.text = text, .request = &r, .arena = arena, .diags = quiet};
        e.o = outline(&tree, text, arena);
        is = is_about_list(&e, out);
    }
    diags_free(quiet);
    return is;
}

/* An entry by what it means: a network may be written in several ways. */
struct meaning {
    char room[NETWORK_TEXT_MAX];
    struct slice text;
};

static void understand(struct slice entry, struct meaning *out)
{
    struct network n;
    out->text = entry;
    if (network_parse(entry, &n))
        out->text = (struct slice){out->room, network_format(&n, out->room)};
}

/* What stands before the last blank. */
static struct slice key_of(struct slice pair)
{
    size_t n = pair.len;
    while (n > 0 && !list_is_blank(pair.at[n - 1]))
        n--;
    return slice_trim((struct slice){pair.at, n});
}

static void understand_line(struct slice line, bool pairs, struct meaning *out)
{
    const struct slice entry = list_line_entry(line);
    if (pairs)
        out->text = key_of(entry);
    else
        understand(entry, out);
}

static void understand_change(const struct list_change *c, struct meaning *out)
{
    if (!c->pairs)
        understand(c->entry, out);
    else
        out->text = c->removes ? c->entry : key_of(c->entry);
}

/* Entries to the last change of each: open addressing, at most half full. */
struct wanted {
    struct wanted_entry {
        struct slice meaning;
        const struct list_change *change;
    } * slot;
    size_t mask;
};

static struct wanted_entry *slot_of(const struct wanted *w, struct slice meaning)
{
    size_t i = hash_bytes(meaning.at, meaning.len, 0) & w->mask;
    while (w->slot[i].change && !slice_eq(w->slot[i].meaning, meaning))
        i = (i + 1) & w->mask;
    return &w->slot[i];
}

static struct slice meaning_of(const struct list_change *c, struct arena *arena)
{
    struct meaning m;
    understand_change(c, &m);
    return arena_copy(arena, m.text);
}

static struct wanted wanted_of(const struct list_change *change, uint32_t n, struct arena *arena)
{
    size_t slots = 8;
    while (slots < (size_t)n * 2)
        slots *= 2;
    const struct wanted w = {ARENA_ARRAY(arena, struct wanted_entry, slots), slots - 1};
    for (uint32_t i = 0; i < n; i++) {
        const struct slice meaning = meaning_of(&change[i], arena);
        *slot_of(&w, meaning) = (struct wanted_entry){meaning, &change[i]};
    }
    return w;
}

/* What earlier changes have made of the last one's entry, if they are about it. */
static bool earlier_says(const struct list_change *change, uint32_t n, struct slice last,
                         bool *there)
{
    for (uint32_t i = n - 1; i > 0; i--) {
        struct meaning m;
        understand_change(&change[i - 1], &m);
        if (!slice_eq(m.text, last))
            continue;
        *there = !change[i - 1].removes;
        return true;
    }
    return false;
}

static void put_line(char *out, size_t *len, struct slice line, bool crlf)
{
    memcpy(out + *len, line.at, line.len);
    *len += line.len;
    if (crlf)
        out[(*len)++] = '\r';
    out[(*len)++] = '\n';
}

/* Do its lines end in CR LF? */
static bool is_crlf(struct slice text)
{
    const char *newline = text.len > 0 ? memchr(text.at, '\n', text.len) : NULL;
    return newline && newline > text.at && newline[-1] == '\r';
}

struct slice list_changed(struct slice text, const struct list_change *change, uint32_t n,
                          struct arena *arena, bool *was_there)
{
    ASSERT(n > 0);
    const struct wanted w = wanted_of(change, n, arena);
    const struct slice last = meaning_of(&change[n - 1], arena);
    const bool crlf = is_crlf(text);
    size_t added = 1;
    for (uint32_t i = 0; i < n; i++)
        added += change[i].entry.len + 2;
    char *out = ARENA_ARRAY(arena, char, text.len + added + 1);
    size_t len = 0;
    bool there = false;
    struct slice rest = text, line;
    while (slice_split(&rest, '\n', &line)) {
        struct meaning m;
        understand_line(line, change->pairs, &m);
        there |= slice_eq(m.text, last);
        if (m.text.len > 0 && slot_of(&w, m.text)->change)
            continue; /* it goes; or it is put behind all others */
        put_line(out, &len, line, false);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct meaning m;
        understand_change(&change[i], &m);
        if (!change[i].removes && slot_of(&w, m.text)->change == &change[i])
            put_line(out, &len, change[i].entry, crlf);
    }
    if (!earlier_says(change, n, last, was_there))
        *was_there = there;
    return (struct slice){out, len};
}
