/* The evaluator against the reference, on generated programs and requests. LBC_SEED repeats a run;
 * LBC_ROUNDS makes it longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "tests/agree/support/agree.h"

#define ROUNDS             9000u
#define WRITTEN_ROUNDS     3000u
#define REQUESTS_PER_ROUND 8u

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

typedef bool once(struct choice *choice, uint32_t requests, struct agree_count *count,
                  struct text *why);

static struct agree_count run(once *agree, uint64_t rounds)
{
    const uint64_t seed = from_environment("LBC_SEED", (uint64_t)clock_wall_ns());
    print_message("LBC_SEED=%llu\n", (unsigned long long)seed);

    struct agree_count count = {0};
    for (uint64_t i = 0; i < rounds; i++) {
        /* Each round has its own seed, so that a failure is repeated alone. */
        struct choice choice = {.rng = {.state = seed + i}};
        struct text why = {0};
        if (!agree(&choice, REQUESTS_PER_ROUND, &count, &why)) {
            print_error("LBC_SEED=%llu LBC_ROUNDS=1 repeats it.\n", (unsigned long long)(seed + i));
            fputs(why.at, stderr); /* cmocka cuts a message at 1 KiB */
            text_done(&why);
            fail();
        }
        text_done(&why);
    }
    print_message("%llu requests, %llu with changes, %llu too long; %llu forwarded, %llu denied, "
                  "%llu answered, %llu redirected\n",
                  (unsigned long long)count.requests, (unsigned long long)count.changed,
                  (unsigned long long)count.too_long, (unsigned long long)count.end[0],
                  (unsigned long long)count.end[1], (unsigned long long)count.end[2],
                  (unsigned long long)count.end[3]);
    return count;
}

static bool any_field(enum table_field field)
{
    (void)field;
    return true;
}

/* A file's routes can't ask for what only a response has. */
static bool field_of_requests(enum table_field field)
{
    return table_field_phase(field) != PHASE_RESPONSE;
}

/* A generator that has gone dull would agree about nothing. What is new in the language is in the
 * enums, and drawn, or this fails. */
static void was_worth_it(const struct agree_count *count, bool written)
{
    struct text missing = {0};
    met_missing(&count->met, count->met.programs / 200, written ? field_of_requests : any_field,
                written ? PHASE_REQUEST : PHASE_RESPONSE, &missing);
    for (uint32_t i = 0; i < EFFECT_COUNT; i++)
        if (table_effect_is_served((enum table_effect_kind)i) &&
            count->effect[i] < count->requests / 200)
            text_addf(&missing, "`%s` was done %llu times only\n",
                      table_effect_name((enum table_effect_kind)i),
                      (unsigned long long)count->effect[i]);
    if (missing.len > 0)
        print_error("%s", missing.at);
    assert_int_equal(missing.len, 0);
    text_done(&missing);
    assert_true(count->changed > count->requests / 10);
    assert_true(count->too_long > 0);
    assert_true(count->rewritten > count->requests / 50);
    for (size_t i = 0; i <= END_PASS; i++)
        assert_true(count->end[i] > count->requests / 200);
}

static void eval_decides_as_the_reference_does(void **state)
{
    (void)state;
    const uint64_t rounds = from_environment("LBC_ROUNDS", ROUNDS);
    const struct agree_count count = run(agree_once, rounds);
    if (rounds >= ROUNDS)
        was_worth_it(&count, false);
}

static void what_is_written_decides_as_what_was_meant(void **state)
{
    (void)state;
    const uint64_t rounds = from_environment("LBC_ROUNDS", WRITTEN_ROUNDS);
    const struct agree_count count = run(agree_written_once, rounds);
    print_message("%llu programs compiled, %llu refused\n", (unsigned long long)count.compiled,
                  (unsigned long long)count.refused);
    if (rounds >= WRITTEN_ROUNDS) {
        was_worth_it(&count, true);
        assert_true(count.compiled > rounds * 3 / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_decides_as_the_reference_does),
        cmocka_unit_test(what_is_written_decides_as_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
