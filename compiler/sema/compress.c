/* `compress gzip, br { ... }` of a listener. */
#include "compiler/sema/settings_read.h"

#define MIN_SIZE_DEFAULT 1024
#define LEVEL_DEFAULT    4

/* As settings.def says it. */
static const struct slice TYPES_DEFAULT[] = {
    SLICE_INIT("text/*"), SLICE_INIT("application/json"), SLICE_INIT("application/javascript"),
    SLICE_INIT("application/xml"), SLICE_INIT("image/svg+xml")};

const struct table_compress COMPRESS_OF_CLAUSES = {
    .coding = {TABLE_CODING_ZSTD, TABLE_CODING_BR, TABLE_CODING_GZIP}, /* the cheapest one first */
    .n_codings = 3,
    .level = LEVEL_DEFAULT,
    .min_bytes = MIN_SIZE_DEFAULT,
    .type = TYPES_DEFAULT,
    .n_types = COUNT_OF(TYPES_DEFAULT)};

/* "text/html", or a kind of them (RFC 9110 8.3.1); without parameters. */
static bool type_read(struct sema *s, const struct program_value *v, struct slice *out)
{
    const char *slash = v->text.len > 0 ? memchr(v->text.at, '/', v->text.len) : NULL;
    const struct slice kind = {v->text.at, slash ? (size_t)(slash - v->text.at) : 0};
    if (!slash || !is_token(kind) || !is_token(slice_from(v->text, kind.len + 1))) {
        diag(s->diags, DIAG_BAD_VALUE, v->span, SLICE_ARG(v->text), "content type");
        diag_note(s->diags,
                  "it is written as \"text/html\", or as \"text/*\" for all of that kind; "
                  "what may stand behind it, as in `; charset=utf-8`, does not matter");
        return false;
    }
    char *lower = ARENA_ARRAY(s->arena, char, v->text.len);
    for (size_t i = 0; i < v->text.len; i++)
        lower[i] = ascii_lower(v->text.at[i]);
    *out = (struct slice){lower, v->text.len};
    return true;
}

static bool types_read(struct sema *s, const struct program_setting *a, struct table_compress *out)
{
    struct slice *type = ARENA_ARRAY(s->arena, struct slice, a->n_values);
    bool ok = true;
    for (uint32_t i = 0; i < a->n_values; i++)
        ok &= type_read(s, &a->value[i], &type[i]);
    out->type = type;
    out->n_types = a->n_values;
    return ok;
}

/* One that is named twice is wanted where it was named first. */
static void coding_add(struct table_compress *out, enum table_coding coding)
{
    for (uint32_t i = 0; i < out->n_codings; i++)
        if (out->coding[i] == coding)
            return;
    out->coding[out->n_codings++] = coding;
}

bool compress_read(struct sema *s, const struct program_setting *a, struct table_compress *out)
{
    *out = (struct table_compress){.level = LEVEL_DEFAULT,
                                   .min_bytes = MIN_SIZE_DEFAULT,
                                   .type = TYPES_DEFAULT,
                                   .n_types = COUNT_OF(TYPES_DEFAULT)};
    for (uint32_t i = 0; i < a->n_values; i++)
        coding_add(out, (enum table_coding)a->value[i].number);
    const struct program_setting *level = setting_own(a, SETTING_COMPRESS_LEVEL);
    const struct program_setting *least = setting_own(a, SETTING_COMPRESS_MIN_SIZE);
    const struct program_setting *types = setting_own(a, SETTING_COMPRESS_TYPES);
    if (level && !level->wrong)
        out->level = (uint32_t)level->value[0].number;
    if (least && !least->wrong)
        out->min_bytes = least->value[0].number;
    return !types || types->wrong || types_read(s, types, out);
}
