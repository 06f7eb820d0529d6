#include "tests/agree/support/print.h"

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

static void print_field(enum table_field field, struct slice key, struct text *out)
{
    text_adds(out, table_field_name(field));
    if (table_field_is_keyed(field)) {
        text_addc(out, ' ');
        print_string(key, out);
    }
}

/* Methods and schemes are words, everything else is in quotes. */
static void print_value(enum table_field field, struct slice s, struct text *out)
{
    if (field == FIELD_METHOD || field == FIELD_SCHEME)
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
                                       [COMPARE_EXISTS] = "exists"};
    print_field(c->field, c->key, out);
    text_addf(out, " %s", WORD[c->compare]);
    if (c->compare == COMPARE_EXISTS)
        return;
    text_addc(out, ' ');
    if (c->set)
        print_set(c->field, c->set, out);
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

static void print_action(const struct program *p, const struct action *a, struct text *out)
{
    static const char *const WORD[] = {[ACTION_SET_HEADER] = "set header ",
                                       [ACTION_ADD_HEADER] = "add header ",
                                       [ACTION_REMOVE_HEADER] = "remove header ",
                                       [ACTION_CONTINUE] = "continue",
                                       [ACTION_FORWARD] = "forward ",
                                       [ACTION_DENY] = "deny ",
                                       [ACTION_RESPOND] = "respond ",
                                       [ACTION_REDIRECT] = "redirect "};
    text_addf(out, "%s", WORD[a->kind]);
    switch (a->kind) {
    case ACTION_SET_HEADER:
    case ACTION_ADD_HEADER:
        print_string(a->name, out);
        text_addc(out, ' ');
        table_template_write(&a->value, out);
        break;
    case ACTION_REMOVE_HEADER: print_string(a->name, out); break;
    case ACTION_CONTINUE: break;
    case ACTION_FORWARD: text_add(out, p->cluster[a->cluster].name); break;
    case ACTION_DENY:
        text_addf(out, "%u with ", a->status);
        print_string(a->body, out);
        break;
    case ACTION_RESPOND:
        text_addf(out, "%u ", a->status);
        print_string(a->type, out);
        text_addc(out, ' ');
        print_string(a->body, out);
        break;
    case ACTION_REDIRECT:
        text_addf(out, "%u ", a->status);
        table_template_write(&a->value, out);
        break;
    }
}

void print_program(const struct program *p, struct text *out)
{
    text_adds(out, "lbconf 1\n\n");
    for (uint32_t i = 0; i < p->n_clusters; i++)
        text_addf(out, "cluster " SLICE_FMT " { server only 127.0.0.1:9000 }\n",
                  SLICE_ARG(p->cluster[i].name));
    for (uint32_t i = 0; i < p->n_routes; i++)
        text_addf(out, "listener l-%u { bind 127.0.0.1:%u; route " SLICE_FMT " }\n\n", i, 80 + i,
                  SLICE_ARG(p->route[i].name));
    for (uint32_t i = 0; i < p->n_routes; i++) {
        const struct route *r = &p->route[i];
        text_addf(out, "route " SLICE_FMT " {\n", SLICE_ARG(r->name));
        for (uint32_t k = 0; k < r->n_clauses; k++) {
            text_adds(out, r->clause[k].otherwise ? "  otherwise" : "  when ");
            if (!r->clause[k].otherwise)
                print_condition(r->clause[k].when, out);
            text_adds(out, " {\n");
            for (uint32_t j = 0; j < r->clause[k].n_actions; j++) {
                text_adds(out, "    ");
                print_action(p, &r->clause[k].action[j], out);
                text_addc(out, '\n');
            }
            text_adds(out, "  }\n");
        }
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
    text_addf(out, "request from %s\n", src);
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
