/* The first request: what either side can do. */
#include "compiler/lsp/server.h"

static const struct {
    struct slice name;
    enum encoding encoding;
} encodings[] = {
    {SLICE_INIT("utf-8"), ENCODING_UTF8},
    {SLICE_INIT("utf-16"), ENCODING_UTF16},
    {SLICE_INIT("utf-32"), ENCODING_UTF32},
};

/* The first one that the client likes and that is known here; UTF-16 where it says nothing. */
static struct slice choose_encoding(struct server *s, const struct json *offered)
{
    for (const struct json *o = json_first(offered); o; o = json_next(o)) {
        for (size_t i = 0; i < COUNT_OF(encodings); i++) {
            if (!slice_eq(encodings[i].name, json_string(o)))
                continue;
            s->encoding = encodings[i].encoding;
            return encodings[i].name;
        }
    }
    s->encoding = ENCODING_UTF16;
    return SLICE("utf-16");
}

static const struct json *dig(const struct json *j, const char *a, const char *b, const char *c)
{
    return json_get(json_get(json_get(j, a), b), c);
}

static void note_abilities(struct server *s, const struct json *can)
{
    const struct json *item = dig(can, "textDocument", "completion", "completionItem");
    s->snippets = json_is_true(json_get(item, "snippetSupport"));
    s->versioned_edits = json_is_true(dig(can, "workspace", "workspaceEdit", "documentChanges"));
    const struct json *told = dig(can, "textDocument", "publishDiagnostics", "relatedInformation");
    s->related = json_is_true(told);
    s->tags = json_is_object(dig(can, "textDocument", "publishDiagnostics", "tagSupport"));
    s->prepares = json_is_true(dig(can, "textDocument", "rename", "prepareSupport"));
}

bool server_initialize(struct ask *a, struct text *out)
{
    const struct json *can = json_get(a->params, "capabilities");
    note_abilities(a->s, can);
    const struct slice encoding =
        choose_encoding(a->s, json_get(json_get(can, "general"), "positionEncodings"));
    text_adds(out, "{\"capabilities\":{\"positionEncoding\":");
    text_add_json(out, encoding);
    text_adds(out,
              ",\"textDocumentSync\":{\"openClose\":true,\"change\":2,\"save\":true}"
              ",\"hoverProvider\":true,\"definitionProvider\":true,\"declarationProvider\":true"
              ",\"referencesProvider\":true,\"documentHighlightProvider\":true"
              ",\"documentSymbolProvider\":true,\"foldingRangeProvider\":true"
              ",\"semanticTokensProvider\":{\"full\":true,\"legend\":{\"tokenModifiers\":[],"
              "\"tokenTypes\":["
              "\"keyword\",\"operator\",\"string\",\"number\",\"comment\",\"variable\",\"class\","
              "\"property\"]}}"
              ",\"documentFormattingProvider\":true,\"completionProvider\":{\"triggerCharacters\":["
              "\" \",\":\",\"{\"]}"
              ",\"codeActionProvider\":{\"codeActionKinds\":[\"quickfix\",\"source.fixAll\"]}");
    text_addf(out, ",\"renameProvider\":%s",
              a->s->prepares ? "{\"prepareProvider\":true}" : "true");
    text_adds(out, "},\"serverInfo\":{\"name\":\"lbc\",\"version\":\"" LBC_VERSION "\"}}");
    a->s->state = SERVER_READY;
    return true;
}
