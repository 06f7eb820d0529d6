#include "compiler/lsp/json.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "runtime/base/utf8.h"

static const cJSON *inside(const struct json *j)
{
    return (const cJSON *)(const void *)j;
}

static const struct json *outside(const cJSON *j)
{
    return (const struct json *)(const void *)j;
}

/* A string ends at its first NUL for cJSON: \u0000 becomes \ufffd, which is as long in UTF-16. */
static void without_nul(char *at, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        if (at[i] != '\\')
            continue;
        if (len - i >= 6 && memcmp(at + i, "\\u0000", 6) == 0)
            memcpy(at + i, "\\ufffd", 6);
        i++;
    }
}

struct json *json_parse(struct slice text)
{
    if (utf8_valid_bytes(text) != text.len)
        return NULL;
    char *copy = MUST_ARRAY(char, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    without_nul(copy, text.len);
    const char *end = NULL;
    cJSON *j = cJSON_ParseWithLengthOpts(copy, text.len + 1, &end, true);
    free(copy);
    return (struct json *)(void *)j;
}

void json_free(struct json *j)
{
    cJSON_Delete((cJSON *)(void *)j);
}

const struct json *json_get(const struct json *j, const char *key)
{
    return outside(cJSON_GetObjectItemCaseSensitive(inside(j), key));
}

struct slice json_string(const struct json *j)
{
    return cJSON_IsString(inside(j)) ? slice_of(inside(j)->valuestring) : SLICE_NONE;
}

bool json_number(const struct json *j, uint32_t most, uint32_t *out)
{
    if (!cJSON_IsNumber(inside(j)))
        return false;
    const double value = inside(j)->valuedouble;
    if (!(value >= 0 && value <= most) || value != floor(value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool json_is_true(const struct json *j)
{
    return cJSON_IsTrue(inside(j));
}

bool json_is_object(const struct json *j)
{
    return cJSON_IsObject(inside(j));
}

const struct json *json_first(const struct json *j)
{
    return cJSON_IsArray(inside(j)) ? outside(inside(j)->child) : NULL;
}

const struct json *json_next(const struct json *j)
{
    return j ? outside(inside(j)->next) : NULL;
}

void json_add_id(struct text *out, const struct json *id)
{
    if (cJSON_IsString(inside(id)))
        text_add_json(out, json_string(id));
    else if (cJSON_IsNumber(inside(id)))
        text_addf(out, "%.17g", inside(id)->valuedouble);
    else
        text_adds(out, "null");
}

bool json_same_id(const struct json *a, const struct json *b)
{
    if (cJSON_IsString(inside(a)) && cJSON_IsString(inside(b)))
        return slice_eq(json_string(a), json_string(b));
    return cJSON_IsNumber(inside(a)) && cJSON_IsNumber(inside(b)) &&
           !(inside(a)->valuedouble < inside(b)->valuedouble) &&
           !(inside(a)->valuedouble > inside(b)->valuedouble);
}
