#include "runtime/control/override.h"

#include "compiler/table/table.h"
#include "runtime/base/number.h"
#include "runtime/upstream/server.h"

static const struct slice SET_WEIGHT = SLICE_INIT("set weight ");

static const char *state_name(uint32_t state)
{
    return table_state_name((enum table_state)state);
}

void override_write(const struct override *o, struct text *out)
{
    switch (o->of) {
    case OVERRIDE_STATE:
        text_addf(out, "%s " SLICE_FMT "\t%s", state_name(o->value), SLICE_ARG(o->server),
                  state_name(o->file));
        return;
    case OVERRIDE_WEIGHT:
        text_addf(out, SLICE_FMT SLICE_FMT " %u\t%u", SLICE_ARG(SET_WEIGHT), SLICE_ARG(o->server),
                  o->value, o->file);
        return;
    }
}

static bool read_state(struct slice s, uint32_t *out)
{
    for (uint32_t state = SERVER_READY; state <= SERVER_MAINTENANCE; state++)
        if (slice_eq(s, slice_of(state_name(state)))) {
            *out = state;
            return true;
        }
    return false;
}

static bool read_weight(struct slice s, uint32_t least, uint32_t *out)
{
    uint64_t n;
    if (!number_parse(s, TABLE_WEIGHT_MAX, &n) || n < least)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool names_server(struct slice s)
{
    return s.len > 0 && memchr(s.at, '/', s.len);
}

bool override_read(struct slice text, struct override *out)
{
    struct slice file = text, said, word;
    if (!slice_split(&file, '\t', &said) || said.len == text.len)
        return false;
    *out =
        (struct override){.of = slice_starts(said, SET_WEIGHT) ? OVERRIDE_WEIGHT : OVERRIDE_STATE};
    switch (out->of) {
    case OVERRIDE_STATE:
        out->server = said;
        return slice_split(&out->server, ' ', &word) && read_state(word, &out->value) &&
               names_server(out->server) && read_state(file, &out->file);
    case OVERRIDE_WEIGHT: {
        const char *blank = memrchr(said.at, ' ', said.len);
        const size_t at = (size_t)(blank - said.at);
        if (at < SET_WEIGHT.len)
            return false;
        out->server = slice_from((struct slice){said.at, at}, SET_WEIGHT.len);
        return names_server(out->server) && read_weight(slice_from(said, at + 1), 1, &out->value) &&
               read_weight(file, 0, &out->file);
    }
    }
    return false;
}

struct slice override_sentence(struct slice text)
{
    struct slice said;
    return slice_split(&text, '\t', &said) ? said : text;
}
