#include "runtime/base/text.h"

#include <stdarg.h>

#include "runtime/base/clock.h"
#include "runtime/base/utf8.h"

static void reserve(struct text *t, size_t more)
{
    if (t->room - t->len > more)
        return;
    size_t room = t->room ? t->room : 256;
    while (room - t->len <= more)
        if (__builtin_mul_overflow(room, (size_t)2, &room))
            die_out_of_memory(room, 2);
    char *at = realloc(t->at, room);
    if (!at)
        die_out_of_memory(room, 1);
    t->at = at;
    t->room = room;
}

void text_add(struct text *t, struct slice s)
{
    reserve(t, s.len);
    if (s.len > 0)
        memcpy(t->at + t->len, s.at, s.len);
    t->len += s.len;
    t->at[t->len] = '\0';
}

void text_adds(struct text *t, const char *s)
{
    text_add(t, slice_of(s));
}

void text_addc(struct text *t, char c)
{
    text_add(t, (struct slice){&c, 1});
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(len >= 0);

    reserve(t, (size_t)len);
    vsnprintf(t->at + t->len, (size_t)len + 1, fmt, again);
    va_end(again);
    t->len += (size_t)len;
}

static void add_json_byte(struct text *t, unsigned char c)
{
    static const char *const escape[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    if (c < COUNT_OF(escape) && escape[c])
        text_adds(t, escape[c]);
    else if (c < 0x20 || c == 0x7f)
        text_addf(t, "\\u%04x", c);
    else
        text_addc(t, (char)c);
}

/* How many bytes at the front of `s` stand for themselves in a JSON string. */
static size_t plain_bytes(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.at[n] >= 0x20 && s.at[n] < 0x7f && s.at[n] != '"' && s.at[n] != '\\')
        n++;
    return n;
}

void text_add_json(struct text *t, struct slice s)
{
    text_addc(t, '"');
    while (s.len > 0) {
        const size_t plain = plain_bytes(s);
        if (plain > 0) {
            text_add(t, (struct slice){s.at, plain});
            s = slice_from(s, plain);
            continue;
        }
        const size_t bytes = utf8_next(s);
        if (bytes == 0)
            text_adds(t, "\\ufffd");
        else if (bytes == 1)
            add_json_byte(t, (unsigned char)s.at[0]);
        else
            text_add(t, (struct slice){s.at, bytes});
        s = slice_from(s, bytes ? bytes : 1);
    }
    text_addc(t, '"');
}

void text_add_bytes(struct text *t, struct slice s)
{
    text_addc(t, '"');
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.at[i];
        if (c == '\r' || c == '\n' || c == '\t')
            text_addf(t, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : 't');
        else if (c == '"' || c == '\\')
            text_addf(t, "\\%c", c);
        else if (c < ' ' || c > '~')
            text_addf(t, "\\x%02x", (unsigned)(unsigned char)c);
        else
            text_addc(t, c);
    }
    text_addc(t, '"');
}

void bytes_format(uint64_t bytes, char out[BYTES_TEXT_MAX])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t i = 0;
    for (; value >= 1000 && i + 1 < COUNT_OF(unit); i++)
        value /= 1024;
    snprintf(out, BYTES_TEXT_MAX, i > 0 && value < 100 ? "%.1f %s" : "%.0f %s", value, unit[i]);
}

void duration_format(int64_t ns, char out[DURATION_TEXT_MAX])
{
    static const struct {
        const char *name;
        int64_t seconds;
    } unit[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};

    const int64_t seconds = ns / NS_PER_S;
    for (size_t i = 0; i + 1 < COUNT_OF(unit); i++) {
        if (seconds < unit[i].seconds)
            continue;
        snprintf(out, DURATION_TEXT_MAX, "%lld%s %lld%s", (long long)(seconds / unit[i].seconds),
                 unit[i].name, (long long)(seconds % unit[i].seconds / unit[i + 1].seconds),
                 unit[i + 1].name);
        return;
    }
    snprintf(out, DURATION_TEXT_MAX, seconds < 10 ? "%.3fs" : "%.1fs",
             (double)ns / (double)NS_PER_S);
}

void text_done(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}
