/* What is said about how a server is asked, in a clause that asks none. */
#include "compiler/lint/lint.h"
#include "compiler/lint/lint_priv.h"
#include "grammar/diag.h"

static bool asks_no_server(enum action_kind end)
{
    return end == ACTION_DENY || end == ACTION_RESPOND || end == ACTION_REDIRECT ||
           end == ACTION_DROP || end == ACTION_TARPIT;
}

static bool is_about_servers(enum action_kind kind)
{
    return kind == ACTION_COMPRESS || kind == ACTION_TIMEOUT_READ || kind == ACTION_RETRY;
}

static void look_at(const struct clause *c, struct diags *d)
{
    const struct action *end = &c->action[c->n_actions - 1];
    if (!asks_no_server(end->kind))
        return;
    for (uint32_t i = 0; i + 1 < c->n_actions; i++) {
        if (!is_about_servers(c->action[i].kind))
            continue;
        diag(d, DIAG_NO_SERVER_ASKED, c->action[i].span);
        diag_also(d, end->span, "what decides here");
    }
}

void lint_idle(const struct program *p, struct diags *d)
{
    for (uint32_t i = 0; i < p->n_routes; i++)
        for (uint32_t k = 0; k < p->route[i].n_clauses; k++)
            look_at(&p->route[i].clause[k], d);
}
