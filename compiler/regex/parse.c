/* Text to tree, by recursive descent: either, sequence, repeat, atom. The first mistake ends it. */
#include <inttypes.h>

#include "compiler/regex/regex_priv.h"
#include "runtime/base/uri.h"
#include "runtime/base/utf8.h"
#include "runtime/base/vec.h"

static const struct {
    const char *reason, *help;
} problems[] = {
#define PROBLEM(id, reason, help) {reason, help},
#include "compiler/regex/problems.def"
#undef PROBLEM
};

void regex_error_set(struct regex_error *error, enum regex_problem problem, uint32_t at,
                     uint32_t len, struct slice reason)
{
    *error = (struct regex_error){
        .problem = problem,
        .at = at,
        .len = len,
        .reason = reason.len > 0 ? reason : slice_of(problems[problem].reason),
        .help = slice_of(problems[problem].help),
    };
}

static void *fail_with(struct parser *p, enum regex_problem problem, uint32_t at, uint32_t len,
                       struct slice reason)
{
    if (!p->failed)
        regex_error_set(p->error, problem, at, len, reason);
    p->failed = true;
    return NULL;
}

void *regex_fail(struct parser *p, enum regex_problem problem, uint32_t at, uint32_t len)
{
    return fail_with(p, problem, at, len, SLICE_NONE);
}

/* ---- the text ---- */

static bool sees(const struct parser *p, const char *what)
{
    return slice_starts(slice_from(p->text, p->at), slice_of(what));
}

/* The byte `ahead` of here, or NUL behind the end. */
static char peek(const struct parser *p, uint32_t ahead)
{
    return p->at + ahead < p->text.len ? p->text.at[p->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

uint32_t character_len(const struct parser *p)
{
    const size_t n = utf8_next(slice_from(p->text, p->at));
    return n > 0 ? (uint32_t)n : 1;
}

bool parse_hex(struct parser *p, uint8_t *out)
{
    const int high = uri_hex_value(peek(p, 1)), low = uri_hex_value(peek(p, 2));
    if (high < 0 || low < 0) {
        regex_fail(p, REGEX_BAD_HEX, p->at - 1, 2);
        return false;
    }
    p->at += 3;
    *out = (uint8_t)(high * 16 + low);
    return true;
}

int escaped_byte(char letter)
{
    switch (letter) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'f': return '\f';
    case 'v': return '\v';
    default:
        return (letter >= '!' && letter <= '~' &&
                !(regex_is_word((uint8_t)letter) && letter != '_')) ||
                       letter == ' '
                   ? letter
                   : -1;
    }
}

/* ---- the tree ---- */

static struct tree *tree_new(struct parser *p, enum tree_kind kind, uint32_t at)
{
    struct tree *t = ARENA_NEW(p->arena, struct tree);
    t->kind = kind;
    t->at = at;
    t->len = p->at - at;
    t->size = 1;
    return t;
}

/* Sets the size, or fails where it would be too large. */
static struct tree *sized(struct parser *p, struct tree *t, uint64_t size)
{
    if (size > REGEX_NFA_MAX)
        return fail_with(p, REGEX_TOO_BIG, t->at, t->len,
                         arena_format(p->arena,
                                      "with its repeats written out, this has more than %u steps",
                                      REGEX_NFA_MAX));
    t->size = (uint32_t)size;
    return t;
}

static struct tree *tree_of_byte(struct parser *p, uint8_t byte, uint32_t at)
{
    struct tree *t = tree_new(p, TREE_BYTES, at);
    set_add(&t->set, byte, byte);
    if (p->ignore_case)
        set_ignore_case(&t->set);
    return t;
}

static struct tree *tree_of_set(struct parser *p, const struct regex_set *set, uint32_t at)
{
    struct tree *t = tree_new(p, TREE_BYTES, at);
    t->set = *set;
    return t;
}

static struct tree *tree_of_edge(struct parser *p, enum regex_op edge, uint32_t at)
{
    struct tree *t = tree_new(p, TREE_EDGE, at);
    t->edge = edge;
    t->nullable = true;
    return t;
}

typedef VEC(const struct tree *) trees;

static const struct tree *tree_of_several(struct parser *p, enum tree_kind kind, const trees *list,
                                          uint32_t at)
{
    struct tree *t = tree_new(p, kind, at);
    const struct tree **child = ARENA_ARRAY(p->arena, const struct tree *, list->n);
    uint64_t size = 1;
    t->nullable = kind == TREE_SEQUENCE;
    for (uint32_t i = 0; i < list->n; i++) {
        const bool nullable = list->at[i]->nullable;
        t->nullable = kind == TREE_SEQUENCE ? t->nullable && nullable : t->nullable || nullable;
        size += list->at[i]->size + (kind == TREE_EITHER);
        child[i] = list->at[i];
    }
    t->child = child;
    t->n = list->n;
    return sized(p, t, size);
}

/* A sequence or a choice; of one, that one itself; of none, what matches nothing. Takes the list.
 */
static const struct tree *tree_of_list(struct parser *p, enum tree_kind kind, trees *list,
                                       uint32_t at)
{
    const struct tree *t = NULL;
    if (!p->failed && list->n == 1) {
        t = list->at[0];
    } else if (!p->failed && list->n > 1) {
        t = tree_of_several(p, kind, list, at);
    } else if (!p->failed) {
        struct tree *empty = tree_new(p, TREE_EMPTY, at);
        empty->nullable = true;
        t = empty;
    }
    VEC_DONE(list);
    return t;
}

static struct tree *tree_around(struct parser *p, enum tree_kind kind, const struct tree *inner,
                                uint32_t at)
{
    struct tree *t = tree_new(p, kind, at);
    const struct tree **child = ARENA_NEW(p->arena, const struct tree *);
    *child = inner;
    t->child = child;
    t->n = 1;
    t->nullable = inner->nullable;
    return t;
}

/* ---- atoms ---- */

static const struct tree *parse_either(struct parser *p);

/* What (? begins, other than (?: - all of it is refused. */
static enum regex_problem group_problem(const struct parser *p)
{
    const char c = peek(p, 2), d = peek(p, 3);
    switch (c) {
    case '=':
    case '!': return REGEX_LOOK_AHEAD;
    case '<': return d == '=' || d == '!' ? REGEX_LOOK_BEHIND : REGEX_NAMED_GROUP;
    case '\'': return REGEX_NAMED_GROUP;
    case 'P':
        return d == '=' ? REGEX_BACK_REFERENCE : d == '>' ? REGEX_RECURSION : REGEX_NAMED_GROUP;
    case '>': return REGEX_ATOMIC;
    case '(': return REGEX_CONDITIONAL;
    case '#': return REGEX_INLINE_COMMENT;
    case '&':
    case 'R':
    case '+': return REGEX_RECURSION;
    case '-': return is_digit(d) ? REGEX_RECURSION : REGEX_INLINE_FLAGS;
    case '^': return REGEX_INLINE_FLAGS;
    default:
        return is_digit(c)            ? REGEX_RECURSION
               : c >= 'a' && c <= 'z' ? REGEX_INLINE_FLAGS
               : c == 'U' || c == 'J' ? REGEX_INLINE_FLAGS
                                      : REGEX_UNKNOWN_GROUP;
    }
}

static const struct tree *parse_group(struct parser *p)
{
    const uint32_t begin = p->at;
    const bool numbered = !sees(p, "(?");
    if (!numbered && !sees(p, "(?:"))
        return regex_fail(p, group_problem(p), begin, peek(p, 2) ? 3 : 2);
    if (p->depth == REGEX_DEPTH_MAX)
        return fail_with(
            p, REGEX_TOO_DEEP, begin, 1,
            arena_format(p->arena, "groups are nested more than %u deep", REGEX_DEPTH_MAX));
    p->depth++;
    p->at += numbered ? 1 : 3;
    const uint32_t group = numbered ? ++p->groups : 0;
    const struct tree *inner = parse_either(p);
    p->depth--;
    if (!inner)
        return NULL;
    if (!sees(p, ")"))
        return regex_fail(p, REGEX_GROUP_OPEN, begin, 1);
    p->at++;
    if (!numbered)
        return inner;
    struct tree *t = tree_around(p, TREE_GROUP, inner, begin);
    t->group = group;
    return sized(p, t, (uint64_t)inner->size + 2);
}

static const struct tree *parse_escape(struct parser *p)
{
    const uint32_t begin = p->at++;
    if (p->at == p->text.len)
        return regex_fail(p, REGEX_ENDS_IN_ESCAPE, begin, 1);
    const char c = p->text.at[p->at];
    struct regex_set set;
    if (c == 'x') {
        uint8_t byte = 0;
        return parse_hex(p, &byte) ? tree_of_byte(p, byte, begin) : NULL;
    }
    if (is_digit(c) && c != '0') {
        do
            p->at++;
        while (is_digit(peek(p, 0)));
        return regex_fail(p, REGEX_BACK_REFERENCE, begin, p->at - begin);
    }
    const uint32_t len = 1 + character_len(p);
    p->at++;
    if (c == 'b' || c == 'B')
        return tree_of_edge(p, c == 'b' ? REGEX_WORD_EDGE : REGEX_NO_WORD_EDGE, begin);
    if (set_of_letter(c, &set))
        return tree_of_set(p, &set, begin);
    const int byte = escaped_byte(c);
    if (byte >= 0)
        return tree_of_byte(p, (uint8_t)byte, begin);
    const enum regex_problem problem = c == 'k' || c == 'g'               ? REGEX_BACK_REFERENCE
                                       : c == 'p' || c == 'P' || c == 'X' ? REGEX_UNICODE
                                       : c == 'A' || c == 'z' || c == 'Z' || c == 'G'
                                           ? REGEX_TEXT_EDGE
                                           : REGEX_BAD_ESCAPE;
    return regex_fail(p, problem, begin, len);
}

/* A character, which may have several bytes. */
static const struct tree *parse_literal(struct parser *p)
{
    const uint32_t begin = p->at, len = character_len(p);
    trees bytes = {0};
    for (uint32_t i = 0; i < len; i++) {
        p->at++;
        VEC_ADD(&bytes, tree_of_byte(p, (uint8_t)p->text.at[begin + i], begin));
    }
    return tree_of_list(p, TREE_SEQUENCE, &bytes, begin);
}

/* The number `ahead` of here, of so many digits, or none. Past REGEX_REPEAT_MAX it comes out
 * larger. */
static uint32_t number(const struct parser *p, uint32_t ahead, uint32_t *digits)
{
    uint32_t value = 0, n = 0;
    for (; is_digit(peek(p, ahead + n)); n++)
        if (value <= REGEX_REPEAT_MAX)
            value = value * 10 + (uint32_t)(peek(p, ahead + n) - '0');
    *digits = n;
    return value;
}

/* {2}, {2,} or {2,5} at p->at: its length, or 0. */
static uint32_t braces(const struct parser *p, uint32_t *min, uint32_t *max)
{
    uint32_t digits, n = 1;
    *min = *max = number(p, n, &digits);
    if (digits == 0)
        return 0;
    n += digits;
    if (peek(p, n) == ',') {
        const uint32_t value = number(p, ++n, &digits);
        *max = digits > 0 ? value : REPEAT_FOREVER;
        n += digits;
    }
    return peek(p, n) == '}' ? n + 1 : 0;
}

static const struct tree *parse_atom(struct parser *p)
{
    const uint32_t begin = p->at;
    struct regex_set set = {{0}};
    uint32_t min, max, len;
    switch (peek(p, 0)) {
    case '(': return parse_group(p);
    case '[': return parse_class(p, &set) ? tree_of_set(p, &set, begin) : NULL;
    case '\\': return parse_escape(p);
    case '.':
        p->at++;
        set_invert(&set);
        return tree_of_set(p, &set, begin);
    case '^': p->at++; return tree_of_edge(p, REGEX_BEGIN, begin);
    case '$': p->at++; return tree_of_edge(p, REGEX_END, begin);
    case '*':
    case '+':
    case '?': return regex_fail(p, REGEX_NOTHING_TO_REPEAT, begin, 1);
    case '{':
        len = braces(p, &min, &max);
        return len > 0 ? regex_fail(p, REGEX_NOTHING_TO_REPEAT, begin, len)
                       : regex_fail(p, REGEX_BAD_REPEAT, begin, 1);
    default: return parse_literal(p);
    }
}

/* ---- what is around atoms ---- */

/* The repeat at p->at, if there is one: moves behind it. False on none, and on a mistake. */
static bool parse_times(struct parser *p, uint32_t *min, uint32_t *max)
{
    const uint32_t begin = p->at;
    const char c = peek(p, 0);
    if (c == '*' || c == '+' || c == '?') {
        p->at++;
        *min = c == '+';
        *max = c == '?' ? 1 : REPEAT_FOREVER;
        return true;
    }
    if (c != '{')
        return false;
    const uint32_t len = braces(p, min, max);
    p->at += len;
    if (len == 0)
        regex_fail(p, REGEX_BAD_REPEAT, begin, 1);
    else if (*min > REGEX_REPEAT_MAX || (*max > REGEX_REPEAT_MAX && *max != REPEAT_FOREVER))
        fail_with(p, REGEX_REPEAT_TOO_LARGE, begin, len,
                  arena_format(p->arena, "a repeat of more than %u", REGEX_REPEAT_MAX));
    else if (*min > *max)
        regex_fail(p, REGEX_REPEAT_ORDER, begin, len);
    return !p->failed;
}

static const struct tree *parse_repeat(struct parser *p)
{
    const uint32_t begin = p->at;
    const struct tree *atom = parse_atom(p);
    const uint32_t at = p->at;
    uint32_t min, max;
    if (!atom || !parse_times(p, &min, &max))
        return p->failed ? NULL : atom;
    if (atom->kind == TREE_EDGE && at == begin + atom->len)
        return regex_fail(p, REGEX_NOTHING_TO_REPEAT, at, p->at - at);
    const bool lazy = sees(p, "?");
    p->at += lazy;
    if (!lazy && sees(p, "+"))
        return regex_fail(p, REGEX_POSSESSIVE, p->at, 1);
    const uint32_t again = p->at;
    uint32_t other_min, other_max;
    if (parse_times(p, &other_min, &other_max))
        return regex_fail(p, REGEX_REPEAT_TWICE, again, p->at - again);
    if (p->failed)
        return NULL;

    struct tree *t = tree_around(p, TREE_REPEAT, atom, begin);
    t->min = min;
    t->max = max;
    t->lazy = lazy;
    t->nullable = min == 0 || atom->nullable;
    const uint64_t times = max != REPEAT_FOREVER ? max : min > 0 ? min : 1;
    return sized(p, t, times * (atom->size + 1) + 2);
}

static const struct tree *parse_sequence(struct parser *p)
{
    const uint32_t begin = p->at;
    trees list = {0};
    while (!p->failed && p->at < p->text.len && !sees(p, "|") && !sees(p, ")")) {
        const struct tree *one = parse_repeat(p);
        if (one)
            VEC_ADD(&list, one);
    }
    return tree_of_list(p, TREE_SEQUENCE, &list, begin);
}

static const struct tree *parse_either(struct parser *p)
{
    const uint32_t begin = p->at;
    trees list = {0};
    bool more = true;
    while (more) {
        const struct tree *one = parse_sequence(p);
        if (one)
            VEC_ADD(&list, one);
        more = !p->failed && sees(p, "|");
        p->at += more;
    }
    return tree_of_list(p, TREE_EITHER, &list, begin);
}

/* ---- the door ---- */

static bool parse_flags(struct parser *p, struct slice flags)
{
    for (uint32_t i = 0; i < flags.len && !p->failed; i++) {
        if (flags.at[i] != 'i')
            regex_fail(p, REGEX_UNKNOWN_FLAG, i, 1);
        else if (p->ignore_case)
            regex_fail(p, REGEX_FLAG_TWICE, i, 1);
        p->ignore_case = true;
    }
    p->error->in_flags = p->failed;
    return !p->failed;
}

const struct regex *regex_parse(struct arena *a, struct slice pattern, struct slice flags,
                                struct regex_error *error)
{
    struct parser p = {.arena = a, .text = pattern, .error = error};
    if (!parse_flags(&p, flags))
        return NULL;
    if (pattern.len > REGEX_PATTERN_BYTES_MAX)
        return fail_with(
            &p, REGEX_TOO_LONG, 0, (uint32_t)pattern.len,
            arena_format(a, "the expression has more than %u bytes", REGEX_PATTERN_BYTES_MAX));
    const struct tree *tree = parse_either(&p);
    if (tree && p.at < pattern.len)
        return regex_fail(&p, REGEX_GROUP_CLOSE, p.at, 1);
    if (p.failed)
        return NULL;
    struct regex *re = ARENA_NEW(a, struct regex);
    re->tree = tree;
    re->groups = p.groups;
    re->pattern_len = (uint32_t)pattern.len;
    return re;
}

uint32_t regex_groups(const struct regex *re)
{
    return re->groups;
}
