#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/text.h"
#include "runtime/http/semantics.h"
#include "tests/unit/runtime/http/guarded.h"

#define NONE    FRAMING_NONE
#define LENGTH  FRAMING_LENGTH
#define CHUNKED FRAMING_CHUNKED
#define CLOSE   FRAMING_CLOSE

#define H11 " HTTP/1.1\r\nHost: a\r\n"
#define H10 " HTTP/1.0\r\n"
#define CL  "Content-Length: "
#define TE  "Transfer-Encoding: "

/* Where a request's body ends, RFC 9112 6. Heads without their empty line. */
static const struct {
    const char *says, *head;
    int is; /* 0 or an h1_error */
    enum http_framing framing;
    uint64_t length;
} framings[] = {
    /* clang-format off */
    {"nothing said, no body",             "POST /" H11, 0, NONE, 0},
    {"a length",                          "POST /" H11 CL "5\r\n", 0, LENGTH, 5},
    {"a length in HTTP/1.0",              "POST /" H10 CL "5\r\n", 0, LENGTH, 5},
    {"GET may have a body",               "GET /" H11 CL "5\r\n", 0, LENGTH, 5},
    {"length 0 is no body",               "POST /" H11 CL "0\r\n", 0, NONE, 0},
    {"the largest length",                "POST /" H11 CL "9223372036854775807\r\n", 0, LENGTH, INT64_MAX},
    {"one more",                          "POST /" H11 CL "9223372036854775808\r\n", H1_BAD_FRAMING, 0, 0},
    {"2^64 + 5",                          "POST /" H11 CL "18446744073709551621\r\n", H1_BAD_FRAMING, 0, 0},
    {"+5",                                "POST /" H11 CL "+5\r\n", H1_BAD_FRAMING, 0, 0},
    {"-5",                                "POST /" H11 CL "-5\r\n", H1_BAD_FRAMING, 0, 0},
    {"0x5",                               "POST /" H11 CL "0x5\r\n", H1_BAD_FRAMING, 0, 0},
    {"a leading zero",                    "POST /" H11 CL "05\r\n", H1_BAD_FRAMING, 0, 0},
    {"a list of lengths",                 "POST /" H11 CL "5, 5\r\n", H1_BAD_FRAMING, 0, 0},
    {"a blank within",                    "POST /" H11 CL "5 5\r\n", H1_BAD_FRAMING, 0, 0},
    {"an empty length",                   "POST /" H11 CL "\r\n", H1_BAD_FRAMING, 0, 0},
    {"a fraction",                        "POST /" H11 CL "5.0\r\n", H1_BAD_FRAMING, 0, 0},
    {"two lengths",                       "POST /" H11 CL "5\r\n" CL "6\r\n", H1_BAD_FRAMING, 0, 0},
    {"two lengths that agree",            "POST /" H11 CL "5\r\n" CL "5\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked",                           "POST /" H11 TE "chunked\r\n", 0, CHUNKED, 0},
    {"Chunked, whatever case",            "POST /" H11 TE "cHUNKED\r\n", 0, CHUNKED, 0},
    {"chunked and a length",              "POST /" H11 TE "chunked\r\n" CL "5\r\n", H1_BAD_FRAMING, 0, 0},
    {"a length and chunked",              "POST /" H11 CL "5\r\n" TE "chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked and length 0",              "POST /" H11 CL "0\r\n" TE "chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked in HTTP/1.0",               "POST /" H10 TE "chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"gzip, chunked",                     "POST /" H11 TE "gzip, chunked\r\n", H1_NOT_IMPLEMENTED, 0, 0},
    {"gzip, chunked and a length",        "POST /" H11 TE "gzip, chunked\r\n" CL "5\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked twice",                     "POST /" H11 TE "chunked, chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked not last",                  "POST /" H11 TE "chunked, gzip\r\n", H1_BAD_FRAMING, 0, 0},
    {"a final comma",                     "POST /" H11 TE "chunked,\r\n", H1_BAD_FRAMING, 0, 0},
    {"a first comma",                     "POST /" H11 TE ", chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"xchunked",                          "POST /" H11 TE "xchunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked with a parameter",          "POST /" H11 TE "chunked;a=b\r\n", H1_BAD_FRAMING, 0, 0},
    {"chunked in quotes",                 "POST /" H11 TE "\"chunked\"\r\n", H1_BAD_FRAMING, 0, 0},
    {"obs-text behind it",                "POST /" H11 TE "chunked \x80\r\n", H1_BAD_FRAMING, 0, 0},
    {"identity",                          "POST /" H11 TE "identity\r\n", H1_BAD_FRAMING, 0, 0},
    {"gzip alone",                        "POST /" H11 TE "gzip\r\n", H1_BAD_FRAMING, 0, 0},
    {"an empty coding",                   "POST /" H11 TE "\r\n", H1_BAD_FRAMING, 0, 0},
    {"two codings",                       "POST /" H11 TE "chunked\r\n" TE "chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"gzip and chunked in two fields",    "POST /" H11 TE "gzip\r\n" TE "chunked\r\n", H1_BAD_FRAMING, 0, 0},
    {"Connection cannot hide a length",   "POST /" H11 CL "5\r\nConnection: content-length\r\n", 0, LENGTH, 5},
    {"Connection cannot hide chunked",    "POST /" H11 TE "chunked\r\nConnection: transfer-encoding\r\n", 0, CHUNKED, 0},
    /* clang-format on */
};

/* Where a request is for, RFC 9112 3.2. */
static const struct {
    const char *says, *head;
    int is;
    const char *authority, *path;
} targets[] = {
    /* clang-format off */
    {"origin form",                       "GET /a?b=/c HTTP/1.1\r\nHost: Ex.com:80\r\n", 0, "Ex.com:80", "/a?b=/c"},
    {"two slashes are a path",            "GET //b/c HTTP/1.1\r\nHost: a\r\n", 0, "a", "//b/c"},
    {"absolute form",                     "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n", 0, "a", "/b?c"},
    {"absolute form, https, any case",    "GET HTTPS://A:1/ HTTP/1.1\r\nHost: a:1\r\n", 0, "A:1", "/"},
    {"absolute form without a path",      "GET http://a HTTP/1.1\r\nHost: a\r\n", 0, "a", "/"},
    {"OPTIONS of the whole server",       "OPTIONS * HTTP/1.1\r\nHost: a\r\n", 0, "a", "*"},
    {"and in absolute form",              "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n", 0, "a", "*"},
    {"OPTIONS of a path",                 "OPTIONS /a HTTP/1.1\r\nHost: a\r\n", 0, "a", "/a"},
    {"absolute form in HTTP/1.0",         "GET http://a/b HTTP/1.0\r\n", 0, "a", "/b"},
    {"no Host in HTTP/1.0",               "GET / HTTP/1.0\r\n", 0, "", "/"},
    {"Host in HTTP/1.0",                  "GET / HTTP/1.0\r\nHost: a\r\n", 0, "a", "/"},
    {"an IPv6 Host",                      "GET / HTTP/1.1\r\nHost: [::1]:80\r\n", 0, "[::1]:80", "/"},
    {"an IPv4 Host",                      "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n", 0, "10.0.0.1", "/"},
    {"a Host with an underscore",         "GET / HTTP/1.1\r\nHost: a_b\r\n", 0, "a_b", "/"},
    {"a Host with a final dot",           "GET / HTTP/1.1\r\nHost: a.b.\r\n", 0, "a.b.", "/"},
    {"Connection cannot hide Host",       "GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n", 0, "a", "/"},
    {"no Host in HTTP/1.1",               "GET / HTTP/1.1\r\n", H1_BAD_HOST, 0, 0},
    {"no Host, with absolute form",       "GET http://a/ HTTP/1.1\r\n", H1_BAD_HOST, 0, 0},
    {"two Hosts",                         "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", H1_BAD_HOST, 0, 0},
    {"two Hosts that agree",              "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", H1_BAD_HOST, 0, 0},
    {"two Hosts in HTTP/1.0",             "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", H1_BAD_HOST, 0, 0},
    {"an empty Host",                     "GET / HTTP/1.1\r\nHost:\r\n", H1_BAD_HOST, 0, 0},
    {"user information in Host",          "GET / HTTP/1.1\r\nHost: u@a\r\n", H1_BAD_HOST, 0, 0},
    {"a path in Host",                    "GET / HTTP/1.1\r\nHost: a/b\r\n", H1_BAD_HOST, 0, 0},
    {"a list in Host",                    "GET / HTTP/1.1\r\nHost: a, b\r\n", H1_BAD_HOST, 0, 0},
    {"a blank in Host",                   "GET / HTTP/1.1\r\nHost: a b\r\n", H1_BAD_HOST, 0, 0},
    {"an escape in Host",                 "GET / HTTP/1.1\r\nHost: a%2eb\r\n", H1_BAD_HOST, 0, 0},
    {"a byte above 0x7f in Host",         "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n", H1_BAD_HOST, 0, 0},
    {"a port out of range",               "GET / HTTP/1.1\r\nHost: a:65536\r\n", H1_BAD_HOST, 0, 0},
    {"a port in letters",                 "GET / HTTP/1.1\r\nHost: a:http\r\n", H1_BAD_HOST, 0, 0},
    {"two ports",                         "GET / HTTP/1.1\r\nHost: a:1:2\r\n", H1_BAD_HOST, 0, 0},
    {"a port and no host",                "GET / HTTP/1.1\r\nHost: :80\r\n", H1_BAD_HOST, 0, 0},
    {"an open bracket",                   "GET / HTTP/1.1\r\nHost: [::1\r\n", H1_BAD_HOST, 0, 0},
    {"no IPv6 address in brackets",       "GET / HTTP/1.1\r\nHost: [a]\r\n", H1_BAD_HOST, 0, 0},
    {"Host and target disagree",          "GET http://a/ HTTP/1.1\r\nHost: b\r\n", H1_BAD_HOST, 0, 0},
    {"they disagree about the port",      "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n", H1_BAD_HOST, 0, 0},
    {"they disagree in HTTP/1.0",         "GET http://a/ HTTP/1.0\r\nHost: b\r\n", H1_BAD_HOST, 0, 0},
    {"user information in the target",    "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"another scheme",                    "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"no authority",                      "GET http:///a HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"a query right behind the authority", "GET http://a?b HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"a path without a slash",            "GET a/b HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"the whole server, but GET",         "GET * HTTP/1.1\r\nHost: a\r\n", H1_BAD_TARGET, 0, 0},
    {"the authority form, but GET",       "GET a:80 HTTP/1.1\r\nHost: a:80\r\n", H1_BAD_TARGET, 0, 0},
    {"CONNECT",                           "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n", H1_NOT_IMPLEMENTED, 0, 0},
    /* clang-format on */
};

/* Whether the connection goes on, RFC 9112 9.3, and what else there is to a request. */
#define K (1u << 0) /* keep_alive */
#define E (1u << 1) /* expects_continue */
#define U (1u << 2) /* upgrade */
#define H (1u << 3) /* head */
#define I (1u << 4) /* idempotent */
static const struct {
    const char *says, *head;
    unsigned is;
} natures[] = {
    /* clang-format off */
    {"HTTP/1.1 goes on",                  "GET /" H11, K | I},
    {"unless told to close",              "GET /" H11 "Connection: close\r\n", I},
    {"in any case, in a list",            "GET /" H11 "Connection: x, , CLOSE\r\n", I},
    {"in a second field",                 "GET /" H11 "Connection: x\r\nConnection: close\r\n", I},
    {"close wins over keep-alive",        "GET /" H11 "Connection: keep-alive, close\r\n", I},
    {"closed is not close",               "GET /" H11 "Connection: closed\r\n", K | I},
    {"Proxy-Connection says nothing",     "GET /" H11 "Proxy-Connection: close\r\n", K | I},
    {"HTTP/1.0 ends",                     "GET /" H10, I},
    {"unless asked to go on",             "GET /" H10 "Connection: Keep-Alive\r\n", K | I},
    {"HEAD",                              "HEAD /" H11, K | H | I},
    {"head is not HEAD",                  "head /" H11, K},
    {"POST is not idempotent",            "POST /" H11, K},
    {"PUT is",                            "PUT /" H11, K | I},
    {"DELETE is",                         "DELETE /" H11, K | I},
    {"PATCH is not",                      "PATCH /" H11, K},
    {"Expect",                            "POST /" H11 CL "1\r\nExpect: 100-Continue\r\n", K | E},
    {"Expect in HTTP/1.0",                "POST /" H10 CL "1\r\nExpect: 100-continue\r\n", 0},
    {"Expect without a body",             "POST /" H11 "Expect: 100-continue\r\n", K},
    {"another expectation",               "POST /" H11 CL "1\r\nExpect: 200-ok\r\n", K},
    {"Upgrade",                           "GET /" H11 "Connection: Upgrade\r\nUpgrade: websocket\r\n", K | I | U},
    {"Upgrade among other options",       "GET /" H11 "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", K | I | U},
    {"Upgrade that Connection lacks",     "GET /" H11 "Upgrade: websocket\r\n", K | I},
    {"Connection without Upgrade",        "GET /" H11 "Connection: upgrade\r\n", K | I},
    {"Upgrade in HTTP/1.0",               "GET /" H10 "Connection: upgrade\r\nUpgrade: websocket\r\n", I},
    {"Upgrade with a body",               "POST /" H11 CL "1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", K},
    {"Upgrade to h2c",                    "GET /" H11 "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", K | I},
    {"h2c in a list",                     "GET /" H11 "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", K | I},
    {"h2c in a second field",             "GET /" H11 "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", K | I},
    /* clang-format on */
};

static struct http_head head;

/* Parses a head that is given without its empty line. */
static void parse(const char *says, const char *text, bool response)
{
    static struct text whole;
    text_clear(&whole);
    text_adds(&whole, text);
    text_adds(&whole, "\r\n");
    const char *at = guarded_nul(text_slice(&whole));
    const int r =
        response ? h1_response_parse(&head, at, whole.len) : h1_request_parse(&head, at, whole.len);
    if (r != (int)whole.len)
        fail_msg("%s: does not even parse: %d", says, r);
}

static void a_request_is_framed_in_one_way_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(framings); i++) {
        struct http_request_info info = {.content_length = 99};
        parse(framings[i].says, framings[i].head, false);
        const int r = http_request_understand(&head, &info);
        if (r != framings[i].is)
            fail_msg("%s: %d, not %d", framings[i].says, r, framings[i].is);
        if (r == 0 &&
            (info.framing != framings[i].framing || info.content_length != framings[i].length))
            fail_msg("%s: framing %d of %llu", framings[i].says, (int)info.framing,
                     (unsigned long long)info.content_length);
        if (r < 0 && info.content_length != 99)
            fail_msg("%s: wrote although it failed", framings[i].says);
    }
}

static void a_request_is_for_one_place_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct http_request_info info;
        parse(targets[i].says, targets[i].head, false);
        const int r = http_request_understand(&head, &info);
        if (r != targets[i].is)
            fail_msg("%s: %d, not %d", targets[i].says, r, targets[i].is);
        if (r == 0 && (!slice_eq(info.authority, slice_of(targets[i].authority)) ||
                       !slice_eq(info.path, slice_of(targets[i].path))))
            fail_msg("%s: \"" SLICE_FMT "\" \"" SLICE_FMT "\"", targets[i].says,
                     SLICE_ARG(info.authority), SLICE_ARG(info.path));
        if (r == 0 && !slice_eq(info.path, SLICE("*")))
            assert_in_range((uintptr_t)info.path.at, (uintptr_t)head.base,
                            (uintptr_t)(head.base + head.bytes - 1));
    }
}

static void a_request_tells_its_nature(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(natures); i++) {
        struct http_request_info info;
        parse(natures[i].says, natures[i].head, false);
        assert_int_equal(http_request_understand(&head, &info), 0);
        const unsigned is = (info.keep_alive ? K : 0) | (info.expects_continue ? E : 0) |
                            (info.upgrade ? U : 0) | (info.head ? H : 0) |
                            (info.idempotent ? I : 0);
        if (is != natures[i].is)
            fail_msg("%s: %#x, not %#x", natures[i].says, is, natures[i].is);
    }
}

#define OK11 "HTTP/1.1 200 OK\r\n"
#define OK10 "HTTP/1.0 200 OK\r\n"

static const struct {
    const char *says, *head;
    bool to_head;
    int is;
    enum http_framing framing;
    uint64_t length;
    bool keep_alive, length_kept;
} responses[] = {
    /* clang-format off */
    {"a length",                      OK11 CL "5\r\n", false, 0, LENGTH, 5, true, true},
    {"length 0",                      OK11 CL "0\r\n", false, 0, NONE, 0, true, true},
    {"chunked",                       OK11 TE "chunked\r\n", false, 0, CHUNKED, 0, true, false},
    {"until it closes",               OK11, false, 0, CLOSE, 0, false, false},
    {"told to close",                 OK11 CL "5\r\nConnection: close\r\n", false, 0, LENGTH, 5, false, true},
    {"HTTP/1.0 ends",                 OK10 CL "5\r\n", false, 0, LENGTH, 5, false, true},
    {"HTTP/1.0 with keep-alive",      OK10 CL "5\r\nConnection: keep-alive\r\n", false, 0, LENGTH, 5, true, true},
    {"HTTP/1.0 with it but no length", OK10 "Connection: keep-alive\r\n", false, 0, CLOSE, 0, false, false},
    {"chunked and a length",          OK11 TE "chunked\r\n" CL "5\r\n", false, H1_BAD_FRAMING, 0, 0, 0, 0},
    {"chunked in HTTP/1.0",           OK10 TE "chunked\r\n", false, H1_BAD_FRAMING, 0, 0, 0, 0},
    {"two lengths that agree",        OK11 CL "5\r\n" CL "5\r\n", false, H1_BAD_FRAMING, 0, 0, 0, 0},
    {"a malformed length",            OK11 CL "5a\r\n", false, H1_BAD_FRAMING, 0, 0, 0, 0},
    {"gzip, chunked",                 OK11 TE "gzip, chunked\r\n", false, H1_NOT_IMPLEMENTED, 0, 0, 0, 0},
    {"gzip alone",                    OK11 TE "gzip\r\n", false, H1_BAD_FRAMING, 0, 0, 0, 0},
    {"to HEAD, with a length",        OK11 CL "5\r\n", true, 0, NONE, 0, true, true},
    {"to HEAD, with no length",       OK11, true, 0, NONE, 0, true, false},
    {"to HEAD, chunked",              OK11 TE "chunked\r\n", true, 0, NONE, 0, true, false},
    {"to HEAD, with two lengths",     OK11 CL "5\r\n" CL "6\r\n", true, 0, NONE, 0, false, false},
    {"to HEAD, chunked and a length", OK11 TE "chunked\r\n" CL "6\r\n", true, 0, NONE, 0, false, false},
    {"304 with a length",             "HTTP/1.1 304 x\r\n" CL "5\r\n", false, 0, NONE, 0, true, true},
    {"204",                           "HTTP/1.1 204 x\r\n", false, 0, NONE, 0, true, false},
    {"204 with length 0",             "HTTP/1.1 204 x\r\n" CL "0\r\n", false, 0, NONE, 0, true, false},
    {"204 that claims a body",        "HTTP/1.1 204 x\r\n" CL "5\r\n", false, 0, NONE, 0, false, false},
    {"204 that claims chunks",        "HTTP/1.1 204 x\r\n" TE "chunked\r\n", false, 0, NONE, 0, false, false},
    {"100",                           "HTTP/1.1 100 x\r\n", false, 0, NONE, 0, true, false},
    {"103 with a length",             "HTTP/1.1 103 x\r\n" CL "5\r\n", false, 0, NONE, 0, false, false},
    {"101",                           "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n", false, 0, NONE, 0, false, false},
    /* clang-format on */
};

static void a_response_is_framed_in_one_way_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(responses); i++) {
        struct http_response_info info;
        parse(responses[i].says, responses[i].head, true);
        const int r = http_response_understand(&head, responses[i].to_head, &info);
        if (r != responses[i].is)
            fail_msg("%s: %d, not %d", responses[i].says, r, responses[i].is);
        if (r < 0)
            continue;
        const struct http_field *length = http_field_find(&head, HTTP_CONTENT_LENGTH);
        const bool kept = length && !length->dropped;
        if (info.framing != responses[i].framing || info.content_length != responses[i].length)
            fail_msg("%s: framing %d of %llu", responses[i].says, (int)info.framing,
                     (unsigned long long)info.content_length);
        if (info.keep_alive != responses[i].keep_alive || kept != responses[i].length_kept)
            fail_msg("%s: keep-alive %d, length kept %d", responses[i].says, info.keep_alive, kept);
        assert_int_equal(info.interim, head.status == 100 || head.status == 103);
        assert_int_equal(info.switches, head.status == 101);
    }
}

static void fields_of_this_connection_are_dropped(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool dropped;
    } row[] = {
        {"Connection: x-hop, X-SECOND, host, content-length, X-Forwarded-For, cookie, "
         "authorization",
         true},
        {"Connection: x-third", true},
        {"Keep-Alive: timeout=5", true},
        {"Proxy-Connection: a", true},
        {"Proxy-Authenticate: a", true},
        {"Proxy-Authorization: a", true},
        {"TE: trailers", true},
        {"Upgrade: a", true},
        {"HTTP2-Settings: a", true},
        {"X-Hop: a", true},
        {"x-second: a", true},
        {"X-Third: a", true},
        {"X-Third: b", true},
        {"X-Fourth: a", false},
        {"Content-Length: 1", false},
        {"X-Forwarded-For: 10.0.0.1", false},
        {"Cookie: a=b", false},
        {"Authorization: a", false},
        {"Trailer: X-Sum", false},
        {"Expect: 100-continue", false},
    };
    struct text t = {0};
    text_adds(&t, "POST /" H11);
    for (size_t i = 0; i < COUNT_OF(row); i++)
        text_addf(&t, "%s\r\n", row[i].line);
    parse("all of them", t.at, false);
    text_done(&t);

    struct http_request_info info;
    assert_int_equal(http_request_understand(&head, &info), 0);
    assert_false(head.field[0].dropped); /* Host */
    for (size_t i = 0; i < COUNT_OF(row); i++)
        if (head.field[i + 1].dropped != row[i].dropped)
            fail_msg("%s: dropped %d", row[i].line, !row[i].dropped);
}

static void connection_names_at_most_so_many(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct text t = {0};
        text_adds(&t, "GET /" H11 "Connection: close");
        for (unsigned i = 1; i < HTTP_CONNECTION_OPTIONS_MAX + more; i++)
            text_addf(&t, ",x%u", i);
        text_adds(&t, "\r\n");
        parse("many", t.at, false);
        text_done(&t);
        struct http_request_info info;
        assert_int_equal(http_request_understand(&head, &info), more ? H1_BAD_FIELD : 0);
    }
    parse("not a token", "GET /" H11 "Connection: a b\r\n", false);
    struct http_request_info info;
    assert_int_equal(http_request_understand(&head, &info), H1_BAD_FIELD);
}

static void fields_are_found_in_order(void **state)
{
    (void)state;
    parse("two", "GET /" H11 "X-A: 1\r\nB: 2\r\nx-a: 3\r\nX-A: 4\r\n", false);
    head.field[3].dropped = true;
    uint32_t cursor = 0;
    struct slice value;
    assert_true(http_field_next(&head, SLICE("X-a"), &cursor, &value));
    assert_true(slice_eq(value, SLICE("1")));
    assert_true(http_field_next(&head, SLICE("X-a"), &cursor, &value));
    assert_true(slice_eq(value, SLICE("3"))); /* dropped, and still what was received */
    assert_true(http_field_next(&head, SLICE("X-a"), &cursor, &value));
    assert_true(slice_eq(value, SLICE("4")));
    assert_false(http_field_next(&head, SLICE("X-a"), &cursor, &value));
    assert_ptr_equal(http_field_find(&head, HTTP_HOST), &head.field[0]);
    assert_null(http_field_find(&head, HTTP_COOKIE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_framed_in_one_way_or_refused),
        cmocka_unit_test(a_request_is_for_one_place_or_refused),
        cmocka_unit_test(a_request_tells_its_nature),
        cmocka_unit_test(a_response_is_framed_in_one_way_or_refused),
        cmocka_unit_test(fields_of_this_connection_are_dropped),
        cmocka_unit_test(connection_names_at_most_so_many),
        cmocka_unit_test(fields_are_found_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
