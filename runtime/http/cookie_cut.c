#include "runtime/http/cookie_cut.h"

static bool is_called(struct slice pair, struct slice name)
{
    const char *equals = pair.len > 0 ? memchr(pair.at, '=', pair.len) : NULL;
    return equals &&
           slice_eq(slice_trim((struct slice){pair.at, (size_t)(equals - pair.at)}), name);
}

static size_t put(char *out, size_t len, struct slice s)
{
    if (out && s.len > 0)
        memcpy(out + len, s.at, s.len);
    return len + s.len;
}

size_t cookie_cut(struct slice value, struct slice name, char *out)
{
    size_t len = 0;
    bool begun = false, cut = false;
    for (bool more = true; more;) {
        const char *end = value.len > 0 ? memchr(value.at, ';', value.len) : NULL;
        struct slice pair = {value.at, end ? (size_t)(end - value.at) : value.len};
        more = end != NULL;
        if (more)
            value = slice_from(value, pair.len + 1);
        if (is_called(pair, name)) {
            cut = true;
            continue;
        }
        while (!begun && cut && pair.len > 0 && (pair.at[0] == ' ' || pair.at[0] == '\t'))
            pair = slice_from(pair, 1);
        if (begun)
            len = put(out, len, SLICE(";"));
        len = put(out, len, pair);
        begun = true;
    }
    return len;
}
