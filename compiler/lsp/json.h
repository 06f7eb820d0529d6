/*
 * json - the one door to cJSON, which reads messages. What is answered is written with struct text.
 *
 * Every reader takes NULL, and what is of another type than wanted is as if it were not there: a
 * message is taken apart without asking at each step.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/slice.h"
#include "runtime/base/text.h"

struct json;

/* NULL when it is not JSON in UTF-8, or nested deeper than a thousand levels. */
struct json *json_parse(struct slice text);
void json_free(struct json *j);

/* The member of an object, or NULL. */
const struct json *json_get(const struct json *j, const char *key);

/* SLICE_NONE when it is no string. A NUL in it has become U+FFFD. */
struct slice json_string(const struct json *j);

/* False when it is no whole number from 0 to `most`. */
bool json_number(const struct json *j, uint32_t most, uint32_t *out);

bool json_is_true(const struct json *j);
bool json_is_object(const struct json *j);

/* The elements of an array, one after the other; NULL behind the last. */
const struct json *json_first(const struct json *j);
const struct json *json_next(const struct json *j);

/* Writes the id of a request again: a number or a string; anything else as null. */
void json_add_id(struct text *out, const struct json *id);
bool json_same_id(const struct json *a, const struct json *b);
