#include "grammar/words.h"

#include "grammar/parser.h"
#include "runtime/base/check.h"

static const struct {
    int kind;
    struct slice spelling;
} keyword[] = {
#define KEYWORD(token, spelling)  {TK_##token, SLICE_INIT(spelling)},
#define OPERATOR(token, spelling) {TK_##token, SLICE_INIT(spelling)},
#include "grammar/keywords.def"
#undef KEYWORD
#undef OPERATOR
};

static const struct {
    int kind;
    bool fixed;
    const char *name;
} other[] = {
    {TK_EQ, true, "=="},
    {TK_NE, true, "!="},
    {TK_LT, true, "<"},
    {TK_LE, true, "<="},
    {TK_GT, true, ">"},
    {TK_GE, true, ">="},
    {TK_ASSIGN, true, "="},
    {TK_COLON, true, ":"},
    {TK_ARROW, true, "->"},
    {TK_COMMA, true, ","},
    {TK_LPAREN, true, "("},
    {TK_RPAREN, true, ")"},
    {TK_LBRACE, true, "{"},
    {TK_RBRACE, true, "}"},
    {TK_LSET, false, "a set in braces"},
    {TK_RSET, true, "}"},
    {TK_WORD, false, "a name"},
    {TK_STRING, false, "a string"},
    {TK_RAW, false, "a raw string"},
    {TK_LITERAL, false, "a number or address"},
    {TK_SLASH, false, "a path"},
    {TK_REGEX, false, "a regular expression"},
    {TK_SEP, false, "the end of the line"},
    {0, false, "the end of the file"},
};

int words_keyword(struct slice word)
{
    for (size_t i = 0; i < COUNT_OF(keyword); i++)
        if (slice_eq(keyword[i].spelling, word))
            return keyword[i].kind;
    return 0;
}

const char *words_name(int kind)
{
    for (size_t i = 0; i < COUNT_OF(keyword); i++)
        if (keyword[i].kind == kind)
            return keyword[i].spelling.at;
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (other[i].kind == kind)
            return other[i].name;
    return "something else";
}

bool words_fixed(int kind)
{
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (other[i].kind == kind)
            return other[i].fixed;
    return true;
}
