/* Which statement a place means. */
#include "grammar/diag.h"
#include "grammar/edit/edit_priv.h"
#include "grammar/parser.h"
#include "runtime/base/nearest.h"
#include "runtime/base/number.h"

/* The statements that a place could mean; only the first two matter. */
struct found {
    const struct statement *at[2];
    uint32_t n;
};

static struct slice text_of(const struct editor *e, uint32_t i)
{
    return e->o.piece[i].text;
}

static bool has_name(const struct editor *e, const struct statement *s, struct slice name)
{
    if (slice_eq(text_of(e, s->from), name))
        return true;
    return s->to - s->from > 1 && slice_eq(text_of(e, s->from + 1), name);
}

/* Follows the rest of a path from the statements of one block. */
static void follow(const struct editor *e, const struct statement *s, struct slice path,
                   struct found *found)
{
    struct slice element, rest = path;
    if (!slice_split(&rest, '/', &element))
        return;
    struct slice kind = {0}, name = element;
    const char *colon = memchr(element.at, ':', element.len);
    if (colon) {
        kind = (struct slice){element.at, (size_t)(colon - element.at)};
        name = slice_from(element, kind.len + 1);
    }
    uint64_t number = 0;
    const bool counted = !colon && number_parse(name, UINT32_MAX, &number);
    for (uint64_t i = 1; s; s = s->next, i++) {
        if (counted ? i != number : !has_name(e, s, name))
            continue;
        if (colon && !slice_eq(text_of(e, s->from), kind))
            continue;
        if (rest.len > 0) {
            follow(e, s->first, rest, found);
            continue;
        }
        if (found->n < COUNT_OF(found->at))
            found->at[found->n] = s;
        found->n++;
    }
}

/* The nearest of all names, for who misspelt one. */
static void offer_names(const struct editor *e, const struct statement *s, struct nearest *near)
{
    for (; s; s = s->next) {
        if (s->to - s->from > 1)
            nearest_offer(near, text_of(e, s->from + 1));
        offer_names(e, s->first, near);
    }
}

static void say_none(struct editor *e)
{
    const struct request *r = e->request;
    diag(e->diags, DIAG_NO_SUCH_PLACE, r->place_span, SLICE_ARG(r->place));
    const char *slash = memrchr(r->place.at, '/', r->place.len);
    struct slice last = r->place;
    if (slash)
        last = slice_from(last, (size_t)(slash - last.at) + 1);
    struct nearest near = {.wanted = last};
    offer_names(e, e->o.first, &near);
    if (!near.best.at || slice_eq(near.best, last))
        return;
    const uint32_t to = r->place_span.to;
    diag_fix(e->diags, (struct span){to - (uint32_t)last.len, to}, near.best,
             "did you mean `" SLICE_FMT "`?", SLICE_ARG(near.best));
}

const struct statement *place_find(struct editor *e, bool *whole)
{
    const struct request *r = e->request;
    *whole = slice_eq(r->place, SLICE("/"));
    if (*whole)
        return NULL;
    struct found found = {0};
    follow(e, e->o.first, r->place, &found);
    if (found.n == 1)
        return found.at[0];
    if (found.n == 0) {
        say_none(e);
        return NULL;
    }
    diag(e->diags, DIAG_BAD_EDIT, r->place_span,
         "this could be several places; the kind before the name says which, as in cluster:web");
    for (size_t i = 0; i < COUNT_OF(found.at) && !e->changed; i++)
        diag_also(e->diags, e->o.piece[found.at[i]->from].span, "one of them");
    return NULL;
}

static bool begins_with_words(const struct editor *e, const struct statement *s, uint32_t n)
{
    const struct outline *w = &e->request->words;
    if (s->to - s->from < n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!slice_eq(text_of(e, s->from + i), w->piece[i].text))
            return false;
    return true;
}

/* Has this statement a name, so that there are several of its word in a block? */
static bool is_named(const struct outline *w)
{
    const struct slice word = w->piece[0].text, name = w->n > 1 ? w->piece[1].text : SLICE("");
    return (slice_eq(word, SLICE("server")) || slice_eq(word, SLICE("timeout"))) && name.len > 0 &&
           name.at[0] >= 'a' && name.at[0] <= 'z';
}

const struct statement *place_child(const struct editor *e, const struct statement *first,
                                    bool exactly)
{
    const struct outline *w = &e->request->words;
    const struct statement *by_word = NULL, *by_two = NULL, *by_all = NULL;
    uint32_t n = 0;
    for (const struct statement *s = first; s; s = s->next) {
        if (!begins_with_words(e, s, 1))
            continue;
        n++;
        by_word = s;
        if (!by_two && w->n > 1 && begins_with_words(e, s, 2))
            by_two = s;
        if (!by_all && begins_with_words(e, s, w->n))
            by_all = s;
    }
    if (exactly)
        return by_all;
    if (is_named(w))
        return by_two;
    return n == 1 ? by_word : by_two;
}
