/* Sets whose elements are in a file of their own, one a line: as many as a million of them. */
#include "compiler/sema/lists.h"

#include "grammar/list_line.h"
#include "runtime/base/hash.h"

bool list_open(const struct sema *s, const struct ast *from, struct list_lines *out)
{
    for (uint32_t i = 0; i < s->in->n_files; i++) {
        if (s->in->file_of[i].from != from)
            continue;
        uint32_t first;
        const struct slice text = sources_text(s->in->sources, s->in->file_of[i].index, &first);
        *out = (struct list_lines){.rest = text, .at = first};
        return true;
    }
    return false; /* it could not be read, which was said */
}

bool list_next(struct list_lines *l, struct slice *entry, struct span *where)
{
    while (l->rest.len > 0) {
        const char *newline = memchr(l->rest.at, '\n', l->rest.len);
        const size_t len = newline ? (size_t)(newline - l->rest.at) : l->rest.len;
        const struct slice line = {l->rest.at, len};
        const uint32_t at = l->at;
        l->rest = slice_from(l->rest, newline ? len + 1 : len);
        l->at += (uint32_t)(newline ? len + 1 : len);
        *entry = list_line_entry(line);
        if (entry->len == 0)
            continue;
        const uint32_t from = at + (uint32_t)(entry->at - line.at);
        *where = (struct span){from, from + (uint32_t)entry->len};
        return true;
    }
    return false;
}

uint32_t list_count(struct list_lines l)
{
    uint32_t n = 0;
    struct slice entry;
    struct span where;
    while (list_next(&l, &entry, &where))
        n++;
    return n;
}

static bool entry_read(struct sema *s, enum type type, struct slice entry, struct span where,
                       struct program_set *set)
{
    if (set->range) {
        const struct ast node = {
            .kind = AST_LITERAL, .depth = 1, .span = where, .name = entry, .name_span = where};
        struct table_number_range *range = (struct table_number_range *)(uintptr_t)set->range;
        return value_range(s, &node, type, &range[set->n_ranges++]);
    }
    struct value v;
    if (!value_parse(s, type, entry, where, &v))
        return false;
    if (set->network)
        ((struct network *)(uintptr_t)set->network)[set->n_networks++] = v.network;
    else
        ((struct slice *)(uintptr_t)set->string)[set->n_strings++] = v.text;
    return true;
}

bool list_set(struct sema *s, const struct ast *from, enum type type, struct program_set *out)
{
    struct list_lines lines;
    if (!list_open(s, from, &lines))
        return false;
    const uint32_t n = list_count(lines);
    *out = (struct program_set){.span = from->span};
    if (n == 0) {
        diag(s->diags, DIAG_NEVER_HOLDS, from->span, "the file has no entry");
        return false;
    }
    if (type == TYPE_NETWORK)
        out->network = ARENA_ARRAY(s->arena, struct network, n);
    else if (type_is_number(type))
        out->range = ARENA_ARRAY(s->arena, struct table_number_range, n);
    else
        out->string = ARENA_ARRAY(s->arena, struct slice, n);
    bool ok = true;
    struct slice entry;
    struct span where;
    while (list_next(&lines, &entry, &where))
        ok &= entry_read(s, type, entry, where, out);
    return ok;
}
