#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "runtime/base/text.h"
#include "runtime/http/h1_head.h"
#include "tests/unit/runtime/http/guarded.h"

typedef int head_parse(struct http_head *out, const char *at, size_t len);

#define OK 1 /* all of the input is the head */

struct row {
    const char *says;
    struct slice in;
    int is;         /* OK, 0 for "need more", or an h1_error */
    size_t seen_by; /* of an error: the bytes after which it must be known; 0: not checked */
};

#define IN(literal) SLICE_INIT(literal)
#define GET         "GET / HTTP/1.1\r\n"

static const struct row requests[] = {
    /* the request line, RFC 9112 3 */
    {"the smallest request",                   IN(GET "\r\n"), OK, 0},
    {"HTTP/1.0",                               IN("GET / HTTP/1.0\r\n\r\n"), OK, 0},
    {"any token is a method",                  IN("M-!#$%&'*+.^_`|~9 / HTTP/1.1\r\n\r\n"), OK, 0},
    {"a method of 32 bytes",                   IN("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\n\r\n"), OK, 0},
    {"a method of 33",                         IN("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n\r\n"), H1_BAD_LINE, 33},
    {"nothing yet",                            IN(""), 0, 0},
    {"half a method",                          IN("GE"), 0, 0},
    {"half a target",                          IN("GET /a"), 0, 0},
    {"half a version",                         IN("GET / HTTP/1."), 0, 0},
    {"a CR without its LF yet",                IN("GET / HTTP/1.1\r"), 0, 0},
    {"half a field",                           IN(GET "Host: a"), 0, 0},
    {"no empty line yet",                      IN(GET "Host: a\r\n"), 0, 0},
    {"half an empty line",                     IN(GET "Host: a\r\n\r"), 0, 0},
    {"one empty line before is skipped",       IN("\r\n" GET "\r\n"), OK, 0},
    {"two are",                                IN("\r\n\r\n" GET "\r\n"), OK, 0},
    {"three are not",                          IN("\r\n\r\n\r\n" GET "\r\n"), H1_BAD_LINE, 5},
    {"a bare LF before",                       IN("\n" GET "\r\n"), H1_BAD_LINE, 1},
    {"a blank before the method",              IN(" " GET "\r\n"), H1_BAD_LINE, 1},
    {"a TLS hello",                            IN("\x16\x03\x01\x02"), H1_BAD_LINE, 1},
    {"a NUL in the method",                    IN("G\0ET / HTTP/1.1\r\n\r\n"), H1_BAD_LINE, 2},
    {"a NUL as the last byte so far",          IN("GET\0"), H1_BAD_LINE, 4},
    {"two blanks behind the method",           IN("GET  / HTTP/1.1\r\n\r\n"), H1_BAD_LINE, 5},
    {"two blanks behind the target",           IN("GET /  HTTP/1.1\r\n\r\n"), H1_BAD_LINE, 7},
    {"a tab for a blank",                      IN("GET\t/ HTTP/1.1\r\n\r\n"), H1_BAD_LINE, 4},
    {"a blank behind the version",             IN("GET / HTTP/1.1 \r\n\r\n"), H1_BAD_LINE, 15},
    {"HTTP/0.9",                               IN("GET /\r\n"), H1_BAD_LINE, 6},
    {"a bare LF behind the version",           IN("GET / HTTP/1.1\n\r\n"), H1_BAD_LINE, 15},
    {"a bare CR behind the version",           IN("GET / HTTP/1.1\rHost: a\r\n\r\n"), H1_BAD_LINE, 16},
    {"HTTP/2.0",                               IN("GET / HTTP/2.0\r\n\r\n"), H1_BAD_VERSION, 14},
    {"the preface of HTTP/2",                  IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), H1_BAD_VERSION, 14},
    {"HTTP/1.2",                               IN("GET / HTTP/1.2\r\n\r\n"), H1_BAD_VERSION, 14},
    {"HTTP/0.9 by name",                       IN("GET / HTTP/0.9\r\n\r\n"), H1_BAD_VERSION, 14},
    {"http in lower case",                     IN("GET / http/1.1\r\n\r\n"), H1_BAD_LINE, 7},
    {"another protocol",                       IN("GET / HTTPS/1.1\r\n\r\n"), H1_BAD_LINE, 11},
    {"HTTP/1.10",                              IN("GET / HTTP/1.10\r\n\r\n"), H1_BAD_LINE, 15},
    {"HTTP/11",                                IN("GET / HTTP/11\r\n\r\n"), H1_BAD_LINE, 13},
    {"all that a target may hold",             IN("GET /!\"$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~ HTTP/1.1\r\n\r\n"), OK, 0},
    {"a fragment",                             IN("GET /a#b HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 7},
    {"a backslash in a target",                IN("GET /a\\b HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 7},
    {"a byte above 0x7f in a target",          IN("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 6},
    {"DEL in a target",                        IN("GET /\x7f HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 6},
    {"a NUL in a target",                      IN("GET /\0 HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 6},
    {"a tab in a target",                      IN("GET /\ta HTTP/1.1\r\n\r\n"), H1_BAD_TARGET, 6},
    /* field lines, RFC 9112 5 */
    {"blanks around a value",                  IN(GET "A: \t b \t \r\n\r\n"), OK, 0},
    {"no blank before a value",                IN(GET "A:b\r\n\r\n"), OK, 0},
    {"an empty value",                         IN(GET "A:\r\nB: \t\r\n\r\n"), OK, 0},
    {"a tab within a value",                   IN(GET "A: b\tc\r\n\r\n"), OK, 0},
    {"bytes above 0x7f in a value",            IN(GET "A: \xff\x80\r\n\r\n"), OK, 0},
    {"a colon in a value",                     IN(GET "A: b:c: d\r\n\r\n"), OK, 0},
    {"a bare LF ends a line",                  IN(GET "A: b\nC: d\r\n\r\n"), H1_BAD_FIELD, 21},
    {"a bare CR within a value",               IN(GET "A: b\rC: d\r\n\r\n"), H1_BAD_FIELD, 22},
    {"CR CR LF",                               IN(GET "A: b\r\r\n\r\n"), H1_BAD_FIELD, 22},
    {"a bare LF for the empty line",           IN(GET "A: b\r\n\n"), H1_BAD_FIELD, 23},
    {"a bare CR for the empty line",           IN(GET "A: b\r\n\rGET"), H1_BAD_FIELD, 24},
    {"a folded line",                          IN(GET "A: b\r\n c\r\n\r\n"), H1_BAD_FIELD, 23},
    {"a line folded with a tab",               IN(GET "A: b\r\n\tc\r\n\r\n"), H1_BAD_FIELD, 23},
    {"a blank before the first field",         IN(GET " A: b\r\n\r\n"), H1_BAD_FIELD, 17},
    {"a blank before the colon",               IN(GET "Host : a\r\n\r\n"), H1_BAD_FIELD, 21},
    {"a tab before the colon",                 IN(GET "Host\t: a\r\n\r\n"), H1_BAD_FIELD, 21},
    {"an empty name",                          IN(GET ": a\r\n\r\n"), H1_BAD_FIELD, 17},
    {"no colon",                               IN(GET "Host\r\n\r\n"), H1_BAD_FIELD, 21},
    {"a NUL in a name",                        IN(GET "A\0B: c\r\n\r\n"), H1_BAD_FIELD, 18},
    {"a NUL in a value",                       IN(GET "A: b\0c\r\n\r\n"), H1_BAD_FIELD, 21},
    {"a NUL right behind the colon",           IN(GET "A:\0\r\n\r\n"), H1_BAD_FIELD, 19},
    {"a NUL between CR and LF",                IN(GET "A: b\r\0\n\r\n"), H1_BAD_FIELD, 22},
    {"a control character in a value",         IN(GET "A: b\x01\r\n\r\n"), H1_BAD_FIELD, 21},
    {"DEL in a value",                         IN(GET "A: b\x7f\r\n\r\n"), H1_BAD_FIELD, 21},
    {"a vertical tab in a value",              IN(GET "A: b\vc\r\n\r\n"), H1_BAD_FIELD, 21},
    {"parentheses in a name",                  IN(GET "A(b): c\r\n\r\n"), H1_BAD_FIELD, 18},
    {"a byte above 0x7f in a name",            IN(GET "\xc3\xa4: c\r\n\r\n"), H1_BAD_FIELD, 17},
};

static const struct row responses[] = {
    {"a usual response",                       IN("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"), OK, 0},
    {"HTTP/1.0",                               IN("HTTP/1.0 200 OK\r\n\r\n"), OK, 0},
    {"an empty reason",                        IN("HTTP/1.1 200 \r\n\r\n"), OK, 0},
    {"no blank before no reason",              IN("HTTP/1.1 200\r\n\r\n"), OK, 0},
    {"a reason with blanks and obs-text",      IN("HTTP/1.1 404 Nicht \tgefunden \xfc\r\n\r\n"), OK, 0},
    {"status 100",                             IN("HTTP/1.1 100 Continue\r\n\r\n"), OK, 0},
    {"status 599",                             IN("HTTP/1.1 599 x\r\n\r\n"), OK, 0},
    {"status 099",                             IN("HTTP/1.1 099 x\r\n\r\n"), H1_BAD_LINE, 10},
    {"status 600",                             IN("HTTP/1.1 600 x\r\n\r\n"), H1_BAD_LINE, 10},
    {"a status of two digits",                 IN("HTTP/1.1 20 OK\r\n\r\n"), H1_BAD_LINE, 12},
    {"a status of four",                       IN("HTTP/1.1 2000 OK\r\n\r\n"), H1_BAD_LINE, 13},
    {"two blanks before the status",           IN("HTTP/1.1  200 OK\r\n\r\n"), H1_BAD_LINE, 10},
    {"a NUL in the reason",                    IN("HTTP/1.1 200 O\0K\r\n\r\n"), H1_BAD_LINE, 15},
    {"a bare LF",                              IN("HTTP/1.1 200 OK\n\n"), H1_BAD_LINE, 16},
    {"an empty line before",                   IN("\r\nHTTP/1.1 200 OK\r\n\r\n"), H1_BAD_LINE, 1},
    {"HTTP/2",                                 IN("HTTP/2 200\r\n\r\n"), H1_BAD_LINE, 7},
    {"HTTP/3.0",                               IN("HTTP/3.0 200 OK\r\n\r\n"), H1_BAD_VERSION, 8},
    {"ICY",                                    IN("ICY 200 OK\r\n\r\n"), H1_BAD_LINE, 1},
    {"half a status line",                     IN("HTTP/1.1 2"), 0, 0},
    {"a folded field",                         IN("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), H1_BAD_FIELD, 24},
};

static const struct row trailers[] = {
    {"an empty section",                       IN("\r\n"), OK, 0},
    {"one field",                              IN("X-Sum: 1\r\n\r\n"), OK, 0},
    {"half a section",                         IN("X-Sum: 1\r\n"), 0, 0},
    {"a bare LF",                              IN("X-Sum: 1\n\r\n"), H1_BAD_TRAILER, 9},
    {"no name",                                IN(": 1\r\n\r\n"), H1_BAD_TRAILER, 1},
};

/* What comes of the first `len` bytes, with the NUL as the last byte that can be read. */
static int parse_first(head_parse *parse, struct slice in, size_t len)
{
    struct http_head h;
    return parse(&h, guarded_nul((struct slice){in.at, len}), len);
}

/* Byte by byte it must say "need more" until it says, once and for all, what it says of the whole. */
static size_t parse_slowly(head_parse *parse, struct slice in, int *r)
{
    for (size_t len = 0; len <= in.len; len++) {
        *r = parse_first(parse, in, len);
        if (*r != 0)
            return len;
    }
    return in.len;
}

static void check_rows(head_parse *parse, const struct row *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int is = row[i].is == OK ? (int)row[i].in.len : row[i].is;
        const int whole = parse_first(parse, row[i].in, row[i].in.len);
        if (whole != is)
            fail_msg("%s: %d, not %d", row[i].says, whole, is);

        int slow;
        const size_t seen = parse_slowly(parse, row[i].in, &slow);
        if (slow != is)
            fail_msg("%s: byte by byte %d, not %d", row[i].says, slow, is);
        if (row[i].seen_by > 0 && seen != row[i].seen_by)
            fail_msg("%s: seen after %zu bytes, not %zu", row[i].says, seen, row[i].seen_by);
    }
}

static void requests_are_taken_or_refused(void **state)
{
    (void)state;
    check_rows(h1_request_parse, requests, COUNT_OF(requests));
}

static void responses_are_taken_or_refused(void **state)
{
    (void)state;
    check_rows(h1_response_parse, responses, COUNT_OF(responses));
}

static void trailers_are_taken_or_refused(void **state)
{
    (void)state;
    check_rows(h1_trailer_parse, trailers, COUNT_OF(trailers));
}

/* Values and targets are scanned in words: every byte, at every place of one and beyond. */
static void every_byte_is_judged_at_any_place(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t len = 1; len <= 20; len++)
            for (size_t at = 0; at < len; at++) {
                char text[21] = "aaaaaaaaaaaaaaaaaaaa", in[64];
                text[at] = (char)byte;
                const bool value = byte == '\t' || (byte >= ' ' && byte != 0x7f);
                const bool target = byte > ' ' && byte < 0x7f && byte != '#' && byte != '\\';

                size_t n = sizeof("A:") - 1;
                memcpy(in, "A:", n);
                memcpy(in + n, text, len);
                memcpy(in + n + len, "\r\n\r\n", 4);
                n += len + 4;
                if ((parse_first(h1_trailer_parse, (struct slice){in, n}, n) > 0) != value)
                    fail_msg("byte %u at %zu of a value of %zu", byte, at, len);

                n = sizeof("GET ") - 1;
                memcpy(in, "GET ", n);
                memcpy(in + n, text, len);
                memcpy(in + n + len, " HTTP/1.1\r\n\r\n", 13);
                n += len + 13;
                if ((parse_first(h1_request_parse, (struct slice){in, n}, n) > 0) != target)
                    fail_msg("byte %u at %zu of a target of %zu", byte, at, len);
            }
}

static void assert_slice(struct slice is, const char *expected)
{
    if (!slice_eq(is, slice_of(expected)))
        fail_msg("\"" SLICE_FMT "\", not \"%s\"", SLICE_ARG(is), expected);
}

static void a_head_is_places_in_the_buffer(void **state)
{
    (void)state;
    const struct slice in = SLICE("\r\nPOST /a?b HTTP/1.1\r\nHost:  x \r\nX-Other: \r\ncOOKie: a=b\r\n\r\nbody");
    const char *at = guarded_nul(in);
    struct http_head h;
    assert_int_equal(h1_request_parse(&h, at, in.len), (int)in.len - 4);

    assert_ptr_equal(h.base, at);
    assert_int_equal(h.bytes, in.len - 4);
    assert_int_equal(h.minor_version, 1);
    assert_int_equal(h.status, 0);
    assert_slice(http_method(&h), "POST");
    assert_slice(http_target(&h), "/a?b");
    assert_int_equal(h.n_fields, 3);
    assert_slice(http_field_name(&h, &h.field[0]), "Host");
    assert_slice(http_field_value(&h, &h.field[0]), "x");
    assert_int_equal(h.field[0].name, HTTP_HOST);
    assert_slice(http_field_name(&h, &h.field[1]), "X-Other");
    assert_slice(http_field_value(&h, &h.field[1]), "");
    assert_int_equal(h.field[1].name, HTTP_OTHER);
    assert_int_equal(h.field[2].name, HTTP_COOKIE);
    for (unsigned i = 0; i < h.n_fields; i++)
        assert_false(h.field[i].dropped);
}

static void a_status_line_is_places_in_the_buffer(void **state)
{
    (void)state;
    const struct slice in = SLICE("HTTP/1.0 404 Not here\r\n\r\n");
    struct http_head h;
    assert_int_equal(h1_response_parse(&h, guarded_nul(in), in.len), (int)in.len);
    assert_int_equal(h.status, 404);
    assert_int_equal(h.minor_version, 0);
    assert_slice(http_slice(&h, h.reason_at, h.reason_len), "Not here");
}

static void nothing_is_written_unless_it_parses(void **state)
{
    (void)state;
    struct http_head h, before;
    memset(&h, 0x5a, sizeof(h));
    before = h;
    assert_int_equal(h1_request_parse(&h, GET "A: b\r\n", 22), 0);
    assert_int_equal(h1_request_parse(&h, GET "A b\r\n\r\n", 23), H1_BAD_FIELD);
    assert_memory_equal(&h, &before, sizeof(h));
}

/* The lexer and names.def each list the names. */
static void known_names_are_known_in_any_case(void **state)
{
    (void)state;
    for (enum http_name name = HTTP_OTHER + 1; name < HTTP_NAME_COUNT; name++) {
        const struct slice text = http_name_text(name);
        assert_int_equal(http_name_find(text), name);

        for (int upper = 0; upper < 2; upper++) {
            char in[64];
            const int len = snprintf(in, sizeof(in), SLICE_FMT ": x\r\n\r\n", SLICE_ARG(text));
            for (size_t i = 0; upper && i < text.len; i++)
                if (in[i] >= 'a' && in[i] <= 'z')
                    in[i] = (char)(in[i] - 32);
            struct http_head h;
            assert_int_equal(h1_trailer_parse(&h, in, (size_t)len), len);
            assert_int_equal(h.field[0].name, name);

            in[text.len - 1] = '-'; /* and almost that name is another */
            assert_int_equal(h1_trailer_parse(&h, in, (size_t)len), len);
            assert_int_equal(h.field[0].name, HTTP_OTHER);
        }
    }
    assert_int_equal(http_name_find(SLICE("hosts")), HTTP_OTHER);
    assert_int_equal(http_name_find(SLICE("")), HTTP_OTHER);
}

static void trailers_lose_what_may_not_trail(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool dropped;
    } row[] = {
        {"X-Sum: 1\r\n\r\n", false},         {"Server-Timing: a\r\n\r\n", false},
        {"ETag: a\r\n\r\n", false},          {"If: a\r\n\r\n", false},
        {"Content-Length: 1\r\n\r\n", true}, {"transfer-encoding: chunked\r\n\r\n", true},
        {"Host: a\r\n\r\n", true},           {"Authorization: a\r\n\r\n", true},
        {"Set-Cookie: a\r\n\r\n", true},     {"if-none-match: a\r\n\r\n", true},
        {"Connection: a\r\n\r\n", true},     {"Content-Type: a\r\n\r\n", true},
        {"X-Forwarded-For: a\r\n\r\n", true},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct http_head h;
        const size_t len = strlen(row[i].line);
        assert_int_equal(h1_trailer_parse(&h, row[i].line, len), (int)len);
        if (h.field[0].dropped != row[i].dropped)
            fail_msg("%s", row[i].line);
    }
}

static void a_whole_trailer_section_needs_no_sentinel(void **state)
{
    (void)state;
    const struct slice in = SLICE("X-Sum: 1\r\n\r\n");
    struct http_head h;
    assert_int_equal(h1_trailer_parse(&h, guarded(in), in.len), (int)in.len);
    assert_int_equal(h1_trailer_parse(&h, guarded(SLICE("\r\n")), 2), 2);
}

/* "GET /xxx… HTTP/1.1", of `bytes` in all, its empty line left out where !ended. */
static void head_of(struct text *t, size_t bytes, bool ended)
{
    const size_t rest = sizeof("GET / HTTP/1.1\r\nA: \r\n") - 1 + (ended ? 2 : 0);
    text_clear(t);
    text_adds(t, GET "A: ");
    for (size_t i = rest; i < bytes; i++)
        text_addc(t, 'x');
    text_adds(t, ended ? "\r\n\r\n" : "\r\n");
    assert_int_equal(t->len, bytes);
}

static void a_head_has_at_most_so_many_bytes(void **state)
{
    (void)state;
    struct text t = {0};
    head_of(&t, HTTP_HEAD_BYTES_MAX, true);
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), HTTP_HEAD_BYTES_MAX);
    text_adds(&t, "body");
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), HTTP_HEAD_BYTES_MAX);

    head_of(&t, HTTP_HEAD_BYTES_MAX + 1, true);
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), H1_TOO_LARGE);
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len - 1), H1_TOO_LARGE);
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len - 2), 0);

    head_of(&t, HTTP_HEAD_BYTES_MAX - 1, false);
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), 0);
    text_addc(&t, 'B');
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), H1_TOO_LARGE);
    text_addc(&t, '\0'); /* a bad byte beyond the limit is no longer looked for */
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), H1_TOO_LARGE);

    head_of(&t, 200000, true); /* offsets of 16 bits would have wrapped */
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), H1_TOO_LARGE);
    text_done(&t);
}

static void a_head_has_at_most_so_many_fields(void **state)
{
    (void)state;
    struct text t = {0};
    text_adds(&t, GET);
    for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
        text_addf(&t, "F%u: %u\r\n", i, i);
    text_adds(&t, "\r\n");

    struct http_head h;
    const char *at = guarded_nul(text_slice(&t));
    assert_int_equal(h1_request_parse(&h, at, t.len), (int)t.len);
    assert_int_equal(h.n_fields, HTTP_FIELDS_MAX);
    assert_slice(http_field_value(&h, &h.field[HTTP_FIELDS_MAX - 1]), "99");

    t.len -= 2;
    text_adds(&t, "One: more\r\n\r\n");
    assert_int_equal(parse_first(h1_request_parse, text_slice(&t), t.len), H1_TOO_MANY_FIELDS);
    int slow;
    parse_slowly(h1_request_parse, text_slice(&t), &slow);
    assert_int_equal(slow, H1_TOO_MANY_FIELDS);
    text_done(&t);
}

static void a_slow_head_is_parsed_again_only_when_due(void **state)
{
    (void)state;
    struct text t = {0};
    head_of(&t, HTTP_HEAD_BYTES_MAX, true);
    size_t parsed = 0, work = 0;
    int r = 0;
    for (size_t len = 1; r == 0; len++) {
        assert_true(len <= t.len);
        if (!h1_head_is_due(t.at, len, parsed))
            continue;
        r = parse_first(h1_request_parse, text_slice(&t), len);
        parsed = len;
        work += len;
    }
    assert_int_equal(r, HTTP_HEAD_BYTES_MAX);
    assert_true(work < 4 * HTTP_HEAD_BYTES_MAX);
    text_done(&t);

    assert_false(h1_head_is_due("abcd\r\n\r", 7, 6));
    assert_true(h1_head_is_due("abcd\r\n\r\n", 8, 7));
    assert_true(h1_head_is_due("abcd\r\n\r\nxx", 10, 7));
    assert_false(h1_head_is_due("ab\r\n\r\ncdef", 10, 7));
}

static void every_error_has_a_status_and_a_text(void **state)
{
    (void)state;
    for (int e = -1; e >= H1_BAD_TARGET; e--) {
        assert_true(h1_error_status((enum h1_error)e) >= 400);
        assert_true(strlen(h1_error_text((enum h1_error)e)) > 0);
    }
    assert_int_equal(h1_error_status(H1_TOO_LARGE), 431);
    assert_int_equal(h1_error_status(H1_BAD_VERSION), 505);
    assert_int_equal(h1_error_status(H1_NOT_IMPLEMENTED), 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_or_refused),
        cmocka_unit_test(responses_are_taken_or_refused),
        cmocka_unit_test(trailers_are_taken_or_refused),
        cmocka_unit_test(every_byte_is_judged_at_any_place),
        cmocka_unit_test(a_head_is_places_in_the_buffer),
        cmocka_unit_test(a_status_line_is_places_in_the_buffer),
        cmocka_unit_test(nothing_is_written_unless_it_parses),
        cmocka_unit_test(known_names_are_known_in_any_case),
        cmocka_unit_test(trailers_lose_what_may_not_trail),
        cmocka_unit_test(a_whole_trailer_section_needs_no_sentinel),
        cmocka_unit_test(a_head_has_at_most_so_many_bytes),
        cmocka_unit_test(a_head_has_at_most_so_many_fields),
        cmocka_unit_test(a_slow_head_is_parsed_again_only_when_due),
        cmocka_unit_test(every_error_has_a_status_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
