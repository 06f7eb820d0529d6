/* Steps of a check: what is said and heard, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "runtime/base/text.h"
#include "runtime/upstream/talk.h"

#define STEPS_MAX 4

/* A script is lines of ">said" and "<expected"; what the server says is given in pieces, cut at
 * "|". `is` is what was sent, and how it stands once all pieces are in. */
static const struct {
    const char *says, *script, *server, *is;
} rows[] = {
    {"nothing to do", "", "", "over"},
    {"a question and its answer", ">PING <PONG", "+PONG\r\n", "PING over"},
    {"the answer comes in pieces", ">PING <PONG", "+P|O|N|G", "PING over"},
    {"a part of it is not enough", ">PING <PONG", "+PON", "PING hear"},
    {"something before it", ">PING <PONG", "HELLO PO|PONG", "PING over"},
    {"a beginning that comes twice", "<aab", "aa|ab", "over"},
    {"the server speaks first", "<220 >QUIT <221", "220 hi\r\n|221 bye", "QUIT over"},
    {"it is heard before it is asked for", ">A <a >B <b", "ab", "A B over"},
    {"each is behind the one before", "<b <a", "ab", "hear"},
    {"the same twice must come twice", "<a <a", "a", "hear"},
    {"and then it may", "<a <a", "aa", "over"},
    {"what is said last ends it", "<a >bye", "a", "bye over"},
    {"an error is not what was expected", ">PING <PONG", "-ERR", "PING hear"},
};

static uint32_t steps_of(const char *script, struct table_health_step step[STEPS_MAX])
{
    struct slice rest = slice_of(script), word;
    uint32_t n = 0;
    while (slice_split(&rest, ' ', &word))
        if (word.len > 1)
            step[n++] = (struct table_health_step){word.at[0] == '<', slice_from(word, 1)};
    return n;
}

/* Sends what is due, two bytes at a time. */
static enum talk_turn settle(struct talk *t, const struct table_health_step *step, uint32_t n,
                             struct text *out)
{
    enum talk_turn turn;
    while ((turn = talk_turn(t, step, n)) == TALK_SEND) {
        struct slice rest = talk_rest(t, step);
        const bool last = rest.len <= 2;
        rest.len = last ? rest.len : 2;
        text_add(out, rest);
        talk_sent(t, step, rest.len);
        text_adds(out, last ? " " : "");
    }
    return turn;
}

static void hear(struct talk *t, struct slice s)
{
    size_t room;
    char *at = talk_room(t, &room);
    assert_true(s.len <= room);
    memcpy(at, s.at, s.len);
    talk_heard(t, s.len);
}

static void talks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct talk t;
        struct table_health_step step[STEPS_MAX];
        const uint32_t n = steps_of(rows[i].script, step);
        struct text out = {0};
        struct slice rest = slice_of(rows[i].server), piece;
        talk_begin(&t);
        enum talk_turn turn = settle(&t, step, n, &out);
        while (slice_split(&rest, '|', &piece))
            if (turn == TALK_HEAR) {
                hear(&t, piece);
                turn = settle(&t, step, n, &out);
            }
        text_adds(&out, turn == TALK_OVER ? "over" : turn == TALK_HEAR ? "hear" : "too much");
        if (!slice_eq(text_slice(&out), slice_of(rows[i].is)))
            fail_msg("%s: %s", rows[i].says, out.at);
        text_done(&out);
    }
}

static void who_goes_on_and_on_says_too_much(void **state)
{
    (void)state;
    static struct talk t;
    const struct table_health_step step[] = {{true, SLICE("never")}};
    talk_begin(&t);
    for (size_t i = 0; i < TABLE_HEALTH_HEARD_MAX; i++) {
        assert_int_equal(talk_turn(&t, step, 1), TALK_HEAR);
        hear(&t, SLICE("x"));
    }
    assert_int_equal(talk_turn(&t, step, 1), TALK_TOO_MUCH);
}

/* The limit is for what comes between two steps, not for all. */
static void what_was_expected_makes_room(void **state)
{
    (void)state;
    static struct talk t;
    const struct table_health_step step[] = {{true, SLICE("a")}, {true, SLICE("b")}};
    static char much[TABLE_HEALTH_HEARD_MAX];
    memset(much, '.', sizeof(much));
    much[sizeof(much) - 1] = 'a';
    talk_begin(&t);
    assert_int_equal(talk_turn(&t, step, 2), TALK_HEAR);
    hear(&t, (struct slice){much, sizeof(much)});
    assert_int_equal(talk_turn(&t, step, 2), TALK_HEAR);
    much[sizeof(much) - 1] = 'b';
    hear(&t, (struct slice){much, sizeof(much)});
    assert_int_equal(talk_turn(&t, step, 2), TALK_OVER);
}

static void bytes_are_bytes(void **state)
{
    (void)state;
    static struct talk t;
    const struct table_health_step step[] = {{true, {"\0\xff\r\n", 4}}};
    talk_begin(&t);
    assert_int_equal(talk_turn(&t, step, 1), TALK_HEAR);
    hear(&t, (struct slice){"\0\xff\r", 3});
    assert_int_equal(talk_turn(&t, step, 1), TALK_HEAR);
    hear(&t, SLICE("\n"));
    assert_int_equal(talk_turn(&t, step, 1), TALK_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks),
        cmocka_unit_test(who_goes_on_and_on_says_too_much),
        cmocka_unit_test(what_was_expected_makes_room),
        cmocka_unit_test(bytes_are_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
