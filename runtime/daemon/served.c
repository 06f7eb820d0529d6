#include "runtime/daemon/served.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grammar/edit/edit.h"
#include "grammar/edit/list.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"
#include "runtime/daemon/differs.h"
#include "runtime/daemon/known.h"
#include "runtime/daemon/written.h"
#include "runtime/log/log.h"
#include "runtime/state/copies.h"

struct served {
    const char *path;
    struct copies base, next;        /* of what is served; of what was loaded last */
    struct copies shown, next_shown; /* the same as they were compiled, with the changes */
    struct copies previous;          /* of what was served before, while it may come back */
    bool keeps;                      /* what is served now becomes that */
    struct written written;          /* then */
    struct state *state;             /* NULL: nothing is there any more after the process's end */
    struct history *history;
    struct text journal; /* the changes, as they are on the disk */
    bool journals;       /* others are on the disk beside them */
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
    struct known *known;       /* nothing but that may be named; NULL: anything may */
    struct text unknown;       /* what is; or nothing */
    struct control_loading *what;
    struct text *said;
    struct arena arena;
    struct loaded compiled; /* what it came to; its table is the caller's */
    struct copies original; /* what has been read, of files that changes are about */
    struct copies edited;   /* the same with the changes */
    VEC(struct entries) list;
    uint32_t last_list;  /* that the last sentence is about; UINT32_MAX: none */
    struct slice *about; /* the file of each sentence that fits */
    bool *left_out;      /* sentences that it is wrong with */
};

struct served *served_new(const char *path, struct state *state, struct history *history,
                          struct slice journal)
{
    struct served *s = MUST_NEW(struct served);
    s->path = path;
    s->state = state;
    s->history = history;
    text_add(&s->journal, journal);
    return s;
}

void served_free(struct served *s)
{
    if (!s)
        return;
    copies_done(&s->base);
    copies_done(&s->next);
    copies_done(&s->shown);
    copies_done(&s->next_shown);
    copies_done(&s->previous);
    written_done(&s->written);
    text_done(&s->journal);
    free(s);
}

/* --- texts ----------------------------------------------------------------------------------- */

/* As changes left it; else as it was loaded; else as it is on the disk, which is for sources. */
static bool given(void *of, struct slice path, struct slice *text)
{
    const struct loading *l = of;
    return copies_text(&l->edited, path, text) || copies_text(&l->original, path, text) ||
           (!l->what->anew && copies_text(l->base, path, text));
}

/* The first one. */
static void name_unknown(struct loading *l, const char *what, struct slice name)
{
    if (l->unknown.len == 0)
        text_addf(&l->unknown, "it reads %s " SLICE_FMT ", which is not read so far", what,
                  SLICE_ARG(name));
}

/* The same where only what is known may be named. */
static bool given_if_known(void *of, struct slice path, struct slice *text)
{
    struct loading *l = of;
    if (known_text(l->known, path))
        return !text || given(l, path, text);
    name_unknown(l, "the file", path);
    return false;
}

static const char *variable_if_known(void *of, const char *name)
{
    struct loading *l = of;
    if (known_variable(l->known, slice_of(name)))
        return cli_compile.env(cli_compile.env_from, name);
    name_unknown(l, "the variable", slice_of(name));
    return NULL;
}

/* A file that a change may be about, once more as changes left it. */
static bool read_original(struct loading *l, struct slice path, struct slice *text)
{
    if (given(l, path, text))
        return true;
    struct sources *sources = sources_new();
    sources_read(sources, l->known ? SOURCES_NONE : SOURCES_REGULAR);
    const char *name = arena_format(&l->arena, SLICE_FMT, SLICE_ARG(path)).at;
    const int index = sources_load(sources, name);
    uint32_t first;
    if (index >= 0)
        copies_put(&l->original, path, sources_text(sources, index, &first));
    else
        text_addf(l->said, "cannot read %s: %s\n", name, strerror(-index));
    sources_free(sources);
    return index >= 0 && copies_text(&l->original, path, text);
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
        copies_put(&l->edited, path, edit_apply(text, &patch, &l->arena));
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
    if (last->removes == was_there || last->replaces)
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
        copies_put(&l->edited, list->path, with);
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
        if (copies_find(out, path))
            continue;
        if (!l || (!copies_text(&l->original, path, &text) &&
                   (l->what->anew || !copies_text(l->base, path, &text))))
            text = sources_text(sources, (int)i, &first);
        copies_put(out, path, text);
    }
}

/* A change of a file that is not included any more changes nothing. */
static void look_whether_files_are_read(struct loading *l)
{
    for (uint32_t i = 0; i < l->what->n; i++) {
        struct control_sentence *s = &l->what->sentence[i];
        s->fits = s->fits && copies_find(&l->served->next, l->about[i]);
    }
}

/* NULL, and why, when it names what its maker may not name. */
static struct table *unless_unknown(struct loading *l, struct table *t)
{
    if (!l->known || (l->unknown.len == 0 && (!t || known_is_all(l->known, t, &l->unknown))))
        return t;
    text_addf(l->said,
              SLICE_FMT ": a change that names more than the configuration does needs "
                        "the level admin\n",
              SLICE_ARG(text_slice(&l->unknown)));
    table_free(t);
    return NULL;
}

static struct table *compile_texts(struct loading *l)
{
    struct loaded *out = &l->compiled;
    struct compile_options options = cli_compile;
    options.to_run = true;
    if (l->known) {
        options.env = variable_if_known;
        options.env_from = l;
    }
    loaded_done(out);
    *out = (struct loaded){.sources = sources_new()};
    sources_ask(out->sources, l->known ? given_if_known : given, l);
    sources_read(out->sources, l->known ? SOURCES_NONE : SOURCES_REGULAR);
    const int index = sources_load(out->sources, l->served->path);
    if (index < 0) {
        text_addf(l->said, "cannot read %s: %s\n", l->served->path, strerror(-index));
        return NULL;
    }
    out->diags = diags_new(out->sources, 0);
    struct table *t = compile(out->sources, &options, &out->arena, out->diags, &out->program);
    if (diag_errors(out->diags) + diag_warnings(out->diags) > 0)
        diag_render(out->diags, DIAG_HUMAN, l->said);
    remember(l, out->sources, &l->served->next);
    remember(NULL, out->sources, &l->served->next_shown);
    look_whether_files_are_read(l);
    return unless_unknown(l, t);
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
static struct table *load_what_fits(struct loading *l)
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

/* A change of a file that is included only now. */
static bool may_fit_after_all(const struct loading *l)
{
    const struct copies *read = &l->served->next;
    bool all_fit = true, all_known = true;
    for (uint32_t i = 0; i < l->what->n; i++)
        all_fit &= l->what->sentence[i].fits;
    for (uint32_t i = 0; i < read->list.n && !all_fit; i++)
        all_known &= copies_find(l->base, slice_of(read->list.at[i].path)) != NULL;
    return !all_known;
}

static struct table *load_with_changes(struct loading *l)
{
    struct table *t = load_what_fits(l);
    if (!t || !may_fit_after_all(l))
        return t;
    const struct copies *before = l->base;
    struct copies read = l->served->next;
    table_free(t);
    l->served->next = (struct copies){0};
    l->base = &read;
    t = load_what_fits(l);
    l->base = before;
    copies_done(&read);
    return t;
}

/* --- writing --------------------------------------------------------------------------------- */

/* What was changed by the last sentence is the file's text now, and the other changes come on top.
 * It has to be right with them and without. */
static struct table *compile_on_top(struct loading *l, const struct copy *changed)
{
    struct table *t = compile_texts(l);
    if (!t || l->what->n == 1)
        return t;
    table_free(t);
    copies_put(&l->original, slice_of(changed->path), text_slice(&changed->text));
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
    const bool known = copies_text(&l->original, slice_of(after.path), &text) ||
                       copies_text(l->base, slice_of(after.path), &text);
    ASSERT(known);
    struct copy before = copy_of(slice_of(after.path), text);
    struct table *t = written_is_as(before.path, text, l->said) ? compile_on_top(l, &after) : NULL;
    if (t && !written_over(&l->served->written, before.path, text_slice(&before.text),
                           text_slice(&after.text), l->said)) {
        table_free(t);
        t = NULL;
    }
    struct copy *next = t ? copies_find(&l->served->next, slice_of(after.path)) : NULL;
    if (next) {
        text_clear(&next->text);
        text_add(&next->text, text_slice(&after.text));
    }
    copy_done(&before);
    copy_done(&after);
    return t;
}

/* --- going back ------------------------------------------------------------------------------ */

/* What would be written over is what was loaded. */
static bool may_go_back(struct loading *l, const struct copies *to)
{
    const struct copies *now = &l->served->base;
    for (uint32_t i = 0; i < to->list.n; i++) {
        const struct copy *file = &to->list.at[i];
        struct slice text;
        const bool there = copies_text(now, slice_of(file->path), &text);
        if (there ? !written_is_as(file->path, text, l->said)
                  : !written_is_missing(file->path, l->said))
            return false;
    }
    return true;
}

/* A pattern of an `include` may find others by now. */
static bool are_all_read(struct loading *l, const struct copies *to)
{
    const struct copies *read = &l->served->next;
    for (uint32_t i = 0; i < read->list.n; i++)
        if (!copies_find(to, slice_of(read->list.at[i].path))) {
            text_addf(l->said, "%s is included, and was not then: move it away first\n",
                      read->list.at[i].path);
            return false;
        }
    if (read->list.n == to->list.n)
        return true;
    text_adds(l->said, "a file of then would not be included now\n");
    return false;
}

static bool write_all(struct loading *l, const struct copies *to)
{
    struct written *w = &l->served->written;
    for (uint32_t i = 0; i < to->list.n; i++) {
        const struct copy *file = &to->list.at[i];
        const struct slice after = text_slice(&file->text);
        struct slice before;
        if (!copies_text(&l->served->base, slice_of(file->path), &before)) {
            if (!written_anew(w, file->path, after, l->said))
                return false;
        } else if (!slice_eq(before, after) &&
                   !written_over(w, file->path, before, after, l->said)) {
            return false;
        }
    }
    return true;
}

static struct table *load_revision(struct loading *l, const struct copies *to)
{
    const struct copies *before = l->base;
    l->base = to;
    struct table *t = may_go_back(l, to) ? load_with_changes(l) : NULL;
    l->base = before;
    if (t && are_all_read(l, to) && write_all(l, to))
        return t;
    table_free(t);
    return NULL;
}

static struct table *go_back(struct loading *l)
{
    const struct history *h = l->served->history;
    const struct revision *r = h ? history_find(h, l->what->revision) : NULL;
    struct copies to = {0};
    struct table *t = NULL;
    ASSERT(r); /* whoever asks has looked */
    const int error = history_read(h, r, &to);
    if (error)
        text_addf(l->said, "revision %llu cannot be read: %s\n", (unsigned long long)r->number,
                  strerror(-error));
    else if (!copies_find(&to, slice_of(l->served->path)))
        text_addf(l->said, "revision %llu is not of %s\n", (unsigned long long)r->number,
                  l->served->path);
    else
        t = load_revision(l, &to);
    copies_done(&to);
    return t;
}

/* --- what outlives the process --------------------------------------------------------------- */

/* A change that could be lost with the process is refused: that it is kept is what was promised.
 * One that is kept already is served, whatever becomes of the rest of the text. */
static bool prepare_journal(struct served *s, const struct control_loading *what, struct text *said)
{
    if (!s->state || slice_eq(what->journal, text_slice(&s->journal)))
        return true;
    const int error = state_write(s->state, SERVED_JOURNAL, what->journal);
    if (error) {
        text_addf(said, "%scannot write %s/" SERVED_JOURNAL ": %s\n",
                  what->promises ? "" : "warning: ", state_path(s->state), strerror(-error));
        return !what->promises;
    }
    text_clear(&s->journal);
    text_add(&s->journal, what->journal);
    s->journals = true;
    return true;
}

static void settle_journal(struct served *s, bool served, struct text *said)
{
    const int error =
        s->journals && served ? state_take(s->state, SERVED_JOURNAL, SERVED_JOURNAL) : 0;
    if (s->journals && (!served || error)) {
        state_remove(s->state, SERVED_JOURNAL ".new");
        text_clear(&s->journal); /* so that the next one is written, whatever it is */
    }
    if (error && said)
        text_addf(said,
                  "warning: it is so now, and changes are not kept over a restart: cannot write "
                  "%s/" SERVED_JOURNAL ": %s\n",
                  state_path(s->state), strerror(-error));
    if (error)
        log_line(LOG_ERROR, "changes are not kept: cannot write %s/" SERVED_JOURNAL ": %s",
                 state_path(s->state), strerror(-error));
    s->journals = false;
}

/* How it came, for people. */
static void describe(const struct control_loading *what, struct text *out)
{
    if (what->writes_last)
        text_addf(out, "commit " SLICE_FMT "%s" SLICE_FMT,
                  SLICE_ARG(what->sentence[what->n - 1].text),
                  what->why.len > 0 ? ", because " : "", SLICE_ARG(what->why));
    else if (what->revision > 0)
        text_addf(out, "rollback %llu", (unsigned long long)what->revision);
    else
        text_adds(out, what->back    ? "back from a trial"
                       : what->keeps ? "reload, on trial"
                                     : "reload");
}

/* What can't be kept is served all the same. */
static void prepare_revision(struct served *s, const struct copies *texts, struct slice who,
                             struct slice what)
{
    const int error = s->history ? history_prepare(s->history, texts, who, what) : 0;
    if (error)
        log_line(LOG_ERROR, "this will not be in the history: cannot write to %s: %s",
                 state_path(s->state), strerror(-error));
}

static bool prepare_state(struct served *s, const struct control_loading *what, struct text *said)
{
    struct text how = {0};
    if (!prepare_journal(s, what, said))
        return false;
    describe(what, &how);
    prepare_revision(s, &s->next, what->who, text_slice(&how));
    text_done(&how);
    return true;
}

/* --- the door -------------------------------------------------------------------------------- */

static struct table *load_as_asked(struct loading *l)
{
    const struct control_loading *what = l->what;
    if (what->n == 0 || strcmp(l->served->path, "-") != 0)
        return what->revision > 0  ? go_back(l)
               : what->writes_last ? load_and_write(l)
                                   : load_with_changes(l);
    text_adds(l->said, "the configuration came from standard input and cannot be changed\n");
    return NULL;
}

/* As if it were the file that is served, read anew. */
static struct table *load_candidate(struct control_loading *what, struct text *said)
{
    struct served as_if = {.path = what->candidate};
    struct loading l = {.served = &as_if, .base = &as_if.base, .what = what, .said = said};
    l.about = ARENA_ARRAY(&l.arena, struct slice, what->n);
    l.left_out = ARENA_ARRAY(&l.arena, bool, what->n);
    struct table *t = load_with_changes(&l);
    forget_changes(&l);
    copies_done(&l.original);
    copies_done(&as_if.next);
    copies_done(&as_if.next_shown);
    loaded_done(&l.compiled);
    arena_free(&l.arena);
    return t;
}

struct table *served_load(struct served *s, struct control_loading *what, struct text *said)
{
    if (what->candidate)
        return load_candidate(what, said);
    struct loading l = {
        .served = s, .base = what->back ? &s->previous : &s->base, .what = what, .said = said};
    if (what->names_known)
        l.known = known_new(&s->shown, s->path);
    s->keeps = what->keeps;
    l.about = ARENA_ARRAY(&l.arena, struct slice, what->n);
    l.left_out = ARENA_ARRAY(&l.arena, bool, what->n);
    struct table *t = load_as_asked(&l);
    if (t && !prepare_state(s, what, said)) {
        table_free(t);
        t = NULL;
    }
    if (!t)
        written_back(&s->written);
    if (t && what->differs)
        differs_write(&s->shown, s->path, &l.compiled, t, what->differs);
    loaded_done(&l.compiled);
    forget_changes(&l);
    copies_done(&l.original);
    known_free(l.known);
    text_done(&l.unknown);
    arena_free(&l.arena);
    return t;
}

void served_start(struct served *s, const struct loaded *l, struct slice how)
{
    char who[CONTROL_WHO_MAX + 1];
    snprintf(who, sizeof(who), "uid %u", (unsigned)getuid());
    remember(NULL, l->sources, &s->base);
    remember(NULL, l->sources, &s->shown);
    prepare_revision(s, &s->base, slice_of(who), how);
}

void served_started(struct served *s)
{
    if (s->history)
        history_settle(s->history, true);
}

void served_settle(struct served *s, bool served, struct text *said)
{
    settle_journal(s, served, said);
    if (s->history)
        history_settle(s->history, served);
    if (!served) {
        written_back(&s->written);
        copies_done(&s->next);
        copies_done(&s->next_shown);
        return;
    }
    written_done(&s->written);
    copies_done(&s->previous);
    if (s->keeps)
        s->previous = s->base;
    else
        copies_done(&s->base);
    s->base = s->next;
    s->next = (struct copies){0};
    copies_done(&s->shown);
    s->shown = s->next_shown;
    s->next_shown = (struct copies){0};
}
