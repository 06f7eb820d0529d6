#include "grammar/explanation.h"

#include <stdlib.h>

#include "grammar/diag_priv.h"
#include "runtime/base/embedded.h"

extern const struct embedded grammar_explain[]; /* made from the folder */

/* Paragraphs are filled anew for a terminal of this width. */
#define WIDTH 80u

static struct slice find(const char *code)
{
    for (const struct embedded *e = grammar_explain; e->name; e++)
        if (strcmp(e->name, code) == 0)
            return (struct slice){e->at, e->len};
    return SLICE("");
}

static struct slice before(struct slice s, const char *mark)
{
    const char *at = memmem(s.at, s.len, mark, strlen(mark));
    return at ? (struct slice){s.at, (size_t)(at - s.at)} : s;
}

static struct slice behind(struct slice s, const char *mark)
{
    const struct slice head = before(s, mark);
    return head.len == s.len ? SLICE("") : slice_from(s, head.len + strlen(mark));
}

/* What stands in the first fenced block behind a heading that is an example. */
static struct slice example(struct slice s, const char *heading)
{
    for (s = before(behind(s, heading), "\n## "); s.len > 0;) {
        s = behind(s, "```");
        const struct slice mark = before(s, "\n");
        const bool is_file = memmem(mark.at, mark.len, " file ", 6) != NULL;
        const struct slice body = before(behind(s, "\n"), "```");
        if (!is_file)
            return body;
        s = behind(behind(s, "\n"), "```\n");
    }
    return SLICE("");
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && s.at[s.len - 1] == '\n')
        s.len--;
    return s;
}

struct explanation diag_explanation(enum diag_code code)
{
    const struct slice all = find(diag_code_name(code));
    return (struct explanation){
        .markdown = all,
        .about = trimmed(before(all, "\n## Wrong")),
        .wrong = example(all, "\n## Wrong\n"),
        .right = example(all, "\n## Right\n"),
    };
}

enum diag_code diag_code_find(struct slice name)
{
    enum diag_code code = 0;
    while (code < DIAG_COUNT && !slice_eq_nocase(slice_of(diag_code_name(code)), name))
        code++;
    return code;
}

void diag_message(enum diag_code code, struct text *out)
{
    if (strcmp(diag_code_text(code), "%s") == 0) { /* says something else each time */
        const struct slice about = diag_explanation(code).about;
        text_add(out, before(before(about, "."), ":"));
        return;
    }
    for (const char *at = diag_code_text(code); *at; at++) {
        if (*at != '%') {
            text_addc(out, *at);
            continue;
        }
        at += strspn(at + 1, "0123456789.*zl") + 1; /* at the letter that ends the placeholder */
        text_adds(out, "…");
    }
}

void diag_list_line(enum diag_code code, struct text *out)
{
    text_addf(out, "%s  ", diag_code_name(code));
    diag_message(code, out);
    text_addc(out, '\n');
}

/* Lines that are indented stay as they are. */
static void add_filled(struct slice about, struct text *out)
{
    size_t column = 0;
    for (struct slice line; about.len > 0;) {
        line = before(about, "\n");
        about = slice_from(about, line.len < about.len ? line.len + 1 : line.len);
        const bool as_it_is = line.len == 0 || line.at[0] == ' ' || line.at[0] == '-';
        if (as_it_is && column > 0)
            text_addc(out, '\n');
        if (as_it_is) {
            text_addf(out, SLICE_FMT "\n", SLICE_ARG(line));
            column = 0;
            continue;
        }
        for (struct slice word; slice_split(&line, ' ', &word);) {
            const bool fits = column + 1 + word.len <= WIDTH;
            text_adds(out, column == 0 ? "" : fits ? " " : "\n");
            text_add(out, word);
            column = column > 0 && fits ? column + 1 + word.len : word.len;
        }
    }
    if (column > 0)
        text_addc(out, '\n');
}

static void add_example(const char *title, struct slice example, bool color, struct text *out)
{
    text_addf(out, "\n%s%s%s\n\n", color ? "\x1b[1m" : "", title, color ? "\x1b[0m" : "");
    for (struct slice line; slice_split(&example, '\n', &line);)
        text_addf(out, "    " SLICE_FMT "\n", SLICE_ARG(line));
}

void diag_explain(enum diag_code code, bool color, struct text *out)
{
    const struct diag_text *text = diag_text(code);
    const bool error = text->severity == SEVERITY_ERROR;
    const struct explanation e = diag_explanation(code);
    text_addf(out, "%s%s[%s]%s: ",
              !color  ? ""
              : error ? "\x1b[1;31m"
                      : "\x1b[1;33m",
              error ? "error" : "warning", text->code, color ? "\x1b[0m" : "");
    diag_message(code, out);
    text_adds(out, "\n");
    if (e.markdown.len == 0)
        return;
    text_addc(out, '\n');
    add_filled(e.about, out);
    add_example("Wrong", e.wrong, color, out);
    add_example("Right", e.right, color, out);
}

void diag_explain_json(enum diag_code code, struct text *out)
{
    const struct diag_text *text = diag_text(code);
    const struct explanation e = diag_explanation(code);
    const struct {
        const char *key;
        struct slice value;
    } part[] = {
        {"about", e.about}, {"wrong", e.wrong}, {"right", e.right}, {"markdown", e.markdown}};
    struct text message = {0};
    diag_message(code, &message);
    text_addf(out, "{\"code\":\"%s\",\"severity\":\"%s\",\"message\":", text->code,
              text->severity == SEVERITY_ERROR ? "error" : "warning");
    text_add_json(out, text_slice(&message));
    for (size_t i = 0; i < COUNT_OF(part); i++) {
        text_addf(out, ",\"%s\":", part[i].key);
        text_add_json(out, part[i].value);
    }
    text_adds(out, "}\n");
    text_done(&message);
}
