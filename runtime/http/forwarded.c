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

size_t forwarded_write(const struct address *client, struct slice proto, struct slice host,
                       char out[FORWARDED_BYTES_MAX])
{
    ASSERT(http_is_token(proto) && proto.len <= 32);
    char text[ADDRESS_TEXT_MAX];
    const struct slice address = {text, address_format(client, text)};
    struct out o = {.at = out, .room = FORWARDED_BYTES_MAX};

    PUT(&o, "for=");
    if (address_is_v4(client)) {
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
    const struct slice address = {text, address_format(client, text)};
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
