/* `cors { ... }`: who may ask from other origins, as the Gateway API has it. Checked, and not
 * served by this version. */
#include "compiler/sema/settings_read.h"

/* An origin as browsers send it: scheme, host, perhaps a port; or "*". */
static bool is_origin(struct slice s)
{
    if (slice_eq(s, SLICE("*")))
        return true;
    const bool http = slice_starts(s, SLICE("http://")), https = slice_starts(s, SLICE("https://"));
    const struct slice host = slice_from(s, http ? 7 : https ? 8 : 0);
    return (http || https) && host.len > 0 && !memchr(host.at, '/', host.len);
}

static bool origins_fit(struct sema *s, const struct program_setting *origins, bool credentials)
{
    for (uint32_t i = 0; i < origins->n_values; i++) {
        const struct program_value *v = &origins->value[i];
        if (!is_origin(v->text)) {
            diag(s->diags, DIAG_BAD_CORS, v->span,
                 "an origin is a scheme and a host, as \"https://shop.example.com\", or \"*\"");
            return false;
        }
        if (credentials && slice_eq(v->text, SLICE("*"))) {
            diag(s->diags, DIAG_BAD_CORS, v->span,
                 "browsers send no credentials where any origin is allowed");
            return false;
        }
    }
    return true;
}

bool cors_read(struct sema *s, const struct ast *a, struct action *out)
{
    struct program_settings given;
    const uint32_t unserved = s->unserved.n;
    bool ok = settings_read(s, BLOCK_CORS, a->first->first, &given);
    if (ok && !setting_given(&given, SETTING_CORS_ORIGINS)) {
        diag(s->diags, DIAG_BAD_CORS, a->span, "it does not say from which `origins`");
        ok = false;
    }
    s->unserved.n = unserved; /* said once, for the whole of it */
    if (!ok)
        return false;
    const struct place from = sources_place(s->in->sources, a->first->span.from);
    out->name = (struct slice){from.line_text.at + (a->first->span.from - from.line_from),
                               a->first->span.to - a->first->span.from};
    return origins_fit(s, setting_given(&given, SETTING_CORS_ORIGINS),
                       setting_given(&given, SETTING_CORS_CREDENTIALS) != NULL);
}
