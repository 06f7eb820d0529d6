/* Shapes: what the tree looks like, and how the parser goes on after a mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "grammar/diag.h"
#include "grammar/parse.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

static void show(struct text *out, const struct ast *a)
{
    text_addf(out, "(%s", ast_kind_name(a->kind));
    if (a->name.len > 0)
        text_addf(out, " " SLICE_FMT, SLICE_ARG(a->name));
    for (const struct ast *c = a->first; c; c = c->next)
        show(out, c);
    text_addc(out, ')');
}

struct parsed {
    struct sources *sources;
    struct diags *diags;
    struct arena arena;
    struct tree tree;
};

static void parse_text(struct parsed *p, struct slice text)
{
    *p = (struct parsed){.sources = sources_new()};
    const int index = sources_add(p->sources, SLICE("test.lbconf"), text);
    assert_int_equal(index, 0);
    p->diags = diags_new(p->sources, 0);
    p->tree = parse(p->sources, 0, &p->arena, p->diags);
}

static void done(struct parsed *p)
{
    diags_free(p->diags);
    sources_free(p->sources);
    arena_free(&p->arena);
}

/* The statements of a file, and what was said about it: codes in order, each with its line. */
static const struct {
    const char *says, *text, *tree, *codes;
} rows[] = {
    {"an empty file is an empty tree", "", "", ""},
    {"a statement ends with its line", "lbconf 1\nacl a = b\n",
     "(VERSION(LITERAL 1))(ACL a(USE_ACL b))", ""},
    {"or with a semicolon", "lbconf 1; acl a = b", "(VERSION(LITERAL 1))(ACL a(USE_ACL b))", ""},
    {"or with the brace that closes its block", "cluster a { server b 1:2 }",
     "(CLUSTER a(SETTING server(WORD b)(LITERAL 1:2)))", ""},
    {"a line goes on behind an operator", "acl a = b and\n c", "(ACL a(AND(USE_ACL b)(USE_ACL c)))",
     ""},
    {"and before one", "acl a = b\n # why\n or c", "(ACL a(OR(USE_ACL b)(USE_ACL c)))", ""},
    {"and in parentheses", "acl a = (b\n or\n c\n)", "(ACL a(OR(USE_ACL b)(USE_ACL c)))", ""},
    {"and in a set", "set a : network = {\n 1,\n 2,\n}",
     "(SET a(WORD network)(LIST(LITERAL 1)(LITERAL 2)))", ""},
    {"a block may begin on the next line", "cluster a\n{\n}", "(CLUSTER a)", ""},
    {"and binds more tightly than or", "acl a = b or c and d",
     "(ACL a(OR(USE_ACL b)(AND(USE_ACL c)(USE_ACL d))))", ""},
    {"not binds most tightly", "acl a = not b and c", "(ACL a(AND(NOT(USE_ACL b))(USE_ACL c)))",
     ""},
    {"a chain is one node", "acl a = b and c and d",
     "(ACL a(AND(USE_ACL b)(USE_ACL c)(USE_ACL d)))", ""},
    {"parentheses are kept", "acl a = b and (c and d)",
     "(ACL a(AND(USE_ACL b)(AND(USE_ACL c)(USE_ACL d))))", ""},
    {"a field may have a name", "acl a = header \"x\" == 'y'",
     "(ACL a(EQUAL(FIELD header(STRING \"x\"))(RAW 'y')))", ""},
    {"a keyword may be a name", "cluster server { server health 1:2 backup }",
     "(CLUSTER server(SETTING server(WORD health)(LITERAL 1:2)(WORD backup)))", ""},
    {"host is a field and a setting", "acl a = host == \"x\"",
     "(ACL a(EQUAL(FIELD host)(STRING \"x\")))", ""},
    {"health settings share a line", "cluster a { health http GET \"/\" { every 2s timeout 1s } }",
     "(CLUSTER a(SETTING health(WORD http)(WORD GET)(STRING \"/\")"
     "(BLOCK(SETTING every(LITERAL 2s)(WORD timeout)(LITERAL 1s)))))",
     ""},
    {"blocks may follow one another", "cluster a { } cluster b { }", "(CLUSTER a)(CLUSTER b)", ""},
    {"a misspelt keyword is what it was meant to be", "clustr a { server b 1:2 }",
     "(CLUSTER a(SETTING server(WORD b)(LITERAL 1:2)))", "E0103:1"},
    {"a broken statement is left out, the next is not", "acl = b\nacl c = d",
     "(BAD =)(ACL c(USE_ACL d))", "E0101:1"},
    {"a broken head takes its block along", "cluster { server b 1:2 }\nacl c = d",
     "(BAD)(ACL c(USE_ACL d))", "E0102:1"},
    {"a broken line in a block leaves the others", "cluster a {\n server b -> x\n server c 1:2\n}",
     "(CLUSTER a(BAD b)(SETTING server(WORD c)(LITERAL 1:2)))", "E0101:2"},
    {"two mistakes in neighbouring lines are two", "route a {\n when\n otherwise\n}",
     "(ROUTE a(BAD)(BAD))", "E0102:2 E0102:3"},
    {"a clause ends before the next one", "route a {\n when b { continue\n otherwise { deny }\n}",
     "(ROUTE a(WHEN(USE_ACL b)(CONTINUE))(OTHERWISE(DENY)))", "E0106:2"},
    {"a setting's block ends before the next server",
     "cluster a {\n health tcp {\n every 2s\n server b 1:2\n}",
     "(CLUSTER a(SETTING health(WORD tcp)(BLOCK(SETTING every(LITERAL 2s))))"
     "(SETTING server(WORD b)(LITERAL 1:2)))",
     "E0106:2"},
    {"a template may hold definitions", "template t(a: port) {\n cluster c { }\n route main\n}",
     "(TEMPLATE t(PARAM a(WORD port))(BLOCK(CLUSTER c)(SETTING route(WORD main))))", ""},
    {"it is used with values or names", "use t(80, b = 'x')",
     "(USE t(LITERAL 80)(ARGUMENT b(RAW 'x')))", ""},
    {"a map has pairs", "map m : string -> cluster = { 'a' -> b, 'c' -> d }",
     "(MAP m(WORD string)(WORD cluster)(LIST(PAIR(RAW 'a')(WORD b))(PAIR(RAW 'c')(WORD d))))", ""},
    {"a set may come from a file", "set s : network from file 'x'",
     "(SET s(WORD network)(FROM file(RAW 'x')))", ""},
    {"a test has requests and expectations",
     "test 't' {\n request GET '/' from 1.2.3.4\n expect deny 404 with 'x'\n"
     " expect request header 'a' == 'b'\n}",
     "(TEST(RAW 't')(ASKED(WORD GET)(RAW '/')(WORD from)(LITERAL 1.2.3.4))"
     "(EXPECT(WORD deny)(LITERAL 404)(WORD with)(RAW 'x'))"
     "(EXPECT_REQUEST(EQUAL(FIELD header(RAW 'a'))(RAW 'b'))))",
     ""},
    {"an assert has an outcome and a condition", "assert never forward a when not b",
     "(ASSERT never(WORD forward)(WORD a)(NOT(USE_ACL b)))", ""},
    {"a listener has phases", "listener a { on connect { when b { deny } } }",
     "(LISTENER a(ON connect(WHEN(USE_ACL b)(DENY))))", ""},
    {"a clause may allow to be shadowed", "route r { when a { allow shadowed; deny } }",
     "(ROUTE r(WHEN(USE_ACL a)(ALLOW shadowed)(DENY)))", ""},
    {"settings have commas", "limit a { key src, header 'x'  rate 5/m }",
     "(LIMIT a(SETTING key(WORD src)(COMMA ,)(WORD header)(RAW 'x')(WORD rate)(LITERAL 5/m)))", ""},
    {"a forgotten brace is put in before a definition", "cluster a {\n server b 1:2\ncluster c { }",
     "(CLUSTER a(SETTING server(WORD b)(LITERAL 1:2)))(CLUSTER c)", "E0106:1"},
    {"and at the end of the file", "route a {\n when b { continue",
     "(ROUTE a(WHEN(USE_ACL b)(CONTINUE)))", "E0106:1 E0106:2"},
    {"a forgotten parenthesis is put in before a block", "route a { when (b { continue } }",
     "(ROUTE a(WHEN(USE_ACL b)(CONTINUE)))", "E0106:1"},
    {"a set that is not closed ends before a definition", "set a : string = { 'b',\nacl c = d",
     "(SET a(WORD string)(LIST(RAW 'b')))(ACL c(USE_ACL d))", "E0106:1"},
    {"a brace too many is left out", "acl a = b\n}\nacl c = d",
     "(ACL a(USE_ACL b))(ACL c(USE_ACL d))", "E0107:2"},
    {"an open string is one mistake", "acl a = host == \"x\nacl c = d", "(BAD a)(ACL c(USE_ACL d))",
     "E0004:1"},
    {"so is a stray character", "acl a = @@ b\nacl c = d", "(BAD a)(ACL c(USE_ACL d))", "E0003:1"},
    {"other languages' signs are understood", "acl a = b && c",
     "(ACL a(AND(USE_ACL b)(USE_ACL c)))", "E0104:1"},
    {"what is not UTF-8 is not read", "acl a = b\n# \xff\n", "(BAD)", "E0001:2"},
};

static void said(struct text *out, const struct parsed *p)
{
    for (uint32_t i = 0; i < diags_count(p->diags); i++)
        text_addf(out, "%s%s:%u", i ? " " : "", diag_code_name(diags_code(p->diags, i)),
                  sources_place(p->sources, diags_span(p->diags, i).from).line);
}

static void trees_and_messages_are_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed p;
        struct text tree = {0}, codes = {0};
        parse_text(&p, slice_of(rows[i].text));
        for (const struct ast *a = p.tree.root->first; a; a = a->next)
            show(&tree, a);
        said(&codes, &p);
        if (!slice_eq(text_slice(&tree), slice_of(rows[i].tree)))
            fail_msg("%s: the tree is %s", rows[i].says, text_slice(&tree).at);
        if (!slice_eq(text_slice(&codes), slice_of(rows[i].codes)))
            fail_msg("%s: said was %s", rows[i].says, text_slice(&codes).at);
        text_done(&tree);
        text_done(&codes);
        done(&p);
    }
}

/* Each row cut off behind every byte: the tokens are always the text. */
static void tokens_are_the_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t len = 0; len <= strlen(rows[i].text); len++) {
            struct parsed p;
            struct text again = {0};
            const struct slice text = {rows[i].text, len};
            parse_text(&p, text);
            for (uint32_t t = 0; t < p.tree.tokens.n; t++) {
                const struct token *token = &p.tree.tokens.at[t];
                text_add(&again,
                         (struct slice){text.at + token->lead, token->span.from - token->lead});
                text_add(&again, token->text);
            }
            if (p.tree.tokens.n > 0 && !slice_eq(text_slice(&again), text))
                fail_msg("%s: its first %zu bytes come back as %s", rows[i].says, len,
                         text_slice(&again).at);
            text_done(&again);
            done(&p);
        }
    }
}

static struct slice repeated(struct text *t, const char *before, const char *what, size_t n,
                             const char *behind)
{
    text_adds(t, before);
    for (size_t i = 0; i < n; i++)
        text_adds(t, what);
    text_adds(t, behind);
    return text_slice(t);
}

/* 100,000 of something: a message or none, and never the end of the C stack. */
static const struct {
    const char *says, *before, *what, *behind, *codes;
} deep[] = {
    {"a long chain is flat", "acl a = b", " and b", "", ""},
    {"a deep negation is refused", "acl a = ", "not ", "b", "E0108:1"},
    {"so are deep parentheses", "acl a = ", "(", "b", "E0108:1"},
    {"alternation makes no depth", "acl a = b", " and b or c", "", ""},
    {"deep blocks are refused", "", "{\n", "", "E0101:1 E0108:65"},
    {"a long set is flat", "set a : string = {", "'a',", "}", ""},
};

static void depth_has_a_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(deep); i++) {
        struct parsed p;
        struct text text = {0}, codes = {0};
        parse_text(&p, repeated(&text, deep[i].before, deep[i].what, 100000, deep[i].behind));
        said(&codes, &p);
        if (strncmp(text_slice(&codes).at, deep[i].codes, strlen(deep[i].codes)) != 0 ||
            (deep[i].codes[0] == '\0' && codes.len > 0))
            fail_msg("%s: said was %.200s", deep[i].says, text_slice(&codes).at);
        text_done(&text);
        text_done(&codes);
        done(&p);
    }
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char *blanks = malloc(PARSE_BYTES_MAX + 1);
    assert_non_null(blanks);
    memset(blanks, ' ', PARSE_BYTES_MAX + 1);
    struct parsed p;
    parse_text(&p, (struct slice){blanks, PARSE_BYTES_MAX + 1});
    assert_int_equal(diags_count(p.diags), 1);
    assert_int_equal(diags_code(p.diags, 0), DIAG_TOO_LONG);
    done(&p);
    free(blanks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_and_messages_are_as_the_table_says),
        cmocka_unit_test(tokens_are_the_text),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(a_file_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
