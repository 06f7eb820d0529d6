#include "runtime/state/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"
#include "runtime/log/log.h"

#define REVISIONS  "revisions"
#define TEXTS      "texts"
#define NEXT       REVISIONS "/next"
#define FIRST_LINE "lbc revision 1"

/* Of what describes a revision; of a text, and that is what the compiler reads at most. */
#define REVISION_BYTES_MAX (16u << 20)
#define TEXT_BYTES_MAX     (UINT64_C(256) << 20)
#define NAME_BYTES         64u

struct history {
    struct state *state;
    VEC(struct revision) list; /* oldest first */
    struct revision next;      /* prepared; number 0: none is */
};

static void revision_done(struct revision *r)
{
    for (uint32_t i = 0; i < r->file.n; i++)
        free(r->file.at[i].path);
    VEC_DONE(&r->file);
    text_done(&r->who);
    text_done(&r->what);
    *r = (struct revision){0};
}

static void text_name(const struct revision_file *f, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, TEXTS "/%016llx-%llu", (unsigned long long)f->hash,
             (unsigned long long)f->bytes);
}

static void revision_name(uint64_t number, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, REVISIONS "/%llu", (unsigned long long)number);
}

static bool is_same_text(const struct revision_file *a, const struct revision_file *b)
{
    return a->hash == b->hash && a->bytes == b->bytes;
}

static bool has_text(const struct revision *r, const struct revision_file *f)
{
    for (uint32_t i = 0; i < r->file.n; i++)
        if (is_same_text(&r->file.at[i], f))
            return true;
    return false;
}

/* Does one of the revisions from `first` on have it? */
static bool is_kept(const struct history *h, uint32_t first, const struct revision_file *f)
{
    for (uint32_t i = first; i < h->list.n; i++)
        if (has_text(&h->list.at[i], f))
            return true;
    return false;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool parse_hash(struct slice s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, s.at[i]);
        if (!at || !s.at[i])
            return false;
        *out = *out << 4 | (uint64_t)(at - digits);
    }
    return s.len == 16;
}

/* "HASH BYTES PATH" */
static bool parse_file(struct revision *r, struct slice rest)
{
    struct slice hash, bytes;
    struct revision_file f;
    if (!slice_split(&rest, ' ', &hash) || !slice_split(&rest, ' ', &bytes) || rest.len == 0 ||
        !parse_hash(hash, &f.hash) || !number_parse(bytes, TEXT_BYTES_MAX, &f.bytes))
        return false;
    f.path = must_calloc(rest.len + 1, 1);
    memcpy(f.path, rest.at, rest.len);
    VEC_ADD(&r->file, f);
    r->bytes += f.bytes;
    return true;
}

static bool parse_line(struct revision *r, struct slice line)
{
    struct slice rest = line, key;
    uint64_t number;
    if (!slice_split(&rest, ' ', &key))
        return false;
    if (slice_eq(key, SLICE("file")))
        return parse_file(r, rest);
    if (slice_eq(key, SLICE("number")))
        return number_parse(rest, UINT64_MAX - 1, &r->number);
    if (slice_eq(key, SLICE("by")))
        text_add(&r->who, rest);
    else if (slice_eq(key, SLICE("for")))
        text_add(&r->what, rest);
    else if (!slice_eq(key, SLICE("time")) || !number_parse(rest, INT64_MAX, &number))
        return false;
    else
        r->made_s = (int64_t)number;
    return true;
}

static bool parse(struct slice text, struct revision *r)
{
    struct slice line;
    if (!slice_split(&text, '\n', &line) || !slice_eq(line, SLICE(FIRST_LINE)))
        return false;
    while (slice_split(&text, '\n', &line))
        if (!parse_line(r, line))
            return false;
    return r->number > 0 && r->file.n > 0;
}

static void read_revision(void *to, const char *name)
{
    struct history *h = to;
    char path[NAME_BYTES];
    uint64_t number;
    if (!number_parse(slice_of(name), UINT64_MAX - 1, &number))
        return; /* what was being written when the process was killed */
    revision_name(number, path);
    struct text text = {0};
    struct revision r = {0};
    const int error = state_read(h->state, path, REVISION_BYTES_MAX, &text);
    const bool ok = !error && parse(text_slice(&text), &r) && r.number == number;
    text_done(&text);
    if (ok) {
        VEC_ADD(&h->list, r);
        return;
    }
    revision_done(&r);
    log_line(LOG_WARNING, "revision %s/%s is left out: %s", state_path(h->state), path,
             error ? strerror(-error) : "it is not what lbc writes");
}

static int by_number(const void *a, const void *b)
{
    const struct revision *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Of a revision that is gone; or of one that was never finished. */
static void remove_unkept(void *to, const char *name)
{
    const struct history *h = to;
    struct slice rest = slice_of(name), hash;
    struct revision_file f;
    char path[NAME_BYTES + sizeof(TEXTS)];
    if (strlen(name) >= NAME_BYTES)
        return; /* it is none of ours */
    const bool ours = slice_split(&rest, '-', &hash) && parse_hash(hash, &f.hash) &&
                      number_parse(rest, TEXT_BYTES_MAX, &f.bytes);
    if ((ours && is_kept(h, 0, &f)) || (!ours && !slice_ends(slice_of(name), SLICE(".new"))))
        return;
    snprintf(path, sizeof(path), TEXTS "/%s", name);
    state_remove(h->state, path);
}

int history_open(struct state *state, struct history **out)
{
    struct history *h = MUST_NEW(struct history);
    h->state = state;
    int error = state_make_folder(state, REVISIONS);
    if (!error)
        error = state_make_folder(state, TEXTS);
    if (!error)
        error = state_list(state, REVISIONS, read_revision, h);
    if (!error && h->list.n > 0)
        qsort(h->list.at, h->list.n, sizeof(h->list.at[0]), by_number);
    if (!error)
        error = state_list(state, TEXTS, remove_unkept, h);
    if (error)
        history_free(h);
    else
        *out = h;
    return error;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (uint32_t i = 0; i < h->list.n; i++)
        revision_done(&h->list.at[i]);
    VEC_DONE(&h->list);
    revision_done(&h->next);
    free(h);
}

uint32_t history_count(const struct history *h)
{
    return h->list.n;
}

const struct revision *history_at(const struct history *h, uint32_t i)
{
    ASSERT(i < h->list.n);
    return &h->list.at[i];
}

const struct revision *history_find(const struct history *h, uint64_t number)
{
    for (uint32_t i = 0; i < h->list.n; i++)
        if (h->list.at[i].number == number)
            return &h->list.at[i];
    return NULL;
}

const struct revision *history_before(const struct history *h, const struct revision *r)
{
    return r > h->list.at ? r - 1 : NULL;
}

int history_read(const struct history *h, const struct revision *r, struct copies *out)
{
    int error = 0;
    for (uint32_t i = 0; i < r->file.n && !error; i++) {
        const struct revision_file *f = &r->file.at[i];
        char name[NAME_BYTES];
        struct text text = {0};
        text_name(f, name);
        error = state_read(h->state, name, f->bytes, &text);
        if (!error && (text.len != f->bytes || hash_slice(text_slice(&text), 0) != f->hash))
            error = -EBADMSG;
        if (!error)
            copies_put(out, slice_of(f->path), text_slice(&text));
        text_done(&text);
    }
    return error;
}

/* --- writing --------------------------------------------------------------------------------- */

static bool are_the_same(const struct revision *a, const struct revision *b)
{
    bool same = a->file.n == b->file.n;
    for (uint32_t i = 0; i < a->file.n && same; i++)
        same = strcmp(a->file.at[i].path, b->file.at[i].path) == 0 &&
               is_same_text(&a->file.at[i], &b->file.at[i]);
    return same;
}

static struct revision describe(const struct history *h, const struct copies *texts,
                                struct slice who, struct slice what)
{
    struct revision r = {.made_s = clock_wall_ns() / NS_PER_S,
                         .number = h->list.n > 0 ? h->list.at[h->list.n - 1].number + 1 : 1};
    text_add(&r.who, who);
    text_add(&r.what, what);
    for (uint32_t i = 0; i < texts->list.n; i++) {
        const struct slice text = text_slice(&texts->list.at[i].text);
        struct copy named = copy_of(slice_of(texts->list.at[i].path), SLICE(""));
        text_done(&named.text);
        VEC_ADD(&r.file, ((struct revision_file){named.path, hash_slice(text, 0), text.len}));
        r.bytes += text.len;
    }
    return r;
}

static int write_texts(const struct history *h, const struct revision *r,
                       const struct copies *texts)
{
    int error = 0;
    for (uint32_t i = 0; i < r->file.n && !error; i++) {
        char name[NAME_BYTES];
        if (is_kept(h, 0, &r->file.at[i]))
            continue;
        text_name(&r->file.at[i], name);
        error = state_write(h->state, name, text_slice(&texts->list.at[i].text));
        if (!error)
            error = state_take(h->state, name, name);
    }
    return error;
}

/* A line end in a path would be taken for another line. */
static bool can_be_written(const struct revision *r)
{
    for (uint32_t i = 0; i < r->file.n; i++)
        if (strchr(r->file.at[i].path, '\n'))
            return false;
    return true;
}

static int write_revision(const struct history *h, const struct revision *r)
{
    struct text out = {0};
    text_addf(&out, FIRST_LINE "\nnumber %llu\ntime %lld\n", (unsigned long long)r->number,
              (long long)r->made_s);
    text_addf(&out, "by " SLICE_FMT "\n", SLICE_ARG(text_slice(&r->who)));
    text_addf(&out, "for " SLICE_FMT "\n", SLICE_ARG(text_slice(&r->what)));
    for (uint32_t i = 0; i < r->file.n; i++)
        text_addf(&out, "file %016llx %llu %s\n", (unsigned long long)r->file.at[i].hash,
                  (unsigned long long)r->file.at[i].bytes, r->file.at[i].path);
    const int error = state_write(h->state, NEXT, text_slice(&out));
    text_done(&out);
    return error;
}

int history_prepare(struct history *h, const struct copies *texts, struct slice who,
                    struct slice what)
{
    history_settle(h, false);
    struct revision r = describe(h, texts, who, what);
    const struct revision *last = h->list.n > 0 ? &h->list.at[h->list.n - 1] : NULL;
    const bool known = last && are_the_same(last, &r);
    int error = known || can_be_written(&r) ? 0 : -EINVAL;
    if (!known && !error)
        error = state_list(h->state, TEXTS, remove_unkept, h);
    if (!known && !error)
        error = write_texts(h, &r, texts);
    if (!known && !error)
        error = write_revision(h, &r);
    if (known || error)
        revision_done(&r);
    else
        h->next = r;
    return error;
}

static int by_text(const void *a, const void *b)
{
    const struct revision_file *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Of texts that several have, once. */
static uint64_t bytes_kept(const struct history *h)
{
    VEC(struct revision_file) all = {0};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < h->list.n; i++)
        for (uint32_t k = 0; k < h->list.at[i].file.n; k++)
            VEC_ADD(&all, h->list.at[i].file.at[k]);
    if (all.n > 0)
        qsort(all.at, all.n, sizeof(all.at[0]), by_text);
    for (uint32_t i = 0; i < all.n; i++)
        if (i == 0 || !is_same_text(&all.at[i - 1], &all.at[i]))
            sum += all.at[i].bytes;
    VEC_DONE(&all);
    return sum;
}

/* Its texts go when the next revision is prepared, unless another one has them. */
static void remove_oldest(struct history *h)
{
    struct revision *r = &h->list.at[0];
    char name[NAME_BYTES];
    revision_name(r->number, name);
    state_remove(h->state, name);
    revision_done(r);
    h->list.n--;
    memmove(&h->list.at[0], &h->list.at[1], h->list.n * sizeof(h->list.at[0]));
}

void history_settle(struct history *h, bool served)
{
    if (h->next.number == 0)
        return;
    char name[NAME_BYTES];
    revision_name(h->next.number, name);
    const int error = served ? state_take(h->state, NEXT, name) : 0;
    if (!served || error) {
        state_remove(h->state, NEXT ".new");
        revision_done(&h->next);
    } else {
        VEC_ADD(&h->list, h->next);
        h->next = (struct revision){0};
    }
    if (error)
        log_line(LOG_ERROR, "what is served is not in the history: %s", strerror(-error));
    while (h->list.n > HISTORY_REVISIONS_MAX ||
           (h->list.n > 1 && bytes_kept(h) > HISTORY_BYTES_MAX))
        remove_oldest(h);
}
