#include "compiler/table/bearer.h"

#include "compiler/table/credentials.h"
#include "runtime/base/base64.h"

/* --- the token ------------------------------------------------------------------------------- */

/* Into the room that is left of out->text. */
static bool decode(struct bearer *out, size_t *used, struct slice part, struct slice *to)
{
    char *at = out->text + *used;
    size_t len;
    if (part.len == 0 || !base64_decode(part, BASE64_URL, at, sizeof(out->text) - *used, &len))
        return false;
    *to = (struct slice){at, len};
    *used += len;
    return true;
}

static bool decode_object(struct bearer *out, size_t *used, struct slice part, struct flat_json *to)
{
    char *at = out->text + *used;
    struct slice json;
    return decode(out, used, part, &json) && flat_json_make(at, json.len, to) &&
           to->kind == FLAT_JSON_OBJECT;
}

/* Three parts with dots between them (RFC 7515 3.1). */
static bool read_parts(struct bearer *out)
{
    struct slice rest = out->token, header, claims;
    size_t used = 0;
    if (!slice_split(&rest, '.', &header) || !slice_split(&rest, '.', &claims))
        return false;
    out->is_signed = (struct slice){header.at, header.len + 1 + claims.len};
    return decode_object(out, &used, header, &out->header) &&
           decode_object(out, &used, claims, &out->claims) &&
           decode(out, &used, rest, &out->signature);
}

void bearer_parse(struct slice authorization, struct bearer *out)
{
    static const struct slice SCHEME = SLICE_INIT("bearer ");
    out->found = BEARER_NONE;
    if (authorization.len < SCHEME.len ||
        !slice_eq_nocase((struct slice){authorization.at, SCHEME.len}, SCHEME))
        return;
    out->token = slice_trim(slice_from(authorization, SCHEME.len));
    out->found =
        out->token.len <= BEARER_BYTES_MAX && read_parts(out) ? BEARER_FOUND : BEARER_WRONG;
}

void bearer_read(const struct facts *f, struct bearer *out)
{
    struct slice value;
    out->found = BEARER_NONE;
    if (credentials_header(f, &value))
        bearer_parse(value, out);
}

/* --- its claims ------------------------------------------------------------------------------ */

/* Names of claims have dots in them, too: the whole name is tried first. */
static struct flat_json find(struct flat_json object, struct slice name)
{
    struct flat_json found = flat_json_member(object, name);
    for (size_t i = 1; found.kind == FLAT_JSON_NONE && i + 1 < name.len; i++) {
        if (name.at[i] != '.')
            continue;
        const struct flat_json outer = flat_json_member(object, (struct slice){name.at, i});
        if (outer.kind == FLAT_JSON_OBJECT)
            found = find(outer, slice_from(name, i + 1));
    }
    return found;
}

static bool has_text(struct flat_json v)
{
    return v.kind == FLAT_JSON_NUMBER || v.kind == FLAT_JSON_BOOLEAN ||
           (v.kind == FLAT_JSON_STRING && credentials_are_plain(v.text));
}

/* What is left of an array, from *cursor on: to the end of the text, for the array's own is met
 * before. */
static bool next_element(const struct bearer *b, struct slice rest, uint32_t *cursor,
                         struct slice *value)
{
    struct flat_json element;
    while (flat_json_next(&rest, &element)) {
        *cursor = (uint32_t)(rest.at - b->text);
        *value = element.text;
        if (has_text(element))
            return true;
    }
    *cursor = UINT32_MAX;
    return false;
}

bool bearer_claim(const struct bearer *b, struct slice name, uint32_t *cursor, struct slice *value)
{
    if (b->found != BEARER_FOUND || *cursor == UINT32_MAX)
        return false;
    const char *end = b->claims.text.at + b->claims.text.len;
    if (*cursor > 0)
        return next_element(b, (struct slice){b->text + *cursor, (size_t)(end - b->text) - *cursor},
                            cursor, value);
    const struct flat_json claim = find(b->claims, name);
    if (claim.kind == FLAT_JSON_ARRAY)
        return next_element(b, claim.text, cursor, value);
    *cursor = UINT32_MAX;
    *value = claim.text;
    return has_text(claim);
}

struct slice bearer_user(const struct bearer *b)
{
    uint32_t cursor = 0;
    struct slice user;
    return bearer_claim(b, SLICE("sub"), &cursor, &user) ? user : SLICE_NONE;
}
