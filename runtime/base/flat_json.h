/*
 * flat_json - JSON (RFC 8259) that is read where it lies.
 *
 * One pass looks whether it is sound, and flattens it in place: the escapes of a string are gone,
 * and a NUL stands behind it. From then on values are slices of that text: nothing is allocated,
 * and they last as long as it does. Pure.
 *
 * Stricter than the grammar where reading would be ambiguous: the members of an object have names
 * that differ, and a string has no U+0000.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

#define FLAT_JSON_DEPTH_MAX   16u
#define FLAT_JSON_MEMBERS_MAX 128u /* of one object */

enum flat_json_kind {
    FLAT_JSON_NONE, /* there is no such value */
    FLAT_JSON_NULL,
    FLAT_JSON_BOOLEAN,
    FLAT_JSON_NUMBER,
    FLAT_JSON_STRING,
    FLAT_JSON_ARRAY,
    FLAT_JSON_OBJECT,
};

struct flat_json {
    enum flat_json_kind kind;
    struct slice text; /* of a string its bytes, of a number or boolean what is written, of an array
                        * or object what is between its brackets */
};

/* False where `text` is not one sound value and nothing else, or has more depth or members than
 * above; then what is left of it is of no use. */
MUST_CHECK bool flat_json_make(char *text, size_t len, struct flat_json *out);

/* The next element of an array, the next member of an object: *rest is the text of it at first.
 * False behind the last. */
bool flat_json_next(struct slice *rest, struct flat_json *out);
bool flat_json_next_member(struct slice *rest, struct slice *name, struct flat_json *out);

/* Of FLAT_JSON_NONE where there is none, or `object` is no object. */
struct flat_json flat_json_member(struct flat_json object, struct slice name);
