#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/rng.h"
#include "runtime/limit/bandwidth.h"

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define START  (3600 * SECOND)

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Of workers, and what is not enough for the bandwidth. */
#define TICK (20 * MS)

static const struct table_bandwidth MANY[] = {{1, 1},           {100, 100},
                                              {KIB, KIB},       {10 * KIB, 64 * KIB},
                                              {MIB, 64 * KIB},  {MIB, MIB},
                                              {10 * MIB, MIB},  {100 * MIB, 100 * MIB},
                                              {GIB, 100 * MIB}, {1024 * GIB, 50 * GIB}};

static void what_is_moved_at_a_time(void **state)
{
    (void)state;
    static const struct {
        struct table_bandwidth b;
        uint64_t piece;
        const char *why;
    } rows[] = {
        {{1, 1}, 1, "a byte at least"},
        {{100, 100}, 25, "a quarter of a second of a very slow one"},
        {{16 * KIB, 16 * KIB}, 4096, "4 KiB where that takes no longer"},
        {{100 * KIB, 100 * KIB}, 4096, "and where the rate has less in 20 ms"},
        {{MIB, MIB}, 20971, "what the rate has in 20 ms"},
        {{MIB, 8 * KIB}, 8 * KIB, "no more than the burst"},
        {{MIB, 1}, 1, "however short that is"},
        {{GIB, GIB}, 512 * KIB, "no more than a turn moves"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (bandwidth_piece(rows[i].b) != rows[i].piece)
            fail_msg("%s: %llu", rows[i].why, (unsigned long long)bandwidth_piece(rows[i].b));
}

/* One of those that share a key: it takes a piece, waits for its turn, and asks again. */
struct mover {
    int64_t turn_ns;
    uint64_t moved;
};

/* What has gone when, of all movers. */
struct record {
    int64_t at_ns[20000];
    uint64_t bytes[20000];
    uint32_t n;
};

static void note(struct record *r, int64_t now_ns, uint64_t bytes)
{
    assert_true(r->n < COUNT_OF(r->at_ns));
    r->at_ns[r->n] = now_ns;
    r->bytes[r->n++] = bytes;
}

/* Of two whose turn is at once, the one that has had less: as a loop that goes round does it. */
static bool is_before(const struct mover *a, const struct mover *b)
{
    return a->turn_ns < b->turn_ns || (a->turn_ns == b->turn_ns && a->moved < b->moved);
}

/* Each moves what it may, each at its turn, to the ns; *r may be NULL. */
static void run(struct table_bandwidth b, struct mover *m, uint32_t n, int64_t until_ns,
                struct record *r)
{
    const uint64_t piece = bandwidth_piece(b);
    int64_t key = 0, now_ns = START;
    for (uint32_t i = 0; i < n; i++)
        m[i] = (struct mover){.turn_ns = bandwidth_take(b, key, now_ns, piece, &key)};
    for (;;) {
        uint32_t next = 0;
        for (uint32_t i = 1; i < n; i++)
            next = is_before(&m[i], &m[next]) ? i : next;
        now_ns = m[next].turn_ns;
        if (now_ns > until_ns)
            return;
        m[next].moved += piece;
        if (r)
            note(r, now_ns, piece);
        m[next].turn_ns = bandwidth_take(b, key, now_ns, piece, &key);
    }
}

static uint64_t moved_by(const struct mover *m, uint32_t n)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++)
        all += m[i].moved;
    return all;
}

static void over_a_long_time_it_is_the_rate(void **state)
{
    (void)state;
    struct mover m[10];
    for (size_t i = 0; i < COUNT_OF(MANY); i++)
        for (uint32_t n = 1; n <= COUNT_OF(m); n += 9) {
            const int64_t during = MANY[i].bytes_per_s < 200 ? 1000 : 30;
            run(MANY[i], m, n, START + during * SECOND, NULL);
            const double said = (double)MANY[i].bytes_per_s * (double)during;
            const double got = (double)moved_by(m, n) - (double)MANY[i].burst;
            if (got < 0.99 * said || got > said + (double)bandwidth_piece(MANY[i]))
                fail_msg("%llu B/s for %u: %.6f of it", (unsigned long long)MANY[i].bytes_per_s, n,
                         got / said);
        }
}

/* Bytes that nobody has to wait for come now and then as well. */
static void in_no_time_more_than_burst_and_rate(void **state)
{
    (void)state;
    struct record *r = calloc(1, sizeof(*r));
    struct rng rng = {3};
    for (uint32_t round = 0; round < 20; round++) {
        const struct table_bandwidth b = MANY[2 + round % 5];
        int64_t key = 0, now_ns = START;
        r->n = 0;
        while (r->n < 600) {
            const uint64_t bytes = 1 + rng_below(&rng, (uint32_t)bandwidth_piece(b));
            const int64_t turn_ns = bandwidth_take(b, key, now_ns, bytes, &key);
            assert_true(turn_ns >= now_ns);
            note(r, turn_ns, bytes);
            now_ns = rng_below(&rng, 50) > 0 ? turn_ns : turn_ns + rng_below(&rng, 900) * MS;
        }
        for (uint32_t from = 0; from < r->n; from++) {
            uint64_t bytes = 0;
            for (uint32_t to = from; to < r->n; to++) {
                bytes += r->bytes[to];
                const double s = (double)(r->at_ns[to] - r->at_ns[from]) / (double)SECOND;
                if ((double)bytes > (double)b.burst + s * (double)b.bytes_per_s + 1)
                    fail_msg("%llu bytes in %.9f s", (unsigned long long)bytes, s);
            }
        }
    }
    free(r);
}

static void ten_have_a_tenth_each(void **state)
{
    (void)state;
    struct mover m[10];
    for (size_t i = 0; i < COUNT_OF(MANY); i++) {
        run(MANY[i], m, COUNT_OF(m), START + 20 * SECOND, NULL);
        for (uint32_t k = 0; k < COUNT_OF(m); k++) {
            assert_true(m[k].moved <= m[0].moved + bandwidth_piece(MANY[i]));
            assert_true(m[k].moved + bandwidth_piece(MANY[i]) >= m[0].moved);
        }
    }
}

/* Who comes to a row of nine waits for one piece of each of them, whatever else they want. */
static void who_comes_last_is_not_kept_waiting(void **state)
{
    (void)state;
    const struct table_bandwidth b = {MIB, 64 * KIB};
    const uint64_t piece = bandwidth_piece(b);
    int64_t key = 0, now_ns = START;
    while (bandwidth_take(b, key, now_ns, piece, &key) == now_ns)
        ;
    for (int i = 1; i < 9; i++)
        (void)bandwidth_take(b, key, now_ns, piece, &key);
    const int64_t turn_ns = bandwidth_take(b, key, now_ns, piece, &key);
    assert_true(turn_ns - now_ns <= 10 * 20 * MS);
}

/* As workers do it, who look at their clocks every 20 ms. */
static void late_turns_are_made_up_for(void **state)
{
    (void)state;
    for (size_t i = 2; i < COUNT_OF(MANY); i++) {
        const struct table_bandwidth b = MANY[i];
        const uint64_t piece = bandwidth_piece(b);
        if (b.burst < b.bytes_per_s / 25)
            continue; /* lint says so */
        int64_t key = 0, turn_ns = bandwidth_take(b, key, START, piece, &key);
        double moved = 0;
        for (int64_t now_ns = START; now_ns < START + SECOND; now_ns += TICK)
            for (; turn_ns <= now_ns; moved += (double)piece)
                turn_ns = bandwidth_take(b, key, now_ns, piece, &key);
        assert_true(moved <= (double)b.burst + 1.01 * (double)b.bytes_per_s);
        assert_true(moved + (double)piece >= (double)b.burst + 0.97 * (double)b.bytes_per_s);
    }
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(MANY); i++) {
        const struct table_bandwidth b = MANY[i];
        const uint64_t piece = bandwidth_piece(b);
        int64_t key = 0;
        for (int k = 0; k < 1000; k++) {
            const int64_t before = key;
            (void)bandwidth_take(b, key, START, piece, &key);
            key = bandwidth_give(b, key, piece);
            /* Rounding is to nobody's advantage: a ns a time. */
            assert_true(key >= before && (k == 0 || key <= before + 1));
        }
        assert_true(bandwidth_left(b, key, START) + piece >= b.burst - b.burst / 100);
    }
}

static void numbers_at_the_edge(void **state)
{
    (void)state;
    const struct table_bandwidth slow = {1, TABLE_BANDWIDTH_MAX};
    const struct table_bandwidth fast = {TABLE_BANDWIDTH_MAX, TABLE_BANDWIDTH_MAX};
    int64_t key = 0;
    assert_int_equal(bandwidth_take(slow, key, START, 1, &key), START);
    assert_int_equal(key, START + SECOND);
    assert_int_equal(bandwidth_take(fast, 0, START, TABLE_BANDWIDTH_MAX, &key), START);
    assert_int_equal(key, START + SECOND);
    assert_int_equal(bandwidth_take(fast, key, START, 1, &key), START + 1);
    assert_int_equal(bandwidth_left(fast, 0, START), TABLE_BANDWIDTH_MAX);
    assert_int_equal(bandwidth_left(fast, key, START), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_moved_at_a_time),
        cmocka_unit_test(over_a_long_time_it_is_the_rate),
        cmocka_unit_test(in_no_time_more_than_burst_and_rate),
        cmocka_unit_test(ten_have_a_tenth_each),
        cmocka_unit_test(who_comes_last_is_not_kept_waiting),
        cmocka_unit_test(late_turns_are_made_up_for),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(numbers_at_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
