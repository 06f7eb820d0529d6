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

static struct ref_values received(facts_header *header, const void *of, struct arena *arena,
                                  struct slice name)
{
    struct ref_values list = {0};
    uint32_t cursor = 0;
    struct slice value;
    while (header && header(of, name, &cursor, &value))
        add(arena, &list, value.at, value.len);
    return list;
}

/* The header as the request has it now: each change is made to the whole list, in order. */
static struct ref_values changed(const struct facts *f, const struct ref_verdict *v,
                                 struct arena *arena, struct slice name, bool response)
{
    struct ref_values list = response ? received(f->response_header, f->response, arena, name)
                                      : received(f->header, f->request, arena, name);
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const struct action *change = v->effect[i];
        const bool set =
            change->kind == (response ? ACTION_SET_RESPONSE_HEADER : ACTION_SET_HEADER);
        const bool more =
            change->kind == (response ? ACTION_ADD_RESPONSE_HEADER : ACTION_ADD_HEADER);
        const bool gone =
            change->kind == (response ? ACTION_REMOVE_RESPONSE_HEADER : ACTION_REMOVE_HEADER);
        if (!(set || more || gone) || !slice_eq(change->name, name))
            continue;
        if (!more)
            list.n = 0;
        if (!gone)
            add(arena, &list, v->value[i].at, v->value[i].len);
    }
    return list;
}

static struct ref_values headers(const struct facts *f, const struct ref_verdict *v,
                                 struct arena *arena, struct slice name)
{
    return changed(f, v, arena, name, false);
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

struct slice ref_decoded(struct arena *arena, struct slice raw)
{
    return decoded(arena, raw.at, raw.len);
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

/* What stands between the commas of each, but for commas in quotes; a backslash in quotes takes its
 * meaning from what follows it. */
static struct ref_values items(struct arena *arena, struct ref_values lines)
{
    struct ref_values list = {0};
    for (uint32_t i = 0; i < lines.n; i++) {
        const struct slice line = lines.at[i];
        size_t begin = 0;
        bool quoted = false;
        for (size_t k = 0; k <= line.len; k++) {
            const char c = k < line.len ? line.at[k] : ',';
            if (k < line.len && c == '"')
                quoted = !quoted;
            if (k + 1 < line.len && quoted && c == '\\')
                k++;
            if (k < line.len && (quoted || c != ','))
                continue;
            size_t from = begin, to = k < line.len ? k : line.len;
            while (from < to && blank(line.at[from]))
                from++;
            while (to > from && blank(line.at[to - 1]))
                to--;
            if (to > from)
                add(arena, &list, line.at + from, to - from);
            begin = k + 1;
        }
    }
    return list;
}

static struct ref_values only_if(bool present, struct arena *arena, struct slice value)
{
    return present ? only(arena, value) : (struct ref_values){0};
}

static struct ref_values only_if_there(struct arena *arena, struct slice value)
{
    return only_if(value.at != NULL, arena, value);
}

static struct ref_values claims(const struct facts *f, struct arena *arena, struct slice name)
{
    struct ref_values list = {0};
    struct slice value;
    uint32_t cursor = 0;
    while (f->claim && f->claim(f->live, name, &cursor, &value))
        add(arena, &list, value.at, value.len);
    return list;
}

bool ref_number(const struct facts *f, enum table_field field, struct slice key, uint64_t *number,
                bool *present)
{
    *present = true;
    if (field == FIELD_SRC_PORT || field == FIELD_DST_PORT) {
        *number = field == FIELD_SRC_PORT ? f->src_port : f->dst_port;
        *present = *number > 0;
    } else if (field == FIELD_PORT) {
        *number = f->port;
    } else if (field == FIELD_TLS_VERSION) {
        *number = f->tls_version;
        *present = f->tls_version > 0;
    } else if (field == FIELD_BODY_LENGTH) {
        *number = f->body_length;
        *present = f->has_body_length;
    } else if (field == FIELD_CLUSTER_UP) {
        *number = f->cluster_up ? f->cluster_up(f->live, key) : 0;
    } else if (field == FIELD_RANDOM) {
        *number = (uint64_t)((double)f->random / 4294967296.0 * 100.0);
    } else if (field == FIELD_STATUS) {
        *number = f->status;
    } else {
        return false;
    }
    return true;
}

/* A number as text. */
static struct ref_values digits(const struct facts *f, struct arena *arena, enum table_field field,
                                struct slice key)
{
    uint64_t number = 0;
    bool present = false;
    ref_number(f, field, key, &number, &present);
    struct slice text = arena_format(arena, "%llu", (unsigned long long)number);
    if (field == FIELD_TLS_VERSION)
        text = arena_format(arena, "%.1f", (double)number / 10);
    return only_if(present, arena, text);
}

/* "behind a `require`": one that was met on the way here. */
static bool says_who(const struct facts *f, const struct ref_verdict *v)
{
    bool required = f->known;
    for (uint32_t i = 0; i < v->n_effects; i++)
        required |=
            v->effect[i]->kind == ACTION_REQUIRE_BASIC || v->effect[i]->kind == ACTION_REQUIRE_JWT;
    return required;
}

struct ref_values ref_values(const struct facts *f, const struct ref_verdict *v,
                             struct arena *arena, enum table_field field, struct slice key)
{
    static const struct slice TRUE = SLICE_INIT("true");
    struct ref_values list = {0};
    switch (field) {
    case FIELD_SRC: return address_of(&f->src, arena);
    case FIELD_DST: return address_of(&f->dst, arena);
    case FIELD_SRC_PORT:
    case FIELD_DST_PORT:
    case FIELD_PORT:
    case FIELD_TLS_VERSION:
    case FIELD_BODY_LENGTH:
    case FIELD_CLUSTER_UP:
    case FIELD_RANDOM:
    case FIELD_STATUS: return digits(f, arena, field, key);
    case FIELD_TLS: return only_if(f->tls, arena, TRUE);
    case FIELD_TLS_VERIFIED: return only_if(f->tls_verified, arena, TRUE);
    case FIELD_LIMIT_EXCEEDED:
        return only_if(f->limit_exceeded && f->limit_exceeded(f->live, key), arena, TRUE);
    case FIELD_TLS_SNI: return only_if_there(arena, f->tls_sni);
    case FIELD_TLS_SUBJECT: return only_if_there(arena, f->tls_subject);
    case FIELD_TLS_FINGERPRINT: return only_if_there(arena, f->tls_fingerprint);
    case FIELD_USER: return says_who(f, v) ? only_if_there(arena, f->user) : list;
    case FIELD_CLAIM: return says_who(f, v) ? claims(f, arena, key) : list;
    case FIELD_CLUSTER: return only_if_there(arena, f->cluster);
    case FIELD_SERVER: return only_if_there(arena, f->server);
    case FIELD_PROTO: return only(arena, f->proto);
    case FIELD_METHOD: return only(arena, f->method);
    case FIELD_SCHEME: return only(arena, f->scheme);
    case FIELD_HOST: return only(arena, f->host);
    case FIELD_PATH: return only(arena, ref_path(f, v));
    case FIELD_URI: return only(arena, ref_uri(f, v));
    case FIELD_LISTENER: return only(arena, f->listener);
    case FIELD_QUERY: return only_if_there(arena, ref_query(f, v));
    case FIELD_QUERY_KEY: parameters(arena, &list, ref_query(f, v), key); return list;
    case FIELD_HEADER: return headers(f, v, arena, key);
    case FIELD_HEADER_ITEM: return items(arena, headers(f, v, arena, key));
    case FIELD_RESPONSE_HEADER: return changed(f, v, arena, key, true);
    case FIELD_RESPONSE_ITEM: return items(arena, changed(f, v, arena, key, true));
    case FIELD_COOKIE: return cookies(f, v, arena, key);
    case FIELD_COUNT: break;
    }
    ASSERT(!"every field is above");
    return list;
}
