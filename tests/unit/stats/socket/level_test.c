/* Levels of rights: what each may run, and that nothing needs less than it says. */
#include "tests/unit/stats/socket/fake_control.h"

#include "stats/socket/command.h"
#include "stats/socket/haproxy.h"

static const struct {
    const char *words, *help;
    enum stats_level level;
} commands[] = {
#define COMMAND(id, words, arguments, form, level, help) {words, " " help "\n", STATS_##level},
#include "stats/socket/commands.def"
#undef COMMAND
};

static struct text out, why;

static void nobody_waits(void *of, const struct control_reload *r)
{
    (void)of;
    (void)r;
}

/* Without arguments: what needs some is refused for that, once the level is enough. */
static enum command_end run(enum stats_level level, const char *line)
{
    text_clear(&out);
    text_clear(&why);
    const struct control_asker asker = {.who = SLICE("uid 7"), .done = nobody_waits, .why = &why};
    struct command c = {
        .control = &control, .level = level, .out = &out, .why = &why, .asker = &asker};
    return command_line(&c, slice_of(line));
}

static bool is_refused_for_its_level(enum stats_level level, const char *words)
{
    return run(level, words) == COMMAND_REFUSED && why.len > 0 &&
           strstr(why.at, "needs the level ");
}

static void a_command_is_run_from_its_level_on(void **state)
{
    (void)state;
    uint32_t of[STATS_ADMIN + 1] = {0};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        of[commands[i].level]++;
        for (enum stats_level level = STATS_OBSERVER; level <= STATS_ADMIN; level++)
            if (is_refused_for_its_level(level, commands[i].words) != (level < commands[i].level))
                fail_msg("%s by %s", commands[i].words, stats_level_name(level));
    }
    for (enum stats_level level = STATS_OBSERVER; level <= STATS_ADMIN; level++)
        assert_in_range(of[level], 1, COUNT_OF(commands));
}

static void only_what_shows_is_for_an_observer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const struct slice words = slice_of(commands[i].words);
        const bool shows = slice_starts(words, SLICE("show ")) || slice_eq(words, SLICE("help")) ||
                           slice_eq(words, SLICE("explain"));
        if (shows != (commands[i].level == STATS_OBSERVER))
            fail_msg("%s", commands[i].words);
    }
}

static void a_refusal_says_both_levels(void **state)
{
    (void)state;
    assert_int_equal(run(STATS_OBSERVER, "drain web/one"), COMMAND_REFUSED);
    assert_string_equal(why.at, "\"drain\" needs the level operator, and this socket has observer");
    assert_int_equal(run(STATS_OPERATOR, "reload confirm 60s"), COMMAND_REFUSED);
    assert_string_equal(why.at,
                        "\"reload confirm\" needs the level admin, and this socket has operator");
}

static void who_is_told_no_level_has_the_least(void **state)
{
    (void)state;
    struct command c = {.control = &control, .out = &out, .why = &why};
    text_clear(&why);
    assert_int_equal(command_line(&c, SLICE("shutdown")), COMMAND_REFUSED);
    assert_int_equal(control.shutdowns, 0);
}

/* Each line of `help` is one that may be run. */
static void help_lists_what_may_be_run(void **state)
{
    (void)state;
    for (enum stats_level level = STATS_OBSERVER; level <= STATS_ADMIN; level++) {
        struct text listed = {0};
        assert_int_equal(run(level, "help"), COMMAND_DONE);
        text_add(&listed, text_slice(&out));
        for (size_t i = 0; i < COUNT_OF(commands); i++) {
            const bool is = strstr(listed.at, commands[i].help);
            if (is != (commands[i].level <= level))
                fail_msg("%s for %s", commands[i].words, stats_level_name(level));
        }
        struct slice rest = text_slice(&listed), line;
        while (slice_split(&rest, '\n', &line))
            assert_in_range(line.len, 0, 100);
        assert_true(!strstr(listed.at, "need a higher one") == (level == STATS_ADMIN));
        text_done(&listed);
    }
}

static void names_are_read_as_they_are_written(void **state)
{
    (void)state;
    enum stats_level level = STATS_ADMIN, read;
    for (level = STATS_OBSERVER; level <= STATS_ADMIN; level++) {
        assert_true(stats_level_parse(slice_of(stats_level_name(level)), &read));
        assert_int_equal(read, level);
    }
    assert_false(stats_level_parse(SLICE("Admin"), &read));
    assert_false(stats_level_parse(SLICE(""), &read));
    assert_false(stats_level_parse(SLICE("user"), &read));
}

static void say_haproxy(enum stats_level level, const char *line)
{
    struct haproxy_session session = {.level = level, .who = SLICE("uid 7")};
    assert_int_equal(haproxy_line(&control, slice_of(line), &session, SIZE_MAX, &out).len, 0);
}

static void haproxy_s_commands_have_levels(void **state)
{
    (void)state;
    static const char *const acts[] = {"set server web/one state drain", "set weight web/one 3",
                                       "enable server web/one", "disable server web/one"};
    static const char *const looks[] = {"show stat",   "show info",          "show servers state",
                                        "show errors", "get weight web/one", "help"};
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        text_clear(&out);
        say_haproxy(STATS_OBSERVER, acts[i]);
        assert_string_equal(
            out.at,
            "Permission denied: it needs the level operator, and this socket has observer.\n\n");
        text_clear(&out);
        say_haproxy(STATS_OPERATOR, acts[i]);
        assert_null(strstr(out.at, "Permission denied"));
    }
    assert_int_equal(control.drains, 1);
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        text_clear(&out);
        say_haproxy(STATS_OBSERVER, looks[i]);
        assert_null(strstr(out.at, "Permission denied"));
    }
    assert_null(strstr(out.at, "set server")); /* the last one is help */
}

static int begin(void **state)
{
    (void)state;
    control = (struct control){.report = ""};
    return 0;
}

static int end(void **state)
{
    (void)state;
    text_done(&out);
    text_done(&why);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_run_from_its_level_on), TEST(only_what_shows_is_for_an_observer),
        TEST(a_refusal_says_both_levels),         TEST(who_is_told_no_level_has_the_least),
        TEST(help_lists_what_may_be_run),         TEST(names_are_read_as_they_are_written),
        TEST(haproxy_s_commands_have_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
