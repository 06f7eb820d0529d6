#include "tests/agree/support/print.h"

#include "compiler/tools/unparse.h"
#include "runtime/base/text.h"

static void print_string(struct slice s, struct text *out)
{
    text_addc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            text_addc(out, '\\');
        text_addc(out, s.at[i]);
    }
    text_addc(out, '"');
}

/* Methods and schemes are words, everything else is in quotes. */
static void print_value(enum table_field field, struct slice s, struct text *out)
{
    if (field == FIELD_METHOD || field == FIELD_SCHEME || field == FIELD_PROTO)
        text_add(out, s);
    else
        print_string(s, out);
}

static void print_set(enum table_field field, const struct program_set *set, struct text *out)
{
    text_adds(out, "{");
    for (uint32_t i = 0; i < set->n_strings; i++) {
        text_adds(out, i ? ", " : " ");
        print_value(field, set->string[i], out);
    }
    for (uint32_t i = 0; i < set->n_networks; i++) {
        char network[NETWORK_TEXT_MAX];
        network_format(&set->network[i], network);
        text_addf(out, "%s%s", i ? ", " : " ", network);
    }
    for (uint32_t i = 0; i < set->n_ranges; i++) {
        text_adds(out, i ? ", " : " ");
        table_number_write(field, set->range[i].first, out);
        text_adds(out, "..");
        table_number_write(field, set->range[i].last, out);
    }
    text_adds(out, " }");
}

static void print_atom(const struct cond *c, struct text *out)
{
    static const char *const WORD[] = {[COMPARE_EQUAL] = "==",
                                       [COMPARE_NOT_EQUAL] = "!=",
                                       [COMPARE_IN] = "in",
                                       [COMPARE_UNDER] = "under",
                                       [COMPARE_STARTS_WITH] = "starts-with",
                                       [COMPARE_ENDS_WITH] = "ends-with",
                                       [COMPARE_CONTAINS] = "contains",
                                       [COMPARE_MATCHES] = "matches",
                                       [COMPARE_LESS] = "<",
                                       [COMPARE_LESS_EQUAL] = "<=",
                                       [COMPARE_GREATER] = ">",
                                       [COMPARE_GREATER_EQUAL] = ">=",
                                       [COMPARE_EXISTS] = "exists"};
    text_adds(out, c->all ? "all " : "");
    table_field_write(c->field, c->key, '"', out);
    if (table_field_is_boolean(c->field))
        return;
    text_addf(out, " %s", WORD[c->compare]);
    if (c->compare == COMPARE_EXISTS)
        return;
    text_addc(out, ' ');
    if (c->set)
        print_set(c->field, c->set, out);
    else if (table_field_is_number(c->field))
        table_number_write(c->field, c->number, out);
    else if (c->compare == COMPARE_MATCHES)
        text_addf(out, "/" SLICE_FMT "/" SLICE_FMT, SLICE_ARG(c->string), SLICE_ARG(c->flags));
    else if (c->compare == COMPARE_CONTAINS)
        print_string(c->string, out);
    else
        print_value(c->field, c->string, out);
}

static void print_condition(const struct cond *c, struct text *out)
{
    switch (c->kind) {
    case COND_TRUE: text_adds(out, "true"); return;
    case COND_ATOM: print_atom(c, out); return;
    case COND_NOT:
        text_adds(out, "not (");
        print_condition(c->left, out);
        text_addc(out, ')');
        return;
    case COND_ACL: /* its body, which is what counts */
        text_addc(out, '(');
        print_condition(c->left, out);
        text_addc(out, ')');
        return;
    case COND_AND:
    case COND_OR:
        text_addc(out, '(');
        print_condition(c->left, out);
        text_adds(out, c->kind == COND_AND ? ") and (" : ") or (");
        print_condition(c->right, out);
        text_addc(out, ')');
        return;
    }
}

static void print_clause(const struct program *p, const struct clause *c, struct text *out)
{
    text_adds(out, c->otherwise ? "  otherwise" : "  when ");
    if (!c->otherwise)
        print_condition(c->when, out);
    text_adds(out, " {\n");
    if (c->allow_shadowed)
        text_adds(out, "    allow shadowed\n");
    for (uint32_t i = 0; i < c->n_actions; i++) {
        text_adds(out, "    ");
        unparse_action(out, p, &c->action[i], false);
        text_addc(out, '\n');
    }
    text_adds(out, "  }\n");
}

static void print_map(const struct program *p, const struct action *a, struct text *out)
{
    const char *type = a->field == FIELD_PATH                                ? "path"
                       : a->field == FIELD_HOST || a->field == FIELD_TLS_SNI ? "host"
                                                                             : "string";
    text_addf(out, "map " SLICE_FMT " : %s -> cluster = {", SLICE_ARG(a->map->name), type);
    for (uint32_t i = 0; i < a->map->n; i++) {
        text_adds(out, i ? ", " : " ");
        print_string(a->map->key[i], out);
        text_addf(out, " -> " SLICE_FMT, SLICE_ARG(p->cluster[a->map->cluster[i]].name));
    }
    text_adds(out, " }\n");
}

/* Each is used once. */
static void print_maps(const struct program *p, const struct route *r, struct text *out)
{
    for (uint32_t i = 0; i < r->n_clauses; i++)
        for (uint32_t k = 0; k < r->clause[i].n_actions; k++)
            if (r->clause[i].action[k].kind == ACTION_FORWARD_MAP)
                print_map(p, &r->clause[i].action[k], out);
}

static void print_block(const struct program *p, const char *on, const struct route *r,
                        struct text *out)
{
    if (r->n_clauses == 0)
        return;
    text_addf(out, "\n%s {\n", on);
    for (uint32_t i = 0; i < r->n_clauses; i++)
        print_clause(p, &r->clause[i], out);
    text_adds(out, "}");
}

static void print_listener(const struct program *p, const struct program_listener *l,
                           struct text *out)
{
    text_addf(out, "listener " SLICE_FMT " { bind 127.0.0.1:%u; route " SLICE_FMT,
              SLICE_ARG(l->name), l->bind->endpoint.port, SLICE_ARG(p->route[l->route].name));
    print_block(p, "on connect", &l->on_connect, out);
    print_block(p, "on response", &l->on_response, out);
    text_adds(out, " }\n\n");
}

void print_program(const struct program *p, struct text *out)
{
    text_adds(out, "lbconf 1\n\n");
    for (uint32_t i = 0; i < p->n_secrets; i++)
        text_addf(out, "secret " SLICE_FMT " from env \"" SLICE_FMT "\"\n",
                  SLICE_ARG(p->secret[i].name), SLICE_ARG(p->secret[i].source));
    for (uint32_t i = 0; i < p->n_clusters; i++)
        text_addf(out, "cluster " SLICE_FMT " { server only 127.0.0.1:9000 }\n",
                  SLICE_ARG(p->cluster[i].name));
    for (uint32_t i = 0; i < p->n_objects[OBJECT_LIMIT]; i++)
        text_addf(out, "limit " SLICE_FMT " { rate 1M/s }\n",
                  SLICE_ARG(p->object[OBJECT_LIMIT][i].name));
    for (uint32_t i = 0; i < p->n_routes; i++)
        print_maps(p, &p->route[i], out);
    for (uint32_t i = 0; i < p->n_listeners; i++)
        print_listener(p, &p->listener[i], out);
    for (uint32_t i = 0; i < p->n_routes; i++) {
        const struct route *r = &p->route[i];
        text_addf(out, "route " SLICE_FMT " {\n", SLICE_ARG(r->name));
        for (uint32_t k = 0; k < r->n_clauses; k++)
            print_clause(p, &r->clause[k], out);
        text_adds(out, "}\n\n");
    }
}

static void print_fact(const char *name, struct slice value, struct text *out)
{
    text_addf(out, "  %-8s ", name);
    text_add_json(out, value);
    text_addc(out, '\n');
}

void print_request(const struct generated_request *r, struct text *out)
{
    const struct facts *f = &r->facts;
    char src[ADDRESS_TEXT_MAX];
    address_format(&f->src, src);
    text_addf(out, "request from %s:%u, body %llu, random %u\n", src, f->src_port,
              (unsigned long long)f->body_length, f->random);
    print_fact("method", f->method, out);
    print_fact("scheme", f->scheme, out);
    print_fact("host", f->host, out);
    print_fact("path", f->path, out);
    print_fact("uri", f->uri, out);
    print_fact("listener", f->listener, out);
    if (f->query.at)
        print_fact("query", f->query, out);
    for (uint32_t i = 0; i < r->n_headers; i++) {
        text_adds(out, "  header   ");
        text_add_json(out, r->header[i].name);
        text_adds(out, ": ");
        text_add_json(out, r->header[i].value);
        text_addc(out, '\n');
    }
}
