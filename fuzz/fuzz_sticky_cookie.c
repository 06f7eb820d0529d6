/* Of any bytes: a value that is believed is one that we write, spelt so, and a Cookie line without
 * a name has no such name, and all others as they were. */
#include <stdint.h>
#include <string.h>

#include "compiler/table/cookie.h"
#include "runtime/base/check.h"
#include "runtime/http/cookie_cut.h"
#include "runtime/upstream/sticky_cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct slice value)
{
    struct mac_key key;
    struct sticky_cookie c;
    char again[STICKY_COOKIE_BYTES];
    sticky_cookie_key(&key, SLICE("corpus"));
    if (sticky_cookie_read(value, &key, 0, &c) != STICKY_COOKIE_GOOD || c.server == 0)
        return;
    sticky_cookie_write(&c, &key, again);
    ASSERT(memmem(value.at, value.len, again, sizeof(again)) != NULL);
}

/* The next pair that is not called so. */
static bool next_other(struct slice *rest, struct slice *name, struct slice *value)
{
    while (cookie_next(rest, name, value))
        if (!slice_eq(*name, SLICE("lb")))
            return true;
    return false;
}

static void check_line(struct slice line)
{
    char *without = must_calloc(line.len, 1);
    struct slice left = {without, cookie_cut(line, SLICE("lb"), without)};
    struct slice rest = line, name, value, name_left, value_left;
    while (next_other(&rest, &name, &value))
        ASSERT(cookie_next(&left, &name_left, &value_left) && slice_eq(name, name_left) &&
               slice_eq(value, value_left));
    ASSERT(!cookie_next(&left, &name_left, &value_left));
    free(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = must_calloc(size, 1);
    memcpy(exact, data, size);
    check_value((struct slice){exact, size});
    check_line((struct slice){exact, size});
    free(exact);
    return 0;
}
