#include "compiler/prove/witness.h"

#include "compiler/prove/question_priv.h"
#include "runtime/base/text.h"

static bool next_header(const void *request, struct slice name, uint32_t *cursor,
                        struct slice *value)
{
    const struct witness *w = request;
    while (*cursor < w->n_headers) {
        const struct witness_header *h = &w->header[(*cursor)++];
        if (slice_eq(h->name, name)) {
            *value = h->value;
            return true;
        }
    }
    return false;
}

static const struct witness_live *live_find(const void *live, enum table_field field,
                                            struct slice key)
{
    const struct witness *w = live;
    for (uint32_t i = 0; i < w->n_live; i++)
        if (w->live[i].field == field && slice_eq(w->live[i].key, key))
            return &w->live[i];
    return NULL;
}

static bool next_claim(const void *live, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct witness *w = live;
    while (*cursor < w->n_live) {
        const struct witness_live *l = &w->live[(*cursor)++];
        if (l->field == FIELD_CLAIM && slice_eq(l->key, name)) {
            *value = l->text;
            return true;
        }
    }
    return false;
}

static bool limit_exceeded(const void *live, struct slice name)
{
    return live_find(live, FIELD_LIMIT_EXCEEDED, name) != NULL;
}

static uint32_t cluster_up(const void *live, struct slice name)
{
    const struct witness_live *l = live_find(live, FIELD_CLUSTER_UP, name);
    return l ? (uint32_t)l->number : 1;
}

void witness_init(struct witness *w)
{
    w->n_headers = w->n_live = 0;
    w->facts = (struct facts){
        .method = SLICE("GET"),
        .scheme = SLICE("http"),
        .host = SLICE("example.com"),
        .path = SLICE("/"),
        .uri = SLICE("/"),
        .listener = SLICE(""),
        .proto = SLICE("http/1.1"),
        .src_port = 50000,
        .dst_port = 80,
        .port = 80,
        .header = next_header,
        .request = w,
        .claim = next_claim,
        .limit_exceeded = limit_exceeded,
        .cluster_up = cluster_up,
        .live = w,
    };
    const bool ok = address_parse(SLICE("192.0.2.1"), &w->facts.src) &&
                    address_parse(SLICE("198.51.100.1"), &w->facts.dst);
    ASSERT(ok);
}

static void keep(struct arena *arena, struct slice *s)
{
    if (s->at)
        *s = arena_copy(arena, *s);
}

struct witness *witness_copy(const struct witness *w, struct arena *arena)
{
    struct witness *c = ARENA_NEW(arena, struct witness);
    *c = *w;
    struct facts *f = &c->facts;
    struct slice *const own[] = {&f->listener,
                                 &f->proto,
                                 &f->method,
                                 &f->scheme,
                                 &f->host,
                                 &f->path,
                                 &f->uri,
                                 &f->query,
                                 &f->tls_sni,
                                 &f->tls_subject,
                                 &f->tls_fingerprint,
                                 &f->user,
                                 &f->cluster,
                                 &f->server};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        keep(arena, own[i]);
    for (uint32_t i = 0; i < c->n_headers; i++) {
        keep(arena, &c->header[i].name);
        keep(arena, &c->header[i].value);
    }
    for (uint32_t i = 0; i < c->n_live; i++) {
        keep(arena, &c->live[i].key);
        keep(arena, &c->live[i].text);
    }
    f->request = f->live = c;
    return c;
}

bool witness_add_header(struct witness *w, struct slice name, struct slice value)
{
    if (w->n_headers == WITNESS_HEADERS_MAX)
        return false;
    w->header[w->n_headers++] = (struct witness_header){name, value};
    return true;
}

/* In single quotes, as a shell reads it. */
static void write_quoted(struct text *out, struct slice name, struct slice value)
{
    text_addf(out, " -H '" SLICE_FMT ": ", SLICE_ARG(name));
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\'')
            text_adds(out, "'\\''");
        else
            text_addc(out, value.at[i]);
    }
    text_addc(out, '\'');
}

static void add_extra(struct text *out, bool *first, struct slice said)
{
    text_addf(out, "%s" SLICE_FMT, *first ? " (" : ", ", SLICE_ARG(said));
    *first = false;
}

/* What is not as usual, and stands in no request line. */
static void write_rest(const struct witness *w, struct text *out)
{
    const struct facts *f = &w->facts;
    struct arena arena = {0};
    bool first = true;
    struct witness usual;
    witness_init(&usual);
    const struct facts *u = &usual.facts;
    char address[ADDRESS_TEXT_MAX];
    if (f->src_port != u->src_port)
        add_extra(out, &first, arena_format(&arena, "src.port %u", f->src_port));
    if (address_compare(&f->dst, &u->dst) != 0 && address_format(&f->dst, address) > 0)
        add_extra(out, &first, arena_format(&arena, "dst %s", address));
    if (f->dst_port != u->dst_port)
        add_extra(out, &first, arena_format(&arena, "dst.port %u", f->dst_port));
    if (!slice_eq(f->proto, u->proto))
        add_extra(out, &first, f->proto);
    if (f->tls)
        add_extra(out, &first, SLICE("tls"));
    if (f->tls_version)
        add_extra(
            out, &first,
            arena_format(&arena, "tls.version %u.%u", f->tls_version / 10, f->tls_version % 10));
    if (f->tls_verified)
        add_extra(out, &first, SLICE("tls.client.verified"));
    const struct slice text[] = {f->tls_sni, f->tls_subject, f->tls_fingerprint, f->user};
    static const char *const NAME[] = {"tls.sni", "tls.client.subject", "tls.client.fingerprint",
                                       "user"};
    for (size_t i = 0; i < COUNT_OF(text); i++)
        if (text[i].at)
            add_extra(out, &first,
                      arena_format(&arena, "%s \"" SLICE_FMT "\"", NAME[i], SLICE_ARG(text[i])));
    if (f->has_body_length)
        add_extra(out, &first,
                  arena_format(&arena, "body.length %lluB", (unsigned long long)f->body_length));
    if (f->random)
        add_extra(out, &first,
                  arena_format(&arena, "random %u%%", (unsigned)((uint64_t)f->random * 100 >> 32)));
    for (uint32_t i = 0; i < w->n_live; i++) {
        const struct witness_live *l = &w->live[i];
        struct text field = {0};
        table_field_write(l->field, l->key, '"', &field);
        if (l->field == FIELD_CLAIM)
            text_addf(&field, " \"" SLICE_FMT "\"", SLICE_ARG(l->text));
        else if (l->field == FIELD_CLUSTER_UP)
            text_addf(&field, " %llu", (unsigned long long)l->number);
        add_extra(out, &first, arena_copy(&arena, text_slice(&field)));
        text_done(&field);
    }
    text_adds(out, first ? "" : ")");
    arena_free(&arena);
}

void witness_write(const struct witness *w, struct text *out)
{
    const struct facts *f = &w->facts;
    char from[ADDRESS_TEXT_MAX];
    address_format(&f->src, from);
    text_addf(out, SLICE_FMT " ", SLICE_ARG(f->method));
    if (f->host.len > 0 && !slice_eq(f->path, SLICE("*")))
        text_addf(out, SLICE_FMT "://" SLICE_FMT, SLICE_ARG(f->scheme), SLICE_ARG(f->host));
    if (f->host.len > 0 && f->port != (slice_eq(f->scheme, SLICE("https")) ? 443 : 80))
        text_addf(out, ":%u", f->port);
    text_addf(out, SLICE_FMT " from %s", SLICE_ARG(f->uri), from);
    for (uint32_t i = 0; i < w->n_headers; i++)
        write_quoted(out, w->header[i].name, w->header[i].value);
    write_rest(w, out);
}

/* A parameter's name or value as it stands in a query. */
static void add_escaped(struct text *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || (c && strchr("-._~/,:@!", (char)c));
        text_addf(out, plain ? "%c" : "%%%02X", c);
    }
}

/* What is put together from several groups. */
struct making {
    struct witness *witness;
    struct text query, cookies;
    bool has_uri, has_scheme, has_port;
};

static bool add_live(struct witness *w, const struct question_group *g,
                     const struct found_value *value)
{
    if (w->n_live == WITNESS_HEADERS_MAX)
        return false;
    w->live[w->n_live++] = (struct witness_live){g->field, g->key, value->text, value->number};
    return true;
}

static bool add_parameter(struct making *m, struct slice key, struct slice value)
{
    if (m->query.len > 0)
        text_addc(&m->query, '&');
    add_escaped(&m->query, key);
    text_addc(&m->query, '=');
    add_escaped(&m->query, value);
    return true;
}

static bool take_value(struct making *m, const struct question_group *g,
                       const struct found_value *value)
{
    struct facts *f = &m->witness->facts;
    const struct slice s = value->text;
    const uint64_t n = value->number;
    switch (g->field) {
    case FIELD_SRC: f->src = value->address; return true;
    case FIELD_SRC_PORT: f->src_port = (uint16_t)n; return true;
    case FIELD_DST: f->dst = value->address; return true;
    case FIELD_DST_PORT: f->dst_port = (uint16_t)n; return true;
    case FIELD_LISTENER: f->listener = s; return true;
    case FIELD_TLS: return f->tls = true;
    case FIELD_TLS_VERSION: f->tls_version = (uint8_t)n; return true;
    case FIELD_TLS_SNI: f->tls_sni = s; return true;
    case FIELD_TLS_VERIFIED: return f->tls_verified = true;
    case FIELD_TLS_SUBJECT: f->tls_subject = s; return true;
    case FIELD_TLS_FINGERPRINT: f->tls_fingerprint = s; return true;
    case FIELD_PROTO: f->proto = s; return true;
    case FIELD_METHOD: f->method = s; return true;
    case FIELD_SCHEME:
        m->has_scheme = true;
        f->scheme = s;
        return true;
    case FIELD_HOST: f->host = s; return true;
    case FIELD_PORT:
        m->has_port = true;
        f->port = (uint16_t)n;
        return true;
    case FIELD_PATH: f->path = s; return true;
    case FIELD_URI:
        m->has_uri = true;
        f->uri = s;
        return true;
    case FIELD_QUERY: f->query = s; return true;
    case FIELD_QUERY_KEY: return add_parameter(m, g->key, s);
    case FIELD_HEADER:
    case FIELD_HEADER_ITEM: return witness_add_header(m->witness, g->key, s);
    case FIELD_COOKIE:
        text_addf(&m->cookies, "%s" SLICE_FMT "=" SLICE_FMT, m->cookies.len > 0 ? "; " : "",
                  SLICE_ARG(g->key), SLICE_ARG(s));
        return true;
    case FIELD_BODY_LENGTH: f->body_length = n; return f->has_body_length = true;
    case FIELD_USER: f->user = s; return true;
    case FIELD_CLAIM:
    case FIELD_LIMIT_EXCEEDED:
    case FIELD_CLUSTER_UP: return add_live(m->witness, g, value);
    case FIELD_RANDOM: f->random = (uint32_t)(((n << 32) + 99) / 100); return true;
    case FIELD_STATUS: f->status = (uint16_t)n; return true;
    case FIELD_CLUSTER: f->cluster = s; return true;
    case FIELD_SERVER: f->server = s; return true;
    case FIELD_RESPONSE_HEADER:
    case FIELD_RESPONSE_ITEM:
    case FIELD_COUNT: break;
    }
    return false;
}

static bool take_groups(struct making *m, struct question *q, struct arena *arena)
{
    for (uint32_t i = 0; i < q->n_groups; i++) {
        const struct question_group *g = &q->group.at[i];
        struct theory_values values;
        if (g->made)
            continue;
        if (!theory_values(q, i, arena, &values))
            return false;
        if (values.n == 0 && g->field == FIELD_SRC_PORT)
            m->witness->facts.src_port = 0;
        if (values.n == 0 && g->field == FIELD_DST_PORT)
            m->witness->facts.dst_port = 0;
        for (uint32_t k = 0; k < values.n; k++)
            if (!take_value(m, g, &values.at[k]))
                return false;
    }
    return true;
}

/* Path, query and parameters are parts of one thing, and cookies of one header. */
static bool put_together(struct making *m, struct arena *arena)
{
    struct facts *f = &m->witness->facts;
    if (m->query.len > 0 && !f->query.at)
        f->query = arena_copy(arena, text_slice(&m->query));
    const bool plain = !f->query.at && slice_eq(f->path, SLICE("/"));
    if (m->has_uri && plain) {
        const char *mark = memchr(f->uri.at, '?', f->uri.len);
        f->path = (struct slice){f->uri.at, mark ? (size_t)(mark - f->uri.at) : f->uri.len};
        f->query = mark ? slice_from(f->uri, f->path.len + 1) : SLICE_NONE;
    } else {
        f->uri = f->query.at ? arena_format(arena, SLICE_FMT "?" SLICE_FMT, SLICE_ARG(f->path),
                                            SLICE_ARG(f->query))
                             : f->path;
    }
    if (f->tls && !m->has_scheme)
        f->scheme = SLICE("https");
    if (slice_eq(f->scheme, SLICE("https")) && !m->has_port)
        f->port = 443;
    if (slice_eq(f->path, SLICE("*")) && slice_eq(f->method, SLICE("GET")))
        f->method = SLICE("OPTIONS");
    return m->cookies.len == 0 || witness_add_header(m->witness, SLICE("cookie"),
                                                     arena_copy(arena, text_slice(&m->cookies)));
}

bool question_witness(struct question *q, struct arena *arena, struct witness *out)
{
    struct making m = {.witness = out};
    witness_init(out);
    if (q->listeners.n > 0)
        out->facts.listener = q->listeners.at[0];
    const bool made = take_groups(&m, q, arena) && put_together(&m, arena);
    text_done(&m.query);
    text_done(&m.cookies);
    return made;
}
