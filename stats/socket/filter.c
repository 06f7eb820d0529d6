#include "stats/socket/filter.h"

bool filter_word(struct slice *rest, struct slice *word)
{
    const struct slice all = slice_trim(*rest);
    size_t len = 0;
    if (all.len == 0)
        return false;
    while (len < all.len && all.at[len] != ' ' && all.at[len] != '\t')
        len++;
    *word = (struct slice){all.at, len};
    *rest = slice_from(all, len);
    return true;
}

bool filter_network(struct slice value, struct network *out, struct text *why)
{
    struct network n;
    if (!network_parse(value, &n)) {
        text_adds(why, "\"src\" takes an address or a network: src 10.1.2.3, src 2001:db8::/32");
        return false;
    }
    *out = network_canonical(&n);
    return true;
}
