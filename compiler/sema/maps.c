/* Maps: from text to clusters, written out or in a file of their own. */
#include "compiler/sema/lists.h"
#include "runtime/base/hash.h"

/* A map while it is read; both arrays have room for all. */
struct pairs {
    struct sema *s;
    enum type type;
    struct slice *key;
    uint32_t *cluster;
    struct span *where; /* of each key; not kept */
    uint32_t n;
};

static void pairs_init(struct pairs *p, struct sema *s, enum type type, uint32_t room)
{
    *p = (struct pairs){.s = s, .type = type};
    p->key = ARENA_ARRAY(s->arena, struct slice, room + 1);
    p->cluster = ARENA_ARRAY(s->arena, uint32_t, room + 1);
    p->where = MUST_ARRAY(struct span, room + 1);
}

static bool add(struct pairs *p, struct slice key, struct span where, struct slice cluster,
                struct span cluster_span)
{
    const struct definition *d = resolve(p->s, DEF_CLUSTER, cluster, cluster_span);
    if (!d)
        return false;
    p->key[p->n] = key;
    p->where[p->n] = where;
    p->cluster[p->n++] = d->index;
    return true;
}

static bool pair_read(struct pairs *p, const struct ast *a)
{
    struct value v;
    if (a->kind != AST_PAIR) {
        if (a->kind != AST_BAD)
            diag(p->s->diags, DIAG_BAD_MAP, a->span, "a map has pairs: \"key\" -> CLUSTER");
        return false;
    }
    const struct ast *to = a->first->next;
    if (!value_read(p->s, a->first, p->type, &v))
        return false;
    if (to->kind == AST_WORD)
        return add(p, v.text, a->first->span, to->name, to->span);
    diag(p->s->diags, DIAG_BAD_MAP, to->span, "a key leads to the name of a cluster");
    return false;
}

static bool list_read(struct pairs *p, const struct ast *list)
{
    bool ok = true;
    for (const struct ast *a = list->first; a; a = a->next)
        ok &= pair_read(p, a);
    return ok;
}

/* KEY CLUSTER, with blanks between. */
static bool line_read(struct pairs *p, struct slice line, struct span where)
{
    size_t cut = line.len;
    while (cut > 0 && line.at[cut - 1] != ' ' && line.at[cut - 1] != '\t')
        cut--;
    const struct slice cluster = slice_from(line, cut);
    struct slice key = {line.at, cut};
    while (key.len > 0 && (key.at[key.len - 1] == ' ' || key.at[key.len - 1] == '\t'))
        key.len--;
    const struct span key_span = {where.from, where.from + (uint32_t)key.len};
    struct value v;
    if (key.len == 0) {
        diag(p->s->diags, DIAG_BAD_MAP, where, "a line has a key and the name of a cluster");
        return false;
    }
    return value_parse(p->s, p->type, key, key_span, &v) &&
           add(p, v.text, key_span, cluster, (struct span){where.from + (uint32_t)cut, where.to});
}

static bool file_read(struct pairs *p, struct list_lines lines)
{
    struct slice line;
    struct span where;
    bool ok = true;
    while (list_next(&lines, &line, &where))
        ok &= line_read(p, line, where);
    return ok;
}

/* A key that is there twice would lead to two places. */
static bool keys_differ(const struct pairs *p)
{
    uint32_t mask = 15;
    while (mask / 2 < p->n)
        mask = mask * 2 + 1;
    uint32_t *slot = MUST_ARRAY(uint32_t, mask + 1);
    bool ok = true;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t h = (uint32_t)hash_slice(p->key[i], 0) & mask;
        while (slot[h] && !slice_eq(p->key[slot[h] - 1], p->key[i]))
            h = (h + 1) & mask;
        if (slot[h]) {
            diag(p->s->diags, DIAG_REDEFINED, p->where[i], "key", SLICE_ARG(p->key[i]));
            diag_also(p->s->diags, p->where[slot[h] - 1], "first defined here");
            ok = false;
        }
        slot[h] = i + 1;
    }
    free(slot);
    return ok;
}

static bool types_read(struct sema *s, const struct ast *from, enum type *out)
{
    const struct ast *to = from->next;
    if (!type_named(s, from, out))
        return false;
    if (*out != TYPE_STRING && *out != TYPE_HOST && *out != TYPE_PATH) {
        diag(s->diags, DIAG_BAD_MAP, from->span,
             "the keys of a map are of type string, host or path");
        return false;
    }
    if (slice_eq(to->name, SLICE("cluster")))
        return true;
    diag(s->diags, DIAG_BAD_MAP, to->span, "a map leads to clusters");
    diag_fix(s->diags, to->span, SLICE("cluster"), "write `cluster`");
    return false;
}

static bool work_out_map(struct sema *s, struct definition *d)
{
    const struct ast *from = d->node->first, *list = from->next->next;
    enum type type;
    if (!types_read(s, from, &type))
        return false;
    struct list_lines lines = {0};
    uint32_t n = 0;
    if (list->kind == AST_FROM) {
        if (!list_open(s, list, &lines))
            return false;
        n = list_count(lines);
    }
    for (const struct ast *a = list->kind == AST_LIST ? list->first : NULL; a; a = a->next)
        n++;
    struct pairs p;
    pairs_init(&p, s, type, n);
    const bool ok = list->kind == AST_LIST   ? list_read(&p, list)
                    : list->kind == AST_FROM ? file_read(&p, lines)
                                             : pair_read(&p, list);
    const bool differ = keys_differ(&p);
    free(p.where);
    if (ok && p.n == 0) {
        diag(s->diags, DIAG_BAD_MAP, list->span, "the map is empty");
        return false;
    }
    struct program_map *m = ARENA_NEW(s->arena, struct program_map);
    *m = (struct program_map){
        .name = d->name, .span = d->span, .key = p.key, .cluster = p.cluster, .n = p.n};
    d->map = m;
    return ok && differ;
}

bool definition_map(struct sema *s, struct definition *d)
{
    return worked_out(s, d, work_out_map);
}

bool map_of(struct sema *s, struct definition *d, const struct program_map **out)
{
    const bool ok = definition_map(s, d);
    *out = d->map;
    return ok;
}
