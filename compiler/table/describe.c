/* Atoms and templates as they would be written, for dumps, explanations and failing tests. */
#include "compiler/table/table.h"
#include "runtime/base/text.h"

/* Of a set, this many members are shown. */
#define MEMBERS_SHOWN 3u

/* In quotes of this kind; nothing that a key may have would end them, escapes aside. */
static void write_key(struct slice key, char quote, struct text *out)
{
    if (quote == '"') {
        text_add_json(out, key);
        return;
    }
    text_addc(out, quote);
    text_add(out, key);
    text_addc(out, quote);
}

void table_field_write(enum table_field field, struct slice key, char quote, struct text *out)
{
    const char *spelling = table_field_name(field);
    switch (table_field_keyed(field)) {
    case FIELD_PLAIN: text_adds(out, spelling); return;
    case FIELD_KEYED:
    case FIELD_ITEMS:
        text_addf(out, "%s ", spelling);
        write_key(key, quote, out);
        text_adds(out, table_field_keyed(field) == FIELD_ITEMS ? " items" : "");
        return;
    case FIELD_NAMED: {
        const char *at = strstr(spelling, "NAME");
        text_addf(out, "%.*s" SLICE_FMT "%s", (int)(at - spelling), spelling, SLICE_ARG(key),
                  at + 4);
        return;
    }
    }
}

void table_number_write(enum table_field field, uint64_t number, struct text *out)
{
    if (field == FIELD_TLS_VERSION)
        text_addf(out, "%llu.%llu", (unsigned long long)number / 10,
                  (unsigned long long)number % 10);
    else
        text_addf(out, "%llu%s", (unsigned long long)number,
                  field == FIELD_RANDOM        ? "%"
                  : field == FIELD_BODY_LENGTH ? "B"
                                               : "");
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

/* Methods, schemes and protocols are words. */
static bool is_word(enum table_field field)
{
    return field == FIELD_METHOD || field == FIELD_SCHEME || field == FIELD_PROTO;
}

static void write_string(enum table_field field, struct slice s, struct text *out)
{
    if (is_word(field))
        text_add(out, s);
    else
        text_add_json(out, s);
}

static void write_strings(enum table_field field, const struct table_string_set *set,
                          const char *before, struct text *out)
{
    const uint32_t shown = open_members(set->n, out);
    for (uint32_t i = 0; i < shown; i++) {
        struct text whole = {0};
        text_adds(&whole, before);
        text_add(&whole, set->string[i]);
        text_adds(out, i ? ", " : "");
        write_string(field, text_slice(&whole), out);
        text_done(&whole);
    }
    close_members(set->n, out);
}

/* The largest network that begins where the range does, and lies in it. */
static struct network network_in(const struct address *first, const struct address *last)
{
    struct network n = {.first = *first};
    for (;; n.bits++) {
        if (!network_is_canonical(&n))
            continue;
        const struct address end = network_last(&n);
        if (address_compare(&end, last) <= 0)
            return n;
    }
}

/* A range as the networks it is made of. */
static void write_networks(const struct table_network_set *set, struct text *out)
{
    uint32_t n = 0;
    text_adds(out, "{ ");
    for (uint32_t i = 0; i < set->n; i++) {
        struct address at = set->range[i].first;
        for (bool more = true; more; n++) {
            const struct network in = network_in(&at, &set->range[i].last);
            const struct address end = network_last(&in);
            char text[NETWORK_TEXT_MAX];
            network_format(&in, text);
            if (n < MEMBERS_SHOWN)
                text_addf(out, "%s%s", n ? ", " : "", text);
            more = address_compare(&end, &set->range[i].last) < 0 && address_next(&end, &at);
        }
    }
    close_members(n, out);
}

void table_regex_write(const struct table_regex *regex, struct text *out)
{
    text_addf(out, "/" SLICE_FMT "/" SLICE_FMT, SLICE_ARG(regex->pattern), SLICE_ARG(regex->flags));
}

/* One range that is open to one side is a comparison; so it was written. */
static void write_numbers(enum table_field field, const struct table_number_set *set,
                          struct text *out)
{
    const struct table_number_range one =
        set->n == 1 ? set->range[0] : (struct table_number_range){0};
    if (set->n == 1 && (one.first == one.last || one.first == 0 || one.last == UINT64_MAX)) {
        text_adds(out, one.first == one.last ? " == " : one.first == 0 ? " <= " : " >= ");
        table_number_write(field, one.first == 0 ? one.last : one.first, out);
        return;
    }
    text_adds(out, " in ");
    const uint32_t shown = open_members(set->n, out);
    for (uint32_t i = 0; i < shown; i++) {
        text_adds(out, i ? ", " : "");
        table_number_write(field, set->range[i].first, out);
        if (set->range[i].first == set->range[i].last)
            continue;
        text_adds(out, "..");
        table_number_write(field, set->range[i].last, out);
    }
    close_members(set->n, out);
}

void table_atom_write(const struct table *t, const struct table_atom *atom, struct text *out)
{
    text_adds(out, atom->all ? "all " : "");
    table_field_write(atom->field, atom->key, '"', out);
    if (atom->op == OP_IN_NUMBERS) {
        write_numbers(atom->field, &t->number_set[atom->set], out);
        return;
    }
    if (atom->op == OP_EXISTS && table_field_is_boolean(atom->field))
        return;
    text_addf(out, " %s", table_op_name(atom->op));
    switch (atom->op) {
    case OP_EQUAL:
    case OP_UNDER:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_CONTAINS:
        text_addc(out, ' ');
        write_string(atom->field, atom->string, out);
        break;
    case OP_IN_STRINGS:
        text_addc(out, ' ');
        write_strings(atom->field, &t->string_set[atom->set], "", out);
        break;
    case OP_IN_DOMAINS:
        text_addc(out, ' ');
        write_strings(atom->field, &t->string_set[atom->set], "*", out);
        break;
    case OP_IN_NETWORKS:
        text_addc(out, ' ');
        write_networks(&t->network_set[atom->set], out);
        break;
    case OP_MATCHES:
        text_addc(out, ' ');
        table_regex_write(&t->regex[atom->set], out);
        break;
    case OP_IN_NUMBERS:
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
        text_addc(out, '{');
        if (part->field == FIELD_COUNT)
            text_addf(out, "%u", part->group);
        else
            table_field_write(part->field, part->key, '"', out);
        text_addc(out, '}');
    }
    text_addc(out, '"');
}

/* In the largest unit that leaves a whole number. */
static void write_duration(uint64_t ns, struct text *out)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } UNIT[] = {{"h", UINT64_C(3600000000000)},
                {"m", UINT64_C(60000000000)},
                {"s", UINT64_C(1000000000)},
                {"ms", UINT64_C(1000000)},
                {"ns", 1}};
    size_t i = 0;
    while (ns % UNIT[i].ns != 0)
        i++;
    text_addf(out, "%llu%s", (unsigned long long)(ns / UNIT[i].ns), UNIT[i].unit);
}

static void write_named(struct slice name, const struct table_template *value, struct text *out)
{
    text_add_json(out, name);
    if (!value)
        return;
    text_addc(out, ' ');
    table_template_write(value, out);
}

void table_effect_write(const struct table *t, const struct table_effect *e, struct text *out)
{
    text_addf(out, "%s", table_effect_name(e->kind));
    text_adds(out, e->kind == EFFECT_COMPRESS ? "" : " ");
    switch (e->kind) {
    case EFFECT_SET_HEADER:
    case EFFECT_ADD_HEADER:
    case EFFECT_SET_RESPONSE_HEADER:
    case EFFECT_ADD_RESPONSE_HEADER:
    case EFFECT_REPLACE_PREFIX:
    case EFFECT_SET_QUERY: write_named(e->name, &e->value, out); return;
    case EFFECT_REMOVE_HEADER:
    case EFFECT_REMOVE_RESPONSE_HEADER:
    case EFFECT_REMOVE_QUERY:
    case EFFECT_TAG: write_named(e->name, NULL, out); return;
    case EFFECT_REWRITE_PATH: table_template_write(&e->value, out); return;
    case EFFECT_REPLACE_PATH:
        table_regex_write(&t->regex[e->regex], out);
        text_addc(out, ' ');
        table_template_write(&e->value, out);
        return;
    case EFFECT_TIMEOUT_READ:
    case EFFECT_CACHE: write_duration(e->number, out); return;
    case EFFECT_RETRY: text_addf(out, "%llu", (unsigned long long)e->number); return;
    case EFFECT_MIRROR:
        text_add(out, t->cluster[e->cluster].name);
        text_addf(out, " %llu%%", (unsigned long long)e->number);
        return;
    case EFFECT_LIMIT:
    case EFFECT_REQUIRE_AUTH:
    case EFFECT_REQUIRE_BASIC:
    case EFFECT_REQUIRE_JWT:
    case EFFECT_CORS: text_add(out, e->name); return;
    case EFFECT_COMPRESS:
    case EFFECT_COUNT: return;
    }
}

static void write_split(const struct table *t, const struct table_end *e, struct text *out)
{
    if (e->field != FIELD_COUNT) {
        text_adds(out, "by ");
        table_field_write(e->field, e->key, '"', out);
        text_addc(out, ' ');
    }
    text_adds(out, "{ ");
    for (uint32_t i = 0; i < e->n_choices; i++)
        text_addf(out, "%s%u%% -> " SLICE_FMT, i ? "; " : "",
                  e->choice[i].below - (i ? e->choice[i - 1].below : 0),
                  SLICE_ARG(t->cluster[e->choice[i].cluster].name));
    text_adds(out, " }");
}

void table_end_write(const struct table *t, const struct table_end *e, struct text *out)
{
    switch (e->kind) {
    case END_FORWARD:
        text_addf(out, "forward " SLICE_FMT, SLICE_ARG(t->cluster[e->cluster].name));
        return;
    case END_MAP:
        text_addf(out, "forward map(" SLICE_FMT ", ", SLICE_ARG(t->map[e->map].name));
        table_field_write(e->field, e->key, '"', out);
        text_addf(out, ") else " SLICE_FMT, SLICE_ARG(t->cluster[e->cluster].name));
        return;
    case END_SPLIT:
        text_adds(out, "split ");
        write_split(t, e, out);
        return;
    case END_TARPIT:
        text_adds(out, "tarpit ");
        write_duration((uint64_t)e->delay_ns, out);
        return;
    case END_DROP:
    case END_PASS: text_adds(out, table_end_name(e->kind)); return;
    case END_DENY: text_addf(out, "deny %u", e->status); return;
    case END_RESPOND:
        text_addf(out, "respond %u ", e->status);
        text_add_json(out, e->type);
        return;
    case END_REDIRECT:
        text_addf(out, "redirect %u ", e->status);
        table_template_write(&e->location, out);
        return;
    }
}
