#include "compiler/lsp/describe.h"

#include "compiler/sema/durations.h"
#include "compiler/tools/unparse.h"

/* The most lines of a definition that are worth showing. */
#define LINES_MAX 16u
/* The same for one line: a set may hold thousands. */
#define LINE_BYTES_MAX 200u

static void add_code(struct slice text, struct text *out)
{
    uint32_t n = 0;
    text_adds(out, "```lbconf\n");
    while (text.len > 0 && n++ < LINES_MAX) {
        const char *end = memchr(text.at, '\n', text.len);
        const size_t len = end ? (size_t)(end - text.at) : text.len;
        struct slice line = {text.at, len};
        if (line.len > LINE_BYTES_MAX) {
            line.len = LINE_BYTES_MAX;
            while (line.len > 0 && ((unsigned char)line.at[line.len] & 0xc0) == 0x80)
                line.len--;
        }
        text_add(out, line);
        text_adds(out, line.len < len ? " ...\n" : "\n");
        text = slice_from(text, len + (end ? 1 : 0));
    }
    text_adds(out, text.len > 0 ? "# ...\n```\n" : "```\n");
}

static void add_network(const struct value *v, struct text *out)
{
    char network[NETWORK_TEXT_MAX];
    network_format(&v->network, network);
    text_adds(out, network);
}

void describe_value(const struct value *v, struct text *out)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    switch (v->type) {
    case TYPE_INTEGER:
    case TYPE_STATUS:
    case TYPE_PORT: text_addf(out, "%llu", (unsigned long long)v->number); return;
    case TYPE_PERCENT: text_addf(out, "%llu%%", (unsigned long long)v->number); return;
    case TYPE_SIZE: text_addf(out, "%llu bytes", (unsigned long long)v->number); return;
    case TYPE_BANDWIDTH:
        text_addf(out, "%llu bytes in a second", (unsigned long long)v->number);
        return;
    case TYPE_DURATION: duration_write(v->number, out); return;
    case TYPE_RATE:
        text_addf(out, "%llu in ", (unsigned long long)v->number);
        duration_write(v->per_ns, out);
        return;
    case TYPE_ADDRESS:
    case TYPE_NETWORK: add_network(v, out); return;
    case TYPE_ENDPOINT:
        endpoint_format(&v->endpoint, endpoint);
        text_adds(out, endpoint);
        return;
    case TYPE_METHOD:
    case TYPE_PROTOCOL:
    case TYPE_SCHEME: text_add(out, v->text); return;
    case TYPE_BOOLEAN: text_adds(out, v->number ? "true" : "false"); return;
    case TYPE_TLS_VERSION:
        text_addf(out, "%llu.%llu", (unsigned long long)v->number / 10,
                  (unsigned long long)v->number % 10);
        return;
    case TYPE_STRING:
    case TYPE_HOST:
    case TYPE_PATH: text_add_json(out, v->text); return;
    case TYPE_COUNT: return;
    }
}

static void add_value(const struct definition *d, struct text *out)
{
    if (d->state != DEF_READY)
        return;
    text_addf(out, "\n%s, ", type_name(d->type));
    if (d->kind == DEF_ENV)
        text_addf(out, "from the environment variable `" SLICE_FMT "`; now ", SLICE_ARG(d->name));
    text_addc(out, '`');
    describe_value(&d->value, out);
    text_adds(out, "`\n");
}

static void add_size(const struct definition *d, struct text *out)
{
    if (d->state != DEF_READY)
        return;
    const uint32_t n = d->set.n_strings + d->set.n_networks;
    text_addf(out, "\nset of %u %s%s\n", n, type_name(d->type), n == 1 ? "" : "s");
}

/* What it comes to where it compiled, with all defaults; else its text. */
static void add_object(const struct project *p, const struct definition *d, struct text *out)
{
    struct text t = {0};
    if (p->program && d->kind == DEF_CLUSTER)
        unparse_cluster(p->program, d->index, &t);
    else if (p->program && d->kind == DEF_LISTENER)
        unparse_listener(p->program, d->index, &t);
    struct slice shown = t.len > 0 ? text_slice(&t) : project_text(p, d->node->span);
    while (shown.len > 0 && shown.at[0] == '\n')
        shown = slice_from(shown, 1);
    add_code(shown, out);
    text_done(&t);
}

static void add_uses(const struct project *p, const struct definition *d, struct text *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->uses.all.n; i++)
        n += p->uses.all.at[i].of == d && !project_defines(p, &p->uses.all.at[i]);
    if (d->kind != DEF_LISTENER || n > 0)
        text_addf(out, "\nused %u time%s\n", n, n == 1 ? "" : "s");
}

/* A longer condition is as well read where it is written. */
#define CONDITION_BYTES_MAX 500u

static void add_acl(const struct project *p, const struct definition *d, struct text *out)
{
    struct text t = {0};
    add_code(project_text(p, d->node->span), out);
    if (d->state == DEF_READY)
        unparse_when(d->body, &t);
    if (t.len > 0 && t.len <= CONDITION_BYTES_MAX)
        text_addf(out, "\ncomes to `%s`\n", t.at);
    text_done(&t);
}

/* Where it comes from, and never what it is. */
static void add_secret(const struct project *p, const struct definition *d, struct text *out)
{
    const struct ast *from = d->node->first;
    text_addf(out, "```lbconf\nsecret " SLICE_FMT, SLICE_ARG(d->name));
    if (from && from->kind == AST_FROM) {
        const struct slice where = project_text(p, from->span);
        text_addf(out, " " SLICE_FMT, SLICE_ARG(where));
    }
    text_adds(out, "\n```\n\nits value is never shown\n");
}

void describe(const struct project *p, const struct definition *d, struct text *out)
{
    switch (d->kind) {
    case DEF_CONST:
    case DEF_ENV:
        add_code(project_text(p, d->node->span), out);
        add_value(d, out);
        break;
    case DEF_SET:
        add_code(project_text(p, d->node->span), out);
        add_size(d, out);
        break;
    case DEF_MAP:
    case DEF_LIMIT:
    case DEF_TLS:
    case DEF_LOG:
    case DEF_NOTIFY:
    case DEF_ALERT:
    case DEF_RESOLVER:
    case DEF_SHARED:
    case DEF_TEMPLATE:
    case DEF_ROUTE: add_code(project_text(p, d->node->span), out); break;
    case DEF_SECRET: add_secret(p, d, out); break;
    case DEF_ACL: add_acl(p, d, out); break;
    case DEF_CLUSTER:
    case DEF_LISTENER: add_object(p, d, out); break;
    case DEF_KIND_COUNT: break;
    }
    add_uses(p, d, out);
}
