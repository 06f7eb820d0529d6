#include "runtime/daemon/served.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/cli/replace.h"
#include "grammar/edit/edit.h"
#include "grammar/edit/list.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"
#include "runtime/log/log.h"

/* The text of a file. */
struct copy {
    char *path; /* owned */
    struct text text;
};

struct copies {
    VEC(struct copy) list;
};

struct served {
    const char *path;
    struct copies base, next; /* of what is served; of what was loaded last */
    struct copies previous;   /* of what was served before, while it may come back */
    bool keeps;               /* what is served now becomes that */
    struct copy before;       /* of the file that was written then; no path: none was */
};

/* Changes of one list. */
struct entries {
    struct slice path;
    VEC(struct list_change) change;
};

/* One load. */
struct loading {
    struct served *served;
    const struct copies *base; /* what it starts from, unless it is read anew */
    struct control_loading *what;
    struct text *said;
    struct arena arena;
    struct copies original; /* what has been read, of files that changes are about */
    struct copies edited;   /* the same with the changes */
    VEC(struct entries) list;
    uint32_t last_list;  /* that the last sentence is about; UINT32_MAX: none */
    struct slice *about; /* the file of each sentence that fits */
    bool *left_out;      /* sentences that it is wrong with */
};

static void copy_done(struct copy *c)
{
    free(c->path);
    text_done(&c->text);
    *c = (struct copy){0};
}

static void copies_done(struct copies *c)
{
    for (uint32_t i = 0; i < c->list.n; i++)
        copy_done(&c->list.at[i]);
    VEC_DONE(&c->list);
}

static struct copy copy_of(struct slice path, struct slice text)
{
    struct copy c = {.path = must_calloc(path.len + 1, 1)};
    if (path.len > 0)
        memcpy(c.path, path.at, path.len);
    text_add(&c.text, text);
    return c;
}

static struct copy *find(const struct copies *c, struct slice path)
{
    for (uint32_t i = 0; i < c->list.n; i++)
        if (slice_eq(slice_of(c->list.at[i].path), path))
            return &c->list.at[i];
    return NULL;
}

static void put(struct copies *c, struct slice path, struct slice text)
{
    struct copy new = copy_of(path, text), *there = find(c, path);
    if (there) {
        copy_done(there);
        *there = new;
    } else {
        VEC_ADD(&c->list, new);
    }
}

struct served *served_new(const char *path)
{
    struct served *s = MUST_NEW(struct served);
    s->path = path;
    return s;
}

void served_free(struct served *s)
{
    if (!s)
        return;
    copies_done(&s->base);
    copies_done(&s->next);
    copies_done(&s->previous);
    copy_done(&s->before);
    free(s);
}

/* --- texts ----------------------------------------------------------------------------------- */

static bool text_of(const struct copies *c, struct slice path, struct slice *text)
{
    const struct copy *known = find(c, path);
    if (known)
        *text = text_slice(&known->text);
    return known != NULL;
}

/* As changes left it; else as it was loaded; else as it is on the disk, which is for sources. */
static bool given(void *of, struct slice path, struct slice *text)
{
    const struct loading *l = of;
    return text_of(&l->edited, path, text) || text_of(&l->original, path, text) ||
           (!l->what->anew && text_of(l->base, path, text));
}

/* A file that a change may be about, once more as changes left it. */
static bool read_original(struct loading *l, struct slice path, struct slice *text)
{
    if (given(l, path, text))
        return true;
    struct sources *sources = sources_new();
    const char *name = arena_format(&l->arena, SLICE_FMT, SLICE_ARG(path)).at;
    const int index = sources_load(sources, name);
    uint32_t first;
    if (index >= 0)
        put(&l->original, path, sources_text(sources, index, &first));
    else
        text_addf(l->said, "cannot read %s: %s\n", name, strerror(-index));
    sources_free(sources);
    return index >= 0 && text_of(&l->original, path, text);
}

/* --- changes --------------------------------------------------------------------------------- */

static void note_list_change(struct loading *l, const char *path, struct list_change change)
{
    uint32_t i = 0;
    while (i < l->list.n && !slice_eq(l->list.at[i].path, slice_of(path)))
        i++;
    if (i == l->list.n)
        VEC_ADD(&l->list, ((struct entries){.path = arena_copy(&l->arena, slice_of(path))}));
    VEC_ADD(&l->list.at[i].change, change);
    l->last_list = i;
}

/* Tries the sentence on one file; what is wrong with it goes to `said`. */
static bool change_file(struct loading *l, struct slice path, struct slice sentence,
                        struct text *said)
{
    struct slice text;
    if (!read_original(l, path, &text))
        return false;
    struct sources *sources = sources_new();
    const int file = sources_add(sources, path, text);
    const int request = sources_add(sources, SLICE("<change>"), sentence);
    struct diags *d = diags_new(sources, 0);
    struct list_change entry;
    struct edit_patch patch;
    bool fits = file >= 0 && request >= 0;
    if (fits && list_change_of(sources, file, request, &l->arena, &entry)) {
        char *list = sources_path(sources, file, entry.path);
        note_list_change(l, list, entry);
        free(list);
    } else if (fits && edit(sources, file, request, &l->arena, d, &patch)) {
        put(&l->edited, path, edit_apply(text, &patch, &l->arena));
    } else {
        fits = false;
        diag_render(d, DIAG_HUMAN, said);
    }
    diags_free(d);
    sources_free(sources);
    return fits;
}

/* The file itself, or one that it includes. */
static bool change(struct loading *l, uint32_t number, struct text *said)
{
    const struct slice main = slice_of(l->served->path);
    const struct slice sentence = l->what->sentence[number].text;
    l->about[number] = main;
    if (change_file(l, main, sentence, said))
        return true;
    for (uint32_t i = 0; i < l->base->list.n; i++) {
        const struct slice path = slice_of(l->base->list.at[i].path);
        struct text unsaid = {0};
        const bool fits = slice_ends(path, SLICE(".lbconf")) && !slice_eq(path, main) &&
                          change_file(l, path, sentence, &unsaid);
        text_done(&unsaid);
        l->about[number] = path;
        if (fits)
            return true;
    }
    return false;
}

/* A change that changes nothing is a mistake of whoever makes it now. */
static bool is_idle(struct loading *l, const struct list_change *last, bool was_there)
{
    if (last->removes == was_there)
        return false;
    text_addf(l->said, SLICE_FMT " %s in the list\n", SLICE_ARG(last->entry),
              was_there ? "is already" : "is not");
    return true;
}

static bool change_lists(struct loading *l, bool judged)
{
    bool ok = true;
    for (uint32_t i = 0; i < l->list.n && ok; i++) {
        const struct entries *list = &l->list.at[i];
        struct slice text;
        bool was_there;
        ok = read_original(l, list->path, &text);
        if (!ok)
            break;
        const struct slice with =
            list_changed(text, list->change.at, list->change.n, &l->arena, &was_there);
        put(&l->edited, list->path, with);
        if (judged && i == l->last_list)
            ok = !is_idle(l, &list->change.at[list->change.n - 1], was_there);
    }
    return ok;
}

/* Sentences [from, to). False: the last one is judged, and does not fit; or what it is about cannot
 * be read. */
static bool change_all(struct loading *l, uint32_t from, uint32_t to, bool judges_last)
{
    for (uint32_t i = from; i < to; i++) {
        struct control_sentence *s = &l->what->sentence[i];
        const bool judged = judges_last && i == to - 1;
        struct text why = {0};
        l->last_list = UINT32_MAX;
        s->fits = !l->left_out[i] && change(l, i, &why);
        if (!s->fits && judged)
            text_add(l->said, text_slice(&why));
        else if (!s->fits)
            text_addf(l->said, "warning: a change no longer fits: " SLICE_FMT "\n",
                      SLICE_ARG(s->text));
        text_done(&why);
        if (!s->fits && judged)
            return false;
    }
    return change_lists(l, judges_last);
}

static void forget_changes(struct loading *l)
{
    for (uint32_t i = 0; i < l->list.n; i++)
        VEC_DONE(&l->list.at[i].change);
    VEC_DONE(&l->list);
    copies_done(&l->edited);
}

/* --- compiling ------------------------------------------------------------------------------- */

/* Each file as it is without changes. Texts that stand for uses of templates have its name, too,
 * and come later. */
static void remember(const struct loading *l, const struct sources *sources, struct copies *out)
{
    copies_done(out);
    for (uint32_t i = 0; i < sources_count(sources); i++) {
        uint32_t first;
        const struct slice path = sources_name(sources, (int)i);
        struct slice text;
        if (find(out, path))
            continue;
        if (!l || (!text_of(&l->original, path, &text) &&
                   (l->what->anew || !text_of(l->base, path, &text))))
            text = sources_text(sources, (int)i, &first);
        put(out, path, text);
    }
}

/* A change of a file that is not included any more changes nothing. */
static void look_whether_files_are_read(struct loading *l)
{
    for (uint32_t i = 0; i < l->what->n; i++) {
        struct control_sentence *s = &l->what->sentence[i];
        s->fits = s->fits && find(&l->served->next, l->about[i]);
    }
}

static struct table *compile_texts(struct loading *l)
{
    struct loaded out = {.sources = sources_new()};
    struct compile_options options = cli_compile;
    options.to_run = true;
    sources_ask(out.sources, given, l);
    const int index = sources_load(out.sources, l->served->path);
    if (index < 0) {
        text_addf(l->said, "cannot read %s: %s\n", l->served->path, strerror(-index));
        loaded_done(&out);
        return NULL;
    }
    out.diags = diags_new(out.sources, 0);
    struct table *t = compile(out.sources, &options, &out.arena, out.diags, &out.program);
    if (diag_errors(out.diags) + diag_warnings(out.diags) > 0)
        diag_render(out.diags, DIAG_HUMAN, l->said);
    remember(l, out.sources, &l->served->next);
    look_whether_files_are_read(l);
    loaded_done(&out);
    return t;
}

/* With the first `n` sentences, as far as they fit. NULL: something is wrong, and was said. */
static struct table *try_with(struct loading *l, uint32_t n)
{
    forget_changes(l);
    text_clear(l->said);
    return change_all(l, 0, n, l->what->judges_last && n == l->what->n) ? compile_texts(l) : NULL;
}

/* The sentence with which it goes wrong: without it and those behind it all is well. */
static uint32_t find_culprit(struct loading *l, uint32_t n)
{
    uint32_t good = 0, bad = n;
    while (bad - good > 1) {
        const uint32_t middle = good + (bad - good) / 2;
        struct table *t = try_with(l, middle);
        if (t)
            good = middle;
        else
            bad = middle;
        table_free(t);
    }
    return bad - 1;
}

/* A change that is wrong by now, for the file is another or a change that it was about is over, is
 * as one that fits nothing. One that is new has to be right, though. */
static struct table *load_with_changes(struct loading *l)
{
    const uint32_t n = l->what->n;
    struct table *t = try_with(l, n);
    if (t || n == 0 || l->what->judges_last)
        return t;
    struct table *without = try_with(l, 0);
    if (!without)
        return NULL; /* it is not the changes */
    table_free(without);
    for (uint32_t tries = 0; !t && tries < n; tries++) {
        l->left_out[find_culprit(l, n)] = true;
        t = try_with(l, n);
    }
    return t;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Is the file as it was loaded? */
static bool is_unchanged(struct loading *l, const struct copy *file)
{
    struct sources *sources = sources_new();
    const int index = sources_load(sources, file->path);
    uint32_t first;
    const bool same =
        index >= 0 && slice_eq(sources_text(sources, index, &first), text_slice(&file->text));
    sources_free(sources);
    if (!same)
        text_addf(l->said,
                  "%s is not as it was loaded any more: reload it first, or undo what was "
                  "changed in it\n",
                  file->path);
    return same;
}

static bool write_file(struct loading *l, const struct copy *before, struct slice after)
{
    const int rc = replace_file(before->path, after);
    if (rc != 0)
        text_addf(l->said, "cannot write %s: %s\n", before->path, strerror(-rc));
    else
        l->served->before = copy_of(slice_of(before->path), text_slice(&before->text));
    return rc == 0;
}

/* What was changed by the last sentence is the file's text now, and the other changes come on top.
 * It has to be right with them and without. */
static struct table *compile_on_top(struct loading *l, const struct copy *changed)
{
    struct table *t = compile_texts(l);
    if (!t || l->what->n == 1)
        return t;
    table_free(t);
    put(&l->original, slice_of(changed->path), text_slice(&changed->text));
    forget_changes(l);
    text_clear(l->said);
    return change_all(l, 0, l->what->n - 1, false) ? compile_texts(l) : NULL;
}

static struct table *load_and_write(struct loading *l)
{
    struct slice text;
    if (!change_all(l, l->what->n - 1, l->what->n, true))
        return NULL;
    ASSERT(l->edited.list.n == 1);
    struct copy after =
        copy_of(slice_of(l->edited.list.at[0].path), text_slice(&l->edited.list.at[0].text));
    const bool known = text_of(&l->original, slice_of(after.path), &text) ||
                       text_of(l->base, slice_of(after.path), &text);
    ASSERT(known);
    struct copy before = copy_of(slice_of(after.path), text);
    struct table *t = is_unchanged(l, &before) ? compile_on_top(l, &after) : NULL;
    if (t && !write_file(l, &before, text_slice(&after.text))) {
        table_free(t);
        t = NULL;
    }
    struct copy *next = t ? find(&l->served->next, slice_of(after.path)) : NULL;
    if (next) {
        text_clear(&next->text);
        text_add(&next->text, text_slice(&after.text));
    }
    copy_done(&before);
    copy_done(&after);
    return t;
}

/* --- the door -------------------------------------------------------------------------------- */

struct table *served_load(struct served *s, struct control_loading *what, struct text *said)
{
    struct loading l = {
        .served = s, .base = what->back ? &s->previous : &s->base, .what = what, .said = said};
    s->keeps = what->keeps;
    copy_done(&s->before);
    l.about = ARENA_ARRAY(&l.arena, struct slice, what->n);
    l.left_out = ARENA_ARRAY(&l.arena, bool, what->n);
    struct table *t = NULL;
    if (what->n > 0 && strcmp(s->path, "-") == 0)
        text_adds(said, "the configuration came from standard input and cannot be changed\n");
    else if (what->writes_last)
        t = load_and_write(&l);
    else
        t = load_with_changes(&l);
    forget_changes(&l);
    copies_done(&l.original);
    arena_free(&l.arena);
    return t;
}

void served_keep(struct served *s, const struct loaded *l)
{
    remember(NULL, l->sources, &s->base);
}

static void write_back(const struct copy *before)
{
    const int rc = replace_file(before->path, text_slice(&before->text));
    if (rc != 0)
        log_line(LOG_ERROR, "%s has a change that is not served, and cannot be written: %s",
                 before->path, strerror(-rc));
}

void served_settle(struct served *s, bool served)
{
    if (served) {
        copies_done(&s->previous);
        if (s->keeps)
            s->previous = s->base;
        else
            copies_done(&s->base);
        s->base = s->next;
        s->next = (struct copies){0};
    } else if (s->before.path) {
        write_back(&s->before);
    }
    copies_done(&s->next);
    copy_done(&s->before);
}
