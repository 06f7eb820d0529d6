/* By what a cluster's clients keep their servers. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"

#define STICKY_TTL_DEFAULT_NS  (INT64_C(1800) * NS_PER_S)
#define STICKY_ENTRIES_DEFAULT 100000u

#define COOKIE_PATH_MAX   256u
#define COOKIE_DOMAIN_MAX 253u

static bool say_unexpected(struct sema *s, struct span where, struct slice what, const char *why)
{
    diag(s->diags, DIAG_UNEXPECTED, where, SLICE_ARG(what));
    diag_label(s->diags, "%s", why);
    return false;
}

/* --- what goes with what --------------------------------------------------------------------- */

static bool is_of_cookies(enum setting_id id)
{
    static const enum setting_id PART[] = {SETTING_STICKY_PATH,      SETTING_STICKY_DOMAIN,
                                           SETTING_STICKY_SAME_SITE, SETTING_STICKY_SECURE,
                                           SETTING_STICKY_HTTP_ONLY, SETTING_STICKY_KEY,
                                           SETTING_STICKY_PRESERVE,  SETTING_STICKY_VISIBLE};
    for (size_t i = 0; i < COUNT_OF(PART); i++)
        if (PART[i] == id)
            return true;
    return false;
}

/* Why one of its kind has no such setting, or NULL. */
static const char *why_not(enum table_sticky_kind kind, enum setting_id id)
{
    const bool cookie = kind == STICKY_COOKIE || kind == STICKY_LEARN;
    if (id == SETTING_STICKY_ENTRIES || id == SETTING_STICKY_SHARED)
        return kind == STICKY_COOKIE ? "the cookie says all: nothing is remembered here" : NULL;
    if (id != SETTING_STICKY_LEARN && !is_of_cookies(id))
        return NULL;
    if (!cookie)
        return "only a cookie has that";
    return kind == STICKY_LEARN && id != SETTING_STICKY_LEARN
               ? "servers set this cookie, and it is as they say"
               : NULL;
}

static bool settings_fit(struct sema *s, const struct program_setting *a,
                         enum table_sticky_kind kind)
{
    for (uint32_t i = 0; i < a->n_own; i++) {
        const struct program_setting *own = &a->own[i];
        const char *why = why_not(kind, own->id);
        if (why)
            return say_unexpected(s, own->word, setting_info(own->id)->word, why);
    }
    return true;
}

/* --- names ----------------------------------------------------------------------------------- */

static bool has_name(struct sema *s, const struct program_setting *a,
                     const struct program_cluster *c, const char *expected, const char *no_bytes)
{
    const struct program_value *kind = &a->value[0];
    if (a->n_values < 2) {
        diag(s->diags, DIAG_INCOMPLETE, (struct span){kind->span.to, kind->span.to});
        diag_label(s->diags, "%s", expected);
        return false;
    }
    return c->tcp ? say_unexpected(s, kind->span, kind->text, no_bytes) : true;
}

static bool header_read(struct sema *s, const struct program_setting *a,
                        const struct program_cluster *c, struct slice *out)
{
    return has_name(s, a, c, "expected the header's name, such as \"x-session\"",
                    "a TCP connection has no headers") &&
           header_name(s, a->value[1].text, a->value[1].span, out);
}

static bool cookie_name(struct sema *s, const struct program_setting *a,
                        const struct program_cluster *c, struct slice *out)
{
    if (!has_name(s, a, c, "expected the cookie's name, such as \"lb\"",
                  "a TCP connection has no cookies"))
        return false;
    *out = a->value[1].text;
    if (!is_token(*out))
        return say_unexpected(s, a->value[1].span, *out,
                              "a cookie's name has letters, digits and !#$%&'*+-.^_`|~ in it");
    if (out->len > TABLE_COOKIE_NAME_MAX)
        return say_unexpected(s, a->value[1].span, *out, "a cookie's name has at most 64 bytes");
    return true;
}

/* --- attributes ------------------------------------------------------------------------------ */

/* RFC 6265 4.1.1: any character but controls and the semicolon. */
static bool path_fits(struct sema *s, const struct program_value *v)
{
    bool fits = v->text.len <= COOKIE_PATH_MAX && slice_starts(v->text, SLICE("/"));
    for (size_t i = 0; i < v->text.len; i++)
        fits &= v->text.at[i] > ' ' && v->text.at[i] < 0x7f && v->text.at[i] != ';';
    return fits || say_unexpected(s, v->span, v->text,
                                  "a cookie's path begins with /, has no blanks and no semicolon, "
                                  "and at most 256 bytes");
}

/* Browsers take a domain without a dot for none, and one of another site for a mistake; the first
 * dot they ignore. */
static bool domain_fits(struct sema *s, const struct program_value *v)
{
    const struct slice d = slice_starts(v->text, SLICE(".")) ? slice_from(v->text, 1) : v->text;
    bool fits = d.len > 0 && d.len <= COOKIE_DOMAIN_MAX;
    char before = '.';
    for (size_t i = 0; i < d.len; before = d.at[i++]) {
        const char c = ascii_lower(d.at[i]);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        fits &= plain || (c == '-' && before != '.') || (c == '.' && before != '.');
    }
    fits &= before != '.' && before != '-';
    return fits ||
           say_unexpected(s, v->span, v->text, "a cookie's domain is a name such as example.com");
}

static bool is_off(const struct program_setting *a)
{
    return a && slice_eq(a->value[0].text, SLICE("off"));
}

static const char *same_site_of(const struct program_setting *a)
{
    const struct slice word = a ? a->value[0].text : SLICE("lax");
    if (slice_eq(word, SLICE("strict")))
        return "Strict";
    return slice_eq(word, SLICE("none")) ? "None" : "Lax";
}

/* What stands behind the value each time. */
static struct slice attributes(struct sema *s, const struct program_setting *a, int64_t ttl_ns)
{
    const struct program_setting *path = setting_own(a, SETTING_STICKY_PATH);
    const struct program_setting *domain = setting_own(a, SETTING_STICKY_DOMAIN);
    char age[32] = "";
    if (ttl_ns > 0)
        snprintf(age, sizeof(age), "; Max-Age=%lld", (long long)(ttl_ns / NS_PER_S));
    return arena_format(s->arena, "; Path=" SLICE_FMT "%s" SLICE_FMT "%s%s%s; SameSite=%s",
                        SLICE_ARG(path ? path->value[0].text : SLICE("/")),
                        domain ? "; Domain=" : "",
                        SLICE_ARG(domain ? domain->value[0].text : SLICE("")), age,
                        setting_own(a, SETTING_STICKY_SECURE) ? "; Secure" : "",
                        is_off(setting_own(a, SETTING_STICKY_HTTP_ONLY)) ? "" : "; HttpOnly",
                        same_site_of(setting_own(a, SETTING_STICKY_SAME_SITE)));
}

/* Its ttl is rounded up to whole seconds, which is what browsers know. */
static bool cookie_read(struct sema *s, const struct program_setting *a,
                        const struct program_cluster *c, struct table_sticky *out)
{
    const struct program_setting *ttl = setting_own(a, SETTING_STICKY_TTL);
    const struct program_setting *path = setting_own(a, SETTING_STICKY_PATH);
    const struct program_setting *domain = setting_own(a, SETTING_STICKY_DOMAIN);
    const struct program_setting *key = setting_own(a, SETTING_STICKY_KEY);
    if (!cookie_name(s, a, c, &out->name) || (path && !path_fits(s, &path->value[0])) ||
        (domain && !domain_fits(s, &domain->value[0])))
        return false;
    const int64_t ttl_ns = ttl ? (int64_t)ttl->value[0].number : 0;
    out->ttl_ns = (ttl_ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S;
    out->key = key ? (uint32_t)key->value[0].number : TABLE_NO_SECRET;
    out->attributes = attributes(s, a, out->ttl_ns);
    out->preserves = setting_own(a, SETTING_STICKY_PRESERVE);
    out->visible = setting_own(a, SETTING_STICKY_VISIBLE);
    return true;
}

/* --- all of it ------------------------------------------------------------------------------- */

static enum table_sticky_kind kind_of(const struct program_setting *a)
{
    const struct slice word = a->value[0].text;
    if (slice_eq(word, SLICE("src")))
        return STICKY_SRC;
    if (slice_eq(word, SLICE("header")))
        return STICKY_HEADER;
    return setting_own(a, SETTING_STICKY_LEARN) ? STICKY_LEARN : STICKY_COOKIE;
}

static void remembered_read(const struct program_setting *a, struct table_sticky *out)
{
    const struct program_setting *ttl = setting_own(a, SETTING_STICKY_TTL);
    const struct program_setting *entries = setting_own(a, SETTING_STICKY_ENTRIES);
    out->ttl_ns = ttl ? (int64_t)ttl->value[0].number : STICKY_TTL_DEFAULT_NS;
    out->entries = entries ? (uint32_t)entries->value[0].number : STICKY_ENTRIES_DEFAULT;
}

bool sticky_read(struct sema *s, const struct program_setting *a, struct program_cluster *out)
{
    const struct program_setting *fallback = setting_own(a, SETTING_STICKY_FALLBACK);
    struct table_sticky to = {.kind = kind_of(a),
                              .returns =
                                  fallback && slice_eq(fallback->value[0].text, SLICE("return"))};
    remembered_read(a, &to);
    bool ok = true;
    switch (to.kind) {
    case STICKY_NONE: break;
    case STICKY_SRC:
        if (a->n_values > 1)
            return say_unexpected(s, a->value[1].span, a->value[1].text,
                                  "`sticky src` goes by the address alone");
        break;
    case STICKY_HEADER: ok = header_read(s, a, out, &to.name); break;
    case STICKY_LEARN: ok = cookie_name(s, a, out, &to.name); break;
    case STICKY_COOKIE:
        to.entries = 0;
        ok = cookie_read(s, a, out, &to);
        break;
    }
    if (!ok || !settings_fit(s, a, to.kind))
        return false;
    out->sticky = to;
    return true;
}
