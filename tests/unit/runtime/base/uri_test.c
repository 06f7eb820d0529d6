#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/rng.h"
#include "runtime/base/text.h"
#include "runtime/base/uri.h"

#define PATH_MAX_HERE 256

/* A row's text may hold a NUL: its length is taken from the literal. */
#define RAW(literal) SLICE_INIT(literal)

static const struct {
    const char *says;
    struct slice raw;
    enum uri_result result;
    const char *path;
} paths[] = {
    {"the root is normal", RAW("/"), URI_OK, "/"},
    {"a plain path is normal", RAW("/a/b.html"), URI_OK, "/a/b.html"},
    {"a final slash stays", RAW("/a/b/"), URI_OK, "/a/b/"},
    {"case is kept", RAW("/Api"), URI_OK, "/Api"},
    {"no slash, no path", RAW("a"), URI_NOT_ABSOLUTE, ""},
    {"nothing is no path", RAW(""), URI_NOT_ABSOLUTE, ""},
    {"an asterisk is no path", RAW("*"), URI_NOT_ABSOLUTE, ""},

    {"empty segments are merged", RAW("//a///b//"), URI_OK, "/a/b/"},
    {"only slashes are the root", RAW("///"), URI_OK, "/"},
    {"a dot is removed", RAW("/a/./b"), URI_OK, "/a/b"},
    {"a dot at the end leaves a slash", RAW("/a/."), URI_OK, "/a/"},
    {"a dot alone is the root", RAW("/."), URI_OK, "/"},
    {"two dots remove a segment", RAW("/a/b/../c"), URI_OK, "/a/c"},
    {"two dots at the end leave a slash", RAW("/a/b/.."), URI_OK, "/a/"},
    {"back to the root", RAW("/a/.."), URI_OK, "/"},
    {"two dots do not pass the root", RAW("/../../a"), URI_OK, "/a"},
    {"RFC 3986 5.2.4", RAW("/a/b/c/./../../g"), URI_OK, "/a/g"},
    {"slashes merge before dots count", RAW("/a//../b"), URI_OK, "/b"},
    {"three dots are a name", RAW("/a/.../b"), URI_OK, "/a/.../b"},
    {"a dot begins a name", RAW("/.well-known/x"), URI_OK, "/.well-known/x"},
    {"a name may end in dots", RAW("/a../b"), URI_OK, "/a../b"},

    {"unreserved is decoded", RAW("/%61%5A%7e%2D%5f"), URI_OK, "/aZ~-_"},
    {"an escaped dot is a dot", RAW("/a/%2e%2E/b"), URI_OK, "/b"},
    {"half escaped too", RAW("/a/.%2e"), URI_OK, "/"},
    {"escapes are written in upper case", RAW("/%c3%a9%3f"), URI_OK, "/%C3%A9%3F"},
    {"an escaped percent sign stays", RAW("/%25"), URI_OK, "/%25"},
    {"nothing is decoded twice", RAW("/%2561"), URI_OK, "/%2561"},
    {"a blank stays escaped", RAW("/a%20b"), URI_OK, "/a%20b"},
    {"what delimits is left alone", RAW("/a;b=c,d!$&'()*+:@"), URI_OK, "/a;b=c,d!$&'()*+:@"},
    {"a reserved escape stays", RAW("/a%3Bb"), URI_OK, "/a%3Bb"},
    {"browsers send bars and brackets", RAW("/a|b[c]"), URI_OK, "/a|b[c]"},

    {"an escaped slash", RAW("/a%2fb"), URI_FORBIDDEN_ESCAPE, ""},
    {"an escaped backslash", RAW("/a%5Cb"), URI_FORBIDDEN_ESCAPE, ""},
    {"an escaped NUL", RAW("/a%00"), URI_FORBIDDEN_ESCAPE, ""},
    {"an escaped line feed", RAW("/a%0Ab"), URI_FORBIDDEN_ESCAPE, ""},
    {"an escaped delete", RAW("/%7f"), URI_FORBIDDEN_ESCAPE, ""},
    {"a percent sign alone", RAW("/%"), URI_BAD_ESCAPE, ""},
    {"an escape cut short", RAW("/a%4"), URI_BAD_ESCAPE, ""},
    {"not hexadecimal", RAW("/%4g"), URI_BAD_ESCAPE, ""},
    {"a percent sign for u", RAW("/%u0041"), URI_BAD_ESCAPE, ""},
    {"a blank", RAW("/a b"), URI_BAD_BYTE, ""},
    {"a tab", RAW("/a\tb"), URI_BAD_BYTE, ""},
    {"a NUL", RAW("/a\0b"), URI_BAD_BYTE, ""},
    {"a delete", RAW("/a\x7f"), URI_BAD_BYTE, ""},
    {"UTF-8 unescaped", RAW("/\xc3\xa9"), URI_BAD_BYTE, ""},
    {"a fragment", RAW("/a#b"), URI_BAD_BYTE, ""},
    {"a backslash", RAW("/a\\b"), URI_BAD_BYTE, ""},
    {"a question mark is not of the path", RAW("/a?b"), URI_BAD_BYTE, ""},
};

static void paths_are_normalised(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char out[PATH_MAX_HERE];
        size_t len = 0;
        const enum uri_result result = uri_normalise_path(paths[i].raw, 0, out, &len);
        if (result != paths[i].result ||
            !slice_eq((struct slice){out, len}, slice_of(paths[i].path)))
            fail_msg("%s: %s, \"%.*s\"", paths[i].says, uri_result_text(result), (int)len, out);
    }
}

#define KEEP  URI_KEEP_EMPTY_SEGMENTS
#define SLASH URI_ALLOW_ENCODED_SLASH

static const struct {
    const char *says, *raw;
    unsigned rules;
    const char *path; /* NULL: refused */
} ruled[] = {
    {"an empty segment stays where they are kept", "/a//b", KEEP, "/a//b"},
    {"several do", "/a///b", KEEP, "/a///b"},
    {"at the end too", "/a//", KEEP, "/a//"},
    {"a final slash is none", "/a/", KEEP, "/a/"},
    {"none stays at the beginning, where a host would stand", "//evil.example/x", KEEP,
     "/evil.example/x"},
    {"nor comes there", "/a/..//evil.example", KEEP, "/evil.example"},
    {"only slashes are the root all the same", "///", KEEP, "/"},
    {"two dots remove an empty segment", "/a//../b", KEEP, "/a/b"},
    {"and only that", "/a/b///../c", KEEP, "/a/b//c"},
    {"two dots at the end do", "/a//..", KEEP, "/a/"},
    {"a dot removes nothing", "/a//./b", KEEP, "/a//b"},
    {"an escaped slash is refused there", "/a%2Fb", KEEP, NULL},
    {"an escaped slash stays one where it is allowed", "/a%2fb", SLASH, "/a%2Fb"},
    {"it parts no segments", "/a/b%2F../c", SLASH, "/a/b%2F../c"},
    {"dots between two of them are a name", "/a%2F..%2Fb", SLASH, "/a%2F..%2Fb"},
    {"empty segments are merged there", "/a//b%2F%2Fc", SLASH, "/a/b%2F%2Fc"},
    {"a backslash is refused all the same", "/a%5Cb", SLASH, NULL},
    {"and a control character", "/a%00b", SLASH, NULL},
    {"both may be wanted", "/a//%2Fb", KEEP | SLASH, "/a//%2Fb"},
};

static void a_listener_may_want_paths_otherwise(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ruled); i++) {
        char out[PATH_MAX_HERE];
        size_t len = 0;
        const enum uri_result result =
            uri_normalise_path(slice_of(ruled[i].raw), ruled[i].rules, out, &len);
        const struct slice got = {out, len};
        if ((result == URI_OK) != (ruled[i].path != NULL) ||
            (ruled[i].path && !slice_eq(got, slice_of(ruled[i].path))))
            fail_msg("%s: %s, \"%.*s\"", ruled[i].says, uri_result_text(result), (int)len, out);
    }
}

static void normalising_works_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char *exact = must_calloc(paths[i].raw.len, 1);
        memcpy(exact, paths[i].raw.at, paths[i].raw.len);
        size_t len = 0;
        const enum uri_result result =
            uri_normalise_path((struct slice){exact, paths[i].raw.len}, 0, exact, &len);
        if (result != paths[i].result ||
            !slice_eq((struct slice){exact, len}, slice_of(paths[i].path)))
            fail_msg("%s, in place: \"%.*s\"", paths[i].says, (int)len, exact);
        free(exact);
    }
}

/* Paths made of pieces that matter; what comes out must be short enough, stay as it is when
 * normalised again, and hold no dot segment and no empty one. */
static void normalising_twice_changes_nothing(void **state)
{
    (void)state;
    static const char *const pieces[] = {"/",   "//",     ".",  "..",  "/.",  "/..",
                                         "%2e", "%2E%2e", "a",  "%61", "%25", "2e",
                                         "%C3", "%c3",    "b/", "~",   ";",   "%2f"};
    struct rng rng = {.state = 7};
    for (unsigned round = 0; round < 50000; round++) {
        struct text made = {0};
        text_addc(&made, '/');
        for (uint32_t n = rng_below(&rng, 12); n > 0; n--)
            text_adds(&made, pieces[rng_below(&rng, COUNT_OF(pieces))]);
        const char *raw = made.at;
        const unsigned rules = URI_ALLOW_ENCODED_SLASH | (round % 2 ? URI_KEEP_EMPTY_SEGMENTS : 0);
        const bool keeps = rules & URI_KEEP_EMPTY_SEGMENTS;

        char once[PATH_MAX_HERE] = "", twice[PATH_MAX_HERE] = "";
        size_t len, len_twice;
        assert_int_equal(uri_normalise_path(slice_of(raw), rules, once, &len), URI_OK);
        once[len] = '\0';
        assert_int_equal(uri_normalise_path((struct slice){once, len}, rules, twice, &len_twice),
                         URI_OK);
        twice[len_twice] = '\0';
        if (strcmp(once, twice) != 0)
            fail_msg("\"%s\" becomes \"%s\", and that becomes \"%s\"", raw, once, twice);
        if (len > strlen(raw) || strstr(once, "/./") || strstr(once, "/../"))
            fail_msg("\"%s\" becomes \"%s\"", raw, once);
        if (keeps ? strncmp(once, "//", 2) == 0 : strstr(once, "//") != NULL)
            fail_msg("\"%s\" becomes \"%s\"", raw, once);
        text_done(&made);
    }
}

static const struct {
    const char *says;
    struct slice authority;
    bool empty_allowed;
    enum uri_result result;
    const char *host;
    uint16_t port;
} hosts[] = {
    {"a name", RAW("shop.example.com"), false, URI_OK, "shop.example.com", 0},
    {"in lower case", RAW("Shop.EXAMPLE.com"), false, URI_OK, "shop.example.com", 0},
    {"with a port", RAW("example.com:8080"), false, URI_OK, "example.com", 8080},
    {"the port may be empty", RAW("example.com:"), false, URI_OK, "example.com", 0},
    {"a final dot goes", RAW("example.com."), false, URI_OK, "example.com", 0},
    {"also before a port", RAW("example.com.:80"), false, URI_OK, "example.com", 80},
    {"an IPv4 address", RAW("10.0.0.1:80"), false, URI_OK, "10.0.0.1", 80},
    {"an IPv6 address keeps its brackets", RAW("[2001:DB8::1]:443"), false, URI_OK, "[2001:db8::1]",
     443},
    {"and needs no port", RAW("[::1]"), false, URI_OK, "[::1]", 0},
    {"underscores exist", RAW("my_host-1"), false, URI_OK, "my_host-1", 0},
    {"nothing, where it is allowed", RAW(""), true, URI_OK, "", 0},
    {"nothing, where it is not", RAW(""), false, URI_BAD_HOST, "", 0},
    {"a port alone", RAW(":80"), true, URI_BAD_HOST, "", 0},
    {"a dot alone", RAW("."), false, URI_BAD_HOST, "", 0},
    {"two final dots", RAW("a.."), false, URI_BAD_HOST, "", 0},
    {"an empty label", RAW("a..b"), false, URI_BAD_HOST, "", 0},
    {"a dot in front", RAW(".a"), false, URI_BAD_HOST, "", 0},
    {"user information", RAW("user@host"), false, URI_BAD_HOST, "", 0},
    {"a password looks like a port", RAW("user:pw@host"), false, URI_BAD_PORT, "", 0},
    {"a slash", RAW("a/b"), false, URI_BAD_HOST, "", 0},
    {"a blank", RAW("a b"), false, URI_BAD_HOST, "", 0},
    {"a NUL", RAW("a\0b"), false, URI_BAD_HOST, "", 0},
    {"a comma: two hosts in one header", RAW("a,b"), false, URI_BAD_HOST, "", 0},
    {"an escape", RAW("a%2eb"), false, URI_BAD_HOST, "", 0},
    {"not ASCII", RAW("b\xc3\xbc.de"), false, URI_BAD_HOST, "", 0},
    {"IPv6 without brackets", RAW("::1"), false, URI_BAD_PORT, "", 0},
    {"brackets not closed", RAW("[::1"), false, URI_BAD_HOST, "", 0},
    {"IPv4 in brackets", RAW("[10.0.0.1]"), false, URI_BAD_HOST, "", 0},
    {"a zone", RAW("[fe80::1%25eth0]"), false, URI_BAD_HOST, "", 0},
    {"something behind the bracket", RAW("[::1]x"), false, URI_BAD_HOST, "", 0},
    {"port 0", RAW("a:0"), false, URI_BAD_PORT, "", 0},
    {"a port too large", RAW("a:65536"), false, URI_BAD_PORT, "", 0},
    {"a port with a sign", RAW("a:+80"), false, URI_BAD_PORT, "", 0},
};

static void hosts_are_normalised(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        char out[PATH_MAX_HERE];
        size_t len = 0;
        uint16_t port = 0;
        const enum uri_result result =
            uri_normalise_host(hosts[i].authority, hosts[i].empty_allowed, out, &len, &port);
        if (result != hosts[i].result || port != hosts[i].port ||
            !slice_eq((struct slice){out, len}, slice_of(hosts[i].host)))
            fail_msg("%s: %s, \"%.*s\", port %u", hosts[i].says, uri_result_text(result), (int)len,
                     out, port);
    }
}

static void a_host_has_a_longest_name(void **state)
{
    (void)state;
    char longest[URI_HOST_BYTES_MAX + 1], out[URI_HOST_BYTES_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    size_t len;
    uint16_t port;
    assert_int_equal(
        uri_normalise_host((struct slice){longest, URI_HOST_BYTES_MAX}, false, out, &len, &port),
        URI_OK);
    assert_int_equal(uri_normalise_host((struct slice){longest, URI_HOST_BYTES_MAX + 1}, false, out,
                                        &len, &port),
                     URI_BAD_HOST);
}

static const struct {
    const char *target, *scheme, *authority, *path, *query;
    enum uri_result result;
} targets[] = {
    {"/a/b?c=d", "", "", "/a/b", "c=d", URI_OK},
    {"/", "", "", "/", NULL, URI_OK},
    {"/?", "", "", "/", "", URI_OK},
    {"/a?b?c", "", "", "/a", "b?c", URI_OK},
    {"//a/b", "", "", "//a/b", NULL, URI_OK}, /* a path: there is no scheme-less authority here */
    {"http://host", "http", "host", "/", NULL, URI_OK},
    {"http://host?q", "http", "host", "/", "q", URI_OK},
    {"HTTPS://h:443/p?q", "HTTPS", "h:443", "/p", "q", URI_OK},
    {"http:///p", "http", "", "/p", NULL, URI_OK},
    {"*", "", "", "", NULL, URI_NOT_ABSOLUTE},
    {"", "", "", "", NULL, URI_NOT_ABSOLUTE},
    {"host:443", "", "", "", NULL, URI_NOT_ABSOLUTE},
    {"http:/host", "", "", "", NULL, URI_NOT_ABSOLUTE},
    {"://host/", "", "", "", NULL, URI_NOT_ABSOLUTE},
};

static void targets_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct uri_target t = {.path = SLICE_INIT("")};
        if (uri_split_target(slice_of(targets[i].target), &t) != targets[i].result)
            fail_msg("\"%s\" is not split as it should", targets[i].target);
        if (!slice_eq(t.scheme, slice_of(targets[i].scheme)) ||
            !slice_eq(t.authority, slice_of(targets[i].authority)) ||
            !slice_eq(t.path, slice_of(targets[i].path)) ||
            (t.query.at != NULL) != (targets[i].query != NULL) ||
            (t.query.at && !slice_eq(t.query, slice_of(targets[i].query))))
            fail_msg("\"%s\" is split into the wrong parts", targets[i].target);
    }
}

static void queries_are_checked_for_bytes_only(void **state)
{
    (void)state;
    assert_int_equal(uri_check_query(SLICE("a=%zz&b[]=?/\"")), URI_OK);
    assert_int_equal(uri_check_query(SLICE("a b")), URI_BAD_BYTE);
    assert_int_equal(uri_check_query(SLICE("a#b")), URI_BAD_BYTE);
    assert_int_equal(uri_check_query(SLICE("a\r\n")), URI_BAD_BYTE);
    assert_int_equal(uri_check_query(SLICE_NONE), URI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_normalised),
        cmocka_unit_test(a_listener_may_want_paths_otherwise),
        cmocka_unit_test(normalising_works_in_place),
        cmocka_unit_test(normalising_twice_changes_nothing),
        cmocka_unit_test(hosts_are_normalised),
        cmocka_unit_test(a_host_has_a_longest_name),
        cmocka_unit_test(targets_are_split),
        cmocka_unit_test(queries_are_checked_for_bytes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
