/* Sentences, and what they make of a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grammar/diag.h"
#include "grammar/edit/edit.h"
#include "runtime/base/arena.h"
#include "runtime/base/check.h"
#include "runtime/base/text.h"

/* What becomes of the text; false, and what was said, when nothing does. */
static bool edited(const char *text, const char *requests, struct text *out)
{
    struct sources *sources = sources_new();
    assert_int_equal(sources_add(sources, SLICE("test.lbconf"), slice_of(text)), 0);
    assert_int_equal(sources_add(sources, SLICE("request"), slice_of(requests)), 1);
    struct diags *d = diags_new(sources, 0);
    struct arena arena = {0};
    struct edit_patch patch;
    const bool one = strchr(requests, '\n') == NULL;
    const bool done =
        one ? edit(sources, 0, 1, &arena, d, &patch) : edit_all(sources, 0, 1, &arena, d, &patch);
    assert_int_equal(done, diag_errors(d) == 0);
    if (done)
        text_add(out, edit_apply(slice_of(text), &patch, &arena));
    else
        diag_render(d, DIAG_HUMAN, out);
    text_addc(out, '\0');
    arena_free(&arena);
    diags_free(d);
    sources_free(sources);
    return done;
}

#define SERVERS                                                                                    \
    "cluster api {\n"                                                                              \
    "  server big   10.0.0.1:80 weight 3   # big\n"                                                \
    "  server small 10.0.0.2:80 backup\n"

static const struct {
    const char *says, *text, *request, *result;
} rows[] = {
    {"a value is changed, and the columns stay", SERVERS "}\n", "set api/big weight 5",
     "cluster api {\n  server big   10.0.0.1:80 weight 5   # big\n"
     "  server small 10.0.0.2:80 backup\n}\n"},
    {"what is there already changes nothing", SERVERS "}", "set api/big weight 3", SERVERS "}"},
    {"an option comes to the end", SERVERS "}", "set api/small weight 2",
     "cluster api {\n  server big   10.0.0.1:80 weight 3   # big\n"
     "  server small 10.0.0.2:80 backup weight 2\n}"},
    {"a server's address is replaced", SERVERS "}", "set api/big 10.0.0.9:80",
     "cluster api {\n  server big   10.0.0.9:80 weight 3   # big\n"
     "  server small 10.0.0.2:80 backup\n}"},
    {"by a socket", "cluster a { server b 1.2.3.4:5 backup }", "set a/b unix:/run/b.sock",
     "cluster a { server b unix:/run/b.sock backup }"},
    {"by the name of a const", "cluster a { server b 1.2.3.4:5 }", "set a/b B",
     "cluster a { server b B }"},
    {"that of a bind", "listener l {\n  bind 1.2.3.4:5 tls t\n  bind 1.2.3.4:6\n}",
     "set l/1 [::]:80", "listener l {\n  bind [::]:80 tls t\n  bind 1.2.3.4:6\n}"},
    {"and goes", "cluster a { server b 1.2.3.4:5 weight 2 backup # x\n}", "remove a/b weight",
     "cluster a { server b 1.2.3.4:5 backup # x\n}"},
    {"one without a value too", "cluster a { server b 1.2.3.4:5 weight 2 backup }",
     "remove a/b backup", "cluster a { server b 1.2.3.4:5 weight 2 }"},
    {"a server comes behind the others, in their columns", SERVERS "  timeout read 5s\n}",
     "add api server mid 10.0.0.3:80", SERVERS "  server mid   10.0.0.3:80\n  timeout read 5s\n}"},
    {"on one line it comes there", "cluster a { server b 1.2.3.4:5; balance x }",
     "add a server c 1.2.3.4:6", "cluster a { server b 1.2.3.4:5; server c 1.2.3.4:6; balance x }"},
    {"into an empty block", "cluster a {}", "add a server c 1.2.3.4:6",
     "cluster a { server c 1.2.3.4:6 }"},
    {"on one line with a comment behind it", "cluster a { server b 1.2.3.4:5 # b\n}",
     "add a server c 1.2.3.4:6", "cluster a { server b 1.2.3.4:5 # b\n  server c 1.2.3.4:6\n}"},
    {"and further in", "listener l {\n  compress gzip { min-size 1KiB # b\n  }\n}",
     "set l/compress level 6",
     "listener l {\n  compress gzip { min-size 1KiB # b\n    level 6\n  }\n}"},
    {"of two lines", "cluster a {\r\n  # none\r\n}\r\n", "add a server c 1.2.3.4:6",
     "cluster a {\r\n  # none\r\n  server c 1.2.3.4:6\r\n}\r\n"},
    {"lines end as they do", "cluster a {\r\n\tserver b 1.2.3.4:5\r\n}\r\n",
     "add a server c 1.2.3.4:6",
     "cluster a {\r\n\tserver b 1.2.3.4:5\r\n\tserver c 1.2.3.4:6\r\n}\r\n"},
    {"a server goes with the comment on its line", SERVERS "}", "remove api/big",
     "cluster api {\n  server small 10.0.0.2:80 backup\n}"},
    {"and with its paragraph",
     "cluster a {\n  # one\n  server b 1.2.3.4:5\n\n  # two\n  server c 1.2.3.4:6\n}", "remove a/c",
     "cluster a {\n  # one\n  server b 1.2.3.4:5\n}"},
    {"at the begin as well",
     "cluster a {\n  # one\n  server b 1.2.3.4:5\n\n  server c 1.2.3.4:6\n}", "remove a/b",
     "cluster a {\n  server c 1.2.3.4:6\n}"},
    {"but not with the comment of others",
     "cluster a {\n  # both\n  server b 1.2.3.4:5\n  server c 1.2.3.4:6\n}", "remove a/b",
     "cluster a {\n  # both\n  server c 1.2.3.4:6\n}"},
    {"from a line", "cluster a { server b 1.2.3.4:5; server c 1.2.3.4:6 }", "remove a/b",
     "cluster a { server c 1.2.3.4:6 }"},
    {"the last of a line", "cluster a { server b 1.2.3.4:5; server c 1.2.3.4:6 }", "remove a/c",
     "cluster a { server b 1.2.3.4:5 }"},
    {"the only one", "cluster a { server b 1.2.3.4:5 }", "remove a/b", "cluster a {}"},
    {"a setting of a block", "cluster a {\n  timeout read 5s # x\n}", "set a timeout read 6s",
     "cluster a {\n  timeout read 6s # x\n}"},
    {"another one of that word", "cluster a {\n  timeout read 5s # x\n}", "set a timeout write 6s",
     "cluster a {\n  timeout read 5s # x\n  timeout write 6s\n}"},
    {"further in", "cluster a {\n  health tcp { every 5s } # x\n}", "set a/health every 6s",
     "cluster a {\n  health tcp { every 6s } # x\n}"},
    {"one of several on a line", "cluster a {\n  health tcp { every 5s timeout 1s  rise 2 }\n}",
     "set a/health timeout 2s", "cluster a {\n  health tcp { every 5s timeout 2s  rise 2 }\n}"},
    {"one more on that line", "cluster a {\n  health tcp { every 5s  timeout 1s }\n}",
     "set a/health rise 2", "cluster a {\n  health tcp { every 5s  timeout 1s  rise 2 }\n}"},
    {"one less", "cluster a {\n  health tcp { every 5s  timeout 1s  rise 2 }\n}",
     "remove a/health timeout", "cluster a {\n  health tcp { every 5s  rise 2 }\n}"},
    {"where there is no block yet", "cluster a {\n  health tcp # x\n}", "set a/health every 6s",
     "cluster a {\n  health tcp { every 6s } # x\n}"},
    {"a const", "const A : duration = 5s # x\n", "set A 6s", "const A : duration = 6s # x\n"},
    {"an acl, but for what stays", "acl a = path == \"/x\" and b", "set a path == \"/y\" and b",
     "acl a = path == \"/y\" and b"},
    {"an entry more", "set s : path = { \"/a\" }", "add s \"/b\"",
     "set s : path = { \"/a\", \"/b\" }"},
    {"the first", "set s : path = {}", "add s \"/b\"", "set s : path = { \"/b\" }"},
    {"on a line of its own", "set s : path = {\n  \"/a\", # a\n  \"/b\" # b\n}", "add s \"/c\"",
     "set s : path = {\n  \"/a\", # a\n  \"/b\", # b\n  \"/c\"\n}"},
    {"behind the last comma", "set s : path = {\n  \"/a\",\n}", "add s \"/c\"",
     "set s : path = {\n  \"/a\",\n  \"/c\",\n}"},
    {"an entry less", "set s : path = { \"/a\", \"/b\", \"/c\" }", "remove s \"/b\"",
     "set s : path = { \"/a\", \"/c\" }"},
    {"the last one", "set s : path = { \"/a\", \"/b\" }", "remove s \"/b\"",
     "set s : path = { \"/a\" }"},
    {"the only one of a set", "set s : path = { \"/a\" }", "remove s \"/a\"", "set s : path = {}"},
    {"the last of several on a line", "set s : path = {\n  \"/a\", \"/b\", \"/c\",\n}",
     "remove s \"/c\"", "set s : path = {\n  \"/a\", \"/b\",\n}"},
    {"and the blank before its comma", "set s : path = { \"/a\" , \"/b\" }", "remove s \"/b\"",
     "set s : path = { \"/a\" }"},
    {"the only one, with its comma", "set s : path = { \"/a\", }", "remove s \"/a\"",
     "set s : path = {}"},
    {"with its line", "set s : path = {\n  \"/a\", # a\n  \"/b\", # b\n  \"/c\" # c\n}",
     "remove s \"/b\"", "set s : path = {\n  \"/a\", # a\n  \"/c\" # c\n}"},
    {"the last with its line", "set s : path = {\n  \"/a\", # a\n  \"/b\" # b\n}",
     "remove s \"/b\"", "set s : path = {\n  \"/a\" # a\n}"},
    {"a key more", "map m : host -> cluster = { \"a\" -> b }", "add m \"c\" -> b",
     "map m : host -> cluster = { \"a\" -> b, \"c\" -> b }"},
    {"a key that leads elsewhere",
     "map m : host -> cluster = {\n  \"a\"  -> b, # a\n  \"c\" -> b\n}", "set m \"a\" -> d",
     "map m : host -> cluster = {\n  \"a\"  -> d, # a\n  \"c\" -> b\n}"},
    {"or is new", "map m : host -> cluster = { \"a\" -> b }", "set m \"c\" -> d",
     "map m : host -> cluster = { \"a\" -> b, \"c\" -> d }"},
    {"a key less", "map m : host -> cluster = {\n  \"a\" -> b,\n  \"c\" -> b\n}", "remove m \"a\"",
     "map m : host -> cluster = {\n  \"c\" -> b\n}"},
    {"with where it leads", "map m : host -> cluster = { \"a\" -> b, \"c\" -> b }",
     "remove m \"c\" -> b", "map m : host -> cluster = { \"a\" -> b }"},
    {"a limit's rate", "limit l {\n  key src\n  rate 5/s burst 9 # x\n}", "set l rate 7/s",
     "limit l {\n  key src\n  rate 7/s burst 9 # x\n}"},
    {"room of a server", "cluster a { server b 1.2.3.4:5 backup }", "set a/b max-connections 9",
     "cluster a { server b 1.2.3.4:5 backup max-connections 9 }"},
    {"of all", "cluster a {\n  server b 1.2.3.4:5\n}", "set a max-connections 9",
     "cluster a {\n  server b 1.2.3.4:5\n  max-connections 9\n}"},
    {"a state", "cluster a { server b 1.2.3.4:5 }", "set a/b state drain",
     "cluster a { server b 1.2.3.4:5 state drain }"},
    {"a certificate", "tls t {\n  certificate \"a.pem\" # a\n  client-ca \"x.pem\"\n}",
     "add tls:t certificate \"b.crt\" \"b.key\"",
     "tls t {\n  certificate \"a.pem\" # a\n  certificate \"b.crt\" \"b.key\"\n  client-ca "
     "\"x.pem\"\n}"},
    {"a clause before `otherwise`", "route r {\n  when a  { deny }\n  otherwise { deny }\n}",
     "add r when bcd { deny }",
     "route r {\n  when a  { deny }\n  when bcd { deny }\n  otherwise { deny }\n}"},
    {"by number", "route r {\n  when a { deny }\n  # b\n  when b { deny }\n}",
     "add r before 2 when c { deny }",
     "route r {\n  when a { deny }\n  when c { deny }\n  # b\n  when b { deny }\n}"},
    {"moved, with its comments", "route r {\n  when a { deny }\n  # b\n  when b { deny } # c\n}",
     "move r/2 before 1", "route r {\n  # b\n  when b { deny } # c\n  when a { deny }\n}"},
    {"and back", "route r {\n  # b\n  when b { deny } # c\n  when a { deny }\n}",
     "move r/1 after 2", "route r {\n  when a { deny }\n  # b\n  when b { deny } # c\n}"},
    {"replaced, but for what stays", "route r {\n  when a   { deny } # x\n}",
     "replace r/1 when a { forward b }", "route r {\n  when a   { forward b } # x\n}"},
    {"a definition", "cluster web {}\n", "add / cluster b { server a 1.2.3.4:5 }",
     "cluster web {}\n\ncluster b { server a 1.2.3.4:5 }\n"},
    {"in a file of nothing", "", "add / lbconf 1", "lbconf 1\n"},
    {"which of several", "cluster web {}\nlistener web {\n  bind 1.2.3.4:5\n}\n",
     "add listener:web bind 1.2.3.4:6",
     "cluster web {}\nlistener web {\n  bind 1.2.3.4:5\n  bind 1.2.3.4:6\n}\n"},
    {"one after the other", "cluster a {}\n",
     "add a server b 1.2.3.4:5\nset a/b weight 2\n\nadd a server c 1.2.3.4:6\n",
     "cluster a { server b 1.2.3.4:5 weight 2; server c 1.2.3.4:6 }\n"},
    {"too long for a line", "route r {\n  otherwise { deny }\n}",
     "add r when path == \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { set header \"a\" "
     "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"; continue }",
     "route r {\n  when path == \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" {\n"
     "    set header \"a\" \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\n    continue\n  }\n  otherwise { "
     "deny }\n}"},
};

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct text out = {0};
        if (!edited(rows[i].text, rows[i].request, &out) || strcmp(out.at, rows[i].result) != 0)
            print_error("%s: %s\n", rows[i].says, rows[i].request);
        assert_string_equal(out.at, rows[i].result);
        text_done(&out);
    }
}

static const struct {
    const char *text, *request, *says;
} refused[] = {
    {"cluster a {}", "", "E1201"},
    {"cluster a {}", "st a x", "did you mean `set`?"},
    {"cluster a {}", "set", "the place is missing"},
    {"cluster a {}", "set a", "what is to stand there is missing"},
    {"cluster api {}", "set aip x y", "did you mean `api`?"},
    {"cluster a {}", "remove a/b", "E1202"},
    {"cluster a {}", "remove a balance", "nothing like this"},
    {"cluster a { server b 1.2.3.4:5 }", "remove a/b weight", "nothing like this"},
    {"cluster a { server b 1.2.3.4:5 }", "add a server b 1.2.3.4:5", "of that name already"},
    {"cluster a {}\nroute a {}", "add a server b 1.2.3.4:5", "which, as in cluster:web"},
    {"set s : path = { \"/a\" }", "add s \"/a\"", "there already"},
    {"set s : path = { \"/a\" }", "remove s \"/b\"", "no such entry"},
    {"map m : host -> cluster = { \"a\" -> b }", "add m \"a\" -> c", "there already"},
    {"map m : host -> cluster = { \"a\" -> b }", "remove m \"a\" -> c", "no such entry"},
    {"map m : host -> cluster = { \"a\" -> b }", "remove m \"b\"", "no such entry"},
    {"const A : duration = 5s", "add A 5s", "neither a block nor a set"},
    {"route r { when a { deny } }", "move r/1", "where to?"},
    {"route r { when a { deny } }", "move r/1 before 1", "next to itself"},
    {"route r { when a { deny } }", "move r/1 before 0", "a number from 1"},
    {"route r { when a { deny } }", "move r/1 before 2", "not so many"},
    {"route r { when a { deny }; when b { deny } }", "move r/1 after 2", "lines of its own"},
    {"cluster a {}", "add a server b 1.2.3.4:5; server c 1.2.3.4:6", "one statement at a time"},
    {"cluster a {}", "add a server b 1.2.3.4:5 # x", "a comment cannot stand in it"},
    {"route r {\n  when a { deny }\n}", "add r when }", "E0107"},
    {"route r {\n  when a { deny }\n}", "add r whn a { deny }", "E1203"},
    {"acl a = (b # why\n  or c)", "set a d", "a comment stands in what would be replaced"},
    {"cluster a {", "add a server b 1.2.3.4:5", "E0106"},
};

static void test_what_cannot_be_done_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct text out = {0};
        assert_false(edited(refused[i].text, refused[i].request, &out));
        if (!strstr(out.at, refused[i].says))
            print_error("%s:\n%s", refused[i].request, out.at);
        assert_non_null(strstr(out.at, refused[i].says));
        text_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_what_cannot_be_done_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
