/* Which server a client is remembered at: asked before the balance chooses, told after it has, or
 * with the response. */
#include "compiler/table/cookie.h"
#include "compiler/table/eval.h"
#include "runtime/base/hash.h"
#include "runtime/proxy/exchange_priv.h"

static const struct slice SET_COOKIE = SLICE_INIT("set-cookie");

static struct cluster_sticky_counts *counts_of(const struct exchange *x)
{
    return &exchange_cluster(x)->sticky;
}

#define COUNT(x, what)                                                                             \
    do {                                                                                           \
        METRIC_ADD((x)->worker->metrics->sticky_##what, 1);                                        \
        atomic_fetch_add_explicit(&counts_of(x)->what, 1, memory_order_relaxed);                   \
    } while (0)

/* --- by what --------------------------------------------------------------------------------- */

/* An IPv6 client changes its address within its network, so that is what it is known by. */
static uint64_t source_key(const struct address *a)
{
    return hash_bytes(a->byte, address_is_v4(a) ? sizeof(a->byte) : sizeof(a->byte) / 2, 0);
}

/* The next cookie of the request that has the cluster's name. */
struct search {
    const struct exchange *x;
    uint32_t cursor;
    struct slice rest; /* of a Cookie line */
};

static bool next_value(struct search *s, struct slice *value)
{
    for (struct slice name;;) {
        while (cookie_next(&s->rest, &name, value))
            if (slice_eq(name, s->x->cluster->sticky.name))
                return true;
        if (!http_field_next(&s->x->request, SLICE("cookie"), &s->cursor, &s->rest))
            return false;
    }
}

static void count_bad(struct exchange *x, enum sticky_cookie_result r)
{
    if (r == STICKY_COOKIE_EXPIRED)
        COUNT(x, expired);
    else
        COUNT(x, forged);
}

/* The first that is good: browsers may have several, of several paths. */
static void read_cookie(struct exchange *x)
{
    const struct table_sticky *rule = &x->cluster->sticky;
    const struct mac_key *key = exchange_cookie_key(x);
    const int64_t now_s = clock_wall_ns() / NS_PER_S;
    enum sticky_cookie_result r = STICKY_COOKIE_GOOD;
    struct sticky_cookie c = {0};
    struct slice value;
    for (struct search s = {.x = x}; c.server == 0 && next_value(&s, &value);) {
        x->has_cookie = true;
        r = sticky_cookie_read(value, key, now_s, &c);
    }
    if (r != STICKY_COOKIE_GOOD)
        count_bad(x, r);
    x->sticky_key = c.server;
    x->cookie_ages = c.server && sticky_cookie_ages(&c, rule->ttl_ns / NS_PER_S, now_s);
    x->sticks = true;
}

static uint64_t learnt_key(struct slice value)
{
    return hash_slice(value, 0);
}

static void read_learnt(struct exchange *x)
{
    struct search s = {.x = x};
    struct slice value;
    x->sticks = next_value(&s, &value) && value.len > 0;
    x->sticky_key = x->sticks ? learnt_key(value) : 0;
}

void exchange_stick_begin(struct exchange *x)
{
    const struct table_sticky *rule = &x->cluster->sticky;
    switch (rule->kind) {
    case STICKY_NONE: return;
    case STICKY_SRC:
        x->sticky_key = source_key(&x->facts.src);
        x->sticks = true;
        return;
    case STICKY_HEADER:
        x->sticks = eval_hash(x->generation->table, FIELD_HEADER, rule->name, &x->facts,
                              &x->verdict, &x->sticky_key);
        return;
    case STICKY_COOKIE: read_cookie(x); return;
    case STICKY_LEARN: read_learnt(x); return;
    }
}

struct slice exchange_cookie_to_hide(const struct exchange *x)
{
    return x->has_cookie && !x->cluster->sticky.visible ? x->cluster->sticky.name : SLICE_NONE;
}

/* --- the choice ------------------------------------------------------------------------------ */

static struct sticky_asker asker_of(const struct exchange *x)
{
    return (struct sticky_asker){.ttl_ns = x->cluster->sticky.ttl_ns,
                                 .now_ns = x->worker->now_ns,
                                 .worker = x->worker->index};
}

/* The id of its server, 0: it has none. */
static uint64_t remembered(const struct exchange *x)
{
    const struct table_sticky *rule = &x->cluster->sticky;
    const struct sticky_asker by = asker_of(x);
    return rule->kind == STICKY_COOKIE ? x->sticky_key
                                       : sticky_find(exchange_sticky(x), x->sticky_key, &by);
}

uint32_t exchange_stuck_at(struct exchange *x, const struct cluster_choice *choice,
                           struct cluster_view *view)
{
    x->remembers = false;
    if (!x->sticks)
        return BALANCE_NONE;
    const uint64_t id = remembered(x);
    const uint32_t at = id ? cluster_find(choice, view, id) : BALANCE_NONE;
    if (at == BALANCE_NONE) {
        COUNT(x, misses);
        x->remembers = true;
        return BALANCE_NONE;
    }
    if (!cluster_keeps(choice, view, at)) {
        COUNT(x, moved);
        x->remembers = !x->cluster->sticky.returns;
        return BALANCE_NONE;
    }
    return at;
}

void exchange_stuck(struct exchange *x)
{
    COUNT(x, hits);
}

static uint64_t id_of_server(const struct exchange *x)
{
    return sticky_server_id(x->cluster->name, slice_of(x->server->name));
}

static void note(struct exchange *x, uint64_t key, enum sticky_how how)
{
    const struct sticky_asker by = asker_of(x);
    if (sticky_note(exchange_sticky(x), key, id_of_server(x), how, &by))
        COUNT(x, evictions);
}

/* A cookie is set with the response: only then is it known whose that is. */
void exchange_stick(struct exchange *x)
{
    if (!x->remembers || x->cluster->sticky.kind == STICKY_COOKIE)
        return;
    x->remembers = false;
    note(x, x->sticky_key, STICKY_CHOSEN);
}

/* --- the response ---------------------------------------------------------------------------- */

/* "lb=value; Path=/": the value, of a Set-Cookie of the cluster's name. */
static bool sets_ours(const struct exchange *x, struct slice line, struct slice *value)
{
    struct slice name;
    return cookie_next(&line, &name, value) && slice_eq(name, x->cluster->sticky.name);
}

static void learn(struct exchange *x)
{
    uint32_t cursor = 0;
    struct slice line, value;
    while (http_field_next(&x->response, SET_COOKIE, &cursor, &line)) {
        if (!sets_ours(x, line, &value) || value.len == 0)
            continue;
        note(x, learnt_key(value), STICKY_MOVED); /* the server has said so */
        COUNT(x, learned);
    }
}

/* What the server sets under the name that is ours; it goes, unless it is preserved. */
static bool server_sets(struct exchange *x)
{
    const bool preserves = x->cluster->sticky.preserves;
    struct http_head *h = &x->response;
    bool any = false;
    for (uint16_t i = 0; i < h->n_fields; i++) {
        struct slice value;
        if (h->field[i].dropped || !slice_eq_nocase(http_field_name(h, &h->field[i]), SET_COOKIE) ||
            !sets_ours(x, http_field_value(h, &h->field[i]), &value))
            continue;
        any = true;
        h->field[i].dropped |= !preserves;
    }
    return any && preserves;
}

/* One that names the server already is set anew when it ages; another one when the client is to
 * stay where it came to. */
static bool is_due(const struct exchange *x)
{
    return id_of_server(x) == x->sticky_key ? x->cookie_ages : x->remembers;
}

static struct slice write_cookie(const struct exchange *x, char line[STICKY_LINE_BYTES])
{
    const struct table_sticky *rule = &x->cluster->sticky;
    const int64_t ttl_s = rule->ttl_ns / NS_PER_S;
    const struct sticky_cookie c = {
        .server = id_of_server(x),
        .until_s = ttl_s > 0 ? (uint32_t)(clock_wall_ns() / NS_PER_S + ttl_s) : 0};
    char value[STICKY_COOKIE_BYTES];
    sticky_cookie_write(&c, exchange_cookie_key(x), value);
    const int len =
        snprintf(line, STICKY_LINE_BYTES, SLICE_FMT "=%.*s" SLICE_FMT, SLICE_ARG(rule->name),
                 (int)sizeof(value), value, SLICE_ARG(rule->attributes));
    ASSERT(len > 0 && (size_t)len < STICKY_LINE_BYTES);
    return (struct slice){line, (size_t)len};
}

/* Does the response say of itself that no shared cache may keep it (RFC 9111 5.2.2)? */
static bool is_private(const struct exchange *x, const struct http_edit *edit, size_t n)
{
    const struct h1_response_out out = {.head = &x->response, .edit = edit, .n_edits = n};
    uint32_t cursor = 0;
    for (struct slice list; h1_response_next(&out, SLICE("cache-control"), &cursor, &list);)
        for (struct slice item; slice_split(&list, ',', &item);) {
            item = slice_trim(item);
            if (slice_eq_nocase(item, SLICE("private")) || slice_eq_nocase(item, SLICE("no-store")))
                return true;
        }
    return false;
}

size_t exchange_stick_response(struct exchange *x, struct http_edit *edit, size_t n,
                               char line[STICKY_LINE_BYTES])
{
    if (x->cluster->sticky.kind == STICKY_LEARN)
        learn(x);
    if (x->cluster->sticky.kind != STICKY_COOKIE || server_sets(x) || !is_due(x))
        return 0;
    size_t more = 0;
    edit[n + more++] = (struct http_edit){HTTP_ADD, SET_COOKIE, write_cookie(x, line)};
    if (!is_private(x, edit, n))
        edit[n + more++] = (struct http_edit){HTTP_ADD, SLICE("cache-control"), SLICE("private")};
    return more;
}
