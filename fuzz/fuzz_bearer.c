/* Of any bytes: a token that is read stands within its bounds, and so does each of its claims; and
 * what is in its claims is sound JSON once it was flattened. */
#include <stdint.h>
#include <string.h>

#include "compiler/table/bearer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct bearer *b, struct slice name)
{
    struct slice value;
    uint32_t cursor = 0, n = 0;
    while (bearer_claim(b, name, &cursor, &value)) {
        ASSERT(value.at >= b->text && value.at + value.len <= b->text + sizeof(b->text));
        for (size_t i = 0; i < value.len; i++)
            ASSERT((unsigned char)value.at[i] >= ' ' && value.at[i] != 0x7f);
        ASSERT(++n < sizeof(b->text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = must_calloc(size + 1, 1);
    struct bearer *b = MUST_NEW(struct bearer);
    struct flat_json any, value;
    memcpy(exact, data, size);
    bearer_parse((struct slice){exact, size}, b);
    if (b->found == BEARER_FOUND) {
        struct slice rest = b->claims.text, name;
        ASSERT(b->token.at >= exact && b->token.at + b->token.len <= exact + size);
        ASSERT(slice_starts(b->token, b->is_signed) && b->signature.len > 0);
        while (flat_json_next_member(&rest, &name, &value))
            look_at(b, name);
        look_at(b, SLICE("a.b.c"));
    }
    if (flat_json_make(exact, size, &any) && any.kind == FLAT_JSON_OBJECT)
        for (struct slice rest = any.text, name; flat_json_next_member(&rest, &name, &value);)
            ASSERT(slice_eq(flat_json_member(any, name).text, value.text));
    free(b);
    free(exact);
    return 0;
}
