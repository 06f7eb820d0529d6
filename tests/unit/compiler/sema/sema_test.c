/* What configurations mean, and which are wrong: a row is a few lines of text and the codes they
 * earn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/sema/sema.h"
#include "grammar/diag.h"
#include "grammar/parse.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

struct checked {
    struct sources *sources;
    struct diags *diags;
    struct arena arena;
    struct scope scope;
    const struct program *program;
};

/* The environment of these tests. */
static const char *variable(void *from, const char *name)
{
    (void)from;
    if (strcmp(name, "PORT") == 0)
        return "8443";
    if (strcmp(name, "BAD_PORT") == 0)
        return "99999";
    return strcmp(name, "NOT_TEXT") == 0 ? "\xff" : NULL;
}

static void check(struct checked *c, struct slice text)
{
    *c = (struct checked){.sources = sources_new()};
    assert_int_equal(sources_add(c->sources, SLICE("test.lbconf"), text), 0);
    c->diags = diags_new(c->sources, 0);
    const struct tree tree = parse(c->sources, 0, &c->arena, c->diags);
    const struct sema_input in = {.file = tree.root, .sources = c->sources, .env = variable};
    c->program = sema(&in, &c->arena, c->diags, &c->scope);
}

static void done(struct checked *c)
{
    scope_done(&c->scope);
    diags_free(c->diags);
    sources_free(c->sources);
    arena_free(&c->arena);
}

static void codes(struct text *out, const struct checked *c)
{
    for (uint32_t i = 0; i < diags_count(c->diags); i++)
        text_addf(out, "%s%s", i ? " " : "", diag_code_name(diags_code(c->diags, i)));
}

struct row {
    const char *says, *text, *codes;
};

static void rows_earn_their_codes(const struct row *row, size_t n, const char *before,
                                  const char *behind)
{
    for (size_t i = 0; i < n; i++) {
        struct text text = {0}, said = {0};
        text_addf(&text, "%s%s%s", before, row[i].text, behind);
        struct checked c;
        check(&c, text_slice(&text));
        codes(&said, &c);
        if (!slice_eq(text_slice(&said), slice_of(row[i].codes)))
            fail_msg("%s: said was \"%s\"", row[i].says, text_slice(&said).at);
        if ((c.program != NULL) != (diag_errors(c.diags) == 0))
            fail_msg("%s: a program and errors exclude each other", row[i].says);
        text_done(&text);
        text_done(&said);
        done(&c);
    }
}

#define LISTENER "listener l { bind 0.0.0.0:80; route r }\n"
#define CLUSTER  "cluster c { server s 10.0.0.1:80 }\n"
#define ROUTE    "route r { otherwise { forward c } }\n"

static const struct row conditions[] = {
    {"a path is compared", "path == \"/a\"", ""},
    {"a raw string is as good", "path == '/a'", ""},
    {"networks of both families stand in a set", "src in { 10.0.0.0/8, 2001:db8::/32, ::1 }", ""},
    {"one network needs no braces", "src in 10.0.0.0/8", ""},
    {"an address is compared", "src == 10.0.0.7 or src != ::1", ""},
    {"but not with a network", "src == 10.0.0.0/8", "E0301"},
    {"addresses have no beginnings", "src starts-with \"10.\"", "E0302"},
    {"a network has no bits behind its length", "src in { 10.0.0.1/8 }", "E0406"},
    {"methods stand without quotes", "method in { GET, POST } and method != PUT", ""},
    {"and in capitals", "method == get", "E0409"},
    {"a method may be any token", "method == M-SEARCH", ""},
    {"a method in quotes is none", "method == \"GET\"", "E0113"},
    {"there are two schemes", "scheme == https and scheme == ftp", "E0306"},
    {"a host's case and final dot do not matter", "host == \"Shop.Example.COM.\"", ""},
    {"a host may be an IPv6 address", "host == \"[2001:db8::1]\"", ""},
    {"a host has no port", "host == \"a.example:80\"", "E0407"},
    {"a star in front stands for labels", "host == \"*.a.example\" or host in { \"*.b\" }", ""},
    {"but nowhere else", "host == \"a.*.example\"", "E0407"},
    {"nor alone", "host == \"*\" or host == \"*.\"", "E0407 E0407"},
    {"nor in a part", "host ends-with \"*.example\"", "E0407"},
    {"a host's end may begin with a dot", "host ends-with \".a.example\"", ""},
    {"its beginning may end with one", "host starts-with \"shop.\"", ""},
    {"an empty label is none", "host == \"a..b\"", "E0407"},
    {"a path begins with a slash", "path == \"a\"", "E0408"},
    {"and is in its normal form", "path == \"/a//b\"", "E0408"},
    {"without dot segments", "path under \"/a/../b\"", "E0408"},
    {"escapes are in capitals", "path == \"/%c3%a9\"", "E0408"},
    {"these are", "path == \"/%C3%A9\"", ""},
    {"unreserved characters are not escaped", "path == \"/%41\"", "E0408"},
    {"an escaped slash never arrives", "path == \"/a%2Fb\"", "E0408"},
    {"the query is not in the path", "path == \"/a?b\"", "E0408"},
    {"under wants no final slash", "path under \"/a/\"", "E0408"},
    {"the root has one", "path under \"/\"", ""},
    {"a path's end may be anything", "path ends-with \".php\"", ""},
    {"but not what cannot be", "path ends-with \"//\"", "E0408"},
    {"a beginning may end inside a segment", "path starts-with \"/.well\"", ""},
    {"everything begins with nothing", "uri starts-with \"\"", "E0305"},
    {"what is always there always exists", "path exists", "E0305"},
    {"a query may be absent", "query exists and query \"k\" exists", ""},
    {"a header wants its name", "header == \"a\"", "E0303"},
    {"a path has none", "path \"x\" == \"/a\"", "E0304"},
    {"a header's name is a token", "header \"x y\" exists", "E0410"},
    {"under is for paths", "host under \"a\"", "E0302"},
    {"an empty set holds nothing", "path in { }", "E0306"},
    {"a set is not one value", "path == { \"/a\" }", "E0307"},
    {"a set twice the same is a warning", "path in { \"/a\", \"/a\" }", "W0401"},
    {"a listener must be there", "listener == \"l\" or listener == \"k\"", "E0201"},
    {"a field alone asks nothing", "path", "E0102"},
    {"unless it is true or false", "tls and not tls.client.verified", ""},
    {"which nothing is compared with", "tls == true", "E0302"},
    {"numbers have an order", "port >= 8000 and body.length < 1MiB and random < 10%", ""},
    {"strings have none", "path < \"/a\"", "E0302"},
    {"numbers have no beginnings", "port starts-with 80", "E0302"},
    {"ranges stand in sets", "port in { 80, 8000..8999 } or port in 1..79", ""},
    {"and end behind their beginning", "port in 90..80", "E0414"},
    {"nothing is below the least", "random < 0%", "E0306"},
    {"nor above the greatest", "random > 99%", "E0306"},
    {"everything is at least the least", "random >= 0%", "E0305"},
    {"a length that may be absent is not", "body.length >= 0B", ""},
    {"a version of TLS is one", "tls.version < 1.2 and tls.version != 2.0", "E0401"},
    {"protocols are words", "proto == http/1.1 or proto in { h2, http/1.0 }", ""},
    {"of which there are four", "proto == http/2", "E0306"},
    {"a response is not there yet", "status == 404", "E0309"},
    {"a cluster is asked by its name", "cluster.c.up < 1 and cluster.d.up > 0", "E0201"},
    {"a header may be a list", "all header \"x\" items == \"a\" and header \"x\" items exists", ""},
    {"a cookie is none", "cookie \"x\" items == \"a\"", "E0311"},
    {"all asks for each of several", "all cookie \"a\" != \"b\" and all path == \"/a\"", "E0310"},
    {"something is in it", "path contains \"..;\" and uri contains \"\"", "E0305"},
    {"a request's header may be said to be one", "request header \"a\" exists", ""},
    {"a response's is not there yet", "response header \"a\" exists", "E0309"},
    {"an unknown acl is one message", "a and b", "E0201 E0201"},
    {"a number is no path", "path == 5", "E0112"},
    {"a bad escape is found", "path == \"/\\a\"", "E0005"},
};

static void conditions_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(conditions, COUNT_OF(conditions),
                          "lbconf 1\n" LISTENER CLUSTER "route r {\n when ",
                          " { forward c }\n otherwise { deny }\n}\n");
}

static const struct row actions[] = {
    {"forward decides", "forward c", ""},
    {"to a cluster that is there", "forward d", "E0201"},
    {"deny has a status", "deny", ""},
    {"or another", "deny 429 with \"slow down\"", ""},
    {"from 400", "deny 302", "E0508"},
    {"up to 599", "deny 600", "E0405"},
    {"respond wants a body", "respond 200", "E0510"},
    {"perhaps a type", "respond 200 \"text/html\" \"<p>\"", ""},
    {"and no more", "respond 200 \"a\" \"b\" \"c\"", "E0510"},
    {"204 has no body", "respond 204 \"a\"", "E0509"},
    {"an empty one is none", "respond 204 \"\"", ""},
    {"a body may have lines", "respond 200 \"a\\nb\"", ""},
    {"a type may not", "respond 200 \"a\\nb\" \"c\"", "E0411"},
    {"redirect has its own statuses", "redirect 304 \"/\"", "E0508"},
    {"and goes somewhere", "redirect 301 \"\"", "E0511"},
    {"a template names fields", "redirect 301 \"https://{host}{uri}?a={query \"a\"}\"", ""},
    {"unknown ones are found", "redirect 301 \"{hots}\"", "E0206"},
    {"braces are doubled", "redirect 301 \"/{{a}}\"", ""},
    {"one alone is wrong", "redirect 301 \"/}\"", "E0412"},
    {"a raw string has no fields", "redirect 301 '/{'", ""},
    {"a change alone decides nothing", "set header \"x\" \"y\"", "E0503"},
    {"it goes on", "set header \"x\" \"y\"; continue", ""},
    {"going on alone does nothing", "continue", "W0501"},
    {"nothing follows a decision", "forward c; deny", "E0504"},
    {"nor going on", "continue; deny", "E0504"},
    {"nothing at all decides nothing", "", "E0503"},
    {"framing headers are not ours", "remove header \"content-length\"; deny", "E0507"},
    {"nor are those of the connection", "set header \"Connection\" \"close\"; deny", "E0507"},
    {"the host can be set", "set header \"Host\" \"a\"; forward c", ""},
    {"but not added", "add header \"host\" \"a\"; forward c", "E0507"},
    {"nor removed", "remove header \"host\"; forward c", "E0507"},
    {"a value has one line", "set header \"x\" \"a\\r\\nb\"; deny", "E0411"},
    {"a broken action is one message", "forward", "E0102"},
};

static void actions_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(actions, COUNT_OF(actions),
                          "lbconf 1\n" LISTENER CLUSTER "route r {\n when path == \"/\" { ",
                          " }\n otherwise { forward c }\n}\n");
}

static const struct row routes[] = {
    {"a route needs no otherwise where proofs show that nothing is left",
     "when path == \"/\" { deny }", ""},
    {"an empty one decides nothing", "", "E0501"},
    {"nothing follows it", "otherwise { deny }\n when path == \"/\" { deny }", "E0502"},
    {"not even another", "otherwise { deny }\n otherwise { deny }", "E0502"},
    {"it decides", "otherwise { set header \"x\" \"y\"; continue }", "E0505"},
    {"a broken clause hides no otherwise", "when { deny }\n otherwise { deny }", "E0102"},
    {"nor does a broken otherwise", "otherwise deny", "E0102"},
};

static void routes_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(routes, COUNT_OF(routes), "lbconf 1\n" LISTENER CLUSTER "route r {\n ",
                          "\n}\n");
}

static const struct row clusters[] = {
    {"a cluster wants a server", "", "E0601"},
    {"everything at once",
     "server a 10.0.0.1:80 backup weight 3; server b [::1]:80; server d unix:/a\n balance ip-hash; "
     "timeout read 5s; health tcp",
     ""},
    {"a broken server is not a missing one", "server a", "E0102"},
    {"two of one name", "server a 10.0.0.1:80; server a 10.0.0.2:80", "E0602"},
    {"two at one address", "server a 10.0.0.1:80; server b 10.0.0.1:80", "W0601"},
    {"only backups", "server a 10.0.0.1:80 backup", "W0602"},
    {"weights are ignored", "server a 10.0.0.1:80 weight 2", "W0603"},
    {"weights have a range", "server a 10.0.0.1:80 weight 0\n balance ip-hash", "E0405"},
    {"and are given once", "server a 10.0.0.1:80 weight 1 weight 2\n balance ip-hash", "E0603"},
    {"an unknown balance", "server a 10.0.0.1:80; balance lest-connections", "E0207"},
    {"a timeout of the other scope", "server a 10.0.0.1:80; timeout header 5s", "E0207"},
    {"a duration has a unit", "server a 10.0.0.1:80; timeout read 5", "E0402"},
    {"a known one", "server a 10.0.0.1:80; timeout read 5sec", "E0403"},
    {"and is not zero", "server a 10.0.0.1:80; timeout read 0ms", "E0404"},
    {"nor for ever", "server a 10.0.0.1:80; timeout read 366d", "E0401"},
    {"nor a fraction", "server a 10.0.0.1:80; timeout read 0.5s", "E0401"},
    {"names are not resolved", "server a db.example:80", "E0413"},
    {"a port is below 65536", "server a 10.0.0.1:65536", "E0401"},
    {"a health check has a path", "server a 10.0.0.1:80; health http", "E0604"},
    {"which begins with a slash", "server a 10.0.0.1:80; health http \"x\"", "E0604"},
    {"and may have a query", "server a 10.0.0.1:80; health http HEAD \"/x?y=1\" { host \"a\" }",
     ""},
    {"tcp has none", "server a 10.0.0.1:80; health tcp \"/\"", "E0604"},
    {"nor a status", "server a 10.0.0.1:80; health tcp { expect status 200 }", "E0604"},
    {"tcp may talk", "server a 10.0.0.1:80; health tcp { send \"PING\\r\\n\"; expect \"+PONG\" }",
     ""},
    {"and tls, in bytes", "server a 10.0.0.1:80; health tls { expect \"\\x00\\xfF\" }", ""},
    {"http does not", "server a 10.0.0.1:80; health http \"/\" { send \"x\" }", "E0604"},
    {"nor is it answered so", "server a 10.0.0.1:80; health http \"/\" { expect \"x\" }", "E0604"},
    {"nothing is nothing", "server a 10.0.0.1:80; health tcp { send \"\" }", "E0604"},
    {"a status is behind its word", "server a 10.0.0.1:80; health http \"/\" { expect status }",
     "E0102"},
    {"and is said once",
     "server a 10.0.0.1:80; health http \"/\" { expect status 200; expect status 204 }", "E0603"},
    {"bytes have two digits", "server a 10.0.0.1:80; health tcp { send \"\\x0\" }", "E0005"},
    {"and are no text elsewhere", "server a 10.0.0.1:80; health http \"/\\x41\"", "E0005"},
    {"a hedge comes after a time", "server a 10.0.0.1:80; retry 0 { hedge after 1ms }", ""},
    {"which it says", "server a 10.0.0.1:80; retry 1 { hedge after }", "E0102"},
    {"and not with a number alone", "server a 10.0.0.1:80; retry 1 { hedge 200ms }", "E0101"},
    {"nor with too long a one", "server a 10.0.0.1:80; retry 1 { hedge after 2m }", "E0405"},
    {"a priority has a range", "server a 10.0.0.1:80 priority 1001", "E0405"},
    {"a status range goes up", "server a 10.0.0.1:80; health http \"/\" { expect status 300..200 }",
     "E0606"},
    {"a probe ends before the next", "server a 10.0.0.1:80; health tcp { every 1s timeout 2s }",
     "E0605"},
    {"a short interval shortens it", "server a 10.0.0.1:80; health tcp { every 500ms }", ""},
    {"names are lower case", "server A 10.0.0.1:80", "E0203"},
};

static void clusters_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(clusters, COUNT_OF(clusters),
                          "lbconf 1\n" LISTENER ROUTE "cluster c {\n ", "\n}\n");
}

static const struct row listeners[] = {
    {"a listener wants an address", "route r", "E0701"},
    {"and a route", "bind 0.0.0.0:80", "E0702"},
    {"a port may have a name", "bind 0.0.0.0:P; bind [::]:PORT; route r", ""},
    {"of type port", "bind 0.0.0.0:D; route r", "E0301"},
    {"that is defined", "bind 0.0.0.0:Q; route r", "E0201"},
    {"one address once", "bind 0.0.0.0:80; bind 0.0.0.0:80; route r", "E0703"},
    {"also by way of a name", "bind 0.0.0.0:8080; bind 0.0.0.0:P; route r", "E0703"},
    {"a route is no cluster", "bind 0.0.0.0:80; route c", "E0205"},
    {"connections have a range", "bind 0.0.0.0:80; route r; max-connections 0", "E0405"},
    {"timeouts are its own", "bind 0.0.0.0:80; route r; timeout tunnel 1h; timeout connect 1s",
     "E0207"},
};

static void listeners_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(
        listeners, COUNT_OF(listeners),
        "lbconf 1\nenv PORT : port\nconst P : port = 8080\nconst D : duration = 5s\n" CLUSTER ROUTE
        "listener l {\n ",
        "\n}\n");
}

static const struct row definitions[] = {
    {"a constant may name one", "const A : port = B\nconst B : port = 80", ""},
    {"but not itself", "const A : port = B\nconst B : port = A", "E0204"},
    {"a type is known", "const A : prot = 80", "E0207"},
    {"an acl may come later", "acl a = b\nacl b = path == \"/\"", ""},
    {"but not name itself", "acl a = not a", "E0204"},
    {"nor in a ring", "acl a = b\nacl b = d\nacl d = a", "E0204"},
    {"an environment variable must be set", "env NONE : port", "E0208"},
    {"or have a default", "env NONE : port = 80", ""},
    {"and be right", "env BAD_PORT : port = 80", "E0209"},
    {"and be text", "env NOT_TEXT : string = \"a\"", "E0209"},
    {"a wrong default is wrong in any case", "env PORT : port = 0", "E0401"},
    {"const and env share their names", "const A : port = 1\nenv A : port = 2", "E0202"},
    {"acl and set do not", "acl a = path == \"/\"\nset a : string = { \"x\" }", ""},
    {"sets have types", "set s : duration = { 5s }", "E0308"},
    {"and their elements too", "set s : network = { \"x\" }", "E0113"},
    {"the version is said once", "lbconf 1", "E0111"},
    {"names have a shape", "acl A_b = path == \"/\"", "E0203"},
    {"sizes and percentages are values",
     "const A : size = 64MiB\nconst B : percent = 5%\nconst E : percent = 1001%", "E0401"},
};

static void definitions_are_checked(void **state)
{
    (void)state;
    rows_earn_their_codes(definitions, COUNT_OF(definitions), "lbconf 1\n" LISTENER CLUSTER ROUTE,
                          "\n");
}

static const char *const everything =
    "lbconf 1\n"
    "env PORT : port\n"
    "const PATIENCE : duration = 90s\n"
    "set office : network = { 10.0.0.0/8 }\n"
    "acl staff = src in office\n"
    "listener l { bind 0.0.0.0:PORT; route r }\n"
    "cluster c { server s 10.0.0.1:80; timeout read PATIENCE; health http \"/\" }\n"
    "route r {\n"
    "  when staff and not src == 10.0.0.7 { set header \"X-Tier\" \"{host}!\"; continue }\n"
    "  when host == \"A.Example.\" { respond 200 \"hi\" }\n"
    "  otherwise { deny }\n"
    "}\n";

static void constants_are_folded_and_defaults_filled_in(void **state)
{
    (void)state;
    struct checked c;
    check(&c, slice_of(everything));
    const struct program *p = c.program;
    assert_non_null(p);
    assert_int_equal(p->listener[0].bind[0].endpoint.port, 8443);
    assert_int_equal(p->listener[0].max_connections, 10000);
    assert_int_equal(p->listener[0].timeout_ns[TIMEOUT_LISTENER_HEADER], INT64_C(10000000000));
    assert_int_equal(p->listener[0].timeout_ns[TIMEOUT_CLUSTER_READ], 0);
    assert_int_equal(p->cluster[0].timeout_ns[TIMEOUT_CLUSTER_READ], INT64_C(90000000000));
    assert_int_equal(p->cluster[0].balance, BALANCE_ROUND_ROBIN);
    assert_int_equal(p->cluster[0].server[0].weight, 1);
    const struct table_health *h = &p->cluster[0].health;
    assert_int_equal(h->every_ns, INT64_C(2000000000));
    assert_int_equal(h->rise, 2);
    assert_int_equal(h->fall, 3);
    assert_int_equal(h->status_last, 399);
    assert_true(slice_eq(h->method, SLICE("GET")));
    done(&c);
}

static void conditions_become_what_they_mean(void **state)
{
    (void)state;
    struct checked c;
    check(&c, slice_of(everything));
    assert_non_null(c.program);
    const struct clause *clause = c.program->route[0].clause;
    const struct cond *both = clause[0].when;
    assert_int_equal(both->kind, COND_AND);
    assert_int_equal(both->left->kind, COND_ACL);
    assert_true(slice_eq(both->left->left->set->name, SLICE("office")));
    assert_int_equal(both->right->kind, COND_NOT);
    assert_int_equal(both->right->left->compare, COMPARE_IN); /* an address is a set of one */
    assert_int_equal(both->right->left->set->network[0].bits, 128);
    assert_true(slice_eq(clause[1].when->string, SLICE("a.example")));
    assert_true(slice_eq(clause[0].action[0].name, SLICE("x-tier")));
    assert_int_equal(clause[0].action[0].value.n, 2);
    assert_true(slice_eq(clause[1].action[0].type, SLICE("text/plain; charset=utf-8")));
    assert_int_equal(clause[2].action[0].status, 403);
    assert_int_equal(clause[2].when->kind, COND_TRUE);
    done(&c);
}

static uint32_t height(const struct cond *c)
{
    if (!c)
        return 0;
    const uint32_t left = height(c->left), right = height(c->right);
    return 1 + (left > right ? left : right);
}

static void a_long_chain_is_a_shallow_tree(void **state)
{
    (void)state;
    struct text text = {0};
    text_adds(&text, "lbconf 1\n" LISTENER CLUSTER "route r {\n when path == \"/0\"");
    for (unsigned i = 1; i < 100000; i++)
        text_addf(&text, " or path == \"/%u\"", i);
    text_adds(&text, " { deny }\n otherwise { forward c }\n}\n");
    struct checked c;
    check(&c, text_slice(&text));
    assert_non_null(c.program);
    assert_in_range(height(c.program->route[0].clause[0].when), 17, 18);
    text_done(&text);
    done(&c);
}

/* Acls that double at each step: 2^30 tests in thirty lines. */
static void acls_cannot_be_made_to_explode(void **state)
{
    (void)state;
    struct text text = {0};
    text_adds(&text, "lbconf 1\n" LISTENER CLUSTER ROUTE "acl a0 = path == \"/\"\n");
    for (unsigned i = 1; i <= 30; i++)
        text_addf(&text, "acl a%u = a%u and a%u\n", i, i - 1, i - 1);
    struct checked c;
    check(&c, text_slice(&text));
    assert_null(c.program);
    assert_int_equal(diags_count(c.diags), 1);
    assert_int_equal(diags_code(c.diags, 0), DIAG_TOO_LARGE);
    text_done(&text);
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_checked),
        cmocka_unit_test(actions_are_checked),
        cmocka_unit_test(routes_are_checked),
        cmocka_unit_test(clusters_are_checked),
        cmocka_unit_test(listeners_are_checked),
        cmocka_unit_test(definitions_are_checked),
        cmocka_unit_test(constants_are_folded_and_defaults_filled_in),
        cmocka_unit_test(conditions_become_what_they_mean),
        cmocka_unit_test(a_long_chain_is_a_shallow_tree),
        cmocka_unit_test(acls_cannot_be_made_to_explode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
