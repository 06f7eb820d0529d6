/* A combination of ranges that holds any number at all holds the lowest there can be, the first of
 * a range or the one behind its last. */
#include "compiler/prove/value_priv.h"

struct bounds {
    uint64_t first, last, usual;
};

static struct bounds bounds_of(enum table_field field)
{
    switch (field) {
    case FIELD_SRC_PORT: return (struct bounds){1, UINT16_MAX, 50000};
    case FIELD_DST_PORT:
    case FIELD_PORT: return (struct bounds){1, UINT16_MAX, 80};
    case FIELD_TLS_VERSION: return (struct bounds){10, 13, 13};
    case FIELD_CLUSTER_UP: return (struct bounds){0, UINT32_MAX, 1};
    case FIELD_RANDOM: return (struct bounds){0, 99, 0};
    case FIELD_STATUS: return (struct bounds){100, 999, 200};
    case FIELD_BODY_LENGTH:
    case FIELD_SRC:
    case FIELD_DST:
    case FIELD_LISTENER:
    case FIELD_TLS:
    case FIELD_TLS_SNI:
    case FIELD_TLS_VERIFIED:
    case FIELD_TLS_SUBJECT:
    case FIELD_TLS_FINGERPRINT:
    case FIELD_PROTO:
    case FIELD_METHOD:
    case FIELD_SCHEME:
    case FIELD_HOST:
    case FIELD_PATH:
    case FIELD_URI:
    case FIELD_QUERY:
    case FIELD_QUERY_KEY:
    case FIELD_HEADER:
    case FIELD_HEADER_ITEM:
    case FIELD_COOKIE:
    case FIELD_USER:
    case FIELD_CLAIM:
    case FIELD_LIMIT_EXCEEDED:
    case FIELD_CLUSTER:
    case FIELD_SERVER:
    case FIELD_RESPONSE_HEADER:
    case FIELD_RESPONSE_ITEM:
    case FIELD_COUNT: break;
    }
    return (struct bounds){0, UINT64_MAX, 0};
}

static bool try_number(struct finder *f, const struct bounds *b, uint64_t number)
{
    return number >= b->first && number <= b->last &&
           value_try(f, &(struct found_value){.number = number});
}

enum value_found value_find_number(struct finder *f)
{
    const struct bounds b = bounds_of(f->field);
    if (try_number(f, &b, b.usual) || try_number(f, &b, b.first))
        return VALUE_FOUND;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (d->atom->op != OP_IN_NUMBERS)
            continue;
        const struct table_number_set *set = &d->table->number_set[d->atom->set];
        for (uint32_t k = 0; k < set->n; k++)
            if (try_number(f, &b, set->range[k].first) ||
                (set->range[k].last < UINT64_MAX && try_number(f, &b, set->range[k].last + 1)))
                return VALUE_FOUND;
    }
    return VALUE_NONE;
}
