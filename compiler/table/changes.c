#include "compiler/table/changes.h"

#include "compiler/table/match.h"
#include "compiler/table/query.h"
#include "compiler/table/template.h"
#include "runtime/base/uri.h"

/* A target in the making. It counts on behind the end of its room. */
struct making {
    char at[TABLE_TARGET_BYTES_MAX];
    size_t len;
};

static void put(struct making *m, struct slice s)
{
    if (s.len > 0 && m->len <= sizeof(m->at) && s.len <= sizeof(m->at) - m->len)
        memcpy(m->at + m->len, s.at, s.len);
    m->len += s.len;
}

static void put_escaped(struct making *m, char c)
{
    static const char HEX[] = "0123456789ABCDEF";
    const unsigned char byte = (unsigned char)c;
    put(m, (struct slice){(char[]){'%', HEX[byte >> 4], HEX[byte & 15]}, 3});
}

/* What a path can't hold as it is; escapes that are there stay. */
static void put_path(struct making *m, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        if (c <= ' ' || c >= 0x7f || c == '#' || c == '?')
            put_escaped(m, s.at[i]);
        else
            put(m, (struct slice){s.at + i, 1});
    }
}

/* Of a parameter: all but RFC 3986's unreserved characters. */
static void put_parameter(struct making *m, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i], lower = ascii_lower(c);
        const bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain)
            put(m, (struct slice){s.at + i, 1});
        else
            put_escaped(m, c);
    }
}

/* "/path?query", of which the path has `path_len` bytes, becomes what the request asks for. */
static void retarget(struct verdict *v, const struct making *m, size_t path_len)
{
    if (m->len > sizeof(m->at)) {
        v->overflow = true;
        return;
    }
    memcpy(v->target, m->at, m->len);
    v->rewritten = true;
    v->uri = (struct slice){v->target, m->len};
    v->path = (struct slice){v->target, path_len};
    v->query = path_len < m->len ? slice_from(v->uri, path_len + 1) : SLICE_NONE;
}

/* A path that was written into `m`, in its normal form, with the query it had. */
static void set_path(struct making *m, const struct facts *f, struct verdict *v)
{
    size_t len;
    if (m->len > sizeof(m->at)) {
        v->overflow = true;
        return;
    }
    if (uri_normalise_path((struct slice){m->at, m->len}, f->path_rules, m->at, &len) != URI_OK) {
        v->bad_target = true;
        return;
    }
    m->len = len;
    const struct slice query = changed_query(f, v);
    if (query.at) {
        put(m, SLICE("?"));
        put(m, query);
    }
    retarget(v, m, len);
}

/* `name`=`value` where the first of that name stands, or at the end; without a value, none. */
static void set_parameter(const struct table_effect *e, const struct slice *value,
                          const struct facts *f, struct verdict *v)
{
    struct making m;
    m.len = 0;
    put(&m, changed_path(f, v));
    const size_t path_len = m.len;
    struct slice rest = changed_query(f, v), key, old;
    bool found = false, begun = false;
    for (bool more = true; more;) {
        more = query_next(&rest, &key, &old);
        const bool ours = more && query_eq(key, e->name);
        const bool give = value && !found && (ours || !more);
        found |= ours;
        if (!give && (ours || !more))
            continue;
        put(&m, begun ? SLICE("&") : SLICE("?"));
        begun = true;
        if (give) {
            put_parameter(&m, e->name);
            put(&m, SLICE("="));
            put_parameter(&m, *value);
        } else {
            const char *end = old.at ? old.at + old.len : key.at + key.len;
            put(&m, (struct slice){key.at, (size_t)(end - key.at)});
        }
    }
    if (found || value)
        retarget(v, &m, path_len);
}

/* What stands for the groups of a match in a template. */
static void put_replacement(struct making *m, const struct table_template *template,
                            const struct slice *group, uint32_t n_groups)
{
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (part->literal.at)
            put_path(m, part->literal);
        else if (part->group <= n_groups && group[part->group].at)
            put_path(m, group[part->group]);
    }
}

/* The first match; what stands before and behind it stays. */
static void replace_path(const struct table *t, const struct table_effect *e, const struct facts *f,
                         struct verdict *v)
{
    const struct regex_program *program = &t->regex[e->regex].program;
    const struct slice path = changed_path(f, v);
    struct slice group[REGEX_GROUPS_MAX + 1];
    if (!regex_search(program, path, group))
        return;
    const size_t before = (size_t)(group[0].at - path.at);
    struct making m;
    m.len = 0;
    put(&m, SLICE("/")); /* one too many where there is one; the normal form has it once */
    put_path(&m, (struct slice){path.at, before});
    put_replacement(&m, &e->value, group, program->n_groups);
    put_path(&m, slice_from(path, before + group[0].len));
    set_path(&m, f, v);
}

/* Whole segments: below "/a", "/a/b" is and "/ab" is not. */
static void replace_prefix(const struct table_effect *e, struct slice by, const struct facts *f,
                           struct verdict *v)
{
    const struct slice path = changed_path(f, v);
    if (!match_under(path, e->name))
        return;
    struct making m;
    m.len = 0;
    put_path(&m, by);
    struct slice rest = slice_from(path, e->name.len);
    if (rest.len > 0 || m.len == 0) { /* "/a" for "/b" is "/b", not "/b/" */
        if (by.len == 0 || by.at[by.len - 1] != '/')
            put(&m, SLICE("/"));
        const bool parts = !slice_ends(e->name, SLICE("/")); /* then rest begins with a slash */
        put_path(&m, parts && rest.len > 0 ? slice_from(rest, 1) : rest);
    }
    set_path(&m, f, v);
}

/* Rendered, with what no path may hold escaped, and a slash in front. */
static void rewrite_path(const struct table *t, const struct table_effect *e, const struct facts *f,
                         struct verdict *v)
{
    char raw[TABLE_TARGET_BYTES_MAX];
    const size_t len = template_write(t, &e->value, f, v, raw, sizeof(raw));
    if (len > sizeof(raw)) {
        v->overflow = true;
        return;
    }
    struct making m;
    m.len = 0;
    if (len == 0 || raw[0] != '/')
        put(&m, SLICE("/"));
    put_path(&m, (struct slice){raw, len});
    set_path(&m, f, v);
}

static void change_target(const struct table *t, const struct table_effect *e, struct slice value,
                          const struct facts *f, struct verdict *v)
{
    const struct slice path = changed_path(f, v);
    if (path.len == 0 || path.at[0] != '/')
        return; /* OPTIONS * has no path that could change */
    if (e->kind == EFFECT_REWRITE_PATH)
        rewrite_path(t, e, f, v);
    else if (e->kind == EFFECT_REPLACE_PREFIX)
        replace_prefix(e, value, f, v);
    else if (e->kind == EFFECT_REPLACE_PATH)
        replace_path(t, e, f, v);
    else
        set_parameter(e, e->kind == EFFECT_SET_QUERY ? &value : NULL, f, v);
}

/* Those whose value is text that is kept in the verdict. */
static bool has_value(enum table_effect_kind kind)
{
    return kind == EFFECT_SET_HEADER || kind == EFFECT_ADD_HEADER ||
           kind == EFFECT_SET_RESPONSE_HEADER || kind == EFFECT_ADD_RESPONSE_HEADER ||
           kind == EFFECT_SET_QUERY || kind == EFFECT_REPLACE_PREFIX;
}

/* The value that a change gives, made once, when the change is made. */
static struct slice value_of(const struct table *t, const struct table_effect *e,
                             const struct facts *f, struct verdict *v)
{
    struct slice value = SLICE("");
    if (!has_value(e->kind) || template_is_literal(&e->value, &value))
        return value;

    const size_t room = sizeof(v->text) - v->text_bytes;
    char *const at = v->text + v->text_bytes;
    const size_t len = template_write(t, &e->value, f, v, at, room);
    if (len > room) {
        v->overflow = true; /* and the walk goes on with an empty value, to a verdict not used */
        return value;
    }
    v->text_bytes += len;
    return (struct slice){at, len};
}

void change_make(const struct table *t, uint32_t effect, const struct facts *f, struct verdict *v)
{
    const struct table_effect *e = &t->effect[effect];
    /* The first change that can't be made is what the request is refused for; the walk goes on to a
     * verdict that is not used. */
    const bool made = !v->overflow && !v->bad_target;
    const struct slice value = made ? value_of(t, e, f, v) : SLICE("");
    if (table_effect_is_target(e->kind) && made && !v->overflow)
        change_target(t, e, value, f, v);
    v->required |= table_effect_is_require(e->kind);
    v->value[v->n_effects] = value;
    v->effect[v->n_effects++] = effect;
}
