/* Fields of a request, as conditions and templates name them. */
#include "compiler/sema/sema_priv.h"

static void say_unknown(struct sema *s, struct slice name, struct span where)
{
    diag(s->diags, DIAG_UNKNOWN_FIELD, where, SLICE_ARG(name));
    const struct slice near = field_suggest(name);
    const struct definition *secret = scope_find(s->scope, DEF_SECRET, name);
    if (secret) {
        diag_also(s->diags, secret->span, "this is a secret");
        diag_note(s->diags, "a secret is never put into a text or compared with: what it is for "
                            "names it, as in `require jwt`");
    } else if (near.at)
        diag_fix(s->diags, where, near, "did you mean `" SLICE_FMT "`?", SLICE_ARG(near));
    else
        diag_note(s->diags, "it has src, method, scheme, host, path, uri, query, header \"name\", "
                            "cookie \"name\" and more");
}

static const char *phase_name(enum table_phase phase)
{
    static const char *const NAME[] = {"a connection", "a request", "a response"};
    return NAME[phase];
}

/* What is asked before it can be known. */
static bool is_known(struct sema *s, enum table_field f, struct span where)
{
    if (table_field_phase(f) <= s->phase)
        return true;
    diag(s->diags, DIAG_NOT_KNOWN_YET, where, phase_name(s->phase), table_field_name(f));
    diag_note(s->diags,
              table_field_phase(f) == PHASE_REQUEST
                  ? "a listener's `on connect` is asked before there is a request"
                  : "what a response has is asked in the listener's `on response { ... }`");
    return false;
}

/* limit.NAME.exceeded, cluster.NAME.up */
static bool named_field(struct sema *s, struct slice name, struct span where, enum table_field *out,
                        struct slice *key)
{
    *out = field_find_named(name, key);
    if (*out != FIELD_CLUSTER_UP && *out != FIELD_LIMIT_EXCEEDED)
        return *out != FIELD_COUNT;
    const uint32_t from = where.from + (uint32_t)(key->at - name.at);
    const enum def_kind kind = *out == FIELD_CLUSTER_UP ? DEF_CLUSTER : DEF_LIMIT;
    const struct span of = {from, from + (uint32_t)key->len};
    (void)resolve(s, kind, *key, of);
    if (kind == DEF_LIMIT)
        VEC_ADD(&s->exceeded, ((struct asked_limit){*key, of}));
    return true;
}

static bool find(struct sema *s, struct slice name, enum table_keyed keyed, struct span where,
                 struct span name_span, enum table_field *out)
{
    *out = field_find(name, keyed);
    if (*out < FIELD_COUNT)
        return true;
    if (keyed == FIELD_ITEMS && field_find(name, FIELD_KEYED) < FIELD_COUNT)
        diag(s->diags, DIAG_NO_ITEMS, where, SLICE_ARG(name));
    else if (keyed == FIELD_PLAIN && field_find(name, FIELD_KEYED) < FIELD_COUNT)
        diag(s->diags, DIAG_KEY_MISSING, where, SLICE_ARG(name), SLICE_ARG(name));
    else if (keyed != FIELD_PLAIN && field_find(name, FIELD_PLAIN) < FIELD_COUNT)
        diag(s->diags, DIAG_KEY_UNWANTED, where, SLICE_ARG(name));
    else
        say_unknown(s, name, name_span.to ? name_span : where);
    return false;
}

/* In `on response`, a header is the response's where nothing else is said. */
static struct slice header_side(const struct sema *s, const struct field_name *n)
{
    if (!slice_eq(n->name, SLICE("header")))
        return n->name;
    const bool response = n->side == SIDE_RESPONSE || (n->side == SIDE_DEFAULT && s->responding);
    return response ? SLICE("response header") : n->name;
}

static bool find_said(struct sema *s, const struct field_name *n, struct span where,
                      enum table_field *out, struct slice *key)
{
    *key = SLICE("");
    if (!n->key.at && named_field(s, n->name, where, out, key))
        return is_known(s, *out, where);
    const enum table_keyed keyed = !n->key.at ? FIELD_PLAIN : n->items ? FIELD_ITEMS : FIELD_KEYED;
    return find(s, header_side(s, n), keyed, where, n->name_span, out) &&
           is_known(s, *out, where) && (!n->key.at || field_key(s, *out, n->key, n->key_span, key));
}

bool field_find_said(struct sema *s, const struct field_name *n, struct span where,
                     enum table_field *out, struct slice *key)
{
    if (!find_said(s, n, where, out, key))
        return false;
    if (!field_is_served(*out))
        not_served(s, where);
    return true;
}

bool field_key(struct sema *s, enum table_field f, struct slice raw, struct span where,
               struct slice *out)
{
    *out = raw;
    if (f == FIELD_HEADER || f == FIELD_HEADER_ITEM || f == FIELD_RESPONSE_HEADER ||
        f == FIELD_RESPONSE_ITEM)
        return header_name(s, raw, where, out);
    if (f != FIELD_COOKIE || is_token(raw))
        return true;
    diag(s->diags, DIAG_BAD_HEADER_NAME, where, SLICE_ARG(raw), "cookie");
    return false;
}
