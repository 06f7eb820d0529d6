#include "runtime/upstream/discover.h"

#include <stdlib.h>

#include "runtime/base/check.h"

static struct discover_member *find(struct discovery *d, const struct endpoint *e)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (endpoint_eq(&d->member[i].at.endpoint, e))
            return &d->member[i];
    return NULL;
}

/* True when something changed. */
static bool add(struct discovery *d, const struct discover_found *found)
{
    struct discover_member *m = find(d, &found->endpoint);
    if (m) {
        const bool same = m->at.priority == found->priority && m->at.weight == found->weight &&
                          m->at.backup == found->backup;
        *m = (struct discover_member){.at = *found};
        return !same;
    }
    if (d->n == DISCOVER_MEMBERS_MAX) {
        d->left_out++;
        return false;
    }
    if (!d->member)
        d->member = MUST_ARRAY(struct discover_member, DISCOVER_MEMBERS_MAX);
    d->member[d->n++] = (struct discover_member){.at = *found};
    return true;
}

static bool is_in(const struct discover_answer *a, const struct endpoint *e)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (endpoint_eq(&a->found[i].endpoint, e))
            return true;
    return false;
}

static void note_missing(struct discovery *d, const struct discover_answer *a, int64_t now_ns)
{
    for (uint32_t i = 0; i < d->n; i++) {
        struct discover_member *m = &d->member[i];
        if (m->missing || is_in(a, &m->at.endpoint))
            continue;
        m->missing = true;
        m->missing_ns = now_ns;
    }
}

/* Whose time is over first, if anybody's. */
static struct discover_member *next_to_go(struct discovery *d, int64_t hold_ns, int64_t now_ns)
{
    struct discover_member *first = NULL;
    for (uint32_t i = 0; i < d->n; i++) {
        struct discover_member *m = &d->member[i];
        const bool is_over = m->missing && now_ns - m->missing_ns >= hold_ns;
        if (is_over && (!first || m->missing_ns < first->missing_ns))
            first = m;
    }
    return first;
}

static bool let_go(struct discovery *d, const struct discover_rule *rule, int64_t now_ns)
{
    bool changed = false;
    struct discover_member *m;
    while (d->n > rule->minimum && (m = next_to_go(d, rule->hold_ns, now_ns))) {
        const size_t behind = (size_t)(&d->member[--d->n] - m);
        memmove(m, m + 1, behind * sizeof(*m));
        changed = true;
    }
    return changed;
}

static int64_t lifetime(const struct discover_rule *rule, const struct discover_answer *a)
{
    if (!a->whole || a->n == 0)
        return rule->negative_ttl_ns;
    if (rule->refresh_ns > 0)
        return rule->refresh_ns;
    if (a->ttl_ns < rule->min_ttl_ns)
        return rule->min_ttl_ns;
    return a->ttl_ns > rule->max_ttl_ns ? rule->max_ttl_ns : a->ttl_ns;
}

bool discovery_take(struct discovery *d, const struct discover_rule *rule,
                    const struct discover_answer *a, int64_t now_ns)
{
    bool changed = false;
    for (uint32_t i = 0; i < a->n; i++)
        changed |= add(d, &a->found[i]);
    if (a->whole) {
        note_missing(d, a, now_ns);
        changed |= let_go(d, rule, now_ns);
    }
    d->next_ns = now_ns + lifetime(rule, a);
    return changed;
}

void discovery_done(struct discovery *d)
{
    free(d->member);
    *d = (struct discovery){0};
}
