#include "runtime/control/named.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/vec.h"

struct named {
    VEC(struct slice) list; /* of the table */
};

static void note(struct named *n, struct slice name)
{
    if (name.len > 0)
        VEC_ADD(&n->list, name);
}

static void note_all(struct named *n, const struct slice *name, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        note(n, name[i]);
}

static void note_certificate(struct named *n, const struct table_certificate *c)
{
    note(n, c->chain);
    note(n, c->key);
}

static void note_tls(struct named *n, const struct table_tls *tls)
{
    for (uint32_t i = 0; i < tls->n_certificates; i++)
        note_certificate(n, &tls->certificate[i]);
    note_all(n, tls->client_ca, tls->n_client_ca);
}

static void note_upstream_tls(struct named *n, const struct table_upstream_tls *tls)
{
    note_all(n, tls->ca, tls->n_ca);
    note_certificate(n, &tls->certificate);
}

static int compare(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    const size_t least = x->len < y->len ? x->len : y->len;
    const int differ = memcmp(x->at, y->at, least);
    return differ != 0 ? differ : (x->len > y->len) - (x->len < y->len);
}

/* A variable and a file of one name are one: no path is the name of a variable. */
static struct named named_of(const struct table *t)
{
    struct named n = {0};
    for (uint32_t i = 0; i < t->n_tls; i++)
        note_tls(&n, &t->tls[i]);
    for (uint32_t i = 0; i < t->n_clusters; i++) {
        note_upstream_tls(&n, &t->cluster[i].tls);
        note_upstream_tls(&n, &t->cluster[i].health.tls);
    }
    for (uint32_t i = 0; i < t->n_secrets; i++)
        note(&n, t->secret[i].source);
    for (uint32_t i = 0; i < t->n_sources; i++)
        if (t->source[i].kind == SOURCE_FILE)
            note(&n, t->source[i].name);
    if (n.list.n > 0)
        qsort(n.list.at, n.list.n, sizeof(n.list.at[0]), compare);
    return n;
}

bool names_no_more(const struct table *table, const struct table *before, struct slice *more)
{
    struct named now = named_of(table), then = named_of(before);
    bool all = true;
    for (uint32_t i = 0; i < now.list.n && all; i++) {
        all = then.list.n > 0 &&
              bsearch(&now.list.at[i], then.list.at, then.list.n, sizeof(then.list.at[0]), compare);
        if (!all)
            *more = now.list.at[i];
    }
    VEC_DONE(&now.list);
    VEC_DONE(&then.list);
    return all;
}
