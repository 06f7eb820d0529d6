#include "compiler/tools/after.h"

#include "compiler/table/values.h"

static bool changed_header(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct after *a = of;
    struct values v;
    values_begin(&v, a->table, a->before, a->verdict, FIELD_HEADER, name);
    for (uint32_t i = 0; i <= *cursor; i++)
        if (!values_next(&v, value))
            return false;
    ++*cursor;
    return true;
}

void after_init(struct after *a, const struct table *t, const struct facts *before,
                const struct verdict *v)
{
    *a = (struct after){.facts = *before, .table = t, .before = before, .verdict = v};
    if (v->rewritten) {
        a->facts.path = v->path;
        a->facts.uri = v->uri;
        a->facts.query = v->query;
    }
    a->facts.header = changed_header;
    a->facts.request = a;
}
