#include "runtime/control/parts.h"

#include "runtime/base/number.h"

static const struct slice FIRST_LINE = SLICE_INIT("lbc remembers 1");
static const struct slice LAST_WORD = SLICE_INIT("end");

void parts_begin(struct text *out)
{
    text_addf(out, SLICE_FMT "\n", SLICE_ARG(FIRST_LINE));
}

void parts_add(struct text *out, const struct part *p)
{
    text_add(out, p->word);
    text_addf(out, "\t%zu\t", p->bytes.len);
    text_add(out, p->about);
    text_addc(out, '\n');
    text_add(out, p->bytes);
}

void parts_end(struct text *out)
{
    parts_add(out, &(struct part){.word = LAST_WORD});
}

bool parts_open(struct slice *rest)
{
    struct slice line;
    return slice_split(rest, '\n', &line) && slice_eq(line, FIRST_LINE);
}

enum parts_next parts_next(struct slice *rest, struct part *out)
{
    struct slice line, number;
    uint64_t bytes;
    if (!slice_split(rest, '\n', &line) || !slice_split(&line, '\t', &out->word) ||
        !slice_split(&line, '\t', &number) || !number_parse(number, rest->len, &bytes))
        return PARTS_BROKEN;
    out->about = line;
    out->bytes = (struct slice){rest->at, (size_t)bytes};
    *rest = slice_from(*rest, (size_t)bytes);
    return slice_eq(out->word, LAST_WORD) ? PARTS_END : PARTS_ONE;
}
