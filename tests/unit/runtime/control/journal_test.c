#include "runtime/control/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/clock.h"

/* The machine has run for 1000 s. */
static const struct journal_now then = {1000 * NS_PER_S, 1764240000 * NS_PER_S};

struct found {
    struct change change[8];
    uint32_t n, bad[8], n_bad;
};

static void take(void *to, struct change g)
{
    struct found *f = to;
    f->change[f->n++] = g;
}

static void note_bad(void *to, uint32_t number, struct slice line)
{
    struct found *f = to;
    (void)line;
    f->bad[f->n_bad++] = number;
}

static uint64_t read_all(const char *text, struct journal_now now, struct found *f)
{
    *f = (struct found){0};
    return journal_read(slice_of(text), now, take, note_bad, f);
}

static void found_done(struct found *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        change_done(&f->change[i]);
}

static struct change made(uint64_t number, const char *sentence, int64_t age_s, int64_t left_s)
{
    struct change g = {.number = number, .who = "uid 0"};
    g.made_ns = then.monotonic_ns - age_s * NS_PER_S;
    g.until_ns = left_s > 0 ? then.monotonic_ns + left_s * NS_PER_S : 0;
    text_adds(&g.sentence, sentence);
    return g;
}

static void what_is_written_is_read_by_another_boot_of_the_machine(void **state)
{
    (void)state;
    struct text out = {0};
    struct change a = made(7, "add office\t10.1.0.0/16", 60, 0);
    struct change b = made(9, "set web/a weight 5", 10, 3600);
    change_note(&b, SLICE("uid\t0"), SLICE("the disk\nfails"));
    journal_begin(&out, 12);
    journal_add(&out, &a, then);
    journal_add(&out, &b, then);
    assert_string_equal(out.at, "lbc changes 2 12\n"
                                "7\t1764239940000\t0\tuid 0\t\tadd office\t10.1.0.0/16\n"
                                "9\t1764239990000\t1764243600000\tuid 0\tthe disk fails\tset "
                                "web/a weight 5\n");

    const struct journal_now later = {5 * NS_PER_S, (1764240000 + 600) * NS_PER_S};
    struct found f;
    assert_int_equal(read_all(out.at, later, &f), 12);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.n_bad, 0);
    assert_int_equal(f.change[0].number, 7);
    assert_string_equal(f.change[0].sentence.at, "add office\t10.1.0.0/16");
    assert_string_equal(f.change[0].who, "uid 0");
    assert_string_equal(f.change[0].why, "");
    assert_string_equal(f.change[1].why, "the disk fails");
    assert_int_equal(f.change[0].until_ns, 0);
    assert_int_equal(f.change[0].made_ns, (5 - 660) * NS_PER_S);
    assert_int_equal(f.change[1].until_ns, (5 + 3000) * NS_PER_S);
    assert_true(f.change[1].fits);
    found_done(&f);
    text_done(&out);
    change_done(&a);
    change_done(&b);
}

static void what_was_over_before_the_machine_began_has_an_end(void **state)
{
    (void)state;
    const struct journal_now later = {5 * NS_PER_S, (1764240000 + 600) * NS_PER_S};
    struct found f;
    read_all("lbc changes 2 1\n1\t1764239940000\t1764240000000\tuid 0\t\tadd x y\n", later, &f);
    assert_int_equal(f.n, 1);
    assert_in_range(f.change[0].until_ns, 1, later.monotonic_ns);
    found_done(&f);
}

static void nothing_lasts_longer_because_the_calendar_is_behind(void **state)
{
    (void)state;
    const struct journal_now at_1970 = {5 * NS_PER_S, 20 * NS_PER_S};
    struct found f;
    read_all("lbc changes 2 3\n1\t1764239940000\t1764243540000\tuid 0\t\tadd x y\n"
             "2\t1764239940000\t0\tuid 0\t\tadd x y\n3\t1764239940000\t9\tuid 0\t\tadd x y\n",
             at_1970, &f);
    assert_int_equal(f.n, 3);
    for (uint32_t i = 0; i < f.n; i++)
        assert_int_equal(f.change[i].made_ns, at_1970.monotonic_ns);
    assert_int_equal(f.change[0].until_ns, (5 + 3600) * NS_PER_S);
    assert_int_equal(f.change[1].until_ns, 0);
    assert_true(change_has_ended(&f.change[2], at_1970.monotonic_ns));
    found_done(&f);
}

static void what_began_before_1970_can_be_read(void **state)
{
    (void)state;
    const struct journal_now set_back = {then.monotonic_ns, 20 * NS_PER_S};
    struct change a = made(1, "add x y", 600, 0), b = made(2, "add x y", 600, 1);
    struct text out = {0};
    struct found f;
    b.until_ns = then.monotonic_ns - 60 * NS_PER_S; /* over, and not taken out yet */
    journal_begin(&out, 2);
    journal_add(&out, &a, set_back);
    journal_add(&out, &b, set_back);
    read_all(out.at, set_back, &f);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.n_bad, 0);
    assert_int_equal(f.change[0].until_ns, 0);
    assert_true(change_has_ended(&f.change[1], set_back.monotonic_ns));
    found_done(&f);
    text_done(&out);
    change_done(&a);
    change_done(&b);
}

static void a_reason_is_text_that_can_be_shown(void **state)
{
    static const struct {
        const char *given, *kept;
    } row[] = {{"a\nb\tc\x1b[31m\x7f", "a b c [31m "},
               {"\xc2\x9b"
                "31m",
                " 31m"},
               {"\xff\xc3 \xe2\x82", "?? ??"},
               {"caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac"}};
    (void)state;
    struct change g;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        change_note(&g, SLICE("uid 0"), slice_of(row[i].given));
        assert_string_equal(g.why, row[i].kept);
    }
    char most[CONTROL_WHY_MAX + 2];
    memset(most, 'x', sizeof(most));
    memcpy(most + CONTROL_WHY_MAX - 1, "\xc3\xa9", 2);
    change_note(&g, SLICE("uid 0"), (struct slice){most, CONTROL_WHY_MAX + 1});
    assert_int_equal(strlen(g.why), CONTROL_WHY_MAX - 1); /* no half of one */
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(read_all("", then, &f), 0);
    assert_int_equal(f.n + f.n_bad, 0);
}

static void a_number_is_never_given_twice(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(read_all("lbc changes 2 3\n8\t1\t0\tx\t\tadd x y\n", then, &f), 8);
    found_done(&f);
}

static void lines_of_before_have_no_why(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(read_all("lbc changes 1 3\n2\t1\t0\tuid 0\tadd x\ty\n", then, &f), 3);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.n_bad, 0);
    assert_string_equal(f.change[0].why, "");
    assert_string_equal(f.change[0].sentence.at, "add x\ty");
    found_done(&f);
}

static void a_line_that_is_none_is_told_and_costs_no_other(void **state)
{
    static const char *const bad[] = {
        "",
        "x\t1\t0\twho\t\tadd x y",
        "0\t1\t0\twho\t\tadd x y",
        "1\t1\t0\twho\t\t",
        "1\t1\t0\twho\tadd x y",
        "1\t1\t0\twho",
        "1\t1\t99999999999999\twho\t\tadd x y",
        "1\t1\t0\tsomebody with a name of too many bytes\t\tadd x y",
        "18446744073709551616\t1\t0\twho\t\tadd x y",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[512];
        struct found f;
        snprintf(text, sizeof(text), "lbc changes 2 2\n%s\n2\t1\t0\twho\t\tadd x y\n", bad[i]);
        read_all(text, then, &f);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.n_bad, 1);
        assert_int_equal(f.bad[0], 2);
        assert_int_equal(f.change[0].number, 2);
        found_done(&f);
    }
}

static void another_version_s_first_line_is_told(void **state)
{
    (void)state;
    struct found f;
    read_all("lbc changes 3 9\n", then, &f);
    assert_int_equal(f.n_bad, 1);
    assert_int_equal(f.bad[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_by_another_boot_of_the_machine),
        cmocka_unit_test(what_was_over_before_the_machine_began_has_an_end),
        cmocka_unit_test(nothing_lasts_longer_because_the_calendar_is_behind),
        cmocka_unit_test(what_began_before_1970_can_be_read),
        cmocka_unit_test(a_reason_is_text_that_can_be_shown),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(a_number_is_never_given_twice),
        cmocka_unit_test(lines_of_before_have_no_why),
        cmocka_unit_test(a_line_that_is_none_is_told_and_costs_no_other),
        cmocka_unit_test(another_version_s_first_line_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
