/* Fields of a request, as conditions and templates name them. */
#include "compiler/sema/sema_priv.h"
#include "grammar/words.h"

static void say_unknown(struct sema *s, struct slice name, struct span where)
{
    if (words_later(name)) {
        diag(s->diags, DIAG_NOT_YET, where, SLICE_ARG(name));
        return;
    }
    diag(s->diags, DIAG_UNKNOWN_FIELD, where, SLICE_ARG(name));
    const struct slice near = field_suggest(name);
    if (near.at)
        diag_fix(s->diags, where, near, "did you mean `" SLICE_FMT "`?", SLICE_ARG(near));
    else
        diag_note(s->diags,
                  "it has src, method, scheme, host, path, uri, query, header \"name\" and "
                  "cookie \"name\"");
}

bool field_find_said(struct sema *s, struct slice name, bool keyed, struct span where,
                     enum table_field *out)
{
    *out = field_find(name, keyed);
    if (*out < FIELD_COUNT)
        return true;
    if (field_find(name, !keyed) == FIELD_COUNT)
        say_unknown(s, name, where);
    else if (keyed)
        diag(s->diags, DIAG_KEY_UNWANTED, where, SLICE_ARG(name));
    else
        diag(s->diags, DIAG_KEY_MISSING, where, SLICE_ARG(name), SLICE_ARG(name));
    return false;
}

bool field_key(struct sema *s, enum table_field f, struct slice raw, struct span where,
               struct slice *out)
{
    *out = raw;
    switch (f) {
    case FIELD_HEADER: return header_name(s, raw, where, out);
    case FIELD_COOKIE:
        if (is_token(raw))
            return true;
        diag(s->diags, DIAG_BAD_HEADER_NAME, where, SLICE_ARG(raw), "cookie");
        return false;
    case FIELD_QUERY_KEY: return true;
    case FIELD_SRC:
    case FIELD_METHOD:
    case FIELD_SCHEME:
    case FIELD_HOST:
    case FIELD_PATH:
    case FIELD_URI:
    case FIELD_LISTENER:
    case FIELD_QUERY:
    case FIELD_COUNT: break;
    }
    return true;
}
