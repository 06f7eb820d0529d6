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

/* Does the text before end with this word? Takes it off then, and the blanks before it. */
static bool ends_with_word(struct slice *before, struct slice word)
{
    struct slice s = slice_trim(*before);
    if (!slice_ends(s, word))
        return false;
    s.len -= word.len;
    *before = s;
    return s.len == 0 || strchr(" \t\r\n({;", s.at[s.len - 1]);
}

/* A slash begins a regular expression behind these words, and a path somewhere else. */
static bool wants_regex(const struct lexer *lx)
{
    struct slice before = {lx->text, (size_t)(lx->at - lx->text)};
    if (ends_with_word(&before, SLICE("matches")))
        return true;
    before = (struct slice){lx->text, (size_t)(lx->at - lx->text)};
    return ends_with_word(&before, SLICE("path")) && ends_with_word(&before, SLICE("replace"));
}

/* The slash that ends what the slash at `at` begins, or where its line ends. In brackets a slash is
 * one of the characters, if they are closed. */
static const char *closing_slash(const char *at, bool brackets)
{
    bool inside = false;
    for (at++; *at != '\n' && *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\n' && at[1] != '\0')
            at++;
        else if (*at == '[' && brackets)
            inside = true;
        else if (*at == ']')
            inside = false;
        else if (*at == '/' && !inside)
            break;
    }
    return at;
}

/* The end of a regular expression with its flags; NULL when it does not end on its line. */
static const char *regex_end(const char *from)
{
    const char *at = closing_slash(from, true);
    if (*at != '/')
        at = closing_slash(from, false);
    if (*at != '/')
        return NULL;
    for (at++; *at >= 'a' && *at <= 'z'; at++)
        ;
    return at;
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
    /* What is meant is clear, and said: an address is missing, or is a star. */
    port    = "*"? ":" [0-9]+;
    named   = letter [A-Za-z0-9_.-]* ":" [0-9]+;
    socket  = "unix:" [^ \t\r\n\x00"'{}()#,;]*;
    slash   = "/" [^ \t\r\n\x00"'{}()#,;]*;
    proto   = "http/" [0-9] [0-9.]*;

    escape  = "\\" [^\n\x00];
    /* A template's field may have a name in quotes of its own: "{header "x"}". */
    field   = "{" [a-z.-]+ " "* ["] [^"\\{}\n\x00]* ["] "}";
    string  = ["] ([^"\\\n\x00] | escape | field)* ["];
    raw     = ['] [^'\n\x00]* ['];
    open    = ["] ([^"\\\n\x00] | escape)* | ['] [^'\n\x00]*;

    /* A carriage return is part of a line end, and nothing else: where it stands alone, editors show a
     * new line that is none. */
    newline = "\r"* "\n";
    blank   = ([ \t] | "\xEF\xBB\xBF")+;
    comment = "#" [^\r\n\x00]*;
    beyond  = [\x80-\xFF]+;
*/

struct token lex(struct lexer *lx)
{
    const char *from = lx->at;
    const char *mark = from;
    if (*from == '/' && wants_regex(lx)) {
        const char *end = regex_end(from);
        if (end) {
            lx->at = end;
            return token(lx, TK_REGEX, from);
        }
    }
    /*!re2c
        blank | comment { return token(lx, TK_TRIVIA, from); }
        newline  { return token(lx, TK_NEWLINE, from); }
        word | proto { return token(lx, TK_WORD, from); }
        number | v6 | bracket | port | named | socket { return token(lx, TK_LITERAL, from); }
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
        "<"      { return token(lx, TK_LT, from); }
        "<="     { return token(lx, TK_LE, from); }
        ">"      { return token(lx, TK_GT, from); }
        ">="     { return token(lx, TK_GE, from); }
        "->"     { return token(lx, TK_ARROW, from); }
        "&&" | "||" | "=~" | "~*" | "!~" | "!~*" | "!" | beyond { return token(lx, TK_STRAY, from); }
        "\x00"   { return at_nul(lx, from); }
        *        { return token(lx, TK_STRAY, from); }
    */
}
