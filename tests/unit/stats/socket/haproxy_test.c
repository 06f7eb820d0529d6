/* What tools that were written for HAProxy read and send. */
#include "stats/socket/haproxy.h"

#include "tests/unit/stats/socket/fake_control.h"

static struct text out;
static struct haproxy_session session;

static const char *ask(const char *line)
{
    text_clear(&out);
    session = (struct haproxy_session){.level = STATS_OPERATOR, .who = SLICE("uid 7")};
    assert_int_equal(haproxy_line(&control, slice_of(line), &session, SIZE_MAX, &out).len, 0);
    return out.at;
}

static int begin(void **state)
{
    (void)state;
    control = (struct control){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    text_done(&out);
    return 0;
}

/* The field of that name in the row of that proxy and service; a copy. */
static const char *field(const char *proxy, const char *service, const char *name)
{
    static char found[64];
    struct slice rest = text_slice(&out), titles, line, cell = SLICE_NONE;
    size_t column = 0;
    bool known = false;
    assert_true(slice_split(&rest, '\n', &titles));
    titles = slice_from(titles, 2);
    for (; !known && slice_split(&titles, ',', &cell); column += !known)
        known = slice_eq(cell, slice_of(name));
    assert_true(known);
    while (slice_split(&rest, '\n', &line)) {
        struct slice cells = line, first, second;
        if (!slice_split(&cells, ',', &first) || !slice_split(&cells, ',', &second) ||
            !slice_eq(first, slice_of(proxy)) || !slice_eq(second, slice_of(service)))
            continue;
        cells = line;
        for (size_t i = 0; i <= column; i++)
            assert_true(slice_split(&cells, ',', &cell));
        snprintf(found, sizeof(found), SLICE_FMT, SLICE_ARG(cell));
        return found;
    }
    fail_msg("no row of %s/%s", proxy, service);
    return "";
}

static void every_row_has_every_column(void **state)
{
    (void)state;
    ask("show stat");
    struct slice rest = text_slice(&out), line;
    size_t rows = 0, columns = 0;
    while (slice_split(&rest, '\n', &line)) {
        size_t n = 0;
        for (size_t i = 0; i < line.len; i++)
            n += line.at[i] == ',';
        columns = rows == 0 ? n : columns;
        if (line.len > 0)
            assert_int_equal(n, columns);
        rows += line.len > 0;
    }
    assert_int_equal(columns, 51); /* of HAProxy 1.5 and later, in their places: */
    assert_true(slice_starts(text_slice(&out),
                             SLICE("# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,")));
    assert_true(rows >= 5);
    assert_true(slice_ends(text_slice(&out), SLICE(",\n\n")));
}

static void servers_have_their_numbers_and_their_cluster_the_sum(void **state)
{
    (void)state;
    ask("show stat");
    assert_string_equal(field("web", "one", "status"), "UP");
    assert_string_equal(field("web", "one", "weight"), "10");
    assert_string_equal(field("web", "one", "scur"), "4");
    assert_string_equal(field("web", "one", "slim"), "200");
    assert_string_equal(field("web", "one", "stot"), "1234567");
    assert_string_equal(field("web", "one", "type"), "2");
    assert_string_equal(field("web",
                              "\xc3\xbc"
                              "ber",
                              "status"),
                        "DRAIN");
    assert_string_equal(field("web",
                              "\xc3\xbc"
                              "ber",
                              "bck"),
                        "1");
    assert_string_equal(field("web", "BACKEND", "stot"), "2469134");
    assert_string_equal(field("web", "BACKEND", "weight"), "10");
    assert_string_equal(field("web", "BACKEND", "type"), "1");
    assert_string_equal(field("lbc", "FRONTEND", "status"), "OPEN");
}

static void an_ejected_server_is_down(void **state)
{
    (void)state;
    control.ejects = true;
    ask("show stat");
    assert_string_equal(field("web", "one", "status"), "UP");
    ask("show servers state");
    assert_non_null(strstr(out.at, "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state "));
    assert_non_null(
        strstr(out.at, "2 web 1 one 127.0.0.1 2 0 10 10 0 6 3 0 0 0 0 0 - 9001 - 0 0 - - 0\n"));
    assert_non_null(strstr(out.at, " 127.0.0.1 0 8 10 10 "));
}

static void a_part_of_the_table(void **state)
{
    (void)state;
    ask("show stat -1 2 -1");
    assert_null(strstr(out.at, "FRONTEND"));
    assert_null(strstr(out.at, "web,one"));
    assert_non_null(strstr(out.at, "web,BACKEND"));
    ask("show stat 2 4 1");
    assert_non_null(strstr(out.at, "web,one"));
    assert_null(strstr(out.at, "BACKEND"));
    assert_null(strstr(out.at, "ber,"));
}

static void what_is_set(void **state)
{
    static const struct {
        const char *line, *answer;
    } row[] = {
        {"set server web/one state drain", "\n"},
        {"set server web/one state maint", "\n"},
        {"disable server web/one", "\n"},
        {"set server web/one state ready", "\n"},
        {"enable server web/one", "\n"},
        {"set server web/one weight 0", "\n"}, /* a drain */
        {"set server web/one weight 256", "\n"},
        {"set weight web/one 50%", "\n"},
        {"get weight web/one", "10 (initial 10)\n\n"},
        {"get weight web/two", "No such server.\n\n"},
        {"set weight web/two 3", "No such server.\n\n"},
        {"get weight nobody/two", "No such backend.\n\n"},
        {"disable server web", "Require 'backend/server'.\n\n"},
        {"get weight", "Require 'backend/server'.\n\n"},
        {"set weight web/one 257", "A weight is 0 to 256, or a part of the file's, as 50%.\n\n"},
        {"set weight web/one x%", "A weight is 0 to 256, or a part of the file's, as 50%.\n\n"},
        {"set weight web/one", "A weight is 0 to 256, or a part of the file's, as 50%.\n\n"},
        {"set server web/x state drain", "No such server.\n\n"},
        {"set server web/one state asleep",
         "'set server <backend>/<server>' takes 'state' with 'ready', 'drain' or 'maint', and "
         "'weight' with a number.\n\n"},
        {"set server", "'set server <backend>/<server>' takes 'state' with 'ready', 'drain' or "
                       "'maint', and 'weight' with a number.\n\n"},
        {"  get   weight  web/one ; ;show version", "10 (initial 10)\n\nlbc 0.1.0\n\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const char *got = ask(row[i].line);
        if (strcmp(got, row[i].answer) != 0)
            fail_msg("%s: %s", row[i].line, got);
    }
    assert_int_equal(control.drains, 2);
    assert_int_equal(control.readies, 2);
}

static void what_is_unknown_is_told_harmlessly(void **state)
{
    (void)state;
    assert_true(slice_starts(slice_of(ask("clear\x1b[2J table")),
                             SLICE("Unknown command: 'clear?[2J table'")));
    assert_non_null(strstr(out.at, "  show stat ["));
    ask("");
    assert_int_equal(out.len, 0);
}

static void a_session_with_prompts(void **state)
{
    (void)state;
    ask("prompt");
    assert_string_equal(out.at, "\n> ");
    assert_true(session.prompts);
    (void)!haproxy_line(&control, SLICE("set timeout cli 60"), &session, SIZE_MAX, &out).len;
    assert_true(slice_ends(text_slice(&out), SLICE("\n> \n> ")));
    (void)!haproxy_line(&control, SLICE("quit; show stat"), &session, SIZE_MAX, &out).len;
    assert_true(session.quits);
    assert_null(strstr(out.at, "pxname"));
}

static void about_the_process(void **state)
{
    static const char *const line[] = {"Name: lbc\n",          "\nVersion: 0.1.0\n", "\nPid: ",
                                       "\nUptime_sec: 3723\n", "\nCurrConns: ",      "\nnode: "};
    (void)state;
    ask("show info");
    for (size_t i = 0; i < COUNT_OF(line); i++)
        assert_non_null(strstr(out.at, line[i]));
    assert_true(slice_starts(slice_of(ask("show errors")), SLICE("Total events captured on [20")));
}

/* A line of 4 KiB can ask for a hundred MiB. */
static void what_is_left_of_a_line_comes_later(void **state)
{
    (void)state;
    ask("prompt");
    text_clear(&out);
    struct slice rest = haproxy_line(&control, SLICE("help;show version;help"), &session, 1, &out);
    assert_true(slice_eq(rest, SLICE("show version;help")));
    assert_false(slice_ends(text_slice(&out), SLICE("> ")));
    text_clear(&out);
    rest = haproxy_line(&control, rest, &session, 1, &out);
    assert_true(slice_eq(rest, SLICE("help")));
    rest = haproxy_line(&control, rest, &session, 1, &out);
    assert_int_equal(rest.len, 0);
    assert_true(slice_ends(text_slice(&out), SLICE("\n> ")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(every_row_has_every_column),
        TEST(servers_have_their_numbers_and_their_cluster_the_sum),
        TEST(an_ejected_server_is_down),
        TEST(a_part_of_the_table),
        TEST(what_is_set),
        TEST(what_is_unknown_is_told_harmlessly),
        TEST(a_session_with_prompts),
        TEST(what_is_left_of_a_line_comes_later),
        TEST(about_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
