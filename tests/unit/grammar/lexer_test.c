/* What the lexer makes of each piece of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "grammar/parser.h"
#include "grammar/token.h"
#include "runtime/base/check.h"

#define KINDS_MAX 8

static const struct {
    const char *says, *text;
    int kind[KINDS_MAX]; /* without trivia; ends with 0 */
} rows[] = {
    {"an empty text has no pieces", "", {0}},
    {"blanks and comments are trivia", " \t# comment", {0}},
    {"a byte order mark is trivia", "\xef\xbb\xbfname", {TK_WORD}},
    {"with a carriage return too", "a\r\nb", {TK_WORD, TK_NEWLINE, TK_WORD}},
    {"which is nothing by itself", "a\rb", {TK_WORD, TK_STRAY, TK_WORD}},
    {"and ends a comment", "# a\rb", {TK_STRAY, TK_WORD}},
    {"an arrow is a sign", "a -> b", {TK_WORD, TK_ARROW, TK_WORD}},
    {"a version of HTTP is one piece", "h2, http/1.1", {TK_WORD, TK_COMMA, TK_WORD}},
    {"a line end is a piece", "a\nb", {TK_WORD, TK_NEWLINE, TK_WORD}},
    {"a name may have dashes and digits", "web-next2", {TK_WORD}},
    {"a name may have dots inside", "tls.client.verified", {TK_WORD}},
    {"but does not end with one", "tls.", {TK_WORD, TK_STRAY}},
    {"a duration is one piece", "250ms", {TK_LITERAL}},
    {"so is a wrong one", "5seconds", {TK_LITERAL}},
    {"a range is one piece", "200..299", {TK_LITERAL}},
    {"a network is one piece", "10.0.0.0/8", {TK_LITERAL}},
    {"an endpoint is one piece", "10.0.0.1:8080", {TK_LITERAL}},
    {"also with a name for its port", "0.0.0.0:PORT", {TK_LITERAL}},
    {"IPv6 begins with a letter", "fe80::1/64", {TK_LITERAL}},
    {"or with colons", "::/0", {TK_LITERAL}},
    {"or with a bracket", "[::]:443", {TK_LITERAL}},
    {"a Unix socket is one piece", "unix:/run/a-b.sock", {TK_LITERAL}},
    {"a colon after a name is a sign", "PORT : port", {TK_WORD, TK_COLON, TK_WORD}},
    {"also without blanks", "PORT:port", {TK_WORD, TK_COLON, TK_WORD}},
    {"a host with a port is one piece", "localhost:80", {TK_LITERAL}},
    {"a set's braces end a literal",
     "{10.0.0.0/8,::1}",
     {TK_LBRACE, TK_LITERAL, TK_COMMA, TK_LITERAL, TK_RBRACE}},
    {"a string ends with its quote", "\"a\" \"b\"", {TK_STRING, TK_STRING}},
    {"an escaped quote does not end it", "\"a\\\"b\"", {TK_STRING}},
    {"a field in it may have quotes", "\"{header \"x\"}!\"", {TK_STRING}},
    {"a comment sign in it is text", "\"#\"", {TK_STRING}},
    {"a raw string has no escapes", "'\\' a", {TK_RAW, TK_WORD}},
    {"a string does not pass the line's end", "\"a\nb", {TK_OPEN_STRING, TK_NEWLINE, TK_WORD}},
    {"nor does a raw one", "'a\n", {TK_OPEN_STRING, TK_NEWLINE}},
    {"a bare path is one piece", "/api/v1", {TK_SLASH}},
    {"signs are told apart", "= == != =~", {TK_ASSIGN, TK_EQ, TK_NE, TK_STRAY}},
    {"a semicolon separates", "a;b", {TK_WORD, TK_SEP, TK_WORD}},
    {"a NUL inside is a stray character", "\0a", {TK_STRAY, TK_WORD}},
    {"letters beyond ASCII are stray", "\xc3\xa9\xc3\xa8 a", {TK_STRAY, TK_WORD}},
};

static size_t length(size_t row)
{
    return rows[row].text[0] == '\0' && rows[row].kind[0] ? 2 : strlen(rows[row].text);
}

static void pieces_are_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = rows[i].text;
        struct lexer lx = {text, text, text + length(i), 0};
        int n = 0;
        for (struct token t; (t = lex(&lx)).kind != 0;) {
            if (t.kind == TK_TRIVIA)
                continue;
            if (n == KINDS_MAX || t.kind != rows[i].kind[n])
                fail_msg("%s: piece %d is of kind %d", rows[i].says, n, t.kind);
            n++;
        }
        if (n < KINDS_MAX && rows[i].kind[n] != 0)
            fail_msg("%s: only %d pieces", rows[i].says, n);
    }
}

static void pieces_tile_the_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = rows[i].text;
        struct lexer lx = {text, text, text + length(i), 7};
        uint32_t at = 7;
        struct token t;
        do {
            t = lex(&lx);
            if (t.span.from != at)
                fail_msg("%s: a piece begins at %u, not at %u", rows[i].says, t.span.from, at);
            at = t.span.to;
        } while (t.kind != 0);
        assert_int_equal(at, 7 + length(i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_as_the_table_says),
        cmocka_unit_test(pieces_tile_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
