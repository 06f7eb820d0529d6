#include "runtime/http/forwarded.h"

#include "runtime/http/out_priv.h"
#include "runtime/http/semantics.h"

/* A token as it is; anything else as a quoted-string (RFC 9110 5.6.4). */
static void put_quoted(struct out *o, struct slice s)
{
    if (http_is_token(s)) {
        put(o, s);
        return;
    }
    PUT(o, "\"");
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            PUT(o, "\\");
        put(o, (struct slice){s.at + i, 1});
    }
    PUT(o, "\"");
}

static bool is_none(const struct address *a)
{
    static const struct address none;
    return memcmp(a, &none, sizeof(none)) == 0;
}

size_t forwarded_node(const struct address *client, char out[ADDRESS_TEXT_MAX])
{
    static const struct slice unknown = SLICE_INIT("unknown");
    if (!is_none(client))
        return address_format(client, out);
    memcpy(out, unknown.at, unknown.len);
    return unknown.len;
}

size_t forwarded_write(const struct address *client, struct slice proto, struct slice host,
                       char out[FORWARDED_BYTES_MAX])
{
    ASSERT(http_is_token(proto) && proto.len <= 32);
    char text[ADDRESS_TEXT_MAX];
    const struct slice address = {text, forwarded_node(client, text)};
    struct out o = {.at = out, .room = FORWARDED_BYTES_MAX};

    PUT(&o, "for=");
    if (address_is_v4(client) || is_none(client)) {
        put(&o, address);
    } else {
        PUT(&o, "\"[");
        put(&o, address);
        PUT(&o, "]\"");
    }
    PUT(&o, ";proto=");
    put(&o, proto);

    const size_t without_host = o.len;
    if (host.len > 0) {
        PUT(&o, ";host=");
        put_quoted(&o, host);
    }
    return o.len <= o.room ? o.len : without_host;
}

size_t x_forwarded_for_write(const struct http_head *head, const struct address *client, char *out,
                             size_t room)
{
    char text[ADDRESS_TEXT_MAX];
    const struct slice address = {text, forwarded_node(client, text)};
    struct out o = {.at = out, .room = room};
    for (uint16_t i = 0; head && i < head->n_fields; i++) {
        const struct slice value = http_field_value(head, &head->field[i]);
        if (head->field[i].name != HTTP_X_FORWARDED_FOR || value.len == 0)
            continue;
        put(&o, value);
        PUT(&o, ", ");
    }
    put(&o, address);
    return o.len;
}

/* --- reading --------------------------------------------------------------------------------- */

struct hops {
    struct address at[FORWARDED_HOPS_MAX];
    bool known[FORWARDED_HOPS_MAX];
    uint32_t n;
};

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool read_node(struct slice s, struct address *out)
{
    if (s.len > 0 && s.at[0] == '[') {
        const char *end = memchr(s.at, ']', s.len);
        return end && address_parse((struct slice){s.at + 1, (size_t)(end - s.at) - 1}, out);
    }
    const char *colon = memchr(s.at, ':', s.len);
    const bool one = colon && !memchr(colon + 1, ':', s.len - (size_t)(colon + 1 - s.at));
    return address_parse(one ? (struct slice){s.at, (size_t)(colon - s.at)} : s, out);
}

/* The last ones count: of a longer chain the first are forgotten. */
static void add_hop(struct hops *h, struct slice node)
{
    if (h->n == FORWARDED_HOPS_MAX) {
        h->n--;
        memmove(h->at, h->at + 1, h->n * sizeof(h->at[0]));
        memmove(h->known, h->known + 1, h->n * sizeof(h->known[0]));
    }
    h->known[h->n] = node.len > 0 && read_node(node, &h->at[h->n]);
    h->n++;
}

/* Takes up to the next `separator` that is not in quotes off the front. */
static bool split_quoted(struct slice *rest, char separator, struct slice *part)
{
    if (rest->len == 0)
        return false;
    bool quoted = false;
    size_t i = 0;
    for (; i < rest->len && (quoted || rest->at[i] != separator); i++) {
        if (quoted && rest->at[i] == '\\' && i + 1 < rest->len)
            i++;
        else if (rest->at[i] == '"')
            quoted = !quoted;
    }
    *part = slice_trim((struct slice){rest->at, i});
    *rest = slice_from(*rest, i < rest->len ? i + 1 : i);
    return true;
}

/* for=NODE of one element; empty when there is none. */
static struct slice node_of(struct slice element)
{
    for (struct slice pair; split_quoted(&element, ';', &pair);) {
        if (pair.len < 4 || !slice_eq_nocase((struct slice){pair.at, 4}, SLICE("for=")))
            continue;
        const struct slice v = slice_from(pair, 4);
        const bool quoted = v.len >= 2 && v.at[0] == '"' && v.at[v.len - 1] == '"';
        return quoted ? (struct slice){v.at + 1, v.len - 2} : v;
    }
    return SLICE("");
}

static void read_hops(const struct http_head *head, enum http_name name, struct hops *out)
{
    for (uint16_t i = 0; i < head->n_fields; i++) {
        struct slice rest = http_field_value(head, &head->field[i]), part;
        if (head->field[i].name != name)
            continue;
        while (split_quoted(&rest, ',', &part))
            if (part.len > 0)
                add_hop(out, name == HTTP_FORWARDED ? node_of(part) : part);
    }
}

struct address forwarded_client(const struct http_head *head, enum forwarded_by by,
                                const struct address *from, forwarded_trusts *trusts,
                                const void *of)
{
    struct hops hops = {.n = 0};
    if (by != FORWARDED_BY_FORWARDED)
        read_hops(head, HTTP_X_FORWARDED_FOR, &hops);
    if (hops.n == 0 && by != FORWARDED_BY_X_FORWARDED_FOR)
        read_hops(head, HTTP_FORWARDED, &hops);
    struct address client = *from;
    while (hops.n > 0 && hops.known[hops.n - 1] && trusts(of, &client))
        client = hops.at[--hops.n];
    return client;
}
