#include "runtime/http/accept_encoding.h"

#include "runtime/http/semantics.h"

#define WEIGHT_MAX 1000

/* "0.5" as 500; ACCEPT_UNSAID when it is no qvalue (RFC 9110 12.4.2). */
static int weight_parse(struct slice s)
{
    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') ||
        (s.len > 1 && s.at[1] != '.'))
        return ACCEPT_UNSAID;
    int weight = (s.at[0] - '0') * WEIGHT_MAX;
    int unit = WEIGHT_MAX / 10;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return ACCEPT_UNSAID;
        weight += (s.at[i] - '0') * unit;
    }
    return weight <= WEIGHT_MAX ? weight : ACCEPT_UNSAID;
}

static bool is_named(struct slice item, struct slice coding)
{
    return slice_eq_nocase(item, coding) ||
           (slice_eq(coding, SLICE("gzip")) && slice_eq_nocase(item, SLICE("x-gzip")));
}

/* Of "gzip" or "gzip;q=0.5", which is that coding's. */
static int item_weight(struct slice item, struct slice coding)
{
    struct slice name;
    if (!slice_split(&item, ';', &name) || !is_named(slice_trim(name), coding))
        return ACCEPT_UNSAID;
    if (!item.at)
        return WEIGHT_MAX;
    const struct slice weight = slice_trim(item);
    if (weight.len < 2 || ascii_lower(weight.at[0]) != 'q' || weight.at[1] != '=')
        return ACCEPT_UNSAID;
    return weight_parse(slice_from(weight, 2));
}

int accept_encoding_weight(struct slice value, struct slice coding)
{
    int weight = ACCEPT_UNSAID;
    for (struct slice item; weight == ACCEPT_UNSAID && slice_split(&value, ',', &item);)
        weight = item_weight(item, coding);
    return weight;
}

/* Several lines are one list (RFC 9110 5.3). */
static int weight_of(const struct http_head *h, struct slice coding)
{
    int weight = ACCEPT_UNSAID;
    uint32_t cursor = 0;
    struct slice value;
    while (weight == ACCEPT_UNSAID && http_field_next(h, SLICE("accept-encoding"), &cursor, &value))
        weight = accept_encoding_weight(value, coding);
    return weight;
}

void accept_encoding(const struct http_head *request, const struct slice *coding, int *weight,
                     unsigned n, int *identity)
{
    const int any = weight_of(request, SLICE("*"));
    for (unsigned i = 0; i < n; i++) {
        weight[i] = weight_of(request, coding[i]);
        if (weight[i] == ACCEPT_UNSAID)
            weight[i] = any == ACCEPT_UNSAID ? 0 : any;
    }
    *identity = weight_of(request, SLICE("identity"));
}
