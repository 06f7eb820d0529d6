/* Clusters and their servers. */
#include "compiler/sema/settings_read.h"
#include "grammar/foreign.h"
#include "grammar/suggest.h"
#include "runtime/base/hash.h"

/* In the order of balance.def. */
static const struct slice policies[] = {
#define BALANCE(id, spelling, function, takes, help) SLICE_INIT(spelling),
#include "compiler/table/balance.def"
#undef BALANCE
};

static bool say_no_policy(struct sema *s, const struct program_value *v)
{
    struct text all = {0};
    for (size_t i = 0; i < COUNT_OF(policies); i++)
        text_addf(&all, "%s" SLICE_FMT, i ? ", " : "", SLICE_ARG(policies[i]));
    diag(s->diags, DIAG_UNKNOWN_WORD, v->span, "way to balance called", SLICE_ARG(v->text));
    const struct foreign *f = foreign_find(v->text);
    struct slice near = suggest_nearest(v->text, policies, COUNT_OF(policies));
    if (f && !near.at)
        near = suggest_nearest(f->meant, policies, COUNT_OF(policies));
    suggest_fix(s, v->span, near);
    if (!near.at)
        diag_note(s->diags, "there are " SLICE_FMT, SLICE_ARG(text_slice(&all)));
    text_done(&all);
    return false;
}

/* The field it goes by, and what is said behind it. */
static bool balance_by_read(struct sema *s, const struct program_setting *a,
                            struct program_cluster *out)
{
    const struct program_value *name = &a->value[0];
    const bool wanted = table_balance_takes_field(out->balance), given = a->n_values > 1;
    if (wanted && !given) {
        diag(s->diags, DIAG_INCOMPLETE, (struct span){name->span.to, name->span.to});
        diag_label(s->diags, "expected a field, such as src or header \"x\"");
        return false;
    }
    if (given && !wanted) {
        diag(s->diags, DIAG_UNEXPECTED, a->value[1].span, SLICE_ARG(a->value[1].text));
        diag_label(s->diags, "only `hash` and `consistent` go by a field");
        return false;
    }
    const struct program_setting *bounded = setting_own(a, SETTING_BALANCE_BOUNDED);
    if (bounded && out->balance != BALANCE_CONSISTENT) {
        diag(s->diags, DIAG_UNEXPECTED, bounded->span, SLICE_ARG(SLICE("bounded")));
        diag_label(s->diags, "only `consistent` is bounded");
        return false;
    }
    if (bounded)
        out->bounded_percent = (uint32_t)bounded->value[0].number;
    if (given) {
        out->field = a->value[1].field;
        out->key = a->value[1].key;
    }
    return true;
}

static bool balance_read(struct sema *s, const struct program_setting *a,
                         struct program_cluster *out)
{
    const struct program_value *name = &a->value[0];
    size_t i = 0;
    while (i < COUNT_OF(policies) && !slice_eq(policies[i], name->text))
        i++;
    if (i == COUNT_OF(policies))
        return say_no_policy(s, name);
    out->balance = (enum table_balance)i;
    return balance_by_read(s, a, out);
}

static void server_read(const struct program_setting *a, uint32_t most_each,
                        struct program_server *out)
{
    *out = (struct program_server){
        .name = a->value[0].text, .span = a->span, .endpoint = *a->value[1].endpoint, .weight = 1};
    const struct program_setting *weight = setting_own(a, SETTING_SERVER_WEIGHT);
    if (weight)
        out->weight = (uint32_t)weight->value[0].number;
    const struct program_setting *priority = setting_own(a, SETTING_SERVER_PRIORITY);
    if (priority)
        out->priority = (uint32_t)priority->value[0].number;
    out->backup = setting_own(a, SETTING_SERVER_BACKUP) != NULL;
    const struct program_setting *most = setting_own(a, SETTING_SERVER_MAX_CONNECTIONS);
    out->max_connections = most ? (uint32_t)most->value[0].number : most_each;
    const struct program_setting *slow_start = setting_own(a, SETTING_SERVER_SLOW_START);
    if (slow_start)
        out->slow_start_ns = (int64_t)slow_start->value[0].number;
    const struct program_setting *state = setting_own(a, SETTING_SERVER_STATE);
    for (enum table_state i = STATE_READY; state && i <= STATE_MAINTENANCE; i++)
        if (slice_eq(state->value[0].text, slice_of(table_state_name(i))))
            out->state = i;
}

static uint64_t key_of(const struct program_server *server, bool by_name)
{
    if (by_name)
        return hash_slice(server->name, 0);
    const struct endpoint *e = &server->endpoint;
    return hash_bytes(e->address.byte, sizeof(e->address.byte), e->port) ^
           hash_slice(slice_of(e->path), 1);
}

static bool same_key(const struct program_server *a, const struct program_server *b, bool by_name)
{
    return by_name ? slice_eq(a->name, b->name) : endpoint_eq(&a->endpoint, &b->endpoint);
}

/* Reports each server whose name (an error) or endpoint (a warning) an earlier one has; true when
 * there is none. */
static bool all_differ(struct sema *s, const struct program_cluster *c, bool by_name)
{
    uint32_t mask = 15;
    while (mask / 2 < c->n_servers)
        mask = mask * 2 + 1;
    uint32_t *slot = MUST_ARRAY(uint32_t, mask + 1);
    bool ok = true;
    for (uint32_t i = 0; i < c->n_servers; i++) {
        const struct program_server *server = &c->server[i];
        uint32_t h = (uint32_t)key_of(server, by_name) & mask;
        while (slot[h] && !same_key(&c->server[slot[h] - 1], server, by_name))
            h = (h + 1) & mask;
        if (!slot[h]) {
            slot[h] = i + 1;
            continue;
        }
        ok = false;
        if (by_name)
            diag(s->diags, DIAG_SERVER_TWICE, server->span, SLICE_ARG(c->name),
                 SLICE_ARG(server->name));
        else
            diag(s->diags, DIAG_SAME_ENDPOINT, server->span, SLICE_ARG(c->name));
        diag_label(s->diags, "again here");
        diag_also(s->diags, c->server[slot[h] - 1].span, "first given here");
    }
    free(slot);
    return ok;
}

/* The first server that has a weight. */
static const struct program_setting *weighted(const struct program_cluster *c)
{
    for (uint32_t i = 0; i < c->settings.n; i++) {
        const struct program_setting *a = &c->settings.at[i];
        const struct program_setting *weight =
            a->id == SETTING_CLUSTER_SERVER ? setting_own(a, SETTING_SERVER_WEIGHT) : NULL;
        if (weight)
            return weight;
    }
    return NULL;
}

static void warn(struct sema *s, const struct program_cluster *c)
{
    bool all_backup = c->n_servers > 0;
    for (uint32_t i = 0; i < c->n_servers; i++)
        all_backup &= c->server[i].backup;
    if (all_backup)
        diag(s->diags, DIAG_ONLY_BACKUPS, c->span, SLICE_ARG(c->name));
    const struct program_setting *balance = setting_given(&c->settings, SETTING_CLUSTER_BALANCE);
    const struct program_setting *weight = weighted(c);
    if (c->balance != BALANCE_ROUND_ROBIN || !weight ||
        (balance && !slice_eq(balance->value[0].text, SLICE("round-robin"))))
        return;
    diag(s->diags, DIAG_WEIGHTS_IGNORED, weight->span);
    if (balance)
        diag_fix(s->diags, balance->value[0].span, SLICE("weighted-round-robin"),
                 "write `balance weighted-round-robin`");
    else
        diag_note(s->diags,
                  "round-robin is the default; `balance weighted-round-robin` heeds them");
}

static bool servers_read(struct sema *s, struct program_cluster *out)
{
    uint32_t n = 0;
    bool lists = false, wrong = false;
    for (uint32_t i = 0; i < out->settings.n; i++) {
        n += out->settings.at[i].id == SETTING_CLUSTER_SERVER;
        lists |= out->settings.at[i].id == SETTING_CLUSTER_SERVERS;
    }
    struct program_server *server = ARENA_ARRAY(s->arena, struct program_server, n);
    const struct program_setting *each =
        setting_given(&out->settings, SETTING_CLUSTER_MAX_CONNECTIONS);
    out->max_connections = each && !each->wrong ? (uint32_t)each->value[0].number : 0;
    out->server = server;
    for (uint32_t i = 0; i < out->settings.n; i++) {
        const struct program_setting *a = &out->settings.at[i];
        if (a->id == SETTING_CLUSTER_SERVERS)
            wrong |= a->wrong || !source_read(s, a);
        if (a->id != SETTING_CLUSTER_SERVER)
            continue;
        wrong |= a->wrong;
        if (a->n_values == 2 && a->value[1].endpoint)
            server_read(a, out->max_connections, &server[out->n_servers++]);
    }
    return !wrong && (n > 0 || lists);
}

static bool say_bad_protocol(struct sema *s, struct span where, const char *what,
                             struct slice instead)
{
    diag(s->diags, DIAG_BAD_PROTOCOL, where, what);
    if (instead.len > 0)
        diag_fix(s->diags, where, instead, "write `protocol " SLICE_FMT "`", SLICE_ARG(instead));
    return false;
}

/* What goes with HTTP/2, and what does not. */
static bool h2_fits(struct sema *s, const struct program_setting *protocol,
                    const struct program_settings *given)
{
    const struct program_setting *tls = setting_given(given, SETTING_CLUSTER_TLS);
    const struct program_setting *proxy = setting_given(given, SETTING_CLUSTER_PROXY_PROTOCOL);
    const bool cleartext = slice_eq(protocol->value[0].text, SLICE("h2c"));
    bool ok = true;
    if (cleartext && tls) {
        ok = say_bad_protocol(s, protocol->value[0].span,
                              "h2c is HTTP/2 without TLS, and this cluster has `tls`", SLICE("h2"));
        diag_also(s->diags, tls->word, "TLS is said here");
    }
    if (!cleartext && !tls) {
        ok = say_bad_protocol(
            s, protocol->value[0].span,
            "h2 is agreed on in the handshake of TLS, and this cluster has no `tls`", SLICE("h2c"));
        diag_note(s->diags, "h2c is HTTP/2 without TLS");
    }
    if (proxy) {
        ok = say_bad_protocol(s, proxy->word,
                              "a PROXY header names one client, and many share a connection of "
                              "HTTP/2",
                              SLICE_NONE);
        diag_also(s->diags, protocol->word, "HTTP/2 is said here");
        diag_note(s->diags, "X-Forwarded-For and Forwarded tell servers who sends a request");
    }
    return ok;
}

/* What a check says that its cluster has no use for. */
static bool health_fits(struct sema *s, const struct program_setting *health,
                        const struct program_cluster *c)
{
    const struct program_setting *sni = setting_own(health, SETTING_HEALTH_SNI);
    const struct program_setting *port = setting_own(health, SETTING_HEALTH_PORT);
    const bool tls = setting_given(&c->settings, SETTING_CLUSTER_TLS) != NULL;
    if (sni && c->health.kind == HEALTH_GRPC && !tls) {
        diag(s->diags, DIAG_BAD_HEALTH, sni->span,
             "the cluster has no `tls`: nothing asks for a name");
        return false;
    }
    const struct program_setting *keep = setting_own(health, SETTING_HEALTH_KEEP_ALIVE);
    if (keep && c->h2) {
        diag(s->diags, DIAG_BAD_HEALTH, keep->span,
             "only an HTTP/1.1 health check has this, and the cluster speaks HTTP/2");
        return false;
    }
    for (uint32_t i = 0; port && i < c->n_servers; i++) {
        if (!c->server[i].endpoint.path[0])
            continue;
        diag(s->diags, DIAG_BAD_HEALTH, port->span, "a Unix socket has no port");
        diag_also(s->diags, c->server[i].span, "such a server is here");
        return false;
    }
    return true;
}

static bool protocol_read(struct sema *s, struct program_cluster *out)
{
    const struct program_setting *protocol =
        setting_given(&out->settings, SETTING_CLUSTER_PROTOCOL);
    const struct program_setting *proxy =
        setting_given(&out->settings, SETTING_CLUSTER_PROXY_PROTOCOL);
    if (proxy && !proxy->wrong)
        out->proxy_protocol = slice_eq(proxy->value[0].text, SLICE("v1")) ? 1 : 2;
    if (!protocol || protocol->wrong)
        return true;
    const struct slice word = protocol->value[0].text;
    out->h2 = slice_eq(word, SLICE("h2c")) || slice_eq(word, SLICE("h2"));
    out->tcp = slice_eq(word, SLICE("tcp"));
    return !out->h2 || h2_fits(s, protocol, &out->settings);
}

bool cluster_read(struct sema *s, const struct definition *d, struct program_cluster *out)
{
    *out = (struct program_cluster){.name = d->name, .span = d->span, .field = FIELD_COUNT};
    const bool good = settings_read(s, BLOCK_CLUSTER, d->node->first, &out->settings);
    bool ok = good;
    const struct program_settings *given = &out->settings;
    const struct program_setting *balance = setting_given(given, SETTING_CLUSTER_BALANCE);
    const struct program_setting *health = setting_given(given, SETTING_CLUSTER_HEALTH);
    const struct program_setting *outlier = setting_given(given, SETTING_CLUSTER_OUTLIER);
    const struct program_setting *sticky = setting_given(given, SETTING_CLUSTER_STICKY);
    const struct program_setting *server = setting_given(given, SETTING_CLUSTER_SERVER);
    const struct program_setting *servers = setting_given(given, SETTING_CLUSTER_SERVERS);
    const bool served = servers_read(s, out);
    ok &= protocol_read(s, out);
    ok &= timeouts_read(s, given, SETTING_CLUSTER_TIMEOUT, SCOPE_CLUSTER, out->timeout_ns);
    if (ok)
        ok = failover_read(s, out);
    if (outlier && !outlier->wrong)
        outlier_read(outlier, &out->outlier);
    if (sticky && !sticky->wrong)
        ok &= sticky_read(s, sticky, out);
    if (balance && !balance->wrong)
        ok &= balance_read(s, balance, out);
    if (health && !health->wrong)
        ok &= health_read(s, health, &out->health) && health_fits(s, health, out);
    if (!served && !server && !servers && good) {
        diag(s->diags, DIAG_NO_SERVER, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "a server is given as: server NAME ADDRESS:PORT");
    }
    const bool names = all_differ(s, out, true);
    if (ok && names) {
        (void)all_differ(s, out, false);
        warn(s, out);
    }
    return ok && names && served;
}
