/* Cookies that browsers refuse, and those that nobody else can read. */
#include "compiler/lint/lint.h"
#include "compiler/lint/lint_priv.h"

static const struct program_value *value_of(const struct program_setting *of, enum setting_id id)
{
    const struct program_setting *own = lint_own(of, id);
    return own ? &own->value[0] : NULL;
}

/* RFC 6265bis 4.1.3: what a prefix of the name promises; 5.7: what SameSite=None asks for. */
static void refused(const struct program_setting *a, struct diags *d)
{
    const struct slice name = a->value[1].text;
    const struct program_value *path = value_of(a, SETTING_STICKY_PATH);
    const struct program_value *site = value_of(a, SETTING_STICKY_SAME_SITE);
    const bool host = slice_starts(name, SLICE("__Host-"));
    const bool secure = lint_own(a, SETTING_STICKY_SECURE);
    if (!secure && site && slice_eq(site->text, SLICE("none")))
        diag(d, DIAG_COOKIE_REFUSED, site->span, "with `same-site none` it has to be `secure`");
    else if (!secure && (host || slice_starts(name, SLICE("__Secure-"))))
        diag(d, DIAG_COOKIE_REFUSED, a->value[1].span, "one of such a name has to be `secure`");
    else if (host && lint_own(a, SETTING_STICKY_DOMAIN))
        diag(d, DIAG_COOKIE_REFUSED, lint_own(a, SETTING_STICKY_DOMAIN)->span,
             "one that is called __Host- has no domain");
    else if (host && path && !slice_eq(path->text, SLICE("/")))
        diag(d, DIAG_COOKIE_REFUSED, path->span, "the path of one that is called __Host- is \"/\"");
}

void lint_cookies(const struct program *p, struct diags *d)
{
    for (uint32_t i = 0; i < p->n_clusters; i++) {
        const struct program_setting *a =
            lint_given(&p->cluster[i].settings, SETTING_CLUSTER_STICKY);
        if (!a || p->cluster[i].sticky.kind != STICKY_COOKIE)
            continue;
        refused(a, d);
        if (!lint_own(a, SETTING_STICKY_KEY))
            diag(d, DIAG_COOKIE_UNKEYED, a->span);
    }
}
