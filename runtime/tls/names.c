#include "runtime/tls/names.h"

#include "runtime/base/hash.h"

/* Names and what is below names are hashed apart. */
enum { EXACT, BELOW };

struct slot {
    struct slice name; /* BELOW: without its asterisk; .at is NULL: free */
    int kind;
    struct certificate *certificate[CERTIFICATE_KINDS];
};

struct names {
    struct slot first; /* for clients that name no host, or one that nobody has */
    uint32_t mask;
    struct slot slot[];
};

static const struct slot *find(const struct names *n, struct slice name, int kind)
{
    for (uint64_t at = hash_slice(name, (uint64_t)kind);; at++) {
        const struct slot *s = &n->slot[at & n->mask];
        if (!s->name.at || (s->kind == kind && slice_eq(s->name, name)))
            return s;
    }
}

static void add(struct slot *s, struct certificate *c)
{
    if (!s->certificate[c->kind])
        s->certificate[c->kind] = c;
}

static void add_names(struct names *n, struct certificate *c)
{
    for (uint32_t i = 0; i < c->n_names; i++) {
        struct slice name = c->name[i];
        const int kind = name.len > 2 && name.at[0] == '*' && name.at[1] == '.' ? BELOW : EXACT;
        if (kind == BELOW)
            name = slice_from(name, 1);
        struct slot *s = (struct slot *)(uintptr_t)find(n, name, kind);
        s->name = name;
        s->kind = kind;
        add(s, c);
    }
}

struct names *names_new(struct certificate *const *certificate, uint32_t n)
{
    ASSERT(n >= 1);
    uint32_t all = 0, slots = 8;
    for (uint32_t i = 0; i < n; i++)
        all += certificate[i]->n_names;
    while (slots < 2 * all)
        slots *= 2;
    struct names *names = must_calloc(1, sizeof(*names) + slots * sizeof(names->slot[0]));
    names->mask = slots - 1;
    for (uint32_t i = 0; i < n; i++)
        add_names(names, certificate[i]);

    /* With the first certificate goes its twin of the other kind. */
    const struct certificate *first = certificate[0];
    if (first->n_names > 0 && first->name[0].at[0] != '*')
        names->first = *find(names, first->name[0], EXACT);
    else if (first->n_names > 0)
        names->first = *find(names, slice_from(first->name[0], 1), BELOW);
    names->first.certificate[first->kind] = certificate[0];
    return names;
}

void names_free(struct names *n)
{
    free(n);
}

static bool can_verify(const struct names_accepted *client, const struct certificate *c)
{
    if (c->kind == CERTIFICATE_RSA)
        return client->rsa;
    if (!client->ecdsa || !client->signature)
        return client->ecdsa;
    for (uint32_t i = 0; i < client->n_signatures; i++)
        if (client->signature[i] == c->signature)
            return true;
    return false;
}

static struct certificate *of_slot(const struct slot *s, const struct names_accepted *client)
{
    for (int kind = 0; kind < CERTIFICATE_KINDS; kind++)
        if (s->certificate[kind] && (!client || can_verify(client, s->certificate[kind])))
            return s->certificate[kind];
    return NULL;
}

static const struct slot *find_below(const struct names *n, struct slice host)
{
    const char *dot = host.len > 0 ? memchr(host.at, '.', host.len) : NULL;
    return dot && dot > host.at ? find(n, slice_from(host, (size_t)(dot - host.at)), BELOW) : NULL;
}

struct certificate *names_choose(const struct names *n, struct slice host,
                                 const struct names_accepted *client)
{
    const struct slot *slot[] = {host.len > 0 ? find(n, host, EXACT) : NULL, find_below(n, host),
                                 &n->first};
    for (int any = 0; any < 2; any++)
        for (size_t i = 0; i < COUNT_OF(slot); i++) {
            struct certificate *c = slot[i] ? of_slot(slot[i], any ? NULL : client) : NULL;
            if (c)
                return c;
        }
    ASSERT(!"the first certificate is always there");
    return NULL;
}

bool names_has(const struct names *n, struct slice host)
{
    const struct slot *below = find_below(n, host);
    return (host.len > 0 && find(n, host, EXACT)->name.at) || (below && below->name.at);
}
