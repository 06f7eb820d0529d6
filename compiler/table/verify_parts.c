/* Atoms, effects and ends: what the evaluator asks and the runtime does. */
#include "compiler/table/verify_priv.h"

/* What ops.def says of each. */
enum operand { NOTHING, STRING, STRINGS, NETWORKS };

static const enum operand OPERAND[] = {
#define OP(id, spelling, operand, meaning) [OP_##id] = operand,
#include "compiler/table/ops.def"
#undef OP
};

/* RFC 9110 5.6.2, in lower case */
static bool is_header_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.at[i];
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

/* May these bytes be a header's value? A line end in one would be the end of the header. */
static bool is_header_value(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static const char *verify_field(enum table_field field, struct slice key)
{
    REQUIRE(field < FIELD_COUNT, "a field is none of the known ones");
    REQUIRE(table_field_is_keyed(field) || key.len == 0, "a field has a key that it does not take");
    REQUIRE(field != FIELD_HEADER || is_header_name(key),
            "a header is asked for by a name that is not one in lower case");
    return NULL;
}

static const char *verify_atom(const struct table *t, const struct table_atom *atom)
{
    const char *problem = verify_field(atom->field, atom->key);
    if (problem)
        return problem;
    REQUIRE(atom->op < OP_COUNT, "an atom's test is none of the known ones");
    const bool networks = OPERAND[atom->op] == NETWORKS;
    REQUIRE(atom->op == OP_EXISTS || (atom->field == FIELD_SRC) == networks,
            "an address is compared as a string, or a string as an address");
    REQUIRE(!networks || atom->set < t->n_network_sets,
            "an atom names a set of networks that is not there");
    REQUIRE(OPERAND[atom->op] != STRINGS || atom->set < t->n_string_sets,
            "an atom names a set of strings that is not there");
    return NULL;
}

static const char *verify_template(const struct table_template *template)
{
    REQUIRE(template->n == 0 || template->part, "a template has no parts where some are counted");
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (!part->literal.at) {
            const char *problem = verify_field(part->field, part->key);
            if (problem)
                return problem;
            continue;
        }
        REQUIRE(is_header_value(part->literal), "a template has a control character");
        REQUIRE(i == 0 || !template->part[i - 1].literal.at,
                "a template has two literals side by side");
    }
    return NULL;
}

static const char *verify_effect(const struct table_effect *e)
{
    REQUIRE(e->kind <= EFFECT_REMOVE_HEADER, "a change is of no known kind");
    REQUIRE(is_header_name(e->name), "a changed header's name is not one in lower case");
    return e->kind == EFFECT_REMOVE_HEADER ? NULL : verify_template(&e->value);
}

static const char *verify_end(const struct table *t, const struct table_end *e)
{
    REQUIRE(e->kind <= END_REDIRECT, "an end is of no known kind");
    if (e->kind == END_FORWARD) {
        REQUIRE(e->cluster < t->n_clusters,
                "a request is forwarded to a cluster that is not there");
        return NULL;
    }
    REQUIRE(e->status >= 200 && e->status <= 599, "a status is not one of 200 to 599");
    REQUIRE(is_header_value(e->type), "a content type has a control character");
    return e->kind == END_REDIRECT ? verify_template(&e->location) : NULL;
}

const char *verify_parts(const struct table *t)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < t->n_atoms && !problem; i++)
        problem = verify_atom(t, &t->atom[i]);
    for (uint32_t i = 0; i < t->n_effects && !problem; i++)
        problem = verify_effect(&t->effect[i]);
    for (uint32_t i = 0; i < t->n_ends && !problem; i++)
        problem = verify_end(t, &t->end[i]);
    return problem;
}
