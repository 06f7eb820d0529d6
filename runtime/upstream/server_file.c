#include "runtime/upstream/server_file.h"

#include <errno.h>

#include "runtime/base/number.h"

#define WEIGHT_MAX   256u
#define PRIORITY_MAX 1000u

static struct slice next_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    struct slice word = {rest->at, 0};
    while (word.len < rest->len && rest->at[word.len] != ' ' && rest->at[word.len] != '\t')
        word.len++;
    *rest = slice_from(*rest, word.len);
    return word;
}

static struct slice without_comment(struct slice line)
{
    const char *hash = line.len ? memchr(line.at, '#', line.len) : NULL;
    if (hash)
        line.len = (size_t)(hash - line.at);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return slice_trim(line);
}

static bool read_weight(struct slice word, uint16_t *out)
{
    uint64_t value;
    if (!number_parse(word, WEIGHT_MAX, &value) || value == 0)
        return false;
    *out = (uint16_t)value;
    return true;
}

static bool read_priority(struct slice word, uint16_t *out)
{
    uint64_t value;
    if (!number_parse(word, PRIORITY_MAX, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct slice line, struct discover_found *out)
{
    *out = (struct discover_found){0};
    if (!endpoint_parse(next_word(&line), &out->endpoint))
        return "a server is an address with its port, or unix: and a path";
    for (struct slice word; (word = next_word(&line)).len > 0;) {
        if (slice_eq(word, SLICE("backup")))
            out->backup = true;
        else if (slice_eq(word, SLICE("priority"))) {
            if (!read_priority(next_word(&line), &out->priority))
                return "a priority is between 0 and 1000";
        } else if (!slice_eq(word, SLICE("weight")))
            return "only `weight N`, `priority N` and `backup` can follow a server";
        else if (!read_weight(next_word(&line), &out->weight))
            return "a weight is between 1 and 256";
    }
    return NULL;
}

static int refuse(struct text *why, uint32_t number, const char *problem)
{
    text_addf(why, "line %u: %s", number, problem);
    return -EINVAL;
}

static bool is_known(const struct discover_found *found, int n, const struct endpoint *e)
{
    for (int i = 0; i < n; i++)
        if (endpoint_eq(&found[i].endpoint, e))
            return true;
    return false;
}

int server_file_read(struct slice text, struct discover_found out[DISCOVER_MEMBERS_MAX],
                     struct text *why)
{
    int n = 0;
    uint32_t number = 0;
    for (struct slice line; slice_split(&text, '\n', &line);) {
        struct discover_found found;
        number++;
        line = without_comment(line);
        if (line.len == 0)
            continue;
        const char *problem = read_line(line, &found);
        if (problem)
            return refuse(why, number, problem);
        if (is_known(out, n, &found.endpoint))
            return refuse(why, number, "this server stands here for the second time");
        if (n == (int)DISCOVER_MEMBERS_MAX)
            return refuse(why, number, "more servers than a file may list");
        out[n++] = found;
    }
    return n;
}
