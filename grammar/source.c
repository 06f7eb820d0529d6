#include "grammar/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/utf8.h"
#include "runtime/base/vec.h"

/* In sources with long lines, a character's start in each block of so many bytes is noted, so that
 * counting columns begins near by. */
#define BLOCK ((uint32_t)4096)

struct columns {
    uint32_t characters, utf16;
};

struct note {
    uint32_t at; /* the first character that starts at or behind the block's begin */
    struct columns before;
};

struct source {
    struct slice name;
    char *text;
    size_t len;
    uint32_t first;
    bool expansion; /* no text of its own: what stands at `of` was put in at `use` */
    struct span of, use;
    VEC(uint32_t) line; /* where each line begins, relative to the text */
    VEC(struct note) note;
};

struct sources {
    VEC(struct source) source;
    size_t bytes;
    sources_given *given;
    void *given_from;
    enum sources_reads reads;
};

struct sources *sources_new(void)
{
    return MUST_NEW(struct sources);
}

void sources_free(struct sources *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->source.n; i++) {
        if (!s->source.at[i].expansion) {
            free((void *)(uintptr_t)s->source.at[i].name.at);
            free(s->source.at[i].text);
        }
        VEC_DONE(&s->source.at[i].line);
        VEC_DONE(&s->source.at[i].note);
    }
    VEC_DONE(&s->source);
    free(s);
}

static char *copy(struct slice s)
{
    char *at = MUST_ARRAY(char, s.len + 1);
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return at;
}

/* Goes over the character at the front. Bytes that are not UTF-8 count as a character each; those
 * of four bytes are two units of UTF-16. */
static uint32_t step(struct slice s, struct columns *c)
{
    const size_t bytes = utf8_next(s);
    c->characters++;
    c->utf16 += bytes == 4 ? 2 : 1;
    return bytes ? (uint32_t)bytes : 1;
}

static bool has_long_line(const struct source *s)
{
    for (uint32_t i = 0; i < s->line.n; i++) {
        const size_t end = i + 1 < s->line.n ? s->line.at[i + 1] : s->len;
        if (end - s->line.at[i] > BLOCK)
            return true;
    }
    return false;
}

static void note_characters(struct source *s)
{
    struct columns c = {0};
    for (uint32_t at = 0; at < s->len;) {
        if (at / BLOCK >= s->note.n)
            VEC_ADD(&s->note, (struct note){at, c});
        at += step((struct slice){s->text + at, s->len - at}, &c);
    }
}

/* Takes `text`, which has a NUL behind its `len` bytes; it is freed on failure too. */
static int take(struct sources *s, struct slice name, char *text, size_t len)
{
    /* One place more than bytes, so that the end of one source is not the begin of the next. */
    if (len >= SOURCE_BYTES_MAX - s->bytes) {
        free(text);
        return -EFBIG;
    }
    struct source source = {.name = {copy(name), name.len}, .text = text, .len = len};
    source.first = (uint32_t)s->bytes;
    s->bytes += len + 1;
    VEC_ADD(&source.line, 0);
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + len - at)));)
        VEC_ADD(&source.line, (uint32_t)(++at - text));
    if (has_long_line(&source))
        note_characters(&source);
    VEC_ADD(&s->source, source);
    return (int)(s->source.n - 1);
}

int sources_add(struct sources *s, struct slice name, struct slice text)
{
    return take(s, name, copy(text), text.len);
}

static int read_all(FILE *f, char **text, size_t *len)
{
    size_t room = (size_t)64 * 1024, n = 0;
    char *at = MUST_ARRAY(char, room);
    size_t got;
    while ((got = fread(at + n, 1, room - n - 1, f)) > 0) {
        n += got;
        if (n + 1 < room)
            continue;
        char *more = n < SOURCE_BYTES_MAX ? realloc(at, room *= 2) : NULL;
        if (!more) {
            free(at);
            return -EFBIG;
        }
        at = more;
    }
    if (ferror(f)) {
        free(at);
        return -EIO;
    }
    at[n] = '\0';
    *text = at;
    *len = n;
    return 0;
}

void sources_ask(struct sources *s, sources_given *given, void *from)
{
    s->given = given;
    s->given_from = from;
}

void sources_read(struct sources *s, enum sources_reads reads)
{
    s->reads = reads;
}

bool sources_may_read(const struct sources *s)
{
    return s->reads != SOURCES_NONE;
}

bool sources_may_look_for(const struct sources *s, const char *pattern)
{
    return sources_may_read(s) || (s->given && s->given(s->given_from, slice_of(pattern), NULL));
}

/* NULL, and errno. */
static FILE *open_regular(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd == -1)
        return NULL;
    const bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = good ? fdopen(fd, "rb") : NULL;
    if (f)
        return f;
    const int error = good ? errno : S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
    close(fd);
    errno = error;
    return NULL;
}

int sources_load(struct sources *s, const char *path)
{
    const bool standard = strcmp(path, "-") == 0;
    struct slice instead;
    if (s->given && s->given(s->given_from, slice_of(path), &instead))
        return sources_add(s, slice_of(path), instead);
    if (!sources_may_read(s))
        return -EPERM;
    errno = 0;
    FILE *f = standard                      ? stdin
              : s->reads == SOURCES_REGULAR ? open_regular(path)
                                            : fopen(path, "rb");
    if (!f)
        return errno ? -errno : -EIO;
    char *text = NULL;
    size_t len = 0;
    errno = 0;
    int error = read_all(f, &text, &len);
    if (error == -EIO && errno)
        error = -errno;
    if (!standard)
        (void)fclose(f);
    if (error)
        return error;
    ASSERT(text != NULL);
    return take(s, slice_of(standard ? "<stdin>" : path), text, len);
}

struct slice sources_text(const struct sources *s, int index, uint32_t *first)
{
    ASSERT(index >= 0 && (uint32_t)index < s->source.n);
    const struct source *source = &s->source.at[index];
    *first = source->first;
    return (struct slice){source->text, source->len};
}

struct slice sources_name(const struct sources *s, int index)
{
    ASSERT(index >= 0 && (uint32_t)index < s->source.n);
    return s->source.at[index].name;
}

uint32_t sources_count(const struct sources *s)
{
    return s->source.n;
}

static const struct source *source_of(const struct sources *s, uint32_t offset)
{
    ASSERT(s->source.n > 0);
    uint32_t low = 0, high = s->source.n;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (s->source.at[middle].first <= offset)
            low = middle;
        else
            high = middle;
    }
    return &s->source.at[low];
}

int sources_expand(struct sources *s, struct span of, struct span use, uint32_t *first)
{
    const size_t len = of.to - of.from;
    if (len >= SOURCE_BYTES_MAX - s->bytes)
        return -EFBIG;
    const struct source *from = source_of(s, of.from);
    struct source source = {.name = from->name,
                            .text = from->text + (of.from - from->first),
                            .len = len,
                            .first = (uint32_t)s->bytes,
                            .expansion = true,
                            .of = of,
                            .use = use};
    s->bytes += len + 1;
    VEC_ADD(&s->source, source);
    *first = source.first;
    return 0;
}

bool sources_origin(const struct sources *s, struct span *span, struct span *use)
{
    const struct source *source = source_of(s, span->from);
    if (!source->expansion)
        return false;
    const uint32_t len = span->to > span->from ? span->to - span->from : 0;
    span->from = source->of.from + (span->from - source->first);
    span->to = span->from + len;
    *use = source->use;
    return true;
}

uint32_t lines_find(const uint32_t *begin, uint32_t n, uint32_t at)
{
    ASSERT(n > 0);
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (begin[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void count(const struct source *s, uint32_t from, uint32_t to, struct columns *c)
{
    while (from < to)
        from += step((struct slice){s->text + from, to - from}, c);
}

/* What there is from the start of a line to `to`. */
static struct columns columns_before(const struct source *s, uint32_t from, uint32_t to)
{
    struct columns c = {0};
    if (to - from <= 2 * BLOCK) {
        count(s, from, to, &c);
        return c;
    }
    const struct note *a = &s->note.at[from / BLOCK + 1];
    const struct note *b = &s->note.at[to / BLOCK < s->note.n ? to / BLOCK : s->note.n - 1];
    if (b->at > to)
        b--;
    count(s, from, a->at, &c);
    c.characters += b->before.characters - a->before.characters;
    c.utf16 += b->before.utf16 - a->before.utf16;
    count(s, b->at, to, &c);
    return c;
}

struct place sources_place(const struct sources *s, uint32_t offset)
{
    struct span where = {offset, offset}, use;
    while (sources_origin(s, &where, &use))
        offset = where.from;
    const struct source *source = source_of(s, offset);
    uint32_t at = offset - source->first;
    if (at > source->len)
        at = (uint32_t)source->len;
    const uint32_t line = lines_find(source->line.at, source->line.n, at);
    const uint32_t begin = source->line.at[line];
    struct slice text = slice_from((struct slice){source->text, source->len}, begin);
    if (line + 1 < source->line.n)
        text.len = source->line.at[line + 1] - begin - 1;
    if (text.len > 0 && text.at[text.len - 1] == '\r')
        text.len--;
    const struct columns before = columns_before(source, begin, at);
    return (struct place){
        .file = source->name,
        .line = line + 1,
        .column = 1 + before.characters,
        .column_utf16 = 1 + before.utf16,
        .line_text = text,
        .line_from = source->first + begin,
    };
}
