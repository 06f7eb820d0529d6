#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/proxy/roster.h"
#include "runtime/proxy/trace.h"

static const struct {
    const char *says, *source, *path, *client, *asked;
    bool wanted;
} wishes[] = {
    {"an address", "10.1.2.3", "", "10.1.2.3", "/", true},
    {"another one", "10.1.2.3", "", "10.1.2.4", "/", false},
    {"within a network", "10.0.0.0/8", "", "10.1.2.4", "/", true},
    {"outside", "10.0.0.0/8", "", "11.1.2.4", "/", false},
    {"of the other family", "10.0.0.0/8", "", "2001:db8::1", "/", false},
    {"everybody", "::/0", "", "10.1.2.4", "/", true},
    {"a path", "", "/x", "::1", "/x", true},
    {"under it", "", "/x", "::1", "/x/y", true},
    {"only beginning like it", "", "/x", "::1", "/xy", false},
    {"above it", "", "/x/y", "::1", "/x", false},
    {"the root has all under it", "", "/", "::1", "/x", true},
    {"a folder is under itself", "", "/x/", "::1", "/x/y", true},
    {"without its slash it is not", "", "/x/", "::1", "/x", false},
    {"no path at all", "", "/x", "::1", "", false},
    {"both", "10.1.2.3", "/x", "10.1.2.3", "/x", true},
    {"one of them", "10.1.2.3", "/x", "10.1.2.3", "/y", false},
    {"the other of them", "10.1.2.3", "/x", "10.1.2.4", "/x", false},
};

static void a_filter_wants_what_meets_all_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wishes); i++) {
        struct trace_filter f = {.by_source = wishes[i].source[0] != '\0',
                                 .path = slice_of(wishes[i].path)};
        struct address client;
        if (f.by_source)
            assert_true(network_parse(slice_of(wishes[i].source), &f.source));
        assert_true(address_parse(slice_of(wishes[i].client), &client));
        if (trace_wants(&f, &client, slice_of(wishes[i].asked)) != wishes[i].wanted)
            fail_msg("%s", wishes[i].says);
    }
}

static const struct {
    const char *says, *method, *host, *uri, *line;
} requests[] = {
    {"all of it", "GET", "a", "/b", "GET a/b"},
    {"a query is not shown", "GET", "a", "/b?token=c", "GET a/b?..."},
    {"nor what only looks like one", "GET", "a", "/b?", "GET a/b?..."},
    {"nothing is known yet", "", "", "", ""},
    {"only a name", "", "a.example", "", "a.example"},
    {"nothing moves a cursor", "GET", "a", "/\x1b[2J\r\n\x9b ", "GET a/?[2J????"},
};

static void a_request_is_a_line_without_secrets(void **state)
{
    (void)state;
    char out[ROSTER_REQUEST_MAX];
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        roster_write_request(slice_of(requests[i].method), slice_of(requests[i].host),
                             slice_of(requests[i].uri), out);
        if (strcmp(out, requests[i].line) != 0)
            fail_msg("%s: %s", requests[i].says, out);
    }
    char uri[1000];
    memset(uri, 'x', sizeof(uri));
    for (size_t len = 200; len < 300; len++) {
        uri[len] = '?';
        roster_write_request(SLICE("GET"), SLICE("a"), (struct slice){uri, len + 1}, out);
        uri[len] = 'x';
        assert_in_range(strlen(out), 200, ROSTER_REQUEST_MAX - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_filter_wants_what_meets_all_of_it),
                                       cmocka_unit_test(a_request_is_a_line_without_secrets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
