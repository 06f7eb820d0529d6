#include "compiler/lsp/position.h"

#include "grammar/source.h"
#include "runtime/base/utf8.h"

void lines_init(struct lines *l, struct slice text)
{
    ASSERT(text.len < UINT32_MAX);
    *l = (struct lines){.text = text};
    VEC_ADD(&l->begin, 0);
    for (uint32_t i = 0; i < text.len; i++) {
        const bool crlf = text.at[i] == '\r' && i + 1 < text.len && text.at[i + 1] == '\n';
        if (text.at[i] == '\n' || (text.at[i] == '\r' && !crlf))
            VEC_ADD(&l->begin, i + 1);
    }
}

void lines_done(struct lines *l)
{
    VEC_DONE(&l->begin);
}

struct slice lines_line(const struct lines *l, uint32_t line)
{
    if (line >= l->begin.n)
        return SLICE("");
    const uint32_t from = l->begin.at[line];
    const uint32_t to = line + 1 < l->begin.n ? l->begin.at[line + 1] : (uint32_t)l->text.len;
    struct slice s = {l->text.at + from, to - from};
    while (s.len > 0 && (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r'))
        s.len--;
    return s;
}

/* The bytes of the character that begins `s`; what is not UTF-8 is one each. */
static uint32_t character(struct slice s)
{
    const size_t bytes = utf8_next(s);
    return bytes ? (uint32_t)bytes : 1;
}

static uint32_t units(enum encoding e, uint32_t bytes)
{
    switch (e) {
    case ENCODING_UTF8: return bytes;
    case ENCODING_UTF16: return bytes == 4 ? 2 : 1;
    case ENCODING_UTF32: return 1;
    }
    return 1;
}

uint32_t lines_offset(const struct lines *l, enum encoding e, struct position p)
{
    if (p.line >= l->begin.n)
        return (uint32_t)l->text.len;
    struct slice rest = lines_line(l, p.line);
    uint32_t offset = l->begin.at[p.line], counted = 0;
    while (rest.len > 0) {
        const uint32_t bytes = character(rest);
        counted += units(e, bytes);
        if (counted > p.character)
            break;
        offset += bytes;
        rest = slice_from(rest, bytes);
    }
    return offset;
}

struct position lines_position(const struct lines *l, enum encoding e, uint32_t offset)
{
    if (offset > l->text.len)
        offset = (uint32_t)l->text.len;
    const uint32_t line = lines_find(l->begin.at, l->begin.n, offset);
    struct slice rest = lines_line(l, line);
    uint32_t at = l->begin.at[line], counted = 0;
    while (rest.len > 0) {
        const uint32_t bytes = character(rest);
        if (at + bytes > offset)
            break;
        at += bytes;
        counted += units(e, bytes);
        rest = slice_from(rest, bytes);
    }
    return (struct position){line, counted};
}
