#include "grammar/source.h"

#include <errno.h>

#include "runtime/base/utf8.h"
#include "runtime/base/vec.h"

struct source {
    struct slice name;
    char *text;
    size_t len;
    uint32_t first;
    VEC(uint32_t) line; /* where each line begins, relative to the text */
};

struct sources {
    VEC(struct source) source;
    size_t bytes;
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
        free((void *)(uintptr_t)s->source.at[i].name.at);
        free(s->source.at[i].text);
        VEC_DONE(&s->source.at[i].line);
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

int sources_load(struct sources *s, const char *path)
{
    const bool standard = strcmp(path, "-") == 0;
    errno = 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
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

static uint32_t line_of(const struct source *source, uint32_t at)
{
    uint32_t low = 0, high = source->line.n;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (source->line.at[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Bytes that are not UTF-8 count as a character each. */
static uint32_t characters(struct slice s)
{
    uint32_t n = 0;
    for (; s.len > 0; n++) {
        const size_t bytes = utf8_next(s);
        s = slice_from(s, bytes ? bytes : 1);
    }
    return n;
}

struct place sources_place(const struct sources *s, uint32_t offset)
{
    const struct source *source = source_of(s, offset);
    uint32_t at = offset - source->first;
    if (at > source->len)
        at = (uint32_t)source->len;
    const uint32_t line = line_of(source, at);
    const uint32_t begin = source->line.at[line];
    struct slice text = slice_from((struct slice){source->text, source->len}, begin);
    if (line + 1 < source->line.n)
        text.len = source->line.at[line + 1] - begin - 1;
    if (text.len > 0 && text.at[text.len - 1] == '\r')
        text.len--;
    return (struct place){
        .file = source->name,
        .line = line + 1,
        .column = 1 + characters((struct slice){source->text + begin, at - begin}),
        .line_text = text,
    };
}
