#include "compiler/table/template.h"

#include "compiler/table/query.h"
#include "compiler/table/values.h"

/* Counts on behind the end of its room, so that the caller learns that it was too small. */
struct writer {
    char *out;
    size_t room, len;
};

static void put(struct writer *w, struct slice s)
{
    if (s.len > 0 && w->len <= w->room && s.len <= w->room - w->len)
        memcpy(w->out + w->len, s.at, s.len);
    w->len += s.len;
}

/* Decodes a query value. A control character stays escaped: no client may put a line end into a
 * header by way of a query. */
static void put_decoded(struct writer *w, struct slice raw)
{
    static const char HEX[] = "0123456789ABCDEF";
    for (int byte; (byte = query_byte(&raw)) >= 0;) {
        const char plain = (char)byte;
        const char escape[] = {'%', HEX[byte >> 4], HEX[byte & 15]};
        if (byte < 0x20 || byte == 0x7f)
            put(w, (struct slice){escape, sizeof(escape)});
        else
            put(w, (struct slice){&plain, 1});
    }
}

bool template_is_literal(const struct table_template *template, struct slice *value)
{
    if (template->n > 1 || (template->n == 1 && !template->part[0].literal.at))
        return false;
    *value = template->n == 1 ? template->part[0].literal : SLICE("");
    return true;
}

size_t template_write(const struct table *t, const struct table_template *template,
                      const struct facts *f, const struct verdict *so_far, char *out, size_t room)
{
    struct writer w = {.out = out, .room = room};
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (part->literal.at) {
            put(&w, part->literal);
            continue;
        }
        if (part->field == FIELD_COUNT)
            continue; /* a group, which only a replacement has */
        struct values v;
        struct slice value;
        values_begin(&v, t, f, so_far, part->field, part->key);
        if (!values_next(&v, &value))
            continue;
        if (v.encoded)
            put_decoded(&w, value);
        else
            put(&w, value);
    }
    return w.len;
}
