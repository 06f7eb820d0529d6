#include "grammar/edit/list.h"

#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
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

/* `set banned : network from file "banned.txt"` */
static bool names_list(const struct editor *e, const struct statement *s, struct slice *path)
{
    if (statement_has_block(s) || !slice_eq(piece_text(e, s->from), SLICE("set")))
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

static bool is_about_list(struct editor *e, struct list_change *out)
{
    const struct request *r = e->request;
    bool whole;
    if ((r->verb != EDIT_ADD && r->verb != EDIT_REMOVE) || r->words.n == 0)
        return false;
    const struct statement *s = place_find(e, &whole);
    if (!s || !names_list(e, s, &out->path))
        return false;
    out->removes = r->verb == EDIT_REMOVE;
    out->entry = unquoted(words_flat(e, 0, r->words.n));
    return true;
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

/* Entries to the last change of each: open addressing, at most half full. */
struct wanted {
    const struct list_change **slot;
    size_t mask;
};

static const struct list_change **slot_of(const struct wanted *w, struct slice entry)
{
    size_t i = hash_bytes(entry.at, entry.len, 0) & w->mask;
    while (w->slot[i] && !slice_eq(w->slot[i]->entry, entry))
        i = (i + 1) & w->mask;
    return &w->slot[i];
}

static struct wanted wanted_of(const struct list_change *change, uint32_t n, struct arena *arena)
{
    size_t slots = 8;
    while (slots < (size_t)n * 2)
        slots *= 2;
    const struct wanted w = {ARENA_ARRAY(arena, const struct list_change *, slots), slots - 1};
    for (uint32_t i = 0; i < n; i++)
        *slot_of(&w, change[i].entry) = &change[i];
    return w;
}

/* What a line lists: without the comment behind it. */
static struct slice entry_of(struct slice line)
{
    const char *end = line.at + line.len;
    for (const char *at = line.at; at < end && (at = memchr(at, '#', (size_t)(end - at))); at++)
        if (at == line.at || at[-1] == ' ' || at[-1] == '\t')
            return slice_trim((struct slice){line.at, (size_t)(at - line.at)});
    return slice_trim(line);
}

static bool earlier_says(const struct list_change *change, uint32_t n, bool *there)
{
    for (uint32_t i = n - 1; i > 0; i--) {
        if (!slice_eq(change[i - 1].entry, change[n - 1].entry))
            continue;
        *there = !change[i - 1].removes;
        return true;
    }
    return false;
}

struct slice list_changed(struct slice text, const struct list_change *change, uint32_t n,
                          struct arena *arena, bool *was_there)
{
    ASSERT(n > 0);
    const struct wanted w = wanted_of(change, n, arena);
    size_t added = 1;
    for (uint32_t i = 0; i < n; i++)
        added += change[i].entry.len + 1;
    char *out = ARENA_ARRAY(arena, char, text.len + added + 1);
    size_t len = 0;
    bool there = false;
    struct slice rest = text, line;
    while (slice_split(&rest, '\n', &line)) {
        const struct slice entry = entry_of(line);
        there |= slice_eq(entry, change[n - 1].entry);
        if (entry.len > 0 && *slot_of(&w, entry))
            continue; /* it goes; or it is put behind all others */
        memcpy(out + len, line.at, line.len);
        len += line.len;
        out[len++] = '\n';
    }
    for (uint32_t i = 0; i < n; i++) {
        if (change[i].removes || *slot_of(&w, change[i].entry) != &change[i])
            continue;
        memcpy(out + len, change[i].entry.at, change[i].entry.len);
        len += change[i].entry.len;
        out[len++] = '\n';
    }
    if (!earlier_says(change, n, was_there))
        *was_there = there;
    return (struct slice){out, len};
}
