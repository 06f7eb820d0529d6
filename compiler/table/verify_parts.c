/* Atoms, effects and ends: what the evaluator asks and the runtime does. */
#include "compiler/table/verify_priv.h"

/* What ops.def says of each. */
enum operand { NOTHING, STRING, STRINGS, NETWORKS, NUMBERS, REGEX };

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

static bool is_header(enum table_field field)
{
    return field == FIELD_HEADER || field == FIELD_HEADER_ITEM || field == FIELD_RESPONSE_HEADER ||
           field == FIELD_RESPONSE_ITEM;
}

const char *verify_field(enum table_field field, struct slice key)
{
    REQUIRE(field < FIELD_COUNT, "a field is none of the known ones");
    REQUIRE(table_field_is_keyed(field) || key.len == 0, "a field has a key that it does not take");
    REQUIRE(!is_header(field) || is_header_name(key),
            "a header is asked for by a name that is not one in lower case");
    return NULL;
}

static const char *verify_operand(const struct table *t, const struct table_atom *atom)
{
    switch (OPERAND[atom->op]) {
    case NETWORKS:
        REQUIRE(atom->set < t->n_network_sets, "an atom names a set of networks that is not there");
        return NULL;
    case NUMBERS:
        REQUIRE(atom->set < t->n_number_sets, "an atom names a set of numbers that is not there");
        return NULL;
    case STRINGS:
        REQUIRE(atom->set < t->n_string_sets, "an atom names a set of strings that is not there");
        return NULL;
    case REGEX:
        REQUIRE(atom->set < t->n_regexs, "an atom names a regular expression that is not there");
        return NULL;
    case STRING:
    case NOTHING: break;
    }
    return NULL;
}

static const char *verify_atom(const struct table *t, const struct table_atom *atom)
{
    const char *problem = verify_field(atom->field, atom->key);
    if (problem)
        return problem;
    REQUIRE(atom->op < OP_COUNT, "an atom's test is none of the known ones");
    REQUIRE(atom->op == OP_EXISTS ||
                table_field_is_address(atom->field) == (OPERAND[atom->op] == NETWORKS),
            "an address is compared as a string, or a string as an address");
    REQUIRE(atom->op == OP_EXISTS ||
                table_field_is_number(atom->field) == (OPERAND[atom->op] == NUMBERS),
            "a number is compared as a string, or a string as a number");
    REQUIRE(atom->op == OP_EXISTS || !table_field_is_boolean(atom->field),
            "what is true or false is compared with something");
    return verify_operand(t, atom);
}

static const char *verify_template(const struct table_template *template, bool groups)
{
    REQUIRE(template->n == 0 || template->part, "a template has no parts where some are counted");
    for (uint32_t i = 0; i < template->n; i++) {
        const struct table_part *part = &template->part[i];
        if (!part->literal.at && groups) {
            REQUIRE(part->field == FIELD_COUNT && part->group <= REGEX_GROUPS_MAX,
                    "a replacement has parts that are no groups");
            continue;
        }
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

static bool has_header_name(const struct table_effect *e)
{
    return table_effect_is_header(e->kind, false) || table_effect_is_header(e->kind, true);
}

static const char *verify_effect(const struct table *t, const struct table_effect *e)
{
    REQUIRE(e->kind < EFFECT_COUNT, "a change is of no known kind");
    REQUIRE(e->clause < t->n_clauses, "a change is of a clause that is not there");
    REQUIRE(!has_header_name(e) || is_header_name(e->name),
            "a changed header's name is not one in lower case");
    REQUIRE(e->kind != EFFECT_REPLACE_PREFIX || (e->name.len > 0 && e->name.at[0] == '/'),
            "a prefix that is replaced does not begin with a slash");
    REQUIRE(e->kind != EFFECT_REPLACE_PATH || (e->regex < t->n_regexs && t->regex[e->regex].finds),
            "what is replaced is found by a regular expression that is not there");
    REQUIRE(e->kind != EFFECT_TIMEOUT_READ || (e->number > 0 && e->number <= INT64_MAX),
            "a timeout is not above zero");
    REQUIRE(e->kind != EFFECT_RETRY || e->number <= TABLE_RETRIES_MAX,
            "a clause tries again too often");
    REQUIRE(e->kind != EFFECT_LIMIT || e->number < t->n_limits,
            "a change counts by a limit that is not there");
    REQUIRE(e->kind != EFFECT_CORS || e->number < t->n_cors_rules,
            "a change is about origins of which nothing is known");
    REQUIRE(e->kind != EFFECT_REQUIRE_AUTH || e->number < t->n_auth_rules,
            "a request is asked about in a way that is not there");
    REQUIRE(e->kind != EFFECT_REQUIRE_JWT || e->number < t->n_jwt_rules,
            "a clause asks for tokens by a rule that is not there");
    REQUIRE(e->kind != EFFECT_REQUIRE_BASIC || e->number < t->n_secrets,
            "who a client is is asked by a secret that is not there");
    REQUIRE(e->kind != EFFECT_MIRROR || e->cluster < t->n_clusters,
            "a request is mirrored to a cluster that is not there");
    return verify_template(&e->value, e->kind == EFFECT_REPLACE_PATH);
}

static const char *verify_split(const struct table *t, const struct table_end *e)
{
    REQUIRE(e->n_choices > 0 && e->choice, "a split has no choices");
    for (uint32_t i = 0; i < e->n_choices; i++) {
        REQUIRE(e->choice[i].cluster < t->n_clusters,
                "a request is forwarded to a cluster that is not there");
        REQUIRE(e->choice[i].below > (i ? e->choice[i - 1].below : 0),
                "the choices of a split do not ascend");
    }
    REQUIRE(e->choice[e->n_choices - 1].below == 100, "a split does not come to a hundred");
    return e->field == FIELD_COUNT ? NULL : verify_field(e->field, e->key);
}

static const char *verify_answer(const struct table_end *e)
{
    REQUIRE(e->status >= 200 && e->status <= 599, "a status is not one of 200 to 599");
    REQUIRE(is_header_value(e->type), "a content type has a control character");
    return e->kind == END_REDIRECT ? verify_template(&e->location, false) : NULL;
}

static const char *verify_end(const struct table *t, const struct table_end *e)
{
    REQUIRE(e->kind <= END_PASS, "an end is of no known kind");
    switch (e->kind) {
    case END_MAP:
        REQUIRE(e->map < t->n_maps, "a request is forwarded by a map that is not there");
        if (verify_field(e->field, e->key))
            return verify_field(e->field, e->key);
        break;
    case END_SPLIT: return verify_split(t, e);
    case END_DENY:
    case END_RESPOND:
    case END_REDIRECT: return verify_answer(e);
    case END_TARPIT:
        REQUIRE(e->delay_ns > 0 && e->delay_ns <= TABLE_TARPIT_NS_MAX,
                "a tarpit holds for no time, or too long");
        return NULL;
    case END_DROP:
    case END_PASS: return NULL;
    case END_FORWARD: break;
    }
    REQUIRE(e->cluster < t->n_clusters, "a request is forwarded to a cluster that is not there");
    return NULL;
}

const char *verify_parts(const struct table *t)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < t->n_atoms && !problem; i++)
        problem = verify_atom(t, &t->atom[i]);
    for (uint32_t i = 0; i < t->n_effects && !problem; i++)
        problem = verify_effect(t, &t->effect[i]);
    for (uint32_t i = 0; i < t->n_ends && !problem; i++)
        problem = verify_end(t, &t->end[i]);
    return problem;
}
