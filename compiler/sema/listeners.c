/* Listeners. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/hash.h"
#include "runtime/base/uri.h"

#define CONNECTIONS_DEFAULT      10000
#define BACKLOG_DEFAULT          4096
#define STREAMS_DEFAULT          100
#define GLITCHES_DEFAULT         1000
#define MIN_RATE_DEFAULT         20
#define OVERLOAD_SAVES_DEFAULT   85
#define OVERLOAD_REFUSES_DEFAULT 95
#define MIN_RATE_TIME_NS         INT64_C(10000000000)

static uint64_t key_of(const struct endpoint *e)
{
    return hash_bytes(e->address.byte, sizeof(e->address.byte), e->port) ^
           hash_slice(slice_of(e->path), 1);
}

static void grow(struct bounds *b)
{
    const uint32_t n = b->mask ? 2 * (b->mask + 1) : 16;
    free(b->slot);
    b->slot = MUST_ARRAY(uint32_t, n);
    b->mask = n - 1;
    for (uint32_t i = 0; i < b->all.n; i++) {
        uint32_t h = (uint32_t)key_of(&b->all.at[i].endpoint) & b->mask;
        while (b->slot[h])
            h = (h + 1) & b->mask;
        b->slot[h] = i + 1;
    }
}

/* Is it the first to be bound there? Otherwise says so. */
bool bound_first(struct sema *s, const struct program_setting *a, const struct endpoint *e)
{
    struct bounds *b = &s->bounds;
    if (b->mask == 0 || b->all.n > b->mask / 2)
        grow(b);
    uint32_t h = (uint32_t)key_of(e) & b->mask;
    while (b->slot[h] && !endpoint_eq(&b->all.at[b->slot[h] - 1].endpoint, e))
        h = (h + 1) & b->mask;
    if (!b->slot[h]) {
        const struct bound bound = {*e, a->span};
        VEC_ADD(&b->all, bound);
        b->slot[h] = b->all.n;
        return true;
    }
    char text[ENDPOINT_TEXT_MAX];
    const size_t len = endpoint_format(e, text);
    diag(s->diags, DIAG_BIND_TWICE, a->span, (int)len, text);
    diag_label(s->diags, "again here");
    diag_also(s->diags, b->all.at[b->slot[h] - 1].span, "first bound here");
    return false;
}

/* "0660": the permissions of a Unix socket's file. */
static bool mode_read(struct sema *s, const struct program_setting *a, const struct endpoint *e,
                      uint32_t *out)
{
    if (!e->path[0]) {
        diag(s->diags, DIAG_BAD_BIND, a->span, "only a Unix socket has a file mode");
        return false;
    }
    const struct slice text = a->value[0].text;
    uint32_t mode = 0;
    bool ok = text.len >= 3 && text.len <= 4;
    for (size_t i = 0; i < text.len; i++) {
        ok &= text.at[i] >= '0' && text.at[i] <= '7';
        mode = mode * 8 + (uint32_t)(text.at[i] - '0');
    }
    if (!ok || mode > 0777) {
        diag(s->diags, DIAG_BAD_BIND, a->value[0].span,
             "a file mode is three octal digits, as in \"0660\"");
        return false;
    }
    *out = mode;
    return true;
}

bool bind_read(struct sema *s, const struct program_settings *given,
               const struct program_setting *a, struct table_bind *out)
{
    *out = (struct table_bind){
        .endpoint = *a->value[0].endpoint, .backlog = BACKLOG_DEFAULT, .mode = TABLE_NO_MODE};
    const struct program_setting *backlog = setting_own(a, SETTING_BIND_BACKLOG);
    const struct program_setting *mode = setting_own(a, SETTING_BIND_MODE);
    const struct program_setting *proxy = setting_own(a, SETTING_BIND_PROXY_PROTOCOL);
    const struct program_setting *tls = setting_own(a, SETTING_BIND_TLS);
    out->tls = tls && !tls->wrong ? (uint32_t)tls->value[0].number : TABLE_NO_TLS;
    out->proxy_protocol = proxy != NULL;
    out->defer_accept = setting_own(a, SETTING_BIND_DEFER_ACCEPT) != NULL;
    if (backlog && !backlog->wrong)
        out->backlog = (uint32_t)backlog->value[0].number;
    bool ok = !mode || mode->wrong || mode_read(s, mode, &out->endpoint, &out->mode);
    if (proxy && !setting_given(given, SETTING_LISTENER_TRUSTED_PROXIES)) {
        diag(s->diags, DIAG_PROXY_UNTRUSTED, proxy->span, "proxy-protocol");
        diag_label(s->diags, "anybody could claim to be anybody");
        diag_note(s->diags, "name the proxies that connect here: trusted-proxies 10.0.0.0/8");
        ok = false;
    }
    return ok;
}

static bool binds_read(struct sema *s, struct program_listener *out)
{
    const struct program_settings *given = &out->settings;
    struct table_bind *bind = ARENA_ARRAY(s->arena, struct table_bind, given->n);
    bool ok = true;
    out->bind = bind;
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        if (a->id != SETTING_LISTENER_BIND || a->n_values == 0 || !a->value[0].endpoint)
            continue;
        struct table_bind *b = &bind[out->n_binds++];
        ok &= bind_read(s, given, a, b);
        ok &= bound_first(s, a, &b->endpoint);
    }
    return ok;
}

/* Settings and `on` blocks stand side by side; the schema knows the settings only. */
static const struct ast *without_on(struct sema *s, const struct ast *list, struct slice name,
                                    struct program_listener *out, bool *ok)
{
    struct ast *first = NULL, *last = NULL;
    for (const struct ast *a = list; a; a = a->next) {
        if (a->kind == AST_ON) {
            const bool connect = slice_eq(a->name, SLICE("connect"));
            *ok &= on_read(s, a, name, connect ? &out->on_connect : &out->on_response);
            continue;
        }
        struct ast *copy = ARENA_NEW(s->arena, struct ast);
        *copy = *a;
        copy->next = NULL;
        if (last)
            last->next = copy;
        else
            first = copy;
        last = copy;
    }
    return first;
}

static bool trusted_read(struct sema *s, struct program_listener *out)
{
    const struct program_setting *header =
        setting_given(&out->settings, SETTING_LISTENER_CLIENT_HEADER);
    const struct program_setting *a =
        setting_given(&out->settings, SETTING_LISTENER_TRUSTED_PROXIES);
    if (header && !a) {
        diag(s->diags, DIAG_PROXY_UNTRUSTED, header->span, "client-header");
        diag_note(s->diags, "name the proxies that write it: trusted-proxies 10.0.0.0/8");
        return false;
    }
    if (header && !header->wrong)
        out->client_header = slice_eq(header->value[0].text, SLICE("forwarded"))
                                 ? TABLE_BY_FORWARDED
                                 : TABLE_BY_X_FORWARDED_FOR;
    if (!a || a->wrong)
        return true;
    out->trusted = a->value[0].network;
    out->n_trusted = (uint32_t)a->value[0].number;
    return true;
}

/* TLS that a TCP listener ends is not served: what its client would speak inside is not known. */
static void tls_is_passed_on(struct sema *s, const struct program_settings *given)
{
    for (uint32_t i = 0; i < given->n; i++) {
        const struct program_setting *a = &given->at[i];
        const struct program_setting *tls =
            a->id == SETTING_LISTENER_BIND ? setting_own(a, SETTING_BIND_TLS) : NULL;
        if (tls)
            not_served(s, tls->word);
    }
}

/* In the order of the schema's choices. */
static unsigned path_rule(uint64_t choice)
{
    static const unsigned RULE[] = {URI_KEEP_EMPTY_SEGMENTS, URI_ALLOW_ENCODED_SLASH};
    ASSERT(choice < COUNT_OF(RULE));
    return RULE[choice];
}

static void path_read(struct program_listener *out)
{
    for (uint32_t i = 0; i < out->settings.n; i++) {
        const struct program_setting *a = &out->settings.at[i];
        if (a->id == SETTING_LISTENER_PATH && !a->wrong)
            out->path_rules |= path_rule(a->value[0].number);
    }
}

/* Before routes are read, whose paths go by it: what is wrong with it is said later. */
unsigned path_rules_of(const struct ast *file)
{
    unsigned rules = 0;
    for (const struct ast *l = file->first; l; l = l->next) {
        if (l->kind != AST_LISTENER)
            continue;
        for (const struct ast *a = l->first; a; a = a->next) {
            const bool path = a->kind == AST_SETTING && slice_eq(a->name, SLICE("path"));
            if (path && a->first && slice_eq(a->first->name, SLICE("keep-empty-segments")))
                rules |= URI_KEEP_EMPTY_SEGMENTS;
            if (path && a->first && slice_eq(a->first->name, SLICE("allow-encoded-slash")))
                rules |= URI_ALLOW_ENCODED_SLASH;
        }
    }
    return rules;
}

static uint64_t limit_of(const struct program_listener *l, enum setting_id id, uint64_t otherwise)
{
    const struct program_setting *a = setting_given(&l->settings, id);
    return a && !a->wrong ? a->value[0].number : otherwise;
}

static void min_rate_read(struct program_listener *l)
{
    const struct program_setting *a = setting_given(&l->settings, SETTING_LISTENER_MIN_RATE);
    l->min_rate = MIN_RATE_DEFAULT;
    l->min_rate_ns = MIN_RATE_TIME_NS;
    if (!a || a->wrong)
        return;
    l->min_rate = (uint32_t)a->value[0].number;
    if (a->n_values > 1)
        l->min_rate_ns = (int64_t)a->value[1].number;
}

static bool overload_read(struct sema *s, struct program_listener *l)
{
    const struct program_setting *a = setting_given(&l->settings, SETTING_LISTENER_OVERLOAD);
    l->overload_saves = OVERLOAD_SAVES_DEFAULT;
    l->overload_refuses = OVERLOAD_REFUSES_DEFAULT;
    if (!a || a->wrong)
        return true;
    l->overload_saves = (uint32_t)a->value[0].number;
    l->overload_refuses = (uint32_t)a->value[1].number;
    if (l->overload_saves <= l->overload_refuses)
        return true;
    char closes[16], refuses[16];
    snprintf(closes, sizeof(closes), "%u%%", l->overload_saves);
    snprintf(refuses, sizeof(refuses), "%u%%", l->overload_refuses);
    diag(s->diags, DIAG_UPSIDE_DOWN, a->span, closes, refuses);
    diag_note(s->diags, "from the first on connections are closed, from the second on refused");
    return false;
}

static void limits_read(struct program_listener *l)
{
    min_rate_read(l);
    l->max_connections =
        (uint32_t)limit_of(l, SETTING_LISTENER_MAX_CONNECTIONS, CONNECTIONS_DEFAULT);
    l->max_streams = (uint32_t)limit_of(l, SETTING_LISTENER_MAX_STREAMS, STREAMS_DEFAULT);
    l->max_glitches = (uint32_t)limit_of(l, SETTING_LISTENER_MAX_GLITCHES, GLITCHES_DEFAULT);
    l->max_per_source = (uint32_t)limit_of(l, SETTING_LISTENER_MAX_PER_SOURCE, TABLE_NO_MAX);
    l->max_handshakes = (uint32_t)limit_of(l, SETTING_LISTENER_MAX_HANDSHAKES, TABLE_NO_MAX);
    l->max_requests = (uint32_t)limit_of(l, SETTING_LISTENER_MAX_REQUESTS, TABLE_NO_MAX);
    l->max_head_bytes =
        (uint32_t)limit_of(l, SETTING_LISTENER_MAX_HEADER_SIZE, TABLE_HEAD_BYTES_MAX);
    l->max_body_bytes = limit_of(l, SETTING_LISTENER_MAX_BODY_SIZE, TABLE_NO_BODY_MAX);
}

bool listener_read(struct sema *s, const struct definition *d, struct program_listener *out)
{
    *out = (struct program_listener){.name = d->name, .span = d->span};
    bool ok = true;
    const struct ast *list = without_on(s, d->node->first, d->name, out, &ok);
    struct program_settings *given = &out->settings;
    const bool good = settings_read(s, BLOCK_LISTENER, list, given);
    ok &= good & binds_read(s, out);
    ok &= timeouts_read(s, given, SETTING_LISTENER_TIMEOUT, SCOPE_LISTENER, out->timeout_ns);
    const struct program_setting *route = setting_given(given, SETTING_LISTENER_ROUTE);
    if (route && !route->wrong)
        out->route = (uint32_t)route->value[0].number;
    const struct program_setting *protocol = setting_given(given, SETTING_LISTENER_PROTOCOL);
    out->tcp = protocol && !protocol->wrong && slice_eq(protocol->value[0].text, SLICE("tcp"));
    ok &= trusted_read(s, out);
    if (out->tcp)
        tls_is_passed_on(s, given);
    limits_read(out);
    ok &= overload_read(s, out);
    path_read(out);
    const struct program_setting *compress = setting_given(given, SETTING_LISTENER_COMPRESS);
    if (compress && !compress->wrong)
        ok &= compress_read(s, compress, &out->compress);
    if (!setting_given(given, SETTING_LISTENER_BIND) && good) {
        diag(s->diags, DIAG_NO_BIND, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "it is given as: bind 0.0.0.0:8080");
        ok = false;
    }
    if (!route && good) {
        diag(s->diags, DIAG_NO_ROUTE, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "it is given as: route NAME");
        ok = false;
    }
    return ok;
}
