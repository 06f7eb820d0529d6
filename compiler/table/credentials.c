#include "compiler/table/credentials.h"

#include "compiler/table/facts.h"
#include "runtime/base/base64.h"

#define BASE64_BYTES_MAX (((size_t)CREDENTIALS_BYTES_MAX + 2) / 3 * 4)

/* RFC 4648 4, with its padding. */
static bool decode(struct slice from, char *out, size_t room, size_t *len)
{
    if (from.len == 0 || from.len % 4 != 0)
        return false;
    const size_t padding = from.at[from.len - 1] != '=' ? 0 : from.at[from.len - 2] != '=' ? 1 : 2;
    from.len -= padding;
    return base64_decode(from, BASE64_PLAIN, out, room, len);
}

bool credentials_are_plain(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
            return false;
    return true;
}

bool credentials_parse(struct slice authorization, struct credentials *out)
{
    static const struct slice SCHEME = SLICE_INIT("basic ");
    if (authorization.len <= SCHEME.len ||
        !slice_eq_nocase((struct slice){authorization.at, SCHEME.len}, SCHEME))
        return false;
    const struct slice encoded = slice_trim(slice_from(authorization, SCHEME.len));
    size_t len;
    if (encoded.len > BASE64_BYTES_MAX || !decode(encoded, out->text, sizeof(out->text), &len))
        return false;
    const char *colon = memchr(out->text, ':', len);
    if (!colon || !credentials_are_plain((struct slice){out->text, len}))
        return false;
    out->user = (struct slice){out->text, (size_t)(colon - out->text)};
    out->password = slice_from((struct slice){out->text, len}, out->user.len + 1);
    return out->user.len >= 1 && out->user.len <= CREDENTIALS_USER_MAX &&
           out->password.len <= CREDENTIALS_PASSWORD_MAX;
}

bool credentials_header(const struct facts *f, struct slice *value)
{
    static const struct slice NAME = SLICE_INIT("authorization");
    uint32_t cursor = 0;
    struct slice more;
    return f->header && f->header(f->request, NAME, &cursor, value) &&
           !f->header(f->request, NAME, &cursor, &more);
}

bool credentials_read(const struct facts *f, struct credentials *out)
{
    struct slice value;
    return credentials_header(f, &value) && credentials_parse(value, out);
}

void credentials_wipe(struct credentials *c)
{
    explicit_bzero(c, sizeof(*c));
}
