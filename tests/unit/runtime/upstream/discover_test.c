#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/upstream/discover.h"

#define S INT64_C(1000000000)

static const struct discover_rule usual = {.min_ttl_ns = 5 * S,
                                           .max_ttl_ns = 3600 * S,
                                           .negative_ttl_ns = 10 * S,
                                           .hold_ns = 25 * S,
                                           .minimum = 1};

/*
 * Answers ten seconds apart, with blanks between them: a letter is a server, '-' nothing, '?' an
 * answer that is not whole. Behind it the members after each; those that are missing are small.
 */
static const struct {
    const char *says;
    uint32_t minimum;
    const char *answers, *members;
} rows[] = {
    {"who is found is a member at once", 1, "A AB", "A AB"},
    {"an address that is gone is held", 1, "AB A A", "AB Ab Ab"},
    {"until it has been missing for the hold time", 1, "AB A A A A", "AB Ab Ab Ab A"},
    {"and one that comes back in time was never gone", 1, "AB A A AB A A A A",
     "AB Ab Ab AB Ab Ab Ab A"},
    {"all that are gone leave one", 1, "AB - - - - -", "AB ab ab ab b b"},
    {"and of those the one that was seen last", 1, "AB A - - - - -", "AB Ab ab ab a a a"},
    {"and no more than the minimum", 3, "ABCDE - - - - -", "ABCDE abcde abcde abcde cde cde"},
    {"where there were fewer all stay", 3, "AB - - - - -", "AB ab ab ab ab ab"},
    {"with a minimum of 0 there may be none", 0, "A - - - -", "A a a a -"},
    {"failures take nobody out", 1, "AB ? ? ? ? ? ?", "AB AB AB AB AB AB AB"},
    {"half an answer adds, and takes nobody out", 1, "AB ?C ?C ?C ?C", "AB ABC ABC ABC ABC"},
    {"nor does it say that somebody is still missing", 1, "AB A ? ? ? A", "AB Ab Ab Ab Ab A"},
    {"nothing known and nothing found is nothing", 1, "- ? -", "- - -"},
    {"all can be replaced at once, and the old ones are held", 1, "AB CD CD CD CD",
     "AB abCD abCD abCD CD"},
};

static struct discover_found server(char letter)
{
    struct discover_found f = {.weight = 1};
    snprintf(f.endpoint.path, sizeof(f.endpoint.path), "/%c", letter);
    return f;
}

/* The next word of *at, without the blank behind it. */
static struct slice word(const char **at)
{
    const struct slice w = {*at, strcspn(*at, " ")};
    *at += w.len + ((*at)[w.len] == ' ');
    return w;
}

static bool answer(struct discovery *d, const struct discover_rule *rule, struct slice said,
                   int64_t now_ns)
{
    struct discover_found found[8];
    struct discover_answer a = {.whole = true, .found = found, .ttl_ns = 10 * S};
    for (size_t i = 0; i < said.len; i++) {
        a.whole &= said.at[i] != '?';
        if (said.at[i] >= 'A')
            found[a.n++] = server(said.at[i]);
    }
    return discovery_take(d, rule, &a, now_ns);
}

static struct slice members(const struct discovery *d, char out[16])
{
    uint32_t n = 0;
    for (; n < d->n; n++)
        out[n] = (char)(d->member[n].at.endpoint.path[1] | (d->member[n].missing ? 0x20 : 0));
    if (n == 0)
        out[n++] = '-';
    return (struct slice){out, n};
}

static void members_follow_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct discover_rule rule = usual;
        rule.minimum = rows[i].minimum;
        struct discovery d = {0};
        const char *said = rows[i].answers, *expected = rows[i].members;
        for (int64_t now = 1000 * S; *said; now += 10 * S) {
            char before[16], room[16];
            const struct slice was = members(&d, before);
            const bool changed = answer(&d, &rule, word(&said), now);
            const struct slice is = members(&d, room), wanted = word(&expected);
            if (!slice_eq(is, wanted))
                fail_msg("%s: " SLICE_FMT " instead of " SLICE_FMT, rows[i].says, SLICE_ARG(is),
                         SLICE_ARG(wanted));
            if (changed != !slice_eq_nocase(is, was))
                fail_msg("%s: says that it %s", rows[i].says, changed ? "changed" : "did not");
        }
        assert_int_equal(*expected, '\0');
        discovery_done(&d);
    }
}

static const struct {
    const char *says;
    bool whole;
    uint32_t n;
    int64_t ttl_s, refresh_s, wait_s;
} asked[] = {
    {"an answer lives as long as it says", true, 1, 60, 0, 60},
    {"but not shorter than the least", true, 1, 0, 0, 5},
    {"nor longer than the most", true, 1, 86400, 0, 3600},
    {"a rhythm of one's own comes first", true, 1, 86400, 1, 1},
    {"that there is nothing has a lifetime of its own", true, 0, 0, 0, 10},
    {"whatever the rhythm", true, 0, 0, 1, 10},
    {"and so has a failure", false, 0, 0, 0, 10},
    {"and half an answer", false, 1, 60, 0, 10},
};

static void it_is_asked_again_in_time(void **state)
{
    (void)state;
    const struct discover_found a = server('A');
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct discover_rule rule = usual;
        rule.refresh_ns = asked[i].refresh_s * S;
        struct discovery d = {0};
        const struct discover_answer answer = {asked[i].whole, &a, asked[i].n, asked[i].ttl_s * S};
        discovery_take(&d, &rule, &answer, 7 * S);
        if (d.next_ns != (7 + asked[i].wait_s) * S)
            fail_msg("%s: after %lld ns", asked[i].says, (long long)(d.next_ns - 7 * S));
        discovery_done(&d);
    }
}

static void a_new_weight_is_a_change(void **state)
{
    (void)state;
    struct discovery d = {0};
    struct discover_found f = server('A');
    const struct discover_answer a = {true, &f, 1, 10 * S};
    assert_true(discovery_take(&d, &usual, &a, 0));
    assert_false(discovery_take(&d, &usual, &a, 0));
    f.weight = 2;
    assert_true(discovery_take(&d, &usual, &a, 0));
    f.priority = 1;
    assert_true(discovery_take(&d, &usual, &a, 0));
    assert_int_equal(d.member[0].at.weight, 2);
    discovery_done(&d);
}

static void too_many_are_left_out_and_counted(void **state)
{
    (void)state;
    struct discovery d = {0};
    for (uint16_t i = 0; i < DISCOVER_MEMBERS_MAX + 3; i++) {
        const struct discover_found f = {.endpoint = {.port = (uint16_t)(i + 1)}, .weight = 1};
        const struct discover_answer a = {false, &f, 1, 10 * S};
        discovery_take(&d, &usual, &a, 0);
    }
    assert_int_equal(d.n, DISCOVER_MEMBERS_MAX);
    assert_int_equal(d.left_out, 3);
    discovery_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_follow_answers),
        cmocka_unit_test(it_is_asked_again_in_time),
        cmocka_unit_test(a_new_weight_is_a_change),
        cmocka_unit_test(too_many_are_left_out_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
