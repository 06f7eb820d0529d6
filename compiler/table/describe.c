/* Atoms and templates as they would be written, for dumps, explanations and failing tests. */
#include "compiler/table/table.h"
#include "runtime/base/text.h"

/* Of a set, this many members are shown. */
#define MEMBERS_SHOWN 3u

static void write_field(enum table_field field, struct slice key, struct text *out)
{
    text_adds(out, table_field_name(field));
    if (table_field_is_keyed(field)) {
        text_addc(out, ' ');
        text_add_json(out, key);
    }
}

/* Opens the list; how many members follow, of `n`. */
static uint32_t open_members(uint32_t n, struct text *out)
{
    text_adds(out, "{ ");
    return n < MEMBERS_SHOWN ? n : MEMBERS_SHOWN;
}

static void close_members(uint32_t n, struct text *out)
{
    if (n > MEMBERS_SHOWN)
        text_addf(out, ", … %u in all", n);
    text_adds(out, " }");
}

static void write_strings(const struct table_string_set *set, struct text *out)
{
    const uint32_t shown = open_members(set->n, out);
    for (uint32_t i = 0; i < shown; i++) {
        text_adds(out, i ? ", " : "");
        text_add_json(out, set->string[i]);
    }
    close_members(set->n, out);
}

static void write_networks(const struct table_network_set *set, struct text *out)
{
    const uint32_t shown = open_members(set->n, out);
    for (uint32_t i = 0; i < shown; i++) {
        char text[ADDRESS_TEXT_MAX];
        address_format(&set->range[i].first, text);
        text_addf(out, "%s%s", i ? ", " : "", text);
        if (address_compare(&set->range[i].first, &set->range[i].last) != 0) {
            address_format(&set->range[i].last, text);
            text_addf(out, "-%s", text);
        }
    }
    close_members(set->n, out);
}

void table_atom_write(const struct table *t, const struct table_atom *atom, struct text *out)
{
    write_field(atom->field, atom->key, out);
    text_addf(out, " %s", table_op_name(atom->op));
    switch (atom->op) {
    case OP_EQUAL:
    case OP_UNDER:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
        text_addc(out, ' ');
        text_add_json(out, atom->string);
        break;
    case OP_IN_STRINGS:
        text_addc(out, ' ');
        write_strings(&t->string_set[atom->set], out);
        break;
    case OP_IN_NETWORKS:
        text_addc(out, ' ');
        write_networks(&t->network_set[atom->set], out);
        break;
    case OP_EXISTS:
    case OP_COUNT: break;
    }
}

/* A literal's braces are doubled: alone they would begin or end a field. */
static void write_literal(struct slice literal, struct text *out)
{
    struct text quoted = {0};
    text_add_json(&quoted, literal);
    for (size_t i = 1; i + 1 < quoted.len; i++) { /* without its own quotes */
        if (quoted.at[i] == '{' || quoted.at[i] == '}')
            text_addc(out, quoted.at[i]);
        text_addc(out, quoted.at[i]);
    }
    text_done(&quoted);
}

void table_template_write(const struct table_template *template, struct text *out)
{
    text_addc(out, '"');
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (part->literal.at) {
            write_literal(part->literal, out);
            continue;
        }
        text_addf(out, "{%s", table_field_name(part->field));
        if (table_field_is_keyed(part->field))
            text_addf(out, " '" SLICE_FMT "'", SLICE_ARG(part->key));
        text_addc(out, '}');
    }
    text_addc(out, '"');
}
