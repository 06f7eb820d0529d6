/* Methods and header names: HTTP's tokens (RFC 9110 5.6.2). */
#include "compiler/sema/sema_priv.h"

bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = ascii_lower(s.at[i]);
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

bool has_control(struct slice s, const char *except)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 || c == 0x7f) && (c == 0 || !strchr(except, c)))
            return true;
    }
    return false;
}

bool method_literal(struct sema *s, struct slice text, struct span where, struct slice *out)
{
    *out = text;
    char *upper = ARENA_ARRAY(s->arena, char, text.len + 1);
    bool changed = false;
    for (size_t i = 0; i < text.len; i++) {
        const bool lower = text.at[i] >= 'a' && text.at[i] <= 'z';
        upper[i] = lower ? (char)(text.at[i] & ~0x20) : text.at[i];
        changed |= lower;
    }
    if (is_token(text) && !changed)
        return true;
    diag(s->diags, DIAG_BAD_METHOD, where, SLICE_ARG(text));
    if (is_token(text))
        suggest_fix(s, where, (struct slice){upper, text.len});
    return false;
}

bool header_name(struct sema *s, struct slice text, struct span where, struct slice *out)
{
    if (!is_token(text)) {
        diag(s->diags, DIAG_BAD_HEADER_NAME, where, SLICE_ARG(text), "header");
        return false;
    }
    char *lower = ARENA_ARRAY(s->arena, char, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        lower[i] = ascii_lower(text.at[i]);
    *out = (struct slice){lower, text.len};
    return true;
}
