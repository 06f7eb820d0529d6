/* What is written behind a setting's word: the shapes of settings.def, and operands held against
 * them. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/nearest.h"
#include "runtime/base/number.h"

/* One word of a shape. */
struct atom {
    enum atom_kind {
        ATOM_TYPE,
        ATOM_CHOICE,
        ATOM_FIXED,
        ATOM_NAME,
        ATOM_WORD,
        ATOM_REFERENCE,
        ATOM_FIELD,
        ATOM_STATUSES,
        ATOM_BYTES,
        ATOM_NETWORKS
    } kind;
    bool optional, list;
    struct slice text; /* CHOICE: the words; FIXED: the word */
    enum type type;
    struct slice least, most; /* TYPE: empty where there is no range */
    enum def_kind of;         /* REFERENCE */
};

struct reading {
    struct sema *s;
    const struct setting_info *info;
    enum setting_block around;
    struct span word;
    const struct ast *at;
    VEC(struct program_value) value;
};

static struct slice cut(struct slice *rest, char until)
{
    const char *end = memchr(rest->at, until, rest->len);
    const struct slice head = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    *rest = slice_from(*rest, end ? head.len + 1 : head.len);
    return head;
}

static enum def_kind reference_kind(struct slice name)
{
    for (enum def_kind k = 0; k < DEF_KIND_COUNT; k++)
        if (slice_eq(slice_of(def_kind_name(k)), name))
            return k;
    ASSERT(!"a shape refers to a kind that there is not");
    return DEF_KIND_COUNT;
}

static void type_atom(struct atom *a, struct slice text)
{
    struct slice rest = text;
    const struct slice name = cut(&rest, '(');
    a->kind = ATOM_TYPE;
    a->type = type_find(name);
    ASSERT(a->type < TYPE_COUNT);
    if (rest.len == 0)
        return;
    rest.len--; /* the parenthesis */
    a->least = cut(&rest, '.');
    a->most = slice_from(rest, 1);
}

static struct atom atom_of(struct slice text)
{
    static const struct {
        const char *name;
        enum atom_kind kind;
    } named[] = {{"name", ATOM_NAME},         {"word", ATOM_WORD},   {"field", ATOM_FIELD},
                 {"statuses", ATOM_STATUSES}, {"bytes", ATOM_BYTES}, {"networks", ATOM_NETWORKS}};
    struct atom a = {0};
    a.optional = slice_ends(text, SLICE("?"));
    a.list = slice_ends(text, SLICE(","));
    if (a.optional || a.list)
        text.len--;
    a.text = text;
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        if (!slice_eq(text, slice_of(named[i].name)))
            continue;
        a.kind = named[i].kind;
        return a;
    }
    if (text.at[0] == '\'') {
        a.kind = ATOM_FIXED;
        a.text = (struct slice){text.at + 1, text.len - 2};
    } else if (text.at[0] == '@') {
        a.kind = ATOM_REFERENCE;
        a.of = reference_kind(slice_from(text, 1));
    } else if (memchr(text.at, '|', text.len)) {
        a.kind = ATOM_CHOICE;
    } else {
        type_atom(&a, text);
    }
    return a;
}

/* "a duration", "http, tcp or grpc", "the name of a limit": what the shape wants. */
static void describe(struct text *out, const struct atom *a)
{
    switch (a->kind) {
    case ATOM_TYPE: text_adds(out, type_article(a->type)); return;
    case ATOM_FIXED: text_addf(out, "`" SLICE_FMT "`", SLICE_ARG(a->text)); return;
    case ATOM_NAME: text_adds(out, "a name"); return;
    case ATOM_WORD: text_adds(out, "a word"); return;
    case ATOM_REFERENCE: text_addf(out, "the name of %s", def_kind_article(a->of)); return;
    case ATOM_FIELD: text_adds(out, "a field, such as src or header \"x\""); return;
    case ATOM_STATUSES: text_adds(out, "a status or a range of them"); return;
    case ATOM_BYTES: text_adds(out, "a string"); return;
    case ATOM_NETWORKS: text_adds(out, "networks"); return;
    case ATOM_CHOICE: break;
    }
    struct slice rest = a->text;
    while (rest.len > 0) {
        struct slice word = cut(&rest, '|');
        if (slice_eq(word, SLICE("bytes")))
            word = SLICE("a string");
        text_addf(out, SLICE_FMT "%s", SLICE_ARG(word),
                  rest.len == 0                    ? ""
                  : memchr(rest.at, '|', rest.len) ? ", "
                                                   : " or ");
    }
}

static void label_wanted(struct sema *s, const struct atom *a)
{
    struct text t = {0};
    describe(&t, a);
    diag_label(s->diags, "expected " SLICE_FMT, SLICE_ARG(text_slice(&t)));
    text_done(&t);
}

static bool say_missing(struct reading *r, const struct atom *a)
{
    const uint32_t end = r->value.n > 0 ? r->value.at[r->value.n - 1].span.to : r->word.to;
    diag(r->s->diags, DIAG_INCOMPLETE, (struct span){end, end});
    label_wanted(r->s, a);
    r->at = NULL;
    return false;
}

static bool say_unfit(struct reading *r, const struct atom *a)
{
    ASSERT(r->at);
    if (r->at->kind == AST_BLOCK)
        return say_missing(r, a);
    diag(r->s->diags, DIAG_UNEXPECTED, r->at->span, SLICE_ARG(r->at->name));
    label_wanted(r->s, a);
    r->at = NULL;
    return false;
}

/* Is it a word that begins a setting here? */
static bool is_setting_word(const struct reading *r, const struct ast *node)
{
    return node->kind == AST_WORD && ((r->info->own != BLOCK_NONE &&
                                       setting_find(r->info->own, node->name) < SETTING_COUNT) ||
                                      setting_find(r->around, node->name) < SETTING_COUNT);
}

static bool is_text(const struct ast *node)
{
    return node->kind == AST_STRING || node->kind == AST_RAW;
}

/* May a string stand for one of the words? */
static bool has_bytes(struct slice choice)
{
    return memmem(choice.at, choice.len, "bytes", 5) != NULL;
}

/* Could this operand be meant for that atom, right or wrong? */
static bool is_meant(const struct reading *r, const struct atom *a)
{
    const struct ast *node = r->at;
    if (!node || node->kind == AST_BLOCK || node->kind == AST_COMMA)
        return false;
    const bool word = node->kind == AST_WORD;
    const bool other = is_setting_word(r, node);
    switch (a->kind) {
    case ATOM_TYPE:
        if (a->optional && a->type == TYPE_METHOD)
            return word && !other;
        if (a->optional && type_is_quoted(a->type))
            return is_text(node) || (word && !other);
        return !other || scope_find(r->s->scope, DEF_CONST, node->name);
    case ATOM_NETWORKS: return !other || scope_find(r->s->scope, DEF_SET, node->name);
    case ATOM_FIELD: return word && (!a->optional || !other);
    case ATOM_FIXED:
    case ATOM_NAME:
    case ATOM_WORD:
    case ATOM_REFERENCE: return word;
    case ATOM_CHOICE:
        return word || node->kind == AST_LITERAL || (is_text(node) && has_bytes(a->text));
    case ATOM_STATUSES: return node->kind == AST_LITERAL;
    case ATOM_BYTES: return is_text(node) || (word && !other);
    }
    return false;
}

static bool within(struct reading *r, const struct atom *a, const struct ast *node, uint64_t number)
{
    if (a->least.len == 0)
        return true;
    struct value least, most;
    const bool ok = value_parse(r->s, a->type, a->least, node->span, &least) &&
                    value_parse(r->s, a->type, a->most, node->span, &most);
    ASSERT(ok);
    if (number >= least.number && number <= most.number)
        return true;
    const struct slice what =
        arena_format(r->s->arena, "`" SLICE_FMT "`", SLICE_ARG(r->info->word));
    diag(r->s->diags, DIAG_OUT_OF_RANGE, node->span, what.at, SLICE_ARG(a->least),
         SLICE_ARG(a->most));
    return false;
}

static bool endpoint_operand(struct reading *r, struct program_value *out)
{
    struct endpoint endpoint;
    if (!value_endpoint(r->s, r->at, &endpoint))
        return false;
    struct endpoint *kept = ARENA_NEW(r->s->arena, struct endpoint);
    *kept = endpoint;
    out->endpoint = kept;
    out->written = endpoint_written(r->s->arena, kept);
    return true;
}

static bool type_operand(struct reading *r, const struct atom *a, struct program_value *out)
{
    if (a->type == TYPE_ENDPOINT)
        return endpoint_operand(r, out);
    struct value v;
    if (!value_read(r->s, r->at, a->type, &v) || !within(r, a, r->at, v.number))
        return false;
    out->text = v.text;
    out->number = v.number;
    out->last = v.per_ns;
    if (r->at->kind == AST_WORD)
        out->written = value_written(r->s->arena, &v);
    if (a->type != TYPE_ADDRESS && a->type != TYPE_NETWORK)
        return true;
    struct network *network = ARENA_NEW(r->s->arena, struct network);
    *network = v.network;
    out->network = network;
    return true;
}

static bool statuses_operand(struct reading *r, struct program_value *out)
{
    const struct slice text = r->at->name;
    struct slice first = text, last = text;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.at[i] != '.' || text.at[i + 1] != '.')
            continue;
        first = (struct slice){text.at, i};
        last = slice_from(text, i + 2);
        break;
    }
    if (r->at->kind == AST_LITERAL && number_parse(first, 599, &out->number) &&
        number_parse(last, 599, &out->last) && out->number >= 100 && out->last >= out->number)
        return true;
    diag(r->s->diags, DIAG_STATUS_RANGE, r->at->span, SLICE_ARG(text));
    return false;
}

static bool bytes_operand(struct reading *r, struct program_value *out)
{
    if (is_text(r->at))
        return bytes_read(r->s, r->at, &out->text);
    struct value v;
    if (!value_read(r->s, r->at, TYPE_STRING, &v))
        return false;
    out->text = v.text;
    out->written = value_written(r->s->arena, &v);
    return true;
}

static bool choice_operand(struct reading *r, const struct atom *a, struct program_value *out)
{
    struct nearest near = {.wanted = r->at->name};
    struct slice rest = a->text;
    for (uint64_t i = 0; rest.len > 0; i++) {
        const struct slice word = cut(&rest, '|');
        if (slice_eq(word, SLICE("statuses")) && r->at->kind == AST_LITERAL)
            return statuses_operand(r, out);
        if (slice_eq(word, SLICE("bytes")) && is_text(r->at)) {
            out->number = i;
            return bytes_operand(r, out);
        }
        if (slice_eq(word, r->at->name)) {
            out->text = word;
            out->number = i;
            return true;
        }
        nearest_offer(&near, word);
    }
    diag(r->s->diags, DIAG_BAD_CHOICE, r->at->span, SLICE_ARG(r->info->word),
         SLICE_ARG(r->at->name));
    suggest_fix(r->s, r->at->span, near.best);
    if (!near.best.at)
        label_wanted(r->s, a);
    return false;
}

static bool field_operand(struct reading *r, struct program_value *out)
{
    const struct ast *node = r->at, *key = node->next;
    const bool keyed = key && is_text(key);
    if (keyed) {
        r->at = key;
        out->written = arena_format(r->s->arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(node->name),
                                    SLICE_ARG(key->name));
        out->span = span_join(out->span, key->span);
    }
    struct field_name name = {.name = node->name, .name_span = node->span};
    if (keyed) {
        name.key_span = key->span;
        if (!string_read(r->s, key, &name.key))
            return false;
    }
    /* The one field of a response that is known when requests are counted: see limits_check(). */
    if (r->info == setting_info(SETTING_LIMIT_KEY) && !keyed &&
        slice_eq(name.name, SLICE("cluster"))) {
        out->field = FIELD_CLUSTER;
        out->key = SLICE("");
        return true;
    }
    return field_find_said(r->s, &name, out->span, &out->field, &out->key);
}

static bool one_operand(struct reading *r, const struct atom *a, struct program_value *out)
{
    const struct ast *node = r->at;
    struct definition *d;
    *out = (struct program_value){
        .span = node->span, .field = FIELD_COUNT, .text = node->name, .written = node->name};
    switch (a->kind) {
    case ATOM_TYPE: return type_operand(r, a, out);
    case ATOM_CHOICE: return choice_operand(r, a, out);
    case ATOM_NAME: name_check(r->s, node->name, node->span, false); return true;
    case ATOM_FIXED:
    case ATOM_WORD: return true;
    case ATOM_FIELD: return field_operand(r, out);
    case ATOM_STATUSES: return statuses_operand(r, out);
    case ATOM_BYTES: return bytes_operand(r, out);
    case ATOM_REFERENCE:
        d = resolve(r->s, a->of, node->name, node->span);
        out->number = d ? d->index : 0;
        return d != NULL;
    case ATOM_NETWORKS: break;
    }
    return false;
}

static void networks_written(struct sema *s, struct program_value *out)
{
    struct text t = {0};
    for (uint64_t i = 0; i < out->number; i++) {
        const struct slice one = network_written(s->arena, &out->network[i]);
        text_addf(&t, "%s" SLICE_FMT, i ? ", " : "", SLICE_ARG(one));
    }
    out->written = arena_copy(s->arena, text_slice(&t));
    text_done(&t);
}

/* A set by its name, or networks. */
static bool networks_operand(struct reading *r, struct program_value *out)
{
    struct sema *s = r->s;
    *out = (struct program_value){.span = r->at->span, .field = FIELD_COUNT};
    struct definition *d =
        r->at->kind == AST_WORD ? scope_find(s->scope, DEF_SET, r->at->name) : NULL;
    if (d) {
        const struct definition *set = resolve(s, DEF_SET, r->at->name, r->at->span);
        r->at = r->at->next;
        if (!set || !definition_set(s, d))
            return false;
        if (d->type != TYPE_NETWORK) {
            diag(s->diags, DIAG_WRONG_TYPE, out->span, "a set of networks", type_article(d->type));
            diag_also(s->diags, d->span, "a set of type %s", type_name(d->type));
            return false;
        }
        out->text = d->name;
        out->network = d->set.network;
        out->number = d->set.n_networks;
        networks_written(s, out);
        return true;
    }
    VEC(struct network) list = {0};
    bool ok = true;
    for (;;) {
        struct value v;
        if (value_read(s, r->at, TYPE_NETWORK, &v))
            VEC_ADD(&list, v.network);
        else
            ok = false;
        out->span = span_join(out->span, r->at->span);
        r->at = r->at->next;
        if (!r->at || r->at->kind != AST_COMMA || !r->at->next)
            break;
        r->at = r->at->next;
    }
    struct network *kept = ARENA_ARRAY(s->arena, struct network, list.n);
    if (list.n > 0)
        memcpy(kept, list.at, list.n * sizeof(*kept));
    out->network = kept;
    out->number = list.n;
    networks_written(s, out);
    VEC_DONE(&list);
    return ok;
}

static bool operands(struct reading *r, const struct atom *a)
{
    bool ok = true;
    for (;;) {
        struct program_value v;
        if (!r->at)
            return say_missing(r, a);
        if (!is_meant(r, a))
            return is_setting_word(r, r->at) ? say_missing(r, a) : say_unfit(r, a);
        if (a->kind == ATOM_FIXED && !slice_eq(r->at->name, a->text))
            return say_unfit(r, a);
        if (a->kind == ATOM_NETWORKS) {
            ok &= networks_operand(r, &v);
        } else {
            ok &= one_operand(r, a, &v);
            r->at = r->at->next;
        }
        v.comma = a->list && r->at && r->at->kind == AST_COMMA;
        VEC_ADD(&r->value, v);
        if (!v.comma)
            return ok;
        r->at = r->at->next;
    }
}

bool shape_read(struct sema *s, const struct setting_info *info, struct span word,
                const struct ast **at, enum setting_block around, struct program_setting *out)
{
    struct reading r = {.s = s, .info = info, .around = around, .word = word, .at = *at};
    struct slice rest = slice_of(info->shape);
    bool ok = true;
    while (rest.len > 0 && (ok || r.at)) {
        const struct atom a = atom_of(cut(&rest, ' '));
        if (!a.optional || is_meant(&r, &a))
            ok &= operands(&r, &a);
    }
    *at = r.at;
    struct program_value *value = ARENA_ARRAY(s->arena, struct program_value, r.value.n);
    if (r.value.n > 0)
        memcpy(value, r.value.at, r.value.n * sizeof(*value));
    out->value = value;
    out->n_values = r.value.n;
    VEC_DONE(&r.value);
    return ok;
}
