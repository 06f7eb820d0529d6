/*
 * Values of text. What is to be equal to something is that. Otherwise the longest prefix and the
 * longest suffix are put around something that stands in no literal: whatever that value fails to
 * do is done by none, since it fails only where prefix or suffix themselves decide.
 */
#include "compiler/prove/value_priv.h"

#include "runtime/base/uri.h"

/* What the demands leave of a value: its beginning, its end, and what it may be made of. */
struct frame {
    struct slice start;  /* the longest of starts-with */
    struct slice under;  /* the longest of under; .at is NULL where there is none */
    struct slice finish; /* the longest of ends-with */
};

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = ascii_lower(s.at[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

static bool is_path(struct slice s, unsigned rules)
{
    if (slice_eq(s, SLICE("*")))
        return true;
    char *out = MUST_ARRAY(char, s.len);
    size_t len;
    const bool same = s.len > 0 && s.at[0] == '/' &&
                      uri_normalise_path(s, rules, out, &len) == URI_OK &&
                      slice_eq((struct slice){out, len}, s);
    free(out);
    return same;
}

static bool is_uri(struct slice s, unsigned rules)
{
    const char *mark = s.len > 0 ? memchr(s.at, '?', s.len) : NULL;
    const size_t path = mark ? (size_t)(mark - s.at) : s.len;
    return is_path((struct slice){s.at, path}, rules) &&
           !slice_eq((struct slice){s.at, path}, SLICE("*")) &&
           (!mark || uri_check_query(slice_from(s, path + 1)) == URI_OK);
}

static bool is_host(struct slice s)
{
    char out[URI_HOST_BYTES_MAX];
    size_t len;
    uint16_t port;
    return s.len <= sizeof(out) && uri_normalise_host(s, true, out, &len, &port) == URI_OK &&
           slice_eq((struct slice){out, len}, s);
}

static bool is_header_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.at[i] < 0x20 && s.at[i] != '\t') || s.at[i] == 0x7f)
            return false;
    return slice_trim(s).len == s.len;
}

static bool is_item(struct slice s)
{
    return is_header_value(s) && s.len > 0 && !memchr(s.at, ',', s.len) &&
           !memchr(s.at, '"', s.len);
}

static const struct slice SCHEMES[] = {SLICE_INIT("http"), SLICE_INIT("https")};
static const struct slice PROTOCOLS[] = {SLICE_INIT("http/1.1"), SLICE_INIT("http/1.0"),
                                         SLICE_INIT("h2"), SLICE_INIT("tcp")};

bool value_is_possible(enum table_field field, unsigned path_rules, struct slice s)
{
    switch (field) {
    case FIELD_METHOD: return is_token(s);
    case FIELD_HOST:
    case FIELD_TLS_SNI: return is_host(s);
    case FIELD_PATH: return is_path(s, path_rules);
    case FIELD_URI: return is_uri(s, path_rules);
    case FIELD_QUERY: return uri_check_query(s) == URI_OK;
    case FIELD_HEADER:
    case FIELD_RESPONSE_HEADER: return is_header_value(s);
    case FIELD_HEADER_ITEM:
    case FIELD_RESPONSE_ITEM: return is_item(s);
    case FIELD_COOKIE: return is_header_value(s) && (s.len == 0 || !memchr(s.at, ';', s.len));
    case FIELD_SCHEME:
    case FIELD_PROTO: /* of these two all are tried */
    case FIELD_LISTENER:
    case FIELD_QUERY_KEY:
    case FIELD_TLS_SUBJECT:
    case FIELD_TLS_FINGERPRINT:
    case FIELD_USER:
    case FIELD_CLAIM:
    case FIELD_CLUSTER:
    case FIELD_SERVER:
    case FIELD_SRC:
    case FIELD_SRC_PORT:
    case FIELD_DST:
    case FIELD_DST_PORT:
    case FIELD_TLS:
    case FIELD_TLS_VERSION:
    case FIELD_TLS_VERIFIED:
    case FIELD_PORT:
    case FIELD_BODY_LENGTH:
    case FIELD_LIMIT_EXCEEDED:
    case FIELD_CLUSTER_UP:
    case FIELD_RANDOM:
    case FIELD_STATUS:
    case FIELD_COUNT: break;
    }
    return true;
}

struct slice value_default(enum table_field field)
{
    switch (field) {
    case FIELD_METHOD: return SLICE("GET");
    case FIELD_HOST:
    case FIELD_TLS_SNI: return SLICE("example.com");
    case FIELD_PATH:
    case FIELD_URI: return SLICE("/");
    case FIELD_QUERY: return SLICE("q=1");
    case FIELD_QUERY_KEY:
    case FIELD_HEADER:
    case FIELD_HEADER_ITEM:
    case FIELD_COOKIE:
    case FIELD_RESPONSE_HEADER:
    case FIELD_RESPONSE_ITEM: return SLICE("1");
    case FIELD_TLS_SUBJECT: return SLICE("CN=someone");
    case FIELD_USER:
    case FIELD_CLAIM: return SLICE("someone");
    case FIELD_TLS_FINGERPRINT:
    case FIELD_CLUSTER:
    case FIELD_SERVER:
    case FIELD_LISTENER:
    case FIELD_SCHEME:
    case FIELD_PROTO:
    case FIELD_SRC:
    case FIELD_SRC_PORT:
    case FIELD_DST:
    case FIELD_DST_PORT:
    case FIELD_TLS:
    case FIELD_TLS_VERSION:
    case FIELD_TLS_VERIFIED:
    case FIELD_PORT:
    case FIELD_BODY_LENGTH:
    case FIELD_LIMIT_EXCEEDED:
    case FIELD_CLUSTER_UP:
    case FIELD_RANDOM:
    case FIELD_STATUS:
    case FIELD_COUNT: break;
    }
    return SLICE("x");
}

/* The members of the smallest set it is to be in; a single literal is the smallest of all. */
static bool try_members(struct finder *f, bool *bound)
{
    const struct demand *smallest = NULL;
    uint32_t fewest = UINT32_MAX;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (!d->holds || (d->atom->op != OP_EQUAL && d->atom->op != OP_IN_STRINGS))
            continue;
        const uint32_t n = d->atom->op == OP_EQUAL ? 1 : d->table->string_set[d->atom->set].n;
        if (n < fewest) {
            fewest = n;
            smallest = d;
        }
    }
    *bound = smallest != NULL;
    if (!smallest)
        return false;
    if (smallest->atom->op == OP_EQUAL)
        return value_try_text(f, smallest->atom->string);
    const struct table_string_set *set = &smallest->table->string_set[smallest->atom->set];
    for (uint32_t i = 0; i < set->n; i++)
        if (value_try_text(f, set->string[i]))
            return true;
    return false;
}

static struct frame frame_of(const struct finder *f)
{
    struct frame r = {SLICE(""), SLICE_NONE, SLICE("")};
    for (uint32_t i = 0; i < f->n; i++) {
        const struct table_atom *a = f->demand[i].atom;
        if (!f->demand[i].holds)
            continue;
        if (a->op == OP_STARTS_WITH && a->string.len > r.start.len)
            r.start = a->string;
        if (a->op == OP_ENDS_WITH && a->string.len > r.finish.len)
            r.finish = a->string;
        if (a->op == OP_UNDER && (!r.under.at || a->string.len > r.under.len))
            r.under = a->string;
    }
    return r;
}

/* Is the letter in a member of the set? In one of those that are looked at. */
static bool stands_in_set(const struct demand *d, char c)
{
    if (d->atom->op != OP_IN_STRINGS && d->atom->op != OP_IN_DOMAINS)
        return false;
    const struct table_string_set *set = &d->table->string_set[d->atom->set];
    for (uint32_t i = 0; i < set->n && i < VALUE_MEMBERS_SEEN; i++)
        if (set->string[i].len > 0 && memchr(set->string[i].at, c, set->string[i].len))
            return true;
    return false;
}

/* A letter that stands in none of the literals, or 0. */
static char unused_letter(const struct finder *f)
{
    static const char LOWER[] = "xyzwvutsrqponmlkjihgfedcba0123456789";
    static const char UPPER[] = "XYZWVUTSRQPONMLKJIHGFEDCBA0123456789";
    for (const char *c = f->field == FIELD_METHOD ? UPPER : LOWER; *c; c++) {
        bool used = false;
        for (uint32_t i = 0; i < f->n && !used; i++) {
            const struct slice s = f->demand[i].atom->string;
            used = (s.len > 0 && memchr(s.at, *c, s.len)) || stands_in_set(&f->demand[i], *c);
        }
        if (!used)
            return *c;
    }
    return 0;
}

static bool try_joined(struct finder *f, struct slice a, struct slice b, struct slice c)
{
    const struct arena_mark mark = arena_mark(f->arena);
    char *at = ARENA_ARRAY(f->arena, char, a.len + b.len + c.len + 1);
    memcpy(at, a.at, a.len);
    memcpy(at + a.len, b.at, b.len);
    memcpy(at + a.len + b.len, c.at, c.len);
    const bool found = value_try_text(f, (struct slice){at, a.len + b.len + c.len});
    if (!found)
        arena_rewind(f->arena, mark);
    return found;
}

/* What must be contained, each between letters. */
static struct slice contents(struct finder *f, char letter)
{
    struct slice all = SLICE("");
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (d->holds && d->atom->op == OP_CONTAINS)
            all = arena_format(f->arena, "%s" SLICE_FMT SLICE_FMT "%c",
                               all.len ? "" : (char[]){letter, 0}, SLICE_ARG(all),
                               SLICE_ARG(d->atom->string), letter);
    }
    return all;
}

/* `front` and `finish`, with nothing, what must be contained, or a few letters between. */
static bool try_around(struct finder *f, struct slice front, struct slice finish, char letter)
{
    char between[6];
    memset(between, letter, sizeof(between));
    if (try_joined(f, front, SLICE(""), finish))
        return true;
    const struct slice middle = contents(f, letter);
    if (middle.len > 0 &&
        (try_joined(f, front, (struct slice){middle.at + 1, middle.len - 2}, finish) ||
         try_joined(f, front, middle, finish)))
        return true;
    for (size_t n = 1; n <= sizeof(between); n++)
        if (try_joined(f, front, (struct slice){between, n}, finish))
            return true;
    return false;
}

static bool try_finish(struct finder *f, const struct frame *r, struct slice finish, char letter)
{
    const bool path = f->field == FIELD_PATH || f->field == FIELD_URI;
    if (r->under.at) {
        if (value_try_text(f, r->under))
            return true;
        const bool ends = r->under.len > 0 && r->under.at[r->under.len - 1] == '/';
        const struct slice below =
            ends ? r->under : arena_format(f->arena, SLICE_FMT "/", SLICE_ARG(r->under));
        if (try_around(f, below, finish, letter))
            return true;
    }
    return try_around(f, path && r->start.len == 0 ? SLICE("/") : r->start, finish, letter);
}

/* Below each of the domains it is to be below of. */
static bool try_domains(struct finder *f, const struct frame *r, char letter)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct demand *d = &f->demand[i];
        if (!d->holds || d->atom->op != OP_IN_DOMAINS)
            continue;
        const struct table_string_set *set = &d->table->string_set[d->atom->set];
        for (uint32_t k = 0; k < set->n; k++) {
            const struct slice below = set->string[k]; /* with its dot */
            if (try_joined(f, SLICE("www"), SLICE(""), below) || try_finish(f, r, below, letter))
                return true;
        }
    }
    return false;
}

static bool try_framed(struct finder *f, const struct frame *r, char letter)
{
    return try_finish(f, r, r->finish, letter) || try_domains(f, r, letter) ||
           (f->field == FIELD_PATH && value_try_text(f, SLICE("*")));
}

/* Of fields that have few values all are tried. */
static bool try_all(struct finder *f, bool *bound)
{
    struct value_names all = {0};
    if (f->field == FIELD_SCHEME)
        all = (struct value_names){SCHEMES, COUNT_OF(SCHEMES)};
    else if (f->field == FIELD_PROTO)
        all = (struct value_names){PROTOCOLS, COUNT_OF(PROTOCOLS)};
    else if (f->field == FIELD_LISTENER)
        all = f->listeners;
    *bound = all.n > 0;
    for (uint32_t i = 0; i < all.n; i++)
        if (value_try_text(f, all.at[i]))
            return true;
    return false;
}

static bool asks_to_match(const struct finder *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (f->demand[i].atom->op == OP_MATCHES)
            return true;
    return false;
}

/* The one path that does not begin with a slash is that of `OPTIONS *`. */
static bool asks_for_no_path(const struct finder *f)
{
    for (uint32_t i = 0; i < f->n && f->field == FIELD_PATH; i++)
        if (!f->demand[i].holds && f->demand[i].atom->op == OP_STARTS_WITH &&
            slice_eq(f->demand[i].atom->string, SLICE("/")))
            return true;
    return false;
}

enum value_found value_find_text(struct finder *f)
{
    bool bound;
    if (asks_for_no_path(f))
        return value_try_text(f, SLICE("*")) ? VALUE_FOUND : VALUE_NONE;
    if (try_all(f, &bound))
        return VALUE_FOUND;
    if (bound)
        return VALUE_NONE;
    if (try_members(f, &bound))
        return VALUE_FOUND;
    if (bound)
        return VALUE_NONE;
    f->doubtful = false;
    if (value_try_text(f, value_default(f->field)))
        return VALUE_FOUND;
    const char letter = unused_letter(f);
    const struct frame r = frame_of(f);
    f->doubtful = letter == 0;
    if (try_framed(f, &r, letter ? letter : 'x'))
        return VALUE_FOUND;
    if (asks_to_match(f)) {
        const struct slice start[] = {r.under.at ? r.under : r.start, r.start, SLICE("/"),
                                      SLICE("")};
        return value_find_matching(f, start, COUNT_OF(start), r.finish) ? VALUE_FOUND : VALUE_MAYBE;
    }
    return f->doubtful ? VALUE_MAYBE : VALUE_NONE;
}
