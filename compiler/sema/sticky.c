/* By what a cluster's clients keep their servers. */
#include "compiler/sema/settings_read.h"

#define STICKY_TTL_DEFAULT_NS  (INT64_C(1800) * 1000000000)
#define STICKY_ENTRIES_DEFAULT 100000u

static bool say_unexpected(struct sema *s, struct span where, struct slice what, const char *why)
{
    diag(s->diags, DIAG_UNEXPECTED, where, SLICE_ARG(what));
    diag_label(s->diags, "%s", why);
    return false;
}

/* What only a cookie has. */
static bool has_no_cookie_part(struct sema *s, const struct program_setting *a)
{
    static const enum setting_id PART[] = {SETTING_STICKY_PATH, SETTING_STICKY_DOMAIN,
                                           SETTING_STICKY_SAME_SITE, SETTING_STICKY_SECURE};
    for (size_t i = 0; i < COUNT_OF(PART); i++) {
        const struct program_setting *own = setting_own(a, PART[i]);
        if (own)
            return say_unexpected(s, own->word, setting_info(own->id)->word,
                                  "only a cookie has that");
    }
    return true;
}

static bool header_read(struct sema *s, const struct program_setting *a,
                        const struct program_cluster *c, struct slice *out)
{
    const struct program_value *kind = &a->value[0];
    if (a->n_values < 2) {
        diag(s->diags, DIAG_INCOMPLETE, (struct span){kind->span.to, kind->span.to});
        diag_label(s->diags, "expected the header's name, such as \"x-session\"");
        return false;
    }
    if (c->tcp)
        return say_unexpected(s, kind->span, kind->text, "a TCP connection has no headers");
    return header_name(s, a->value[1].text, a->value[1].span, out);
}

bool sticky_read(struct sema *s, const struct program_setting *a, struct program_cluster *out)
{
    const struct program_value *kind = &a->value[0];
    if (slice_eq(kind->text, SLICE("cookie"))) {
        not_served(s, a->word);
        return true;
    }
    const bool by_header = slice_eq(kind->text, SLICE("header"));
    struct slice header = SLICE_NONE;
    if (by_header && !header_read(s, a, out, &header))
        return false;
    if (!by_header && a->n_values > 1)
        return say_unexpected(s, a->value[1].span, a->value[1].text,
                              "`sticky src` goes by the address alone");
    const struct program_setting *ttl = setting_own(a, SETTING_STICKY_TTL);
    const struct program_setting *entries = setting_own(a, SETTING_STICKY_ENTRIES);
    const struct program_setting *fallback = setting_own(a, SETTING_STICKY_FALLBACK);
    out->sticky = (struct table_sticky){
        .kind = by_header ? STICKY_HEADER : STICKY_SRC,
        .header = header,
        .ttl_ns = ttl ? (int64_t)ttl->value[0].number : STICKY_TTL_DEFAULT_NS,
        .entries = entries ? (uint32_t)entries->value[0].number : STICKY_ENTRIES_DEFAULT,
        .returns = fallback && slice_eq(fallback->value[0].text, SLICE("return"))};
    return has_no_cookie_part(s, a);
}
