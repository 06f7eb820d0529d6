#include "compiler/table/touch.h"

bool touches(const struct table_effect *e, enum table_field field, struct slice key)
{
    return table_effect_changes(e, field, key);
}
