/* What the language reference says about each field's values, written down a second time. */
#include <ctype.h>

#include "compiler/ref/ref_priv.h"

static void add(struct arena *arena, struct ref_values *list, const char *at, size_t len)
{
    struct slice *longer = ARENA_ARRAY(arena, struct slice, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++)
        longer[i] = list->at[i];
    longer[list->n] = (struct slice){at ? at : "", len};
    list->at = longer;
    list->n++;
}

/* The header as the request has it now: each change is made to the whole list, in order. */
static struct ref_values headers(const struct facts *f, const struct ref_verdict *v,
                                 struct arena *arena, struct slice name)
{
    struct ref_values list = {0};
    uint32_t cursor = 0;
    struct slice value;
    while (f->header(f->request, name, &cursor, &value))
        add(arena, &list, value.at, value.len);
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct action *change = v->effect[i];
        if (!slice_eq(change->name, name))
            continue;
        if (change->kind != ACTION_ADD_HEADER)
            list.n = 0;
        if (change->kind != ACTION_REMOVE_HEADER)
            add(arena, &list, v->value[i].at, v->value[i].len);
    }
    return list;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* name=value; name=value: blanks around a pair do not count, the first '=' separates. */
static void cookies_of(struct arena *arena, struct ref_values *list, struct slice header,
                       struct slice name)
{
    size_t begin = 0;
    for (size_t i = 0; i <= header.len; i++) {
        if (i < header.len && header.at[i] != ';')
            continue;
        size_t from = begin, to = i;
        while (from < to && blank(header.at[from]))
            from++;
        while (to > from && blank(header.at[to - 1]))
            to--;
        begin = i + 1;

        size_t equals = from;
        while (equals < to && header.at[equals] != '=')
            equals++;
        if (equals < to && equals - from == name.len &&
            strncmp(header.at + from, name.at, name.len) == 0)
            add(arena, list, header.at + equals + 1, to - equals - 1);
    }
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static struct slice decoded(struct arena *arena, const char *at, size_t len)
{
    char *out = ARENA_ARRAY(arena, char, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '+') {
            out[n++] = ' ';
        } else if (at[i] == '%' && i + 2 < len && isxdigit((unsigned char)at[i + 1]) &&
                   isxdigit((unsigned char)at[i + 2])) {
            out[n++] = (char)(hex(at[i + 1]) * 16 + hex(at[i + 2]));
            i += 2;
        } else {
            out[n++] = at[i];
        }
    }
    return (struct slice){out, n};
}

/* key=value&key=value: empty parameters do not count, the first '=' separates and may be missing.
 */
static void parameters(struct arena *arena, struct ref_values *list, struct slice query,
                       struct slice wanted)
{
    for (size_t begin = 0; begin < query.len;) {
        size_t end = begin;
        while (end < query.len && query.at[end] != '&')
            end++;
        size_t equals = begin;
        while (equals < end && query.at[equals] != '=')
            equals++;
        const struct slice key = decoded(arena, query.at + begin, equals - begin);
        if (end > begin && slice_eq(key, wanted)) {
            const size_t from = equals < end ? equals + 1 : end;
            const struct slice value = decoded(arena, query.at + from, end - from);
            add(arena, list, value.at, value.len);
        }
        begin = end + 1;
    }
}

static struct ref_values only(struct arena *arena, struct slice value)
{
    struct ref_values list = {0};
    add(arena, &list, value.at, value.len);
    return list;
}

static struct ref_values address_of(const struct address *a, struct arena *arena)
{
    char text[ADDRESS_TEXT_MAX];
    return only(arena, arena_copy(arena, (struct slice){text, address_format(a, text)}));
}

static struct ref_values cookies(const struct facts *f, const struct ref_verdict *v,
                                 struct arena *arena, struct slice name)
{
    struct ref_values list = {0};
    const struct ref_values lines = headers(f, v, arena, SLICE("cookie"));
    for (uint32_t i = 0; i < lines.n; i++)
        cookies_of(arena, &list, lines.at[i], name);
    return list;
}

struct ref_values ref_values(const struct facts *f, const struct ref_verdict *v,
                             struct arena *arena, enum table_field field, struct slice key)
{
    struct ref_values list = {0};
    switch (field) {
    case FIELD_SRC: return address_of(&f->src, arena);
    case FIELD_METHOD: return only(arena, f->method);
    case FIELD_SCHEME: return only(arena, f->scheme);
    case FIELD_HOST: return only(arena, f->host);
    case FIELD_PATH: return only(arena, f->path);
    case FIELD_URI: return only(arena, f->uri);
    case FIELD_LISTENER: return only(arena, f->listener);
    case FIELD_QUERY: return f->query.at ? only(arena, f->query) : list;
    case FIELD_QUERY_KEY: parameters(arena, &list, f->query, key); return list;
    case FIELD_HEADER: return headers(f, v, arena, key);
    case FIELD_COOKIE: return cookies(f, v, arena, key);
    case FIELD_COUNT: break;
    }
    ASSERT(!"every field is above");
    return list;
}
