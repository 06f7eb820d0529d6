/* What the reference says of changed paths and queries, with strings that are made anew each time.
 */
#include "compiler/ref/ref_priv.h"
#include "compiler/regex/regex.h"
#include "runtime/base/uri.h"

struct slice ref_path(const struct facts *f, const struct ref_verdict *v)
{
    return v->rewritten ? v->path : f->path;
}

struct slice ref_uri(const struct facts *f, const struct ref_verdict *v)
{
    return v->rewritten ? v->uri : f->uri;
}

struct slice ref_query(const struct facts *f, const struct ref_verdict *v)
{
    return v->rewritten ? v->query : f->query;
}

static struct slice joined(struct arena *arena, struct slice a, struct slice b)
{
    char *both = ARENA_ARRAY(arena, char, a.len + b.len + 1);
    if (a.len > 0)
        memcpy(both, a.at, a.len);
    if (b.len > 0)
        memcpy(both + a.len, b.at, b.len);
    return (struct slice){both, a.len + b.len};
}

/* Every byte that is not in `plain`, and none is that is above 0x7e, as %XX. */
static struct slice escaped(struct arena *arena, struct slice s, bool (*plain)(char c))
{
    char *out = ARENA_ARRAY(arena, char, s.len * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (plain(s.at[i]))
            out[n++] = s.at[i];
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)s.at[i]);
    }
    return (struct slice){out, n};
}

static bool stays_in_path(char c)
{
    return c > ' ' && c < 0x7f && c != '#' && c != '?';
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void set(struct ref_verdict *v, struct arena *arena, struct slice path, struct slice query)
{
    struct slice uri = path;
    if (query.at)
        uri = joined(arena, joined(arena, path, SLICE("?")), query);
    if (uri.len > REF_TARGET_BYTES_MAX) {
        v->too_long = true;
        return;
    }
    v->path = path;
    v->query = query;
    v->uri = uri;
    v->rewritten = true;
}

/* With a slash in front, what no path holds escaped, and in its normal form. */
static void set_path(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                     struct slice path)
{
    path = escaped(arena, path, stays_in_path);
    if (path.len == 0 || path.at[0] != '/')
        path = joined(arena, SLICE("/"), path);
    if (path.len > REF_TARGET_BYTES_MAX) {
        v->too_long = true;
        return;
    }
    char *normal = ARENA_ARRAY(arena, char, path.len + 1);
    size_t len = 0;
    if (uri_normalise_path(path, f->path_rules, normal, &len) != URI_OK)
        v->bad_target = true;
    else
        set(v, arena, (struct slice){normal, len}, ref_query(f, v));
}

/* "/a" itself, or the "/a" of "/a/b". */
static void replace_prefix(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                           struct slice prefix, struct slice by)
{
    const struct slice path = ref_path(f, v);
    if (slice_eq(path, prefix)) {
        set_path(f, v, arena, by);
        return;
    }
    const bool ends = prefix.at[prefix.len - 1] == '/';
    const struct slice folder = ends ? prefix : joined(arena, prefix, SLICE("/"));
    if (!slice_starts(path, folder))
        return;
    const struct slice rest = slice_from(path, folder.len);
    if (!slice_ends(by, SLICE("/")))
        by = joined(arena, by, SLICE("/"));
    set_path(f, v, arena, joined(arena, by, rest));
}

static void replace_match(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                          const struct action *a)
{
    struct arena scratch = {0};
    struct regex_error error;
    struct regex_program program = {0};
    const struct regex *re = regex_parse(&scratch, a->pattern, a->flags, &error);
    const bool compiled = re && regex_compile_program(re, &scratch, &program, &error);
    const struct slice path = ref_path(f, v);
    struct slice group[REGEX_GROUPS_MAX + 1];
    if (compiled && regex_search(&program, path, group)) {
        struct slice made = {path.at, (size_t)(group[0].at - path.at)};
        for (uint32_t i = 0; i < a->value.n; i++) {
            const struct table_part *part = &a->value.part[i];
            if (part->literal.at)
                made = joined(arena, made, part->literal);
            else if (part->group <= program.n_groups && group[part->group].at)
                made = joined(arena, made, group[part->group]);
        }
        const size_t end = (size_t)(group[0].at - path.at) + group[0].len;
        set_path(f, v, arena, joined(arena, made, slice_from(path, end)));
    }
    arena_free(&scratch);
}

/* Piece by piece; the first piece of that name is replaced, the others of it go. */
static void set_parameter(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                          struct slice name, const struct slice *value)
{
    const struct slice query = ref_query(f, v);
    struct slice made = SLICE_NONE, pair = SLICE_NONE;
    if (value)
        pair = joined(arena, joined(arena, escaped(arena, name, is_unreserved), SLICE("=")),
                      escaped(arena, *value, is_unreserved));
    bool found = false, given = false;
    for (size_t begin = 0; query.at && begin < query.len;) {
        size_t end = begin, equals;
        while (end < query.len && query.at[end] != '&')
            end++;
        for (equals = begin; equals < end && query.at[equals] != '=';)
            equals++;
        struct slice piece = {query.at + begin, end - begin};
        const struct slice key = {query.at + begin, equals - begin};
        begin = end + 1;
        if (piece.len == 0)
            continue;
        const bool ours = slice_eq(ref_decoded(arena, key), name);
        found |= ours;
        if (ours && (!value || given))
            continue;
        if (ours)
            piece = pair, given = true;
        made = made.at ? joined(arena, joined(arena, made, SLICE("&")), piece) : piece;
    }
    if (value && !given)
        made = made.at ? joined(arena, joined(arena, made, SLICE("&")), pair) : pair;
    if (found || value)
        set(v, arena, ref_path(f, v), made);
}

void ref_retarget(const struct facts *f, struct ref_verdict *v, struct arena *arena,
                  const struct action *a, struct slice value)
{
    const struct slice path = ref_path(f, v);
    if (path.len == 0 || path.at[0] != '/')
        return;
    if (a->kind == ACTION_REWRITE_PATH && value.len > REF_TARGET_BYTES_MAX)
        v->too_long = true;
    else if (a->kind == ACTION_REWRITE_PATH)
        set_path(f, v, arena, value);
    else if (a->kind == ACTION_REPLACE_PREFIX)
        replace_prefix(f, v, arena, a->name, value);
    else if (a->kind == ACTION_REPLACE_PATH)
        replace_match(f, v, arena, a);
    else
        set_parameter(f, v, arena, a->name, a->kind == ACTION_SET_QUERY ? &value : NULL);
}
