/* What lets in, gives away or believes more than is meant. */
#include "compiler/lint/lint.h"
#include "compiler/lint/lint_priv.h"

static void old_version(const struct program_setting *a, struct diags *d)
{
    if (a && (slice_eq(a->value[0].text, SLICE("1.0")) || slice_eq(a->value[0].text, SLICE("1.1"))))
        diag(d, DIAG_WEAK_TLS, a->span, "TLS 1.0 and 1.1 are broken (RFC 8996)");
}

static void upstream(const struct program_cluster *c, struct diags *d)
{
    const struct program_setting *tls = lint_given(&c->settings, SETTING_CLUSTER_TLS);
    if (!tls)
        return;
    const struct program_setting *verify = lint_own(tls, SETTING_UPSTREAM_TLS_VERIFY);
    old_version(lint_own(tls, SETTING_UPSTREAM_TLS_MIN_VERSION), d);
    if (verify && slice_eq(verify->value[0].text, SLICE("none")))
        diag(d, DIAG_WEAK_TLS, verify->span, "whoever is in between can answer for the server");
}

/* All addresses where some are meant. */
static void networks(const struct program_setting *a, struct diags *d)
{
    for (uint64_t i = 0; a && i < a->value[0].number; i++) {
        const struct network *n = &a->value[0].network[i];
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        const bool v4 = n->bits == 96 && memcmp(n->first.byte, mapped, sizeof(mapped)) == 0;
        if (n->bits == 0 || v4)
            diag(d, DIAG_WIDE_NETWORK, a->span);
    }
}

static bool is_forwarding(struct slice header)
{
    return slice_eq(header, SLICE("x-forwarded-for")) || slice_eq(header, SLICE("forwarded")) ||
           slice_eq(header, SLICE("x-real-ip"));
}

static void believes(const struct cond *c, struct diags *d)
{
    switch (c->kind) {
    case COND_TRUE: return;
    case COND_ATOM:
        if ((c->field == FIELD_HEADER || c->field == FIELD_HEADER_ITEM) && is_forwarding(c->key))
            diag(d, DIAG_TRUSTS_FORWARDED, c->span);
        return;
    case COND_AND:
    case COND_OR: believes(c->right, d); break;
    case COND_NOT:
    case COND_ACL: break;
    }
    believes(c->left, d);
}

static bool carries_secret(struct slice header)
{
    return slice_eq(header, SLICE("authorization")) || slice_eq(header, SLICE("x-api-key")) ||
           slice_eq(header, SLICE("proxy-authorization")) ||
           slice_eq(header, SLICE("x-auth-token"));
}

static void header(const struct action *a, struct diags *d)
{
    const struct table_template *t = &a->value;
    if (carries_secret(a->name) && t->n == 1 && t->part[0].literal.len > 0)
        diag(d, DIAG_SECRET_IN_CLEAR, a->span);
}

static void route(const struct route *r, bool trusted, struct diags *d)
{
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const struct clause *c = &r->clause[i];
        if (!trusted)
            believes(c->when, d);
        for (uint32_t k = 0; k < c->n_actions; k++) {
            if (c->action[k].kind == ACTION_REDIRECT)
                lint_redirect(c, &c->action[k], d);
            else if (c->action[k].kind == ACTION_SET_HEADER ||
                     c->action[k].kind == ACTION_ADD_HEADER)
                header(&c->action[k], d);
        }
    }
}

static bool is_of_this_machine(const struct endpoint *e)
{
    static const uint8_t v4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127}, v6[16] = {[15] = 1};
    return e->port == 0 || memcmp(e->address.byte, v4, sizeof(v4)) == 0 ||
           memcmp(e->address.byte, v6, sizeof(v6)) == 0;
}

/* One that no other machine reaches is not warned of. */
static void shared(const struct program_object *o, struct diags *d)
{
    const struct program_setting *at = lint_given(&o->settings, SETTING_SHARED_ADDRESS);
    if (at && !lint_given(&o->settings, SETTING_SHARED_PASSWORD) &&
        !is_of_this_machine(at->value[0].endpoint))
        diag(d, DIAG_SHARED_OPEN, o->span, SLICE_ARG(o->name));
}

void lint_security(const struct program *p, struct diags *d)
{
    bool trusted = false;
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        const struct program_setting *a =
            lint_given(&p->listener[i].settings, SETTING_LISTENER_TRUSTED_PROXIES);
        trusted |= a != NULL;
        networks(a, d);
    }
    for (uint32_t i = 0; i < p->n_objects[OBJECT_TLS]; i++)
        old_version(lint_given(&p->object[OBJECT_TLS][i].settings, SETTING_TLS_MIN_VERSION), d);
    for (uint32_t i = 0; i < p->n_objects[OBJECT_ADMIN]; i++)
        networks(lint_given(&p->object[OBJECT_ADMIN][i].settings, SETTING_ADMIN_ALLOW_FROM), d);
    for (uint32_t i = 0; i < p->n_objects[OBJECT_SHARED]; i++)
        shared(&p->object[OBJECT_SHARED][i], d);
    for (uint32_t i = 0; i < p->n_clusters; i++)
        upstream(&p->cluster[i], d);
    for (uint32_t i = 0; i < p->n_routes; i++)
        route(&p->route[i], trusted, d);
}
