/* Shared by the files of this folder; nobody else includes this. */
#pragma once

#include "grammar/edit/edit.h"
#include "grammar/outline.h"
#include "runtime/base/text.h"

enum edit_verb { EDIT_SET, EDIT_ADD, EDIT_REMOVE, EDIT_MOVE, EDIT_REPLACE };

enum edit_where { EDIT_ANYWHERE, EDIT_BEFORE, EDIT_AFTER };

/* A sentence, taken apart. */
struct request {
    enum edit_verb verb;
    struct slice place;
    struct span place_span, span; /* of the place; of everything */
    enum edit_where where;
    uint32_t number;      /* before or after which */
    struct outline words; /* what follows */
};

/* Reads a sentence that stands at `span`. False when it is none. */
bool request_read(struct slice text, uint32_t first, struct arena *arena, struct diags *d,
                  struct request *out);

/* One text, and what is to be done with it. */
struct editor {
    struct slice text;
    struct outline o;
    const struct request *request;
    struct arena *arena;
    struct diags *diags;
    struct edit_patch *patch;
    bool changed; /* it is not the file any more: places in it are not places of a source */
};

/* The statement at the request's place; NULL and said when there is none, or not just one. `*whole`
 * where the place is the file itself; then NULL is no mistake. */
const struct statement *place_find(struct editor *e, bool *whole);

/* The one of a block's statements that begins with the request's words; `exactly`: and ends with
 * them. A word that can be there several times wants more words than one. NULL: there is none. */
const struct statement *place_child(const struct editor *e, const struct statement *first,
                                    bool exactly);

/* Where in the text a piece begins and ends. */
uint32_t piece_from(const struct editor *e, uint32_t i);
uint32_t piece_to(const struct editor *e, uint32_t i);

/* The request's words, or statement, as they stand on a line. */
struct slice words_flat(const struct editor *e, uint32_t from, uint32_t to);

bool edit_fails(struct editor *e, struct span where, const char *why);

/* Patches; each returns true. */
bool patch_bytes(struct editor *e, uint32_t from, uint32_t to, struct slice replacement);

/* Pieces [from, to) become the request's words from number `first` on; only what differs is
 * replaced. */
bool patch_pieces(struct editor *e, uint32_t from, uint32_t to, uint32_t first);

/* A statement more: behind or before `next_to`, or, where that is NULL, the only one of the block
 * of `parent` (NULL: of the file). */
bool patch_insert(struct editor *e, const struct statement *parent, const struct statement *next_to,
                  bool before);

/* A statement less, with the comment at its end, and with those above it when all of them are a
 * paragraph of their own. */
bool patch_remove(struct editor *e, const struct statement *s);

/* It goes before or behind another one of the same block. */
bool patch_move(struct editor *e, const struct statement *s, const struct statement *next_to,
                bool before);

/* The entries of sets and maps; the last: that key of a map leads there, and perhaps has before. */
bool patch_set_add(struct editor *e, const struct statement *s);
bool patch_set_remove(struct editor *e, const struct statement *s);
bool patch_map_set(struct editor *e, const struct statement *s);
