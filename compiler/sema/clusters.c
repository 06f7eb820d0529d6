/* Clusters and their servers. */
#include "compiler/sema/sema_priv.h"
#include "grammar/suggest.h"
#include "runtime/base/hash.h"

struct cluster_given {
    const struct ast *balance, *health, *timeout[TIMEOUT_COUNT];
    const struct ast *weight; /* the first one */
};

static bool balance_read(struct sema *s, const struct ast *a, enum table_balance *out)
{
    static const struct slice names[] = {
#define BALANCE(id, spelling, function, help) SLICE_INIT(spelling),
#include "compiler/table/balance.def"
#undef BALANCE
    };
    for (enum table_balance b = 0; b < BALANCE_COUNT; b++) {
        *out = b;
        if (slice_eq(names[b], a->name))
            return true;
    }
    diag(s->diags, DIAG_UNKNOWN_WORD, a->name_span, "way to balance called", SLICE_ARG(a->name));
    const struct slice near = suggest_nearest(a->name, names, COUNT_OF(names));
    suggest_fix(s, a->name_span, near);
    if (!near.at)
        diag_note(s->diags,
                  "there are round-robin, weighted-round-robin, least-connections and ip-hash");
    return false;
}

static bool server_read(struct sema *s, const struct ast *a, struct cluster_given *g,
                        struct program_server *out)
{
    *out = (struct program_server){.name = a->name, .span = a->span, .weight = 1};
    name_check(s, a->name, a->name_span, false);
    bool ok = value_endpoint(s, a->first, &out->endpoint);
    const struct ast *weight = NULL, *backup = NULL;
    for (const struct ast *o = a->first->next; o; o = o->next) {
        uint64_t n = 1;
        if (o->kind == AST_BACKUP) {
            ok &= first_given(s, o, &backup, "backup");
            out->backup = true;
            continue;
        }
        ok &= first_given(s, o, &weight, "weight") &&
              value_number(s, o->first, "a weight", 1, TABLE_WEIGHT_MAX, &n);
        out->weight = (uint32_t)n;
        if (!g->weight)
            g->weight = o;
    }
    return ok;
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

static void warn(struct sema *s, const struct program_cluster *c, const struct cluster_given *g)
{
    bool all_backup = c->n_servers > 0;
    for (uint32_t i = 0; i < c->n_servers; i++)
        all_backup &= c->server[i].backup;
    if (all_backup)
        diag(s->diags, DIAG_ONLY_BACKUPS, c->span, SLICE_ARG(c->name));
    if (c->balance != BALANCE_ROUND_ROBIN || !g->weight)
        return;
    diag(s->diags, DIAG_WEIGHTS_IGNORED, g->weight->span);
    if (g->balance)
        diag_fix(s->diags, g->balance->name_span, SLICE("weighted-round-robin"),
                 "write `balance weighted-round-robin`");
    else
        diag_note(s->diags,
                  "round-robin is the default; `balance weighted-round-robin` heeds them");
}

static bool setting_read(struct sema *s, const struct ast *a, struct cluster_given *g,
                         struct program_cluster *out, struct program_server *server)
{
    if (a->kind == AST_SERVER)
        return server_read(s, a, g, &server[out->n_servers++]);
    if (a->kind == AST_BALANCE)
        return first_given(s, a, &g->balance, "balance") && balance_read(s, a, &out->balance);
    if (a->kind == AST_HEALTH)
        return first_given(s, a, &g->health, "health") && health_read(s, a, &out->health);
    if (a->kind == AST_TIMEOUT)
        return timeout_read(s, a, SCOPE_CLUSTER, out->timeout_ns, g->timeout);
    return false; /* BAD: reported already */
}

bool cluster_read(struct sema *s, const struct definition *d, struct program_cluster *out)
{
    uint32_t n = 0;
    bool complete = true;
    for (const struct ast *a = d->node->first; a; a = a->next) {
        n += a->kind == AST_SERVER;
        complete &= a->kind != AST_BAD;
    }
    struct program_server *server = ARENA_ARRAY(s->arena, struct program_server, n);
    *out = (struct program_cluster){.name = d->name, .span = d->span, .server = server};
    timeouts_default(out->timeout_ns, SCOPE_CLUSTER);
    struct cluster_given g = {0};
    bool ok = true;
    for (const struct ast *a = d->node->first; a; a = a->next)
        ok &= setting_read(s, a, &g, out, server);
    if (n == 0 && complete) {
        diag(s->diags, DIAG_NO_SERVER, d->span, SLICE_ARG(d->name));
        diag_note(s->diags, "a server is given as: server NAME ADDRESS:PORT");
    }
    const bool names = all_differ(s, out, true);
    if (ok && names)
        (void)all_differ(s, out, false);
    if (ok && complete)
        warn(s, out, &g);
    return ok && names && complete && n > 0;
}
