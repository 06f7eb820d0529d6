/* Redirects to wherever the client says. */
#include "compiler/lint/lint_priv.h"
#include "grammar/diag.h"

/* How far a location has come towards a host, as browsers read it: to them a backslash is a slash,
 * and behind `http:` any number of slashes is two. */
enum reached {
    REACHED_NOTHING,
    REACHED_WORD,   /* the name of a scheme, or of a file beside this one */
    REACHED_SLASH,  /* one; with another one, a host follows */
    REACHED_SCHEME, /* `http:`, `http:/` or two slashes: the host begins here */
    REACHED_HOST,   /* in it: more of it may come */
    REACHED_PATH    /* behind it: what follows leads to no other host */
};

static enum reached behind(enum reached r, char c)
{
    const bool slash = c == '/' || c == '\\', ends = slash || c == '?' || c == '#';
    switch (r) {
    case REACHED_NOTHING: return slash ? REACHED_SLASH : ends ? REACHED_PATH : REACHED_WORD;
    case REACHED_WORD: return ends ? REACHED_PATH : c == ':' ? REACHED_SCHEME : REACHED_WORD;
    case REACHED_SLASH: return slash ? REACHED_SCHEME : REACHED_PATH;
    case REACHED_SCHEME: return slash ? REACHED_SCHEME : REACHED_HOST;
    case REACHED_HOST: return ends ? REACHED_PATH : REACHED_HOST;
    case REACHED_PATH: break;
    }
    return REACHED_PATH;
}

/* Who asks says it: unlike `host`, nothing has chosen a route by it. */
static bool is_free(enum table_field f)
{
    return f == FIELD_QUERY_KEY || f == FIELD_QUERY || f == FIELD_HEADER ||
           f == FIELD_HEADER_ITEM || f == FIELD_COOKIE;
}

static bool is_path(enum table_field f)
{
    return f == FIELD_PATH || f == FIELD_URI;
}

/* What a field's value makes of it; *open: it says which host. */
static enum reached behind_field(enum reached r, enum table_field f, bool *open)
{
    if (is_path(f)) { /* begins with one slash */
        *open = r == REACHED_SLASH || r == REACHED_SCHEME;
        return REACHED_PATH;
    }
    *open = is_free(f) && r != REACHED_PATH && r != REACHED_WORD;
    return behind(r, 'x');
}

/* Does the condition hold for paths of one first segment only (or a few)? Then two slashes before
 * them name a host of the writer's. */
static bool pins_path(const struct cond *c)
{
    switch (c->kind) {
    case COND_TRUE:
    case COND_NOT: return false;
    case COND_ACL: return pins_path(c->left);
    case COND_AND: return pins_path(c->left) || pins_path(c->right);
    case COND_OR: return pins_path(c->left) && pins_path(c->right);
    case COND_ATOM: break;
    }
    if (c->field != FIELD_PATH)
        return false;
    if (c->compare == COMPARE_STARTS_WITH)
        return c->string.len > 1 && memchr(c->string.at + 1, '/', c->string.len - 1);
    return c->compare == COMPARE_IN ||
           ((c->compare == COMPARE_EQUAL || c->compare == COMPARE_UNDER) && c->string.len > 1);
}

static bool changes_path(enum action_kind kind)
{
    return kind == ACTION_REWRITE_PATH || kind == ACTION_REPLACE_PREFIX ||
           kind == ACTION_REPLACE_PATH;
}

static bool path_is_ours(const struct clause *c)
{
    for (uint32_t i = 0; i < c->n_actions; i++)
        if (changes_path(c->action[i].kind))
            return false;
    return pins_path(c->when);
}

void lint_redirect(const struct clause *c, const struct action *a, struct diags *d)
{
    enum reached r = REACHED_NOTHING;
    for (uint32_t i = 0; i < a->value.n; i++) {
        const struct table_part *part = &a->value.part[i];
        for (size_t k = 0; part->literal.at && k < part->literal.len; k++)
            r = behind(r, part->literal.at[k]);
        if (part->literal.at)
            continue;
        bool open;
        const enum reached before = r;
        r = behind_field(r, part->field, &open);
        if (!open || (is_path(part->field) && path_is_ours(c)))
            continue;
        diag(d, DIAG_OPEN_REDIRECT, a->span);
        if (is_path(part->field) && before == REACHED_SLASH)
            diag_note(d, "`{%s}` begins with a slash itself, and behind two stands a host",
                      part->field == FIELD_URI ? "uri" : "path");
        return;
    }
}
