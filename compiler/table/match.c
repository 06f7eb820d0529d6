#include "compiler/table/match.h"

#include "compiler/table/query.h"
#include "runtime/base/hash.h"

/* Encoded values up to this size are decoded for looking them up in a set; longer ones, which no
 * sensible set holds, are compared with each member. */
#define DECODED_BYTES_MAX ((size_t)512)

uint64_t string_set_hash(struct slice s)
{
    /* The members are the configuration's, so a client can't lengthen the chains: no secret seed.
     */
    return hash_slice(s, 0);
}

uint32_t string_set_find(const struct table_string_set *set, struct slice s)
{
    for (uint64_t at = string_set_hash(s);; at++) {
        const uint32_t entry = set->slot[at & set->mask];
        if (entry == 0)
            return UINT32_MAX;
        if (slice_eq(set->string[entry - 1], s))
            return entry - 1;
    }
}

bool string_set_has(const struct table_string_set *set, struct slice s)
{
    return string_set_find(set, s) != UINT32_MAX;
}

bool domain_set_has(const struct table_string_set *set, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '.' && string_set_has(set, slice_from(s, i)))
            return true;
    return false;
}

bool number_set_has(const struct table_number_set *set, uint64_t number)
{
    uint32_t low = 0, high = set->n; /* the first range that ends at or behind it is in there */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->range[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && set->range[low].first <= number;
}

bool network_set_has(const struct table_network_set *set, const struct address *a)
{
    uint32_t low = 0,
             high = set->n; /* the first range that ends at or behind `a` is in [low, high] */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (address_compare(&set->range[middle].last, a) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && address_compare(&set->range[low].first, a) <= 0;
}

/* With `above` at the front of a path: is what follows another segment, or nothing? */
static bool ends_segment(struct slice above, int next)
{
    return next < 0 || next == '/' || (above.len > 0 && above.at[above.len - 1] == '/');
}

bool match_under(struct slice path, struct slice above)
{
    return slice_starts(path, above) &&
           ends_segment(above, path.len > above.len ? (unsigned char)path.at[above.len] : -1);
}

static bool contains(struct slice s, struct slice part)
{
    return part.len == 0 || (s.len > 0 && memmem(s.at, s.len, part.at, part.len));
}

bool match_value(const struct table *t, const struct table_atom *atom, struct slice value)
{
    switch (atom->op) {
    case OP_EQUAL: return slice_eq(value, atom->string);
    case OP_IN_STRINGS: return string_set_has(&t->string_set[atom->set], value);
    case OP_UNDER: return match_under(value, atom->string);
    case OP_STARTS_WITH: return slice_starts(value, atom->string);
    case OP_ENDS_WITH: return slice_ends(value, atom->string);
    case OP_CONTAINS: return contains(value, atom->string);
    case OP_IN_DOMAINS: return domain_set_has(&t->string_set[atom->set], value);
    case OP_MATCHES: return regex_dfa_matches(&t->regex[atom->set].dfa, value);
    case OP_EXISTS: return true;
    case OP_IN_NUMBERS:
    case OP_IN_NETWORKS:
    case OP_COUNT: break;
    }
    return false;
}

static bool encoded_in(const struct table_string_set *set, struct slice raw)
{
    if (raw.len > DECODED_BYTES_MAX) {
        for (uint32_t i = 0; i < set->n; i++)
            if (query_eq(raw, set->string[i]))
                return true;
        return false;
    }
    char decoded[DECODED_BYTES_MAX];
    size_t n = 0;
    for (int byte; (byte = query_byte(&raw)) >= 0;)
        decoded[n++] = (char)byte;
    return string_set_has(set, (struct slice){decoded, n});
}

static bool encoded_ends(struct slice raw, struct slice with)
{
    const size_t bytes = query_decoded_bytes(raw);
    if (bytes < with.len)
        return false;
    for (size_t skip = bytes - with.len; skip > 0; skip--)
        query_byte(&raw);
    return query_takes(&raw, with);
}

static bool encoded_contains(struct slice raw, struct slice part)
{
    do {
        struct slice from = raw;
        if (query_takes(&from, part))
            return true;
    } while (query_byte(&raw) >= 0);
    return false;
}

static bool encoded_matches(const struct regex_dfa *d, struct slice raw)
{
    uint32_t state = d->start;
    for (int byte; (byte = query_byte(&raw)) >= 0;)
        state = regex_dfa_step(d, state, (uint8_t)byte);
    return regex_dfa_accepts(d, state);
}

bool match_encoded(const struct table *t, const struct table_atom *atom, struct slice raw)
{
    if (raw.len == 0 || (!memchr(raw.at, '%', raw.len) && !memchr(raw.at, '+', raw.len)))
        return match_value(t, atom, raw);

    switch (atom->op) {
    case OP_EQUAL: return query_eq(raw, atom->string);
    case OP_IN_STRINGS: return encoded_in(&t->string_set[atom->set], raw);
    case OP_UNDER:
        return query_takes(&raw, atom->string) && ends_segment(atom->string, query_byte(&raw));
    case OP_STARTS_WITH: return query_takes(&raw, atom->string);
    case OP_ENDS_WITH: return encoded_ends(raw, atom->string);
    case OP_CONTAINS: return encoded_contains(raw, atom->string);
    case OP_MATCHES: return encoded_matches(&t->regex[atom->set].dfa, raw);
    case OP_EXISTS: return true;
    case OP_IN_DOMAINS: /* host names only */
    case OP_IN_NUMBERS:
    case OP_IN_NETWORKS:
    case OP_COUNT: break;
    }
    return false;
}
