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
%fallback WORD LBCONF LISTENER CLUSTER ROUTE ACL SET CONST ENV MAP SECRET LIMIT TLS ADMIN LOG NOTIFY
               ALERT RESOLVER SHARED TEMPLATE USE INCLUDE TEST ASSERT FROM ON ALLOW REQUEST EXPECT
               WHEN OTHERWISE FORWARD DENY WITH RESPOND REDIRECT ADD REMOVE HEADER CONTINUE RESPONSE
               ITEMS REWRITE STRIP REPLACE PREFIX PATH QUERY HOST TAG TIMEOUT RETRY MIRROR REQUIRE
               COMPRESS CACHE CORS SPLIT BY ELSE DROP TARPIT GOTO.

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
statement(A) ::= CLUSTER(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_CLUSTER, K, &N, L, &E); }
statement(A) ::= LIMIT(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_LIMIT, K, &N, L, &E); }
statement(A) ::= TLS(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_TLS, K, &N, L, &E); }
statement(A) ::= LOG(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_LOG, K, &N, L, &E); }
statement(A) ::= NOTIFY(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_NOTIFY, K, &N, L, &E); }
statement(A) ::= ALERT(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_ALERT, K, &N, L, &E); }
statement(A) ::= RESOLVER(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_RESOLVER, K, &N, L, &E); }
statement(A) ::= SHARED(K) WORD(N) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_SHARED, K, &N, L, &E); }
statement(A) ::= ADMIN(K) LBRACE settings(L) RBRACE(E).
                                                     { A = ast_new(p, AST_ADMIN, K, NULL, L, &E); }
statement(A) ::= ROUTE(K) WORD(N) LBRACE route(L) RBRACE(E).
                                                     { A = ast_new(p, AST_ROUTE, K, &N, L, &E); }
statement(A) ::= ACL(K) WORD(N) ASSIGN condition(C). { A = ast_new(p, AST_ACL, K, &N, C, NULL); }
statement(A) ::= SET(K) WORD(N) COLON word(T) given(V).
                                                     { A = ast_new(p, AST_SET, K, &N, ast_append(T, V), NULL); }
statement(A) ::= MAP(K) WORD(N) COLON word(T) ARROW word(U) given(V).
                                                     { A = ast_new(p, AST_MAP, K, &N, ast_append(ast_append(T, U), V), NULL); }
statement(A) ::= CONST(K) WORD(N) COLON word(T) ASSIGN value(V).
                                                     { A = ast_new(p, AST_CONST, K, &N, ast_append(T, V), NULL); }
statement(A) ::= ENV(K) WORD(N) COLON word(T).       { A = ast_new(p, AST_ENV, K, &N, T, NULL); }
statement(A) ::= ENV(K) WORD(N) COLON word(T) ASSIGN value(V).
                                                     { A = ast_new(p, AST_ENV, K, &N, ast_append(T, V), NULL); }
statement(A) ::= SECRET(K) WORD(N) from(F).          { A = ast_new(p, AST_SECRET, K, &N, F, NULL); }
statement(A) ::= INCLUDE(K) text(T).                 { A = ast_new(p, AST_INCLUDE, K, NULL, T, NULL); }
statement(A) ::= TEMPLATE(K) WORD(N) LPAREN params(P) RPAREN body(B).
                                                     { A = ast_new(p, AST_TEMPLATE, K, &N, ast_append(P, B), NULL); }
statement(A) ::= TEMPLATE(K) WORD(N) body(B).        { A = ast_new(p, AST_TEMPLATE, K, &N, B, NULL); }
statement(A) ::= use(U).                             { A = U; }
statement(A) ::= TEST(K) text(T) LBRACE testing(L) RBRACE(E).
                                                     { A = ast_new(p, AST_TEST, K, NULL, ast_append(T, L), &E); }
statement(A) ::= ASSERT(K) WORD(N) operands(O).      { A = ast_new(p, AST_ASSERT, K, &N, O, NULL); }
statement(A) ::= ASSERT(K) WORD(N) operands(O) WHEN condition(C).
                                                     { A = ast_new(p, AST_ASSERT, K, &N, ast_append(O, C), NULL); }

given(A) ::= ASSIGN value(V).                        { A = V; }
given(A) ::= from(F).                                { A = F; }
from(A) ::= FROM(K) WORD(N) text(T).                 { A = ast_new(p, AST_FROM, K, &N, T, NULL); }

// A setting is a word, what it is given, and perhaps settings of its own; what the word means and how
// much belongs to it is the compiler's. Several may follow one another on a line: to the grammar they
// are one.
settings(L) ::= .                                    { L = NULL; }
settings(L) ::= settings(M) SEP.                     { L = M; }
settings(L) ::= settings(M) setting(S) SEP.          { L = ast_append(M, S); }
settings(L) ::= settings(M) use(U) SEP.              { L = ast_append(M, U); }
settings(L) ::= settings(M) error SEP.               { L = ast_append(M, ast_broken(p)); }

setting(A) ::= WORD(K) operands(O).                  { A = ast_new(p, AST_SETTING, K, &K, O, NULL); }
setting(A) ::= WORD(K) operands(O) block(B).         { A = ast_new(p, AST_SETTING, K, &K, ast_append(O, B), NULL); }
block(A) ::= LBRACE(K) settings(L) RBRACE(E).        { A = ast_new(p, AST_BLOCK, K, NULL, L, &E); }

operands(L) ::= .                                    { L = NULL; }
operands(L) ::= operands(M) value(V).                { L = ast_append(M, V); }
operands(L) ::= operands(M) COMMA(T).                { L = ast_append(M, ast_leaf(p, AST_COMMA, T)); }

listener(L) ::= .                                    { L = NULL; }
listener(L) ::= listener(M) SEP.                     { L = M; }
listener(L) ::= listener(M) setting(S) SEP.          { L = ast_append(M, S); }
listener(L) ::= listener(M) use(U) SEP.              { L = ast_append(M, U); }
listener(L) ::= listener(M) on(S) SEP.               { L = ast_append(M, S); }
listener(L) ::= listener(M) error SEP.               { L = ast_append(M, ast_broken(p)); }

on(A) ::= ON(K) WORD(N) LBRACE route(L) RBRACE(E).   { A = ast_new(p, AST_ON, K, &N, L, &E); }

// What a template holds may stand wherever it is used: definitions, settings or clauses.
params(L) ::= .                                      { L = NULL; }
params(L) ::= parameters(M).                         { L = M; }
parameters(L) ::= param(P).                          { L = P; }
parameters(L) ::= parameters(M) COMMA param(P).      { L = ast_append(M, P); }
param(A) ::= WORD(N) COLON word(T).                  { A = ast_new(p, AST_PARAM, N, &N, T, NULL); }
param(A) ::= WORD(N) COLON word(T) ASSIGN value(V).  { A = ast_new(p, AST_PARAM, N, &N, ast_append(T, V), NULL); }

body(A) ::= LBRACE(K) parts(L) RBRACE(E).            { A = ast_new(p, AST_BLOCK, K, NULL, L, &E); }
parts(L) ::= .                                       { L = NULL; }
parts(L) ::= parts(M) SEP.                           { L = M; }
parts(L) ::= parts(M) part(S) SEP.                   { L = ast_append(M, S); }
parts(L) ::= parts(M) error SEP.                     { L = ast_append(M, ast_broken(p)); }

part(A) ::= statement(S).                            { A = S; }
part(A) ::= clause(S).                               { A = S; }
part(A) ::= setting(S).                              { A = S; }
part(A) ::= on(S).                                   { A = S; }
part(A) ::= ROUTE(K) word(V).                        { A = ast_new(p, AST_SETTING, K, &K, V, NULL); }
part(A) ::= LIMIT(K) word(V).                        { A = ast_new(p, AST_SETTING, K, &K, V, NULL); }
part(A) ::= LOG(K) word(V).                          { A = ast_new(p, AST_SETTING, K, &K, V, NULL); }
part(A) ::= RESOLVER(K) word(V).                     { A = ast_new(p, AST_SETTING, K, &K, V, NULL); }
part(A) ::= SHARED(K) word(V).                       { A = ast_new(p, AST_SETTING, K, &K, V, NULL); }
part(A) ::= TLS(K) block(B).                         { A = ast_new(p, AST_SETTING, K, &K, B, NULL); }

use(A) ::= USE(K) WORD(N).                           { A = ast_new(p, AST_USE, K, &N, NULL, NULL); }
use(A) ::= USE(K) WORD(N) LPAREN RPAREN(E).          { A = ast_new(p, AST_USE, K, &N, NULL, &E); }
use(A) ::= USE(K) WORD(N) LPAREN arguments(L) RPAREN(E).
                                                     { A = ast_new(p, AST_USE, K, &N, L, &E); }
arguments(L) ::= argument(V).                        { L = V; }
arguments(L) ::= arguments(M) COMMA argument(V).     { L = ast_append(M, V); }
argument(A) ::= value(V).                            { A = V; }
argument(A) ::= WORD(N) ASSIGN value(V).             { A = ast_new(p, AST_ARGUMENT, N, &N, V, NULL); }

testing(L) ::= .                                     { L = NULL; }
testing(L) ::= testing(M) SEP.                       { L = M; }
testing(L) ::= testing(M) asked(S) SEP.              { L = ast_append(M, S); }
testing(L) ::= testing(M) error SEP.                 { L = ast_append(M, ast_broken(p)); }
asked(A) ::= REQUEST(K) operands(O).                 { A = ast_new(p, AST_ASKED, K, NULL, O, NULL); }
asked(A) ::= EXPECT(K) operands(O).                  { A = ast_new(p, AST_EXPECT, K, NULL, O, NULL); }
asked(A) ::= EXPECT(K) REQUEST condition(C).         { A = ast_new(p, AST_EXPECT_REQUEST, K, NULL, C, NULL); }

route(L) ::= .                                       { L = NULL; }
route(L) ::= route(M) SEP.                           { L = M; }
route(L) ::= route(M) clause(S) SEP.                 { L = ast_append(M, S); }
route(L) ::= route(M) use(U) SEP.                    { L = ast_append(M, U); }
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
action(A) ::= SET(K) RESPONSE HEADER value(V) value(W).
                                                     { A = ast_new(p, AST_SET_RESPONSE_HEADER, K, NULL, ast_append(V, W), NULL); }
action(A) ::= ADD(K) RESPONSE HEADER value(V) value(W).
                                                     { A = ast_new(p, AST_ADD_RESPONSE_HEADER, K, NULL, ast_append(V, W), NULL); }
action(A) ::= REMOVE(K) RESPONSE HEADER value(V).    { A = ast_new(p, AST_REMOVE_RESPONSE_HEADER, K, NULL, V, NULL); }
action(A) ::= SET(K) HOST value(V).                  { A = ast_new(p, AST_SET_HOST, K, NULL, V, NULL); }
action(A) ::= REWRITE(K) PATH value(V).              { A = ast_new(p, AST_REWRITE_PATH, K, NULL, V, NULL); }
action(A) ::= STRIP(K) PREFIX value(V).              { A = ast_new(p, AST_STRIP_PREFIX, K, NULL, V, NULL); }
action(A) ::= REPLACE(K) PREFIX value(V) value(W).   { A = ast_new(p, AST_REPLACE_PREFIX, K, NULL, ast_append(V, W), NULL); }
action(A) ::= REPLACE(K) PATH value(V) value(W).     { A = ast_new(p, AST_REPLACE_PATH, K, NULL, ast_append(V, W), NULL); }
action(A) ::= SET(K) QUERY value(V) value(W).        { A = ast_new(p, AST_SET_QUERY, K, NULL, ast_append(V, W), NULL); }
action(A) ::= REMOVE(K) QUERY value(V).              { A = ast_new(p, AST_REMOVE_QUERY, K, NULL, V, NULL); }
action(A) ::= TAG(K) value(V).                       { A = ast_new(p, AST_TAG, K, NULL, V, NULL); }
action(A) ::= TIMEOUT(K) WORD(N) value(V).           { A = ast_new(p, AST_CLAUSE_TIMEOUT, K, &N, V, NULL); }
action(A) ::= RETRY(K) value(V).                     { A = ast_new(p, AST_RETRY, K, NULL, V, NULL); }
action(A) ::= MIRROR(K) WORD(N) values(V).           { A = ast_new(p, AST_MIRROR, K, &N, V, NULL); }
action(A) ::= LIMIT(K) WORD(N).                      { A = ast_new(p, AST_APPLY_LIMIT, K, &N, NULL, NULL); }
action(A) ::= REQUIRE(K) WORD(N) word(V).            { A = ast_new(p, AST_REQUIRE, K, &N, V, NULL); }
action(A) ::= REQUIRE(K) WORD(N) word(V) block(B).   { A = ast_new(p, AST_REQUIRE, K, &N, ast_append(V, B), NULL); }
action(A) ::= COMPRESS(K).                           { A = ast_new(p, AST_COMPRESS, K, NULL, NULL, NULL); }
action(A) ::= CACHE(K) value(V).                     { A = ast_new(p, AST_CACHE, K, NULL, V, NULL); }
action(A) ::= CORS(K) block(B).                      { A = ast_new(p, AST_CORS, K, NULL, B, NULL); }
action(A) ::= SPLIT(K) LBRACE choices(L) RBRACE(E).  { A = ast_new(p, AST_SPLIT, K, NULL, L, &E); }
action(A) ::= SPLIT(K) BY subject(F) LBRACE choices(L) RBRACE(E).
                                                     { A = ast_new(p, AST_SPLIT, K, NULL, ast_append(F, L), &E); }
action(A) ::= FORWARD(K) MAP LPAREN WORD(N) COMMA subject(F) RPAREN ELSE word(C).
                                                     { A = ast_new(p, AST_FORWARD_MAP, K, &N, ast_append(F, C), NULL); }
action(A) ::= DROP(K).                               { A = ast_new(p, AST_DROP, K, NULL, NULL, NULL); }
action(A) ::= TARPIT(K) value(V).                    { A = ast_new(p, AST_TARPIT, K, NULL, V, NULL); }
action(A) ::= GOTO(K) WORD(N).                       { A = ast_new(p, AST_GOTO, K, &N, NULL, NULL); }
action(A) ::= ALLOW(K) WORD(N).                      { A = ast_new(p, AST_ALLOW, K, &N, NULL, NULL); }
action(A) ::= CONTINUE(K).                           { A = ast_new(p, AST_CONTINUE, K, NULL, NULL, NULL); }

choices(L) ::= .                                     { L = NULL; }
choices(L) ::= choices(M) SEP.                       { L = M; }
choices(L) ::= choices(M) choice(S) SEP.             { L = ast_append(M, S); }
choices(L) ::= choices(M) error SEP.                 { L = ast_append(M, ast_broken(p)); }
choice(A) ::= LITERAL(T) ARROW word(C).              { A = ast_new(p, AST_CHOICE, T, NULL, ast_append(ast_leaf(p, AST_LITERAL, T), C), NULL); }
choice(A) ::= WORD(T) ARROW word(C).                 { A = ast_new(p, AST_CHOICE, T, NULL, ast_append(ast_leaf(p, AST_WORD, T), C), NULL); }

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
condition(A) ::= REQUEST(N).                         { A = ast_leaf(p, AST_USE_ACL, N); }
condition(A) ::= RESPONSE(N).                        { A = ast_leaf(p, AST_USE_ACL, N); }
condition(A) ::= field(F) EQ value(V).               { A = ast_test(p, AST_EQUAL, F, V, NULL); }
condition(A) ::= field(F) NE value(V).               { A = ast_test(p, AST_NOT_EQUAL, F, V, NULL); }
condition(A) ::= field(F) IN value(V).               { A = ast_test(p, AST_IN, F, V, NULL); }
condition(A) ::= field(F) UNDER value(V).            { A = ast_test(p, AST_UNDER, F, V, NULL); }
condition(A) ::= field(F) STARTS_WITH value(V).      { A = ast_test(p, AST_STARTS_WITH, F, V, NULL); }
condition(A) ::= field(F) ENDS_WITH value(V).        { A = ast_test(p, AST_ENDS_WITH, F, V, NULL); }
condition(A) ::= field(F) EXISTS(E).                 { A = ast_test(p, AST_EXISTS, F, NULL, &E); }
condition(A) ::= field(F) MATCHES value(V).          { A = ast_test(p, AST_MATCHES, F, V, NULL); }
condition(A) ::= field(F) CONTAINS value(V).         { A = ast_test(p, AST_CONTAINS, F, V, NULL); }
condition(A) ::= field(F) LT value(V).               { A = ast_test(p, AST_LESS, F, V, NULL); }
condition(A) ::= field(F) LE value(V).               { A = ast_test(p, AST_LESS_EQUAL, F, V, NULL); }
condition(A) ::= field(F) GT value(V).               { A = ast_test(p, AST_GREATER, F, V, NULL); }
condition(A) ::= field(F) GE value(V).               { A = ast_test(p, AST_GREATER_EQUAL, F, V, NULL); }

field(A) ::= subject(S).                             { A = S; }
field(A) ::= ALL(K) subject(S).                      { A = ast_new(p, AST_ALL, K, NULL, S, NULL); }

subject(A) ::= WORD(N).                              { A = ast_new(p, AST_FIELD, N, &N, NULL, NULL); }
subject(A) ::= WORD(N) text(K) items(I).             { A = ast_new(p, AST_FIELD, N, &N, ast_append(K, I), NULL); }
subject(A) ::= REQUEST(M) HEADER(N) text(K) items(I).
                                                     { A = ast_new(p, AST_FIELD, M, &N, ast_append(ast_append(ast_leaf(p, AST_REQUEST, M), K), I), NULL); }
subject(A) ::= RESPONSE(M) HEADER(N) text(K) items(I).
                                                     { A = ast_new(p, AST_FIELD, M, &N, ast_append(ast_append(ast_leaf(p, AST_RESPONSE, M), K), I), NULL); }

items(A) ::= .                                       { A = NULL; }
items(A) ::= ITEMS(T).                               { A = ast_leaf(p, AST_ITEMS, T); }

values(L) ::= .                                      { L = NULL; }
values(L) ::= values(M) value(V).                    { L = ast_append(M, V); }

value(A) ::= word(W).                                { A = W; }
value(A) ::= text(T).                                { A = T; }
value(A) ::= LITERAL(T).                             { A = ast_leaf(p, AST_LITERAL, T); }
value(A) ::= REGEX(T).                               { A = ast_leaf(p, AST_REGEX, T); }
value(A) ::= SLASH(T).                               { A = ast_leaf(p, AST_SLASH, T); }
value(A) ::= LSET(K) RSET(E).                        { A = ast_new(p, AST_LIST, K, NULL, NULL, &E); }
value(A) ::= LSET(K) list(L) RSET(E).                { A = ast_new(p, AST_LIST, K, NULL, L, &E); }
value(A) ::= LSET(K) list(L) COMMA RSET(E).          { A = ast_new(p, AST_LIST, K, NULL, L, &E); }

list(L) ::= item(V).                                 { L = V; }
list(L) ::= list(M) COMMA item(V).                   { L = ast_append(M, V); }
item(A) ::= value(V).                                { A = V; }
item(A) ::= value(V) ARROW(K) value(W).              { A = ast_pair(p, K, V, W); }

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

bool parser_is_name(int kind)
{
    return yyFallback[kind] == TK_WORD;
}

void parser_forgive(void *parser)
{
    ((yyParser *)parser)->yyerrcnt = -1;
}
}
