/* lexer - text to tokens. Knows signs and the shapes of words, and nothing of what they mean. */
#include "grammar/token.h"
#include "grammar/parser.h"

static struct token token(const struct lexer *lx, int kind, const char *from)
{
    const uint32_t start = lx->first + (uint32_t)(from - lx->text);
    return (struct token){
        .kind = kind,
        .lead = start,
        .span = {start, lx->first + (uint32_t)(lx->at - lx->text)},
        .text = {from, (size_t)(lx->at - from)},
    };
}

/* The NUL behind the text ends it, and is not passed; any other is a stray character. */
static struct token at_nul(struct lexer *lx, const char *from)
{
    if (from < lx->end)
        return token(lx, TK_STRAY, from);
    lx->at = lx->end;
    return token(lx, 0, from);
}

/*!re2c
    re2c:define:YYCTYPE  = "unsigned char";
    re2c:define:YYCURSOR = "lx->at";
    re2c:define:YYMARKER = mark;
    re2c:yyfill:enable   = 0;

    letter  = [A-Za-z_];
    part    = [A-Za-z0-9_-];
    word    = letter (part | "." part)*;
    hex     = [0-9A-Fa-f];
    loose   = [0-9A-Za-z_.%:/+-];

    /* Numbers with or without unit, ranges, addresses, networks, endpoints: whatever begins so is one
     * piece, however wrong, so that a message can quote the whole of it. */
    number  = [0-9] loose*;
    v6      = (hex{1,4})? ":" hex* ":" loose*;
    bracket = "[" [^ \t\r\n\x00\]"'{}()#,;]* "]" (":" part*)?;
    named   = letter [A-Za-z0-9_.-]* ":" [0-9]+;
    socket  = "unix:" [^ \t\r\n\x00"'{}()#,;]*;
    slash   = "/" [^ \t\r\n\x00"'{}()#,;]*;

    escape  = "\\" [^\n\x00];
    /* A template's field may have a name in quotes of its own: "{header "x"}". */
    field   = "{" [a-z.-]+ " "* ["] [^"\\{}\n\x00]* ["] "}";
    string  = ["] ([^"\\\n\x00] | escape | field)* ["];
    raw     = ['] [^'\n\x00]* ['];
    open    = ["] ([^"\\\n\x00] | escape)* | ['] [^'\n\x00]*;

    blank   = ([ \t\r] | "\xEF\xBB\xBF")+;
    comment = "#" [^\n\x00]*;
    beyond  = [\x80-\xFF]+;
*/

struct token lex(struct lexer *lx)
{
    const char *from = lx->at;
    const char *mark = from;
    /*!re2c
        blank | comment { return token(lx, TK_TRIVIA, from); }
        "\n"     { return token(lx, TK_NEWLINE, from); }
        word     { return token(lx, TK_WORD, from); }
        number | v6 | bracket | named | socket { return token(lx, TK_LITERAL, from); }
        slash    { return token(lx, TK_SLASH, from); }
        string   { return token(lx, TK_STRING, from); }
        raw      { return token(lx, TK_RAW, from); }
        open     { return token(lx, TK_OPEN_STRING, from); }
        "{"      { return token(lx, TK_LBRACE, from); }
        "}"      { return token(lx, TK_RBRACE, from); }
        "("      { return token(lx, TK_LPAREN, from); }
        ")"      { return token(lx, TK_RPAREN, from); }
        ","      { return token(lx, TK_COMMA, from); }
        ";"      { return token(lx, TK_SEP, from); }
        ":"      { return token(lx, TK_COLON, from); }
        "="      { return token(lx, TK_ASSIGN, from); }
        "=="     { return token(lx, TK_EQ, from); }
        "!="     { return token(lx, TK_NE, from); }
        "&&" | "||" | "<=" | ">=" | "->" | "=~" | "!" | "<" | ">" | beyond { return token(lx, TK_STRAY, from); }
        "\x00"   { return at_nul(lx, from); }
        *        { return token(lx, TK_STRAY, from); }
    */
}
