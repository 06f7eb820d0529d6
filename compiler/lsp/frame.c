#include "compiler/lsp/frame.h"

#include <stdint.h>

#include "runtime/base/number.h"

static const struct slice LENGTH = SLICE_INIT("Content-Length");

/* A line's length with its end, or 0 when the end is not there. */
static size_t line_bytes(struct slice in)
{
    const char *end = in.len > 0 ? memchr(in.at, '\n', in.len) : NULL;
    return end ? (size_t)(end - in.at) + 1 : 0;
}

/* Where in the line, behind its first byte, a head may begin. */
static size_t next_head(struct slice line)
{
    if (line.len <= 1)
        return line.len;
    const char *at = memmem(line.at + 1, line.len - 1, LENGTH.at, LENGTH.len);
    return at ? (size_t)(at - line.at) : line.len;
}

static struct frame garbage(size_t used)
{
    return (struct frame){.kind = FRAME_GARBAGE, .used = used};
}

/* A field of the head: NAME: VALUE. False when it is none. */
static bool field(struct slice line, struct slice *name, struct slice *value)
{
    while (line.len > 0 && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == '\r'))
        line.len--;
    const char *colon = memchr(line.at, ':', line.len);
    if (!colon || colon == line.at)
        return false;
    *name = (struct slice){line.at, (size_t)(colon - line.at)};
    *value = slice_trim(slice_from(line, name->len + 1));
    for (size_t i = 0; i < name->len; i++) {
        const char c = ascii_lower(name->at[i]);
        if (c != '-' && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

static struct frame with_body(struct slice in, size_t head, uint64_t length)
{
    if (length > FRAME_BODY_BYTES_MAX)
        return (struct frame){.kind = FRAME_TOO_LARGE, .used = head, .skip = length};
    if (in.len - head < length)
        return (struct frame){.kind = FRAME_MORE};
    return (struct frame){
        .kind = FRAME_BODY, .used = head + length, .body = {in.at + head, length}};
}

struct frame frame_next(struct slice in)
{
    uint64_t length = 0;
    bool known = false;
    for (size_t at = 0;;) {
        const struct slice rest = slice_from(in, at);
        const size_t bytes = line_bytes(rest);
        if (at + bytes > FRAME_HEAD_BYTES_MAX || (bytes == 0 && in.len > FRAME_HEAD_BYTES_MAX))
            return garbage(next_head((struct slice){in.at, FRAME_HEAD_BYTES_MAX}));
        if (bytes == 0)
            return (struct frame){.kind = FRAME_MORE};
        if (bytes == 1 || (bytes == 2 && rest.at[0] == '\r'))
            return known ? with_body(in, at + bytes, length)
                         : garbage(next_head((struct slice){in.at, at + bytes}));
        struct slice name, value;
        if (!field((struct slice){rest.at, bytes}, &name, &value))
            return garbage(at + next_head((struct slice){rest.at, bytes}));
        if (slice_eq_nocase(name, LENGTH)) {
            known = number_parse(value, SIZE_MAX / 2, &length);
            if (!known)
                return garbage(next_head((struct slice){in.at, at + bytes}));
        }
        at += bytes;
    }
}
