// parser - tokens to tree. A rule is a shape; its action is one call of a constructor.
// No action looks anything up, checks anything or says anything: that is the compiler's.
//
// Lines, blocks and missing brackets are layout.c's; it ends every statement with a SEP. After a
// mistake the rest of the statement is left out, up to its SEP: parse.c skips, repair.c explains.

%name           parser_
%token_prefix   TK_
%token_type     {struct token}
%default_type   {struct ast *}
%extra_argument {struct parse *p}
%stack_size     0

%include {
#include <assert.h>
#include <stdlib.h>

#include "grammar/parse_priv.h"
}

%syntax_error { p->failed = true; }

// A keyword is a name wherever the grammar does not want the keyword.
%fallback WORD LBCONF LISTENER CLUSTER ROUTE ACL SET CONST ENV BIND TIMEOUT MAX_CONNECTIONS SERVER
               WEIGHT BACKUP BALANCE HEALTH EVERY RISE FALL HOST EXPECT STATUS WHEN OTHERWISE
               FORWARD DENY WITH RESPOND REDIRECT ADD REMOVE HEADER CONTINUE.

%left OR.
%left AND.
%right NOT.

// Kinds that no rule wants: pieces that end up as trivia, and what is wrong wherever it stands.
%token TRIVIA NEWLINE STRAY OPEN_STRING EXTRA.

file ::= statements(S).                              { p->root = S; }

statements(L) ::= .                                  { L = NULL; }
statements(L) ::= statements(M) SEP.                 { L = M; }
statements(L) ::= statements(M) statement(S) SEP.    { L = ast_append(M, S); }
statements(L) ::= statements(M) error SEP.           { L = ast_append(M, ast_broken(p)); }

statement(A) ::= LBCONF(K) value(V).                 { A = ast_new(p, AST_VERSION, K, NULL, V, NULL); }
statement(A) ::= LISTENER(K) WORD(N) LBRACE listener(L) RBRACE(E).
                                                     { A = ast_new(p, AST_LISTENER, K, &N, L, &E); }
statement(A) ::= CLUSTER(K) WORD(N) LBRACE cluster(L) RBRACE(E).
                                                     { A = ast_new(p, AST_CLUSTER, K, &N, L, &E); }
statement(A) ::= ROUTE(K) WORD(N) LBRACE route(L) RBRACE(E).
                                                     { A = ast_new(p, AST_ROUTE, K, &N, L, &E); }
statement(A) ::= ACL(K) WORD(N) ASSIGN condition(C). { A = ast_new(p, AST_ACL, K, &N, C, NULL); }
statement(A) ::= SET(K) WORD(N) COLON word(T) ASSIGN value(V).
                                                     { A = ast_new(p, AST_SET, K, &N, ast_append(T, V), NULL); }
statement(A) ::= CONST(K) WORD(N) COLON word(T) ASSIGN value(V).
                                                     { A = ast_new(p, AST_CONST, K, &N, ast_append(T, V), NULL); }
statement(A) ::= ENV(K) WORD(N) COLON word(T).       { A = ast_new(p, AST_ENV, K, &N, T, NULL); }
statement(A) ::= ENV(K) WORD(N) COLON word(T) ASSIGN value(V).
                                                     { A = ast_new(p, AST_ENV, K, &N, ast_append(T, V), NULL); }

listener(L) ::= .                                    { L = NULL; }
listener(L) ::= listener(M) SEP.                     { L = M; }
listener(L) ::= listener(M) listening(S) SEP.        { L = ast_append(M, S); }
listener(L) ::= listener(M) error SEP.               { L = ast_append(M, ast_broken(p)); }

listening(A) ::= BIND(K) value(V).                   { A = ast_new(p, AST_BIND, K, NULL, V, NULL); }
listening(A) ::= TIMEOUT(K) WORD(N) value(V).        { A = ast_new(p, AST_TIMEOUT, K, &N, V, NULL); }
listening(A) ::= MAX_CONNECTIONS(K) value(V).        { A = ast_new(p, AST_MAX_CONNECTIONS, K, NULL, V, NULL); }
listening(A) ::= ROUTE(K) WORD(N).                   { A = ast_new(p, AST_USE_ROUTE, K, &N, NULL, NULL); }

cluster(L) ::= .                                     { L = NULL; }
cluster(L) ::= cluster(M) SEP.                       { L = M; }
cluster(L) ::= cluster(M) setting(S) SEP.            { L = ast_append(M, S); }
cluster(L) ::= cluster(M) error SEP.                 { L = ast_append(M, ast_broken(p)); }

setting(A) ::= SERVER(K) WORD(N) value(V) options(O).
                                                     { A = ast_new(p, AST_SERVER, K, &N, ast_append(V, O), NULL); }
setting(A) ::= BALANCE(K) WORD(N).                   { A = ast_new(p, AST_BALANCE, K, &N, NULL, NULL); }
setting(A) ::= TIMEOUT(K) WORD(N) value(V).          { A = ast_new(p, AST_TIMEOUT, K, &N, V, NULL); }
setting(A) ::= HEALTH(K) WORD(N) values(V).          { A = ast_new(p, AST_HEALTH, K, &N, V, NULL); }
setting(A) ::= HEALTH(K) WORD(N) values(V) LBRACE health(L) RBRACE(E).
                                                     { A = ast_new(p, AST_HEALTH, K, &N, ast_append(V, L), &E); }

options(L) ::= .                                     { L = NULL; }
options(L) ::= options(M) WEIGHT(K) value(V).        { L = ast_append(M, ast_new(p, AST_WEIGHT, K, NULL, V, NULL)); }
options(L) ::= options(M) BACKUP(K).                 { L = ast_append(M, ast_new(p, AST_BACKUP, K, NULL, NULL, NULL)); }

// The settings of a health block may follow one another on one line.
health(L) ::= .                                      { L = NULL; }
health(L) ::= health(M) SEP.                         { L = M; }
health(L) ::= health(M) probing(S).                  { L = ast_append(M, S); }
health(L) ::= health(M) error SEP.                   { L = ast_append(M, ast_broken(p)); }

probing(A) ::= EVERY(K) value(V).                    { A = ast_new(p, AST_EVERY, K, NULL, V, NULL); }
probing(A) ::= TIMEOUT(K) value(V).                  { A = ast_new(p, AST_TIMEOUT, K, NULL, V, NULL); }
probing(A) ::= RISE(K) value(V).                     { A = ast_new(p, AST_RISE, K, NULL, V, NULL); }
probing(A) ::= FALL(K) value(V).                     { A = ast_new(p, AST_FALL, K, NULL, V, NULL); }
probing(A) ::= HOST(K) value(V).                     { A = ast_new(p, AST_HOST, K, NULL, V, NULL); }
probing(A) ::= EXPECT(K) STATUS value(V).            { A = ast_new(p, AST_EXPECT, K, NULL, V, NULL); }

route(L) ::= .                                       { L = NULL; }
route(L) ::= route(M) SEP.                           { L = M; }
route(L) ::= route(M) clause(S) SEP.                 { L = ast_append(M, S); }
route(L) ::= route(M) error SEP.                     { L = ast_append(M, ast_broken(p)); }

clause(A) ::= WHEN(K) condition(C) LBRACE actions(L) RBRACE(E).
                                                     { A = ast_new(p, AST_WHEN, K, NULL, ast_append(C, L), &E); }
clause(A) ::= OTHERWISE(K) LBRACE actions(L) RBRACE(E).
                                                     { A = ast_new(p, AST_OTHERWISE, K, NULL, L, &E); }

actions(L) ::= .                                     { L = NULL; }
actions(L) ::= actions(M) SEP.                       { L = M; }
actions(L) ::= actions(M) action(S) SEP.             { L = ast_append(M, S); }
actions(L) ::= actions(M) error SEP.                 { L = ast_append(M, ast_broken(p)); }

action(A) ::= FORWARD(K) WORD(N).                    { A = ast_new(p, AST_FORWARD, K, &N, NULL, NULL); }
action(A) ::= DENY(K) texts(V).                      { A = ast_new(p, AST_DENY, K, NULL, V, NULL); }
action(A) ::= RESPOND(K) value(V) values(W).         { A = ast_new(p, AST_RESPOND, K, NULL, ast_append(V, W), NULL); }
action(A) ::= REDIRECT(K) value(V) value(W).         { A = ast_new(p, AST_REDIRECT, K, NULL, ast_append(V, W), NULL); }
action(A) ::= SET(K) HEADER value(V) value(W).       { A = ast_new(p, AST_SET_HEADER, K, NULL, ast_append(V, W), NULL); }
action(A) ::= ADD(K) HEADER value(V) value(W).       { A = ast_new(p, AST_ADD_HEADER, K, NULL, ast_append(V, W), NULL); }
action(A) ::= REMOVE(K) HEADER value(V).             { A = ast_new(p, AST_REMOVE_HEADER, K, NULL, V, NULL); }
action(A) ::= CONTINUE(K).                           { A = ast_new(p, AST_CONTINUE, K, NULL, NULL, NULL); }

texts(L) ::= .                                       { L = NULL; }
texts(L) ::= value(V).                               { L = V; }
texts(L) ::= with(W).                                { L = W; }
texts(L) ::= value(V) with(W).                       { L = ast_append(V, W); }

with(A) ::= WITH(K) value(V).                        { A = ast_new(p, AST_WITH, K, NULL, V, NULL); }

condition(A) ::= condition(X) AND condition(Y).      { A = ast_both(p, AST_AND, X, Y); }
condition(A) ::= condition(X) OR condition(Y).       { A = ast_both(p, AST_OR, X, Y); }
condition(A) ::= NOT(K) condition(X).                { A = ast_new(p, AST_NOT, K, NULL, X, NULL); }
condition(A) ::= LPAREN condition(X) RPAREN.         { A = ast_close(X); }
condition(A) ::= WORD(N).                            { A = ast_leaf(p, AST_USE_ACL, N); }
condition(A) ::= field(F) EQ value(V).               { A = ast_test(p, AST_EQUAL, F, V, NULL); }
condition(A) ::= field(F) NE value(V).               { A = ast_test(p, AST_NOT_EQUAL, F, V, NULL); }
condition(A) ::= field(F) IN value(V).               { A = ast_test(p, AST_IN, F, V, NULL); }
condition(A) ::= field(F) UNDER value(V).            { A = ast_test(p, AST_UNDER, F, V, NULL); }
condition(A) ::= field(F) STARTS_WITH value(V).      { A = ast_test(p, AST_STARTS_WITH, F, V, NULL); }
condition(A) ::= field(F) ENDS_WITH value(V).        { A = ast_test(p, AST_ENDS_WITH, F, V, NULL); }
condition(A) ::= field(F) EXISTS(E).                 { A = ast_test(p, AST_EXISTS, F, NULL, &E); }

field(A) ::= WORD(N).                                { A = ast_new(p, AST_FIELD, N, &N, NULL, NULL); }
field(A) ::= WORD(N) text(K).                        { A = ast_new(p, AST_FIELD, N, &N, K, NULL); }

values(L) ::= .                                      { L = NULL; }
values(L) ::= values(M) value(V).                    { L = ast_append(M, V); }

value(A) ::= word(W).                                { A = W; }
value(A) ::= text(T).                                { A = T; }
value(A) ::= LITERAL(T).                             { A = ast_leaf(p, AST_LITERAL, T); }
value(A) ::= SLASH(T).                               { A = ast_leaf(p, AST_SLASH, T); }
value(A) ::= LSET(K) RSET(E).                        { A = ast_new(p, AST_LIST, K, NULL, NULL, &E); }
value(A) ::= LSET(K) list(L) RSET(E).                { A = ast_new(p, AST_LIST, K, NULL, L, &E); }
value(A) ::= LSET(K) list(L) COMMA RSET(E).          { A = ast_new(p, AST_LIST, K, NULL, L, &E); }

list(L) ::= value(V).                                { L = V; }
list(L) ::= list(M) COMMA value(V).                  { L = ast_append(M, V); }

word(A) ::= WORD(T).                                 { A = ast_leaf(p, AST_WORD, T); }
text(A) ::= STRING(T).                               { A = ast_leaf(p, AST_STRING, T); }
text(A) ::= RAW(T).                                  { A = ast_leaf(p, AST_RAW, T); }

%code {
int parser_kinds(void)
{
    return YYNTOKEN;
}

/* What the tables say to `token` in `state`, without taking keywords for names. */
static YYACTIONTYPE peek(YYACTIONTYPE state, int token)
{
    if (state > YY_MAX_SHIFT)
        return state;
    const int i = yy_shift_ofst[state] + token;
    if (i >= 0 && i < (int)(sizeof(yy_lookahead) / sizeof(yy_lookahead[0])) &&
        yy_lookahead[i] == token)
        return yy_action[i];
    return yy_default[state];
}

/* The most states that reductions without right-hand side can pile up before a token is shifted. */
#define PILED_MAX 16

/*
 * Runs the automaton on a copy of the top of its stack: `below` of the real states are still there,
 * with `piled` ones on top. No value is made and nothing is changed.
 */
bool parser_accepts(const void *parser, int kind)
{
    const yyParser *y = parser;
    long below = y->yytos - y->yystack + 1;
    YYACTIONTYPE piled[PILED_MAX];
    int n = 0;
    for (;;) {
        YYACTIONTYPE act = peek(n ? piled[n - 1] : y->yystack[below - 1].stateno, kind);
        if (act <= YY_MAX_SHIFTREDUCE || act == YY_ACCEPT_ACTION)
            return true;
        if (act < YY_MIN_REDUCE)
            return false;
        const int rule = act - YY_MIN_REDUCE;
        for (int pop = -yyRuleInfoNRhs[rule]; pop > 0; pop--) {
            if (n > 0)
                n--;
            else
                below--;
        }
        if (n == PILED_MAX || below < 1)
            return false;
        const YYACTIONTYPE state = n ? piled[n - 1] : y->yystack[below - 1].stateno;
        piled[n++] = yy_find_reduce_action(state, yyRuleInfoLhs[rule]);
    }
}

bool parser_takes(const void *parser, int kind)
{
    return parser_accepts(parser, kind) ||
           (yyFallback[kind] != 0 && parser_accepts(parser, yyFallback[kind]));
}

void parser_forgive(void *parser)
{
    ((yyParser *)parser)->yyerrcnt = -1;
}
}
