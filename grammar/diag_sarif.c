/*
 * All reports as one SARIF 2.1.0 log (OASIS, sarif-v2.1.0): what code scanning of GitHub, GitLab
 * and Azure reads. Rules are the codes that occur, with their explanations; columns are UTF-16 code
 * units, as the format's default is.
 */
#include "grammar/diag_priv.h"
#include "grammar/explanation.h"

/* RFC 3986: what may stand in a path as it is. */
static bool unreserved(char c)
{
    const char l = ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

static void add_uri(struct slice file, struct text *out)
{
    text_adds(out, file.len > 0 && file.at[0] == '/' ? "\"file://" : "\"");
    for (size_t i = 0; i < file.len; i++) {
        if (unreserved(file.at[i]))
            text_addc(out, file.at[i]);
        else
            text_addf(out, "%%%02X", (unsigned)(unsigned char)file.at[i]);
    }
    text_addc(out, '"');
}

static void add_region(const struct sources *s, struct span span, const char *key, struct text *out)
{
    const struct place from = sources_place(s, span.from), to = sources_place(s, span.to);
    text_addf(out, "\"%s\":{\"startLine\":%u,\"startColumn\":%u,\"endLine\":%u,\"endColumn\":%u}",
              key, from.line, from.column_utf16, to.line, to.column_utf16);
}

static void add_artifact(const struct sources *s, struct span span, struct text *out)
{
    text_adds(out, "\"artifactLocation\":{\"uri\":");
    add_uri(sources_place(s, span.from).file, out);
    text_addc(out, '}');
}

static void add_text(const char *key, struct slice value, struct text *out)
{
    text_addf(out, "\"%s\":{\"text\":", key);
    text_add_json(out, value);
    text_addc(out, '}');
}

static void add_location(const struct sources *s, struct span span, struct text *out)
{
    text_adds(out, "\"physicalLocation\":{");
    add_artifact(s, span, out);
    text_addc(out, ',');
    add_region(s, span, "region", out);
    text_addc(out, '}');
}

static void add_related(const struct sources *s, const struct report *r, struct text *out)
{
    text_adds(out, ",\"relatedLocations\":[");
    for (uint32_t i = 0; i < r->also.n; i++) {
        const struct diag_span *also = &r->also.at[i];
        text_addf(out, "%s{\"id\":%u,", i ? "," : "", i);
        add_location(s, also->span, out);
        text_addc(out, ',');
        add_text("message", also->label.len ? also->label : SLICE("concerned, too"), out);
        text_addc(out, '}');
    }
    text_addc(out, ']');
}

static void add_fixes(const struct sources *s, const struct report *r, struct text *out)
{
    text_adds(out, ",\"fixes\":[");
    for (uint32_t i = 0; i < r->fix.n; i++) {
        const struct diag_fix *fix = &r->fix.at[i];
        text_addf(out, "%s{", i ? "," : "");
        add_text("description", fix->message, out);
        text_adds(out, ",\"artifactChanges\":[{");
        add_artifact(s, fix->span, out);
        text_adds(out, ",\"replacements\":[{");
        add_region(s, fix->span, "deletedRegion", out);
        text_addc(out, ',');
        add_text("insertedContent", fix->replacement, out);
        text_adds(out, "}]}]}");
    }
    text_addc(out, ']');
}

/* The message with everything that has no place of its own in the format. */
static void add_message(const struct report *r, struct text *out)
{
    const char *advice = diag_text(r->code)->advice;
    struct text all = {0};
    text_add(&all, r->message);
    if (r->primary.label.len > 0)
        text_addf(&all, "\n" SLICE_FMT, SLICE_ARG(r->primary.label));
    for (uint32_t i = 0; i < r->note.n; i++)
        text_addf(&all, "\n" SLICE_FMT, SLICE_ARG(r->note.at[i]));
    if (advice[0])
        text_addf(&all, "\n%s", advice);
    add_text("message", text_slice(&all), out);
    text_done(&all);
}

static void add_result(const struct sources *s, const struct report *r, const uint32_t *rule,
                       struct text *out)
{
    const struct diag_text *text = diag_text(r->code);
    text_addf(out, "{\"ruleId\":\"%s\",\"ruleIndex\":%u,\"level\":\"%s\",", text->code,
              rule[r->code], text->severity == SEVERITY_ERROR ? "error" : "warning");
    add_message(r, out);
    text_adds(out, ",\"locations\":[{");
    add_location(s, r->primary.span, out);
    text_adds(out, "}]");
    if (r->also.n > 0)
        add_related(s, r, out);
    if (r->fix.n > 0)
        add_fixes(s, r, out);
    text_addc(out, '}');
}

static void add_rule(enum diag_code code, struct text *out)
{
    const struct diag_text *text = diag_text(code);
    const struct explanation e = diag_explanation(code);
    struct text message = {0};
    diag_message(code, &message);
    text_addf(out, "{\"id\":\"%s\",", text->code);
    add_text("shortDescription", text_slice(&message), out);
    text_addc(out, ',');
    add_text("fullDescription", e.about.len ? e.about : text_slice(&message), out);
    text_adds(out, ",\"help\":{\"text\":");
    text_add_json(out, e.markdown.len ? e.markdown : text_slice(&message));
    text_adds(out, ",\"markdown\":");
    text_add_json(out, e.markdown.len ? e.markdown : text_slice(&message));
    text_addf(out, "},\"defaultConfiguration\":{\"level\":\"%s\"}}",
              text->severity == SEVERITY_ERROR ? "error" : "warning");
    text_done(&message);
}

/* The rules that occur, in the order of their codes; rule[code] becomes the index of each. */
static void add_rules(const struct diags *const *d, size_t n, uint32_t *rule, struct text *out)
{
    uint32_t rules = 0;
    for (enum diag_code code = 0; code < DIAG_COUNT; code++) {
        bool occurs = false;
        for (size_t i = 0; i < n && !occurs; i++)
            for (uint32_t k = 0; k < d[i]->report.n && !occurs; k++)
                occurs = d[i]->report.at[k].code == code;
        if (!occurs)
            continue;
        text_adds(out, rules ? ",\n" : "\n");
        add_rule(code, out);
        rule[code] = rules++;
    }
}

void diag_render_sarif(const struct diags *const *d, size_t n, struct text *out)
{
    uint32_t rule[DIAG_COUNT] = {0};
    text_adds(out, "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\","
                   "\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"lbc\","
                   "\"version\":\"" LBC_VERSION "\",\"rules\":[");
    add_rules(d, n, rule, out);
    text_adds(out, "]}},\"columnKind\":\"utf16CodeUnits\",\"results\":[");
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct report **r = diags_in_order(d[i]);
        for (uint32_t k = 0; k < d[i]->report.n; k++) {
            text_adds(out, any ? ",\n" : "\n");
            add_result(d[i]->sources, r[k], rule, out);
            any = true;
        }
        free(r);
    }
    text_adds(out, "]}]}\n");
}
