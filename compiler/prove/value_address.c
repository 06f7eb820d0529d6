/* A combination of ranges that holds any address at all holds the first of all addresses, the first
 * of a range or the one behind its last. */
#include "compiler/prove/value_priv.h"

static bool try_address(struct finder *f, const struct address *a)
{
    return value_try(f, &(struct found_value){.address = *a});
}

static bool try_edges(struct finder *f, const struct table_network_set *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        const struct table_range *r = &set->range[i];
        struct address next;
        /* The first of a network is rarely a client's. */
        if (address_compare(&r->first, &r->last) < 0 && address_next(&r->first, &next) &&
            try_address(f, &next))
            return true;
        if (try_address(f, &r->first) || (address_next(&r->last, &next) && try_address(f, &next)))
            return true;
    }
    return false;
}

static bool try_usual(struct finder *f)
{
    static const char *const USUAL[] = {"192.0.2.1", "198.51.100.1", "2001:db8::1", "::"};
    for (size_t i = 0; i < COUNT_OF(USUAL); i++) {
        struct address a;
        const bool ok = address_parse(slice_of(USUAL[i]), &a);
        ASSERT(ok);
        if (try_address(f, &a))
            return true;
    }
    return false;
}

enum value_found value_find_address(struct finder *f)
{
    if (try_usual(f))
        return VALUE_FOUND;
    /* Those it is to be in first: they say most about it. */
    for (unsigned holds = 2; holds-- > 0;)
        for (uint32_t i = 0; i < f->n; i++) {
            const struct demand *d = &f->demand[i];
            if (d->atom->op == OP_IN_NETWORKS && d->holds == (holds != 0) &&
                try_edges(f, &d->table->network_set[d->atom->set]))
                return VALUE_FOUND;
        }
    return VALUE_NONE;
}
