/* Sets whose elements are in a file of their own, one a line: as many as a million of them. */
#include "compiler/sema/lists.h"

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

/* A `#` at the beginning or behind a blank begins a comment. */
static struct slice without_comment(struct slice line)
{
    const char *at = line.at, *end = line.at + line.len;
    while ((at = at < end ? memchr(at, '#', (size_t)(end - at)) : NULL)) {
        if (at == line.at || at[-1] == ' ' || at[-1] == '\t')
            return (struct slice){line.at, (size_t)(at - line.at)};
        at++;
    }
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool list_next(struct list_lines *l, struct slice *entry, struct span *where)
{
    while (l->rest.len > 0) {
        const char *newline = memchr(l->rest.at, '\n', l->rest.len);
        const size_t len = newline ? (size_t)(newline - l->rest.at) : l->rest.len;
        struct slice line = without_comment((struct slice){l->rest.at, len});
        const uint32_t at = l->at;
        l->rest = slice_from(l->rest, newline ? len + 1 : len);
        l->at += (uint32_t)(newline ? len + 1 : len);
        size_t skip = 0;
        while (skip < line.len && is_blank(line.at[skip]))
            skip++;
        while (line.len > skip && is_blank(line.at[line.len - 1]))
            line.len--;
        if (line.len == skip)
            continue;
        *entry = slice_from(line, skip);
        *where = (struct span){at + (uint32_t)skip, at + (uint32_t)line.len};
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
