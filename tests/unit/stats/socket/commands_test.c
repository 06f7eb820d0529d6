/* Commands about other configurations than the one that is served: without a socket. */
#include "tests/unit/stats/socket/fake_control.h"

#include "stats/socket/command.h"

static const struct {
    const char *says, *line, *answer;
} lines[] = {
    {"a request", "explain GET  http://a/b from 10.0.0.1\n",
     "GET  http://a/b from 10.0.0.1 goes\nok\n"},
    {"a request for programs", "explain GET /a --json\n", "{\"request\":\"GET /a\"}\nok\n"},
    {"no request", "explain nothing\n", "refused: it is no request\n"},
    {"clauses", "show clauses\n",
     "clause  written at   requests  1xx  2xx  3xx  4xx  5xx  unanswered     sent\n"
     "site:1  a.lbconf:12         9    0    6    0    0    2           1  4.0 KiB\n"
     "site:2  a.lbconf:13         0    0    0    0    0    0           0      0 B\n"
     "site:3  a.lbconf:13         -    -    -    -    -    -           -        -\n"
     "site:4  a.lbconf:13         5    -    -    -    -    -           -        -\nok\n"},
    {"clauses for programs", "show clauses --json\n",
     "["
     "{\"route\":\"site\",\"clause\":1,\"file\":\"a.lbconf\",\"line\":12,\"id\":\"1234abcd\","
     "\"decides\":true,\"changes\":false,\"continued\":0,\"requests\":9,\"requests_1xx\":0,"
     "\"requests_2xx\":6,\"requests_3xx\":0,\"requests_4xx\":0,"
     "\"requests_5xx\":2,\"unanswered\":1,\"sent_bytes\":4096},"
     "{\"route\":\"site\",\"clause\":2,\"file\":\"a.lbconf\",\"line\":13,\"id\":\"00000000\","
     "\"decides\":true,\"changes\":false,\"continued\":0,\"requests\":0,\"requests_1xx\":0,"
     "\"requests_2xx\":0,\"requests_3xx\":0,\"requests_4xx\":0,"
     "\"requests_5xx\":0,\"unanswered\":0,\"sent_bytes\":0},"
     "{\"route\":\"site\",\"clause\":3,\"file\":\"a.lbconf\",\"line\":13,\"id\":\"00000000\","
     "\"decides\":false,\"changes\":false,\"continued\":0,\"requests\":0,\"requests_1xx\":0,"
     "\"requests_2xx\":0,\"requests_3xx\":0,\"requests_4xx\":0,"
     "\"requests_5xx\":0,\"unanswered\":0,\"sent_bytes\":0},"
     "{\"route\":\"site\",\"clause\":4,\"file\":\"a.lbconf\",\"line\":13,\"id\":\"00000000\","
     "\"decides\":false,\"changes\":true,\"continued\":5,\"requests\":0,\"requests_1xx\":0,"
     "\"requests_2xx\":0,\"requests_3xx\":0,\"requests_4xx\":0,"
     "\"requests_5xx\":0,\"unanswered\":0,\"sent_bytes\":0}"
     "]\nok\n"},
    {"history", "show history\n",
     "revision  served since          files     size  by      how\n"
     "12 now    2025-11-27T10:40:00Z      2  2.0 KiB  uid 0   reload\n"
     "11        2025-11-24T16:00:00Z      1     10 B  SIGHUP  commit set a \"b\"\nok\n"},
    {"history for programs", "show history --json\n",
     "[{\"number\":12,\"current\":true,\"made\":\"2025-11-27T10:40:00.000Z\",\"files\":2,"
     "\"bytes\":2048,\"who\":\"uid 0\",\"what\":\"reload\"},{\"number\":11,\"current\":false,"
     "\"made\":\"2025-11-24T16:00:00.000Z\",\"files\":1,\"bytes\":10,\"who\":\"SIGHUP\","
     "\"what\":\"commit set a \\\"b\\\"\"}]\nok\n"},
    {"events", "show events\n",
     "number  time                      level    kind     about      what\n"
     "     8  2025-11-27T10:40:00.250Z  warning  server   web/\"one\"  it is down\n"
     "     9  2025-11-27T10:41:00.000Z  info     process  -          shutting down\n"
     "7 before those are not kept any more\nok\n"},
    {"the last event", "show events 1\n",
     "number  time                      level  kind     about  what\n"
     "     9  2025-11-27T10:41:00.000Z  info   process  -      shutting down\nok\n"},
    {"events for programs", "show events --json\n",
     "{\"events\":[{\"number\":8,\"time\":\"2025-11-27T10:40:00.250Z\",\"level\":\"warning\","
     "\"kind\":\"server\",\"about\":\"web/\\\"one\\\"\",\"text\":\"it is down\"},{\"number\":9,"
     "\"time\":\"2025-11-27T10:41:00.000Z\",\"level\":\"info\",\"kind\":\"process\",\"about\":\"\","
     "\"text\":\"shutting down\"}],\"overwritten\":7}\nok\n"},
    {"the last two for programs", "show events 2 --json\n",
     "{\"events\":[{\"number\":8,\"time\":\"2025-11-27T10:40:00.250Z\",\"level\":\"warning\","
     "\"kind\":\"server\",\"about\":\"web/\\\"one\\\"\",\"text\":\"it is down\"},{\"number\":9,"
     "\"time\":\"2025-11-27T10:41:00.000Z\",\"level\":\"info\",\"kind\":\"process\",\"about\":\"\","
     "\"text\":\"shutting down\"}],\"overwritten\":0}\nok\n"},
    {"no events", "show events 0\n", "refused: \"show events\" takes how many, from 1 to 1024\n"},
    {"more events than are kept", "show events 1025\n",
     "refused: \"show events\" takes how many, from 1 to 1024\n"},
    {"events twice", "show events 1 2\n",
     "refused: \"show events\" takes one argument: show events [NUMBER]\n"},
    {"sockets, where there are none", "show sockets\n",
     "refused: only a stats socket knows them\n"},
    {"a revision", "show revision 12\n", "--- a\n+++ a\nok\n"},
    {"a revision that is none", "show revision 3\n", "refused: there is none\n"},
    {"a revision by a word", "show revision x\n",
     "refused: a revision has a number; \"show history\" lists them\n"},
    {"rolled back", "rollback 11\n", "to 11\ngeneration 4, in 12.5 ms; 1 region\n  GET /\nok\n"},
    {"to nothing", "rollback last\n",
     "refused: a revision has a number; \"show history\" lists them\n"},
    {"a canary", "reload canary 5%\n",
     "500 for 0 s, 0x\nit serves beside generation 3, in 1.0 ms\nok\n"},
    {"a canary for a while", "reload canary 0.5%  for 10m  p99  3x\n",
     "50 for 600 s, 3x\nit serves beside generation 3, in 1.0 ms\nok\n"},
    {"a canary for all", "reload canary 100% p99 2x\n",
     "10000 for 0 s, 2x\nit serves beside generation 3, in 1.0 ms\nok\n"},
    {"a canary without a share", "reload canary 0.00%\n",
     "refused: \"reload canary\" takes a share, and perhaps when it goes: reload canary 5% for 10m "
     "p99 3x\n"},
    {"a canary for more than all", "reload canary 100.01%\n",
     "refused: \"reload canary\" takes a share, and perhaps when it goes: reload canary 5% for 10m "
     "p99 3x\n"},
    {"a canary for something", "reload canary 5% p99 3x p99 4x\n",
     "refused: \"reload canary\" takes a share, and perhaps when it goes: reload canary 5% for 10m "
     "p99 3x\n"},
    {"another share", "canary 20.25%\n", "20.25% of the clients get it\nok\n"},
    {"another share that is none", "canary 1.%\n",
     "refused: a share is more than 0%, at most 100%, with two decimals\n"},
    {"promoted", "promote\n", "promoted: all clients get it\nok\n"},
    {"reverted", "revert\n", "reverted: no client gets it any more\nok\n"},
    {"both sides", "show canary\n",
     "5.25% of the clients, for 1m 30s; it goes in 30.0s\n"
     "side    generation  responses  2xx  3xx  4xx  5xx    mean      p99\n"
     "stable           3        100   90    3    4    0  1.5 ms  20.2 ms\n"
     "canary           4          0    0    0    0    0       -        -\n"
     "103 requests decided by both, 7 otherwise: \"show shadow\"\nok\n"},
    {"both sides for programs", "show canary --json\n",
     "{\"percent\":5.25,\"since_s\":90.000,\"left_s\":30.000,\"stable\":{\"generation\":3,"
     "\"responses\":100,\"responses_1xx\":2,\"responses_2xx\":90,\"responses_3xx\":3,"
     "\"responses_4xx\":4,\"responses_5xx\":0,\"unanswered\":1,\"mean_ms\":1.500,\"p99_ms\":20.250}"
     ","
     "\"canary\":{\"generation\":4,\"responses\":0,\"responses_1xx\":0,\"responses_2xx\":0,"
     "\"responses_3xx\":0,\"responses_4xx\":0,\"responses_5xx\":0,\"unanswered\":0},"
     "\"compared\":103,\"differ\":7}\nok\n"},
    {"a shadow", "shadow /x.lbconf\n", "held against generation 3, in 1.0 ms\nok\n"},
    {"a shadow that can't be now", "shadow y\n", "refused: not that one\n"},
    {"no shadow", "shadow off\n", "nothing is compared any more\nok\n"},
    {"what a shadow saw", "show shadow\n",
     "/x.lbconf, for 1m 30s, against generation 3\n"
     "10 requests: 7 decided alike, 3 otherwise\n"
     "  another outcome          3\n"
     "  of them, for which there was no room below: 1\n"
     "2 more came by listeners that it does not have\n"
     "\n2: another outcome\n"
     "  - forward web   (clause 1 of route site, a.lbconf:12)\n"
     "  + deny 403   (clause 2 of route site)\n"
     "  'GET http://a/' --from 10.0.0.1\nok\n"},
    {"what a shadow saw, for programs", "show shadow --json\n",
     "{\"file\":\"/x.lbconf\",\"generation\":3,\"since_s\":90.000,\"compared\":10,\"agreed\":7,"
     "\"differ\":3,\"unlistened\":2,\"others\":1,\"by\":{\"outcome\":3,\"rules\":0},\"kinds\":["
     "{\"what\":\"outcome\",\"count\":2,\"before\":{\"route\":\"site\",\"clause\":1,"
     "\"file\":\"a.lbconf\",\"line\":12,\"does\":\"forward web\"},\"after\":{\"route\":\"site\","
     "\"clause\":2,\"file\":\"\",\"line\":0,\"does\":\"deny 403\"},"
     "\"request\":\"'GET http://a/' --from 10.0.0.1\"}]}\nok\n"},
};

static struct text out, why;

static void add_end(enum command_end end)
{
    if (end == COMMAND_DONE)
        text_adds(&out, "ok\n");
    else if (end == COMMAND_REFUSED)
        text_addf(&out, "refused: " SLICE_FMT "\n", SLICE_ARG(text_slice(&why)));
}

static void loaded(void *of, const struct control_reload *r)
{
    (void)of;
    struct command c = {.out = &out, .why = &why};
    add_end(command_reload_answer(&c, r));
}

static void expect(const char *says, const char *typed, const char *answer)
{
    const struct control_asker asker = {.who = SLICE("uid 0"), .done = loaded, .why = &why};
    struct command c = {
        .control = &control, .level = STATS_ADMIN, .out = &out, .why = &why, .asker = &asker};
    const struct slice line = slice_of(typed);
    add_end(command_line(&c, (struct slice){line.at, line.len - 1}));
    if (!slice_eq(text_slice(&out), slice_of(answer)))
        fail_msg("%s: %s", says, out.at);
    text_done(&out);
    text_done(&why);
}

static void lines_get_their_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        expect(lines[i].says, lines[i].line, lines[i].answer);
}

static void a_history_that_is_not_kept_is_refused(void **state)
{
    (void)state;
    control.keeps_nothing = true;
    expect("history", "show history\n", "refused: no revisions are kept\n");
    expect("for programs", "show history --json\n", "refused: no revisions are kept\n");
    control.keeps_nothing = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_get_their_answers),
                                       cmocka_unit_test(a_history_that_is_not_kept_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
