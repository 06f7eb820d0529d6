/* The stats socket over a real Unix socket and loop, before a control plane that is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/event/loop.h"
#include "stats/socket/socket.h"
#include "tests/unit/stats/socket/fake_control.h"

/* --- the fixture --- */

static struct loop *loop;
static struct stats_sockets all = {.control = &control};
static struct stats_socket *stats;
static char folder[64], path[80];

#define AT(where)                                                                                  \
    (&(struct stats_at){                                                                           \
        .path = (where), .level = STATS_ADMIN, .mode = 0600, .group = STATS_NO_GROUP})

static int open_at(const char *where, struct stats_socket **out)
{
    return stats_socket_open(&all, AT(where), out);
}

static int adopt_at(int fd, const char *where, struct stats_socket **out)
{
    return stats_socket_adopt(fd, &all, AT(where), out);
}

static int set_up(void **state)
{
    (void)state;
    control = (struct control){.report = ""};
    snprintf(folder, sizeof(folder), "/tmp/lbc-socket-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    loop = loop_new();
    all.loop = loop;
    list_init(&all.socket);
    assert_int_equal(open_at(path, &stats), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stats_socket_close(stats);
    loop_free(loop);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static int dial_path(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, path, sizeof(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    return connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 ? fd : -1;
}

/* Somebody at the other end: what it has read, and how many lines that end an answer it waits for.
 */
struct peer {
    int fd;
    struct watch watch;
    struct text got;
    int awaited;
    bool at_end;
};

static int ends_in(struct slice got)
{
    struct slice line;
    int n = 0;
    while (slice_split(&got, '\n', &line))
        n += slice_eq(line, SLICE("ok")) || slice_starts(line, SLICE("refused: "));
    return n;
}

static void peer_reads(void *of, unsigned ready)
{
    struct peer *p = of;
    char piece[65536];
    const ssize_t n = recv(p->fd, piece, sizeof(piece), 0);
    (void)ready;
    if (n > 0)
        text_add(&p->got, (struct slice){piece, (size_t)n});
    if (n == 0 || (n == -1 && errno != EAGAIN))
        p->at_end = true;
    if (p->at_end)
        watch_want(&p->watch, 0);
    if (p->at_end || ends_in(text_slice(&p->got)) >= p->awaited)
        loop_stop(loop);
}

static void stop_loop(void *of)
{
    *(bool *)of = true;
    loop_stop(loop);
}

/* Runs the loop until something stops it; whether nothing did for so long. */
static bool run_for(int64_t ns)
{
    bool late = false;
    struct timer guard;
    timer_init(&guard, loop, stop_loop, &late);
    timer_set(&guard, ns);
    loop_run(loop);
    timer_stop(&guard);
    return late;
}

static void settle(void)
{
    while (!run_for(20 * NS_PER_MS))
        ; /* an answer came: there may be more */
}

static void peer_open(struct peer *p)
{
    *p = (struct peer){.fd = dial_path(), .awaited = 1};
    assert_int_not_equal(p->fd, -1);
    watch_init(&p->watch, loop, p->fd, peer_reads, p);
    watch_want(&p->watch, WATCH_READ);
}

static void peer_close(struct peer *p)
{
    watch_done(&p->watch);
    close(p->fd);
    text_done(&p->got);
}

static void peer_send(struct peer *p, struct slice s)
{
    assert_int_equal(send(p->fd, s.at, s.len, MSG_NOSIGNAL), (ssize_t)s.len);
}

/* Waits for `n` whole answers to what was sent; they are in p->got, NUL-terminated. */
static const char *peer_await(struct peer *p, int n)
{
    p->awaited = n;
    if (run_for(5 * NS_PER_S))
        fail_msg("no answer; so far: %s", p->got.at ? p->got.at : "nothing");
    return p->got.at ? p->got.at : "";
}

/* --- the tests --- */

static const struct {
    const char *says, *line, *answer;
} lines[] = {
    {"drain", "drain web/one\n", "web/one drains: it gets nothing new\nok\n"},
    {"ready", "ready web/one\n", "web/one is ready: it gets its share\nok\n"},
    {"maintenance", "maintenance web/one\n",
     "web/one is in maintenance: it gets nothing new\nok\n"},
    {"a weight", "set weight web/one 256\n", "web/one has weight 256\nok\n"},
    {"a weight that is none", "set weight web/one 257\n",
     "refused: a weight is 1 to 256; \"drain\" sends the server nothing\n"},
    {"nor is zero", "set weight web/one 0\n",
     "refused: a weight is 1 to 256; \"drain\" sends the server nothing\n"},
    {"a drain for a time", "drain web/one for 90m\n",
     "web/one drains: it gets nothing new for 5400 s\nok\n"},
    {"and why", "maintenance web/one  for 1h because  a disk, maybe for 5s \n",
     "web/one is in maintenance: it gets nothing new for 3600 s [a disk, maybe for 5s]\nok\n"},
    {"a weight for a time, and why", "set weight web/one 7 for 5s because \"it is new\"\n",
     "web/one has weight 7 for 5 s [it is new]\nok\n"},
    {"for no time", "drain web/one for\n",
     "refused: that is not understood; say drain CLUSTER/SERVER, and behind it perhaps: for 1h, "
     "because ...\n"},
    {"for more than there is", "drain web/one for 10001d\n",
     "refused: a time is 1 to 10000, and s, m, h or d behind it: for 90m\n"},
    {"tabs between all of it", "maintenance\tweb/one\tfor\t1h\tbecause\tof it\n",
     "web/one is in maintenance: it gets nothing new for 3600 s [of it]\nok\n"},
    {"a refusal is one line", "drain web/x\n", "refused: there is no such server\n"},
    {"blanks and tabs do not matter", " \tdrain \t web/one  \r\n",
     "web/one drains: it gets nothing new\nok\n"},
    {"empty lines are not answered", "\n\r\n  \nshutdown\n", "shutting down\nok\n"},
    {"a misspelt command", "shwo info\n",
     "refused: there is no command \"shwo info\"; did you mean \"show info\"?\n"},
    {"a misspelt single word", "relod\n",
     "refused: there is no command \"relod\"; did you mean \"reload\"?\n"},
    {"a misspelt word with an argument", "drian web/one\n",
     "refused: there is no command \"drian web/one\"; did you mean \"drain\"?\n"},
    {"nothing near", "format c:\n",
     "refused: there is no command \"format c:\"; \"help\" lists them\n"},
    {"half a command", "show\n",
     "refused: show what? There are: show info, show sessions, show metrics, show listeners, show "
     "clauses, show servers, show clusters, show sticky, show sources, show limits, show shared, "
     "show sockets, "
     "show events, show generations, show certificates, show drift, show history, show revision, "
     "show shadow, show canary\n"},
    {"commands are whole words", "showinfo2 x\n",
     "refused: there is no command \"showinfo2 x\"; \"help\" lists them\n"},
    {"a missing argument", "drain\n",
     "refused: \"drain\" takes what is to be done: drain CLUSTER/SERVER...\n"},
    {"one argument too many", "ready a/b c/d\n",
     "refused: that is not understood; say ready CLUSTER/SERVER, and behind it perhaps: for 1h, "
     "because ...\n"},
    {"an argument where none is wanted", "reload now\n",
     "refused: \"reload\" takes no arguments\n"},
    {"JSON where there is none", "shutdown --json\n", "refused: \"shutdown\" has no --json\n"},
    {"JSON must be the last word", "show --json info\n",
     "refused: there is no command \"show --json info\"; did you mean \"shadow\"?\n"},
    {"a sentence is all of the line", "change  add office  10.1.0.0/16   with a b c d e \n",
     "change [add office  10.1.0.0/16   with a b c d e] for 0 s by somebody\n"
     "change 9, generation 4, in 12.5 ms\nok\n"},
    {"for a time", "change for 90m add x y\n",
     "change [add x y] for 5400 s by somebody\nchange 9, generation 4, in 12.5 ms\nok\n"},
    {"and why", "change for 1h add x \"because y\" because it 'rains'\n",
     "change [add x \"because y\"] for 3600 s by somebody because [it 'rains']\n"
     "change 9, generation 4, in 12.5 ms\nok\n"},
    {"an escaped quote ends nothing", "change set x \"\\\" because y\"\n",
     "change [set x \"\\\" because y\"] for 0 s by somebody\n"
     "change 9, generation 4, in 12.5 ms\nok\n"},
    {"why, then?", "change add x y because \"\"\n", "refused: a reason has 1 to 200 bytes\n"},
    {"for no time at all", "change for 0m add x y\n",
     "refused: \"for\" takes a time and then the change: for 30m add office 10.1.0.0/16\n"},
    {"for a time, what?", "change for 5s \n",
     "refused: \"for\" takes a time and then the change: for 30m add office 10.1.0.0/16\n"},
    {"for ever", "commit add x y\n",
     "commit [add x y] for 0 s by somebody\nchange 9, generation 4, in 12.5 ms\nok\n"},
    {"a change of what?", "change\n",
     "refused: \"change\" takes what is to be done: change SENTENCE...\n"},
    {"one that cannot be tried", "change nothing\n", "refused: not now\n"},
    {"another process", "upgrade\n",
     "it said this\nprocess 77 serves, after 12.5 ms; the one before ends what is under way\nok\n"},
    {"of another program", "upgrade /usr/local/my bin/lbc\n",
     "it said this\nprocess 78 serves, after 12.5 ms; the one before ends what is under way\nok\n"},
    {"one that does not serve", "upgrade bad program\n",
     "it said this\nrefused: this process goes on: it was killed\n"},
    {"one that is not there", "upgrade none\n", "refused: cannot start none\n"},
    {"on trial", "reload confirm 2m p99 4x\n", "for 120 s, 4x\ngeneration 4, in 12.5 ms\nok\n"},
    {"for how long?", "reload confirm now\n",
     "refused: \"reload confirm\" takes a time: reload confirm 60s, or 60s p99 3x\n"},
    {"nothing is on trial", "confirm\n", "refused: nothing is on trial\n"},
    {"back again", "undo 9\n", "generation 5, in 12.5 ms\nok\n"},
    {"back from what was not", "undo 8\n", "refused: there is no change 8\n"},
    {"back from a word", "undo x\n", "refused: a change has a number; \"show drift\" lists them\n"},
    {"drift", "show drift\n",
     "number     age  ends in  by     change                                why\n"
     "     7  1m 30s        -  uid 0  add office \"x\"                        -\n"
     "     9  2.000s    30.0s  uid 5  drain web/a  (fits nothing any more)  its \"disk\"\nok\n"},
    {"drift for programs", "show drift --json\n",
     "[{\"number\":7,\"sentence\":\"add office \\\"x\\\"\",\"who\":\"uid 0\",\"why\":\"\","
     "\"age_s\":90.000,\"server\":false,\"fits\":true},{\"number\":9,\"sentence\":\"drain "
     "web/a\",\"who\":\"uid 5\",\"why\":\"its \\\"disk\\\"\",\"age_s\":2.000,\"left_s\":30.000,"
     "\"server\":true,\"fits\":false}]\nok\n"},
    {"words without end", "show info a b c d e f g\n",
     "refused: no command has more than 8 words\n"},
    {"what was typed is shown harmlessly", "\x1b[2J\xff\n",
     "refused: there is no command \"?[2J?\"; \"help\" lists them\n"},
    {"and not all of it", "1234567890123456789012345678901234567890abc\n",
     "refused: there is no command \"1234567890123456789012345678901234567890...\"; \"help\" lists "
     "them\n"},
};

static void lines_get_their_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct peer p;
        peer_open(&p);
        peer_send(&p, slice_of(lines[i].line));
        const char *got = peer_await(&p, 1);
        if (strcmp(got, lines[i].answer) != 0)
            fail_msg("%s: %s", lines[i].says, got);
        peer_close(&p);
    }
    assert_int_equal(control.drains, 3);
    assert_int_equal(control.readies, 1);
    assert_int_equal(control.shutdowns, 1);
}

static void show_servers_is_aligned(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show servers\n"));
    assert_string_equal(
        peer_await(&p, 1),
        "server    endpoint        health  state                weight  active  idle  requests  "
        "errors  5xx\n"
        "web/one   127.0.0.1:9001  up      ready                    10   4/200    12   1234567     "
        "  3    0\n"
        "web/\xc3\xbc"
        "ber  127.0.0.1:9001  down    drain  10 priority 2 backup       4    12   1234567       "
        "3    0\n"
        "ok\n");
    peer_close(&p);
}

static void show_servers_says_who_is_ejected_and_why(void **state)
{
    (void)state;
    struct peer p;
    control.ejects = true;
    peer_open(&p);
    peer_send(&p, SLICE("show servers\n"));
    const char *text = peer_await(&p, 1);
    assert_non_null(strstr(text, "drain, ejected for 12.0s  10 priority 2 backup"));
    assert_non_null(strstr(text, "34 of 100 requests were errors; times: 2\n"));
    peer_close(&p);
    peer_open(&p);
    peer_send(&p, SLICE("show servers --json\n"));
    const char *json = peer_await(&p, 1);
    assert_non_null(strstr(json, "\"ejections\":0},{")); /* the first one, which is not */
    assert_non_null(strstr(json, "\"ejections\":7,\"ejected\":{\"for_s\":12.000,\"times\":2,"
                                 "\"reason\":\"34 of 100 requests were "
                                 "errors\"},\"last_check\":\"no \\\"+PONG\\\" within 1s\"}]\n"));
    peer_close(&p);
}

static void show_servers_is_json_when_asked(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show servers --json\n"));
    assert_string_equal(
        peer_await(&p, 1),
        "[{\"cluster\":\"web\",\"server\":\"one\",\"endpoint\":\"127.0.0.1:9001\",\"health\":"
        "\"up\","
        "\"state\":\"ready\",\"weight\":10,\"backup\":false,\"priority\":0,\"standby\":false,"
        "\"in_flight\":4,\"max_connections\":200,\"idle\":12,"
        "\"requests\":1234567,\"connect_errors\":2,\"response_errors\":1,\"responses_1xx\":0,"
        "\"responses_2xx\":0,\"responses_3xx\":0,\"responses_4xx\":0,\"responses_5xx\":0,"
        "\"received_bytes\":0,\"sent_bytes\":0,"
        "\"responses\":0,\"first_byte_sum_s\":0.000000,\"since_s\":0,"
        "\"ejections\":0},"
        "{\"cluster\":\"web\",\"server\":\"\xc3\xbc"
        "ber\",\"endpoint\":\"127.0.0.1:9001\","
        "\"health\":\"down\",\"state\":\"drain\",\"weight\":10,\"backup\":true,\"priority\":2,"
        "\"standby\":true,\"in_flight\":4,\"max_connections\":0,\"idle\":12,\"requests\":1234567,"
        "\"connect_errors\":2,\"response_errors\":1,"
        "\"responses_1xx\":0,"
        "\"responses_2xx\":0,\"responses_3xx\":0,\"responses_4xx\":0,\"responses_5xx\":0,"
        "\"received_bytes\":0,\"sent_bytes\":0,\"responses\":0,\"first_byte_sum_s\":0.000000,"
        "\"since_s\":0,"
        "\"ejections\":0,\"last_check\":\"no \\\"+PONG\\\" within "
        "1s\"}]\nok\n");
    peer_close(&p);
}

static void show_clusters_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show clusters\nshow clusters --json\n"));
    assert_string_equal(
        peer_await(&p, 2),
        "cluster  balance      servers  usable        in use  active  waiting  connections  "
        "pending  retries    kept\n"
        "web      round-robin        5       3             2       7        0            -        "
        "-        -       -\n"
        "web      round-robin        5       3  2 priority 4       7   6/1000        20/20    "
        "1/100        -  96/100\n"
        "ok\n"
        "[{\"cluster\":\"web\",\"balance\":\"round-robin\",\"servers\":5,\"usable\":3,\"in_use\":2,"
        "\"priority\":0,\"backup\":false,\"in_flight\":7,\"waiting\":0,\"waiting_max\":0,"
        "\"breaker\":{\"open\":false,\"connections\":0,\"connections_max\":0,\"pending\":0,"
        "\"pending_max\":0,\"retries\":0,\"retries_max\":0},"
        "\"requests_1xx\":0,\"requests_2xx\":0,\"requests_3xx\":0,"
        "\"requests_4xx\":0,\"requests_5xx\":0,\"retried\":0,\"queued\":0},"
        "{\"cluster\":\"web\",\"balance\":\"round-robin\",\"servers\":5,\"usable\":3,\"in_use\":2,"
        "\"priority\":4,\"backup\":false,\"in_flight\":7,\"waiting\":6,\"waiting_max\":1000,"
        "\"breaker\":{\"open\":true,\"connections\":20,\"connections_max\":20,\"pending\":1,"
        "\"pending_max\":100,\"retries\":0,\"retries_max\":0},"
        "\"requests_1xx\":0,\"requests_2xx\":0,\"requests_3xx\":0,"
        "\"requests_4xx\":0,\"requests_5xx\":0,\"retried\":0,\"queued\":0,"
        "\"sticky\":{\"by\":\"learn\",\"kept\":96,\"new\":3,\"moved\":1,\"evicted\":7,"
        "\"learned\":2,\"forged\":4,\"expired\":0}}]\nok\n");
    peer_close(&p);
}

static void show_listeners_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show listeners\nshow listeners --json\n"));
    assert_string_equal(peer_await(&p, 2),
                        "listener  endpoint      protocol  route  connections  requests  5xx\n"
                        "front     127.0.0.1:80  http      site         3/100        10    1\n"
                        "front     [::1]:443     https     site             -         -    -\n"
                        "ok\n"
                        "[{\"listener\":\"front\",\"route\":\"site\",\"connections\":3,"
                        "\"max_connections\":100,\"accepted\":12,\"requests_1xx\":0,"
                        "\"requests_2xx\":7,\"requests_3xx\":0,\"requests_4xx\":2,"
                        "\"requests_5xx\":1,\"received_bytes\":1000,\"sent_bytes\":20000,"
                        "\"binds\":[{\"endpoint\":\"127.0.0.1:80\","
                        "\"protocol\":\"http\"},{\"endpoint\":\"[::1]:443\","
                        "\"protocol\":\"https\"}]}]\nok\n");
    peer_close(&p);
}

static void show_sticky_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show sticky\nshow sticky --json\n"));
    assert_string_equal(
        peer_await(&p, 2),
        "cluster  by      clients  kept  new  moved  evicted  learned  forged  expired  heard"
        "  shared\n"
        "web      src       3/100     9    0      0        0        0       0        0      5"
        "  counts\n"
        "web      cookie        -     0    0      0        0        0       4        0      0"
        "  -\n"
        "ok\n"
        "[{\"cluster\":\"web\",\"clients\":3,\"entries\":100,\"by\":\"src\",\"kept\":9,"
        "\"new\":0,\"moved\":0,\"evicted\":0,\"learned\":0,\"forged\":0,\"expired\":0,"
        "\"heard\":5,\"shared\":\"counts\"},"
        "{\"cluster\":\"web\",\"clients\":0,\"entries\":0,\"by\":\"cookie\",\"kept\":0,"
        "\"new\":0,\"moved\":0,\"evicted\":0,\"learned\":0,\"forged\":4,\"expired\":0}]\nok\n");
    peer_close(&p);
}

static void show_generations_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show generations\nshow generations --json\n"));
    assert_string_equal(peer_await(&p, 2),
                        "generation  state         age  pins    table\n"
                        "         3  current    2.000s     5  4.0 KiB\n"
                        "         2  finishing  1m 30s     1  2.0 MiB\n"
                        "ok\n"
                        "[{\"generation\":3,\"current\":true,\"age_s\":2.000,\"pins\":5,"
                        "\"bytes\":4096},{\"generation\":2,\"current\":false,\"age_s\":90.000,"
                        "\"pins\":1,\"bytes\":2097152}]\nok\n");
    peer_close(&p);
}

/* How long they have left is another thing each time. */
static void show_certificates_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show certificates\nshow certificates --json\n"));
    const char *got = peer_await(&p, 2);
    static const char *const PARTS[] = {
        "name      not after   ",
        "\na.test …  2100-01-01  ",
        "\n          1970-01-02  ",
        " expired  b.pem\n",
        "[{\"name\":\"a.test\",\"names\":2,\"not_after_s\":4102444800,\"expires_in_s\":",
        "\"file\":\"a.pem\"},{\"name\":\"\",\"names\":0,\"not_after_s\":86400,\"expires_in_s\":-",
        "\"file\":\"b.pem\"}]\nok\n"};
    for (size_t i = 0; i < COUNT_OF(PARTS); i++)
        if (!strstr(got, PARTS[i]))
            fail_msg("no %s in %s", PARTS[i], got);
    peer_close(&p);
}

static void show_shared_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show shared\nshow shared --json\n"));
    const char *got = peer_await(&p, 2);
    static const char *const PARTS[] = {
        "counts  10.0.0.5:6379  up     90.0 s       2         4   1000  0.4 ms  12000        0     "
        "  0       "
        "0",
        "counts  10.0.0.5:6379  down   90.0 s       2         4   1000  0.4 ms  12000        0     "
        "  0       "
        "3  "
        "NOAUTH \"x\"; its limits refuse everything\n",
        "[{\"shared\":\"counts\",\"address\":\"10.0.0.5:6379\",\"up\":true,\"for_ms\":90000,"
        "\"limits\":2,\"clusters\":4,\"round_trips\":1000,\"took_us\":400,\"told\":12000,"
        "\"pending\":0,"
        "\"untold\":0,\"errors\":0},",
        "\"errors\":3,\"why\":\"NOAUTH \\\"x\\\"\",\"meanwhile\":\"its limits refuse "
        "everything\"}]\n"
        "ok\n",
    };
    for (size_t i = 0; i < COUNT_OF(PARTS); i++)
        if (!strstr(got, PARTS[i]))
            fail_msg("no %s in %s", PARTS[i], got);
    peer_close(&p);
}

static void show_sources_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show sources\nshow sources --json\n"));
    assert_string_equal(
        peer_await(&p, 2),
        "cluster  kind  name      servers  missing   asked    next  failures  \n"
        "web      dns   web.test        3        1  1.000s  4.000s         0  \n"
        "web      file  web.test        3        1   never  4.000s         2  no \"file\"\n"
        "ok\n"
        "[{\"cluster\":\"web\",\"kind\":\"dns\",\"name\":\"web.test\",\"servers\":3,\"missing\":1,"
        "\"left_out\":0,\"answers\":7,\"failures\":0,\"next_in_s\":4.000,"
        "\"answered_ago_s\":1.000},{\"cluster\":\"web\",\"kind\":\"file\",\"name\":\"web.test\","
        "\"servers\":3,\"missing\":1,\"left_out\":0,\"answers\":7,\"failures\":2,"
        "\"next_in_s\":4.000,\"reason\":\"no \\\"file\\\"\"}]\nok\n");
    peer_close(&p);
}

static void show_limits_both_ways(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show limits\nshow limits --json\n"));
    assert_string_equal(
        peer_await(&p, 2),
        "limit    mode     admitted  refused  observed  delayed    bytes  in flight  keys  entries"
        "  evicted\n"
        "login    enforce         5        2         0        -        -          -     1      100"
        "        0\n"
        "at-once  observe     12345        0        67        -        -         18     4   100000"
        "        8\n"
        "slow     delay          40        -         -        3  5000000          -     2      100"
        "        0\n"
        "ok\n"
        "[{\"limit\":\"login\",\"mode\":\"enforce\",\"admitted\":5,\"refused\":2,\"observed\":0,"
        "\"keys\":1,\"entries\":100,\"evicted\":0},{\"limit\":\"at-once\",\"mode\":\"observe\","
        "\"admitted\":12345,\"refused\":0,\"observed\":67,\"in_flight\":18,\"keys\":4,"
        "\"entries\":100000,\"evicted\":8},{\"limit\":\"slow\",\"mode\":\"delay\","
        "\"admitted\":40,\"refused\":0,\"observed\":0,\"delayed\":3,\"bytes\":5000000,"
        "\"delayed_bytes\":4000000,\"delayed_s\":1.500,\"keys\":2,\"entries\":100,"
        "\"evicted\":0}]\nok\n");
    peer_close(&p);
}

static void show_info_has_every_metric(void **state)
{
    (void)state;
    atomic_store(&block.client_sent_bytes, 5 << 20);
    atomic_store(&block.requests_total, 77);
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("show info\n"));
    const char *got = peer_await(&p, 1);
    assert_non_null(strstr(got, "uptime      1h 2m\n"));
    assert_non_null(strstr(got, "process     4711\n"));
    assert_non_null(strstr(got, "servers     1 of 2 usable\n"));
    assert_non_null(strstr(got, "5.0 MiB  Bytes written to clients\n"));
    text_clear(&p.got);
    peer_send(&p, SLICE("show info --json\n"));
    got = peer_await(&p, 1);
    assert_non_null(strstr(got, "{\"version\":\"0.1.0\",\"file\":\"/etc/\\\"lbc\\\".lbconf\","));
    assert_non_null(strstr(got, "\"requests_total\":77,"));
    assert_non_null(strstr(got, "\"client_sent_bytes\":5242880,"));
#define METRIC(name, kind, unit, help) assert_non_null(strstr(got, "\"" #name "\":"));
#include "runtime/metrics/metrics.def"
#undef METRIC
    peer_close(&p);
}

static void a_line_may_come_in_pieces(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    for (const char *at = "drain web/one\n"; *at; at++) {
        assert_int_equal(p.got.len, 0);
        peer_send(&p, (struct slice){at, 1});
        if (at[1])
            settle();
    }
    assert_string_equal(peer_await(&p, 1), "web/one drains: it gets nothing new\nok\n");
    peer_close(&p);
}

static void two_lines_may_come_at_once_and_the_last_needs_no_end(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("drain web/one\nready web/one"));
    shutdown(p.fd, SHUT_WR);
    assert_string_equal(peer_await(&p, 2), "web/one drains: it gets nothing new\nok\n"
                                           "web/one is ready: it gets its share\nok\n");
    if (!p.at_end)
        peer_await(&p, 99);
    assert_true(p.at_end); /* it closes when there is nothing left to say */
    peer_close(&p);
}

static void a_long_line_is_refused_and_skipped(void **state)
{
    (void)state;
    char line[20000];
    memset(line, 'x', sizeof(line));
    struct peer p;
    peer_open(&p);
    peer_send(&p, (struct slice){line, sizeof(line)});
    peer_await(&p, 1);
    peer_send(&p, SLICE("x\nready web/one\n"));
    assert_string_equal(peer_await(&p, 2), "refused: a line has at most 4096 bytes\n"
                                           "web/one is ready: it gets its share\nok\n");
    /* The longest that may be is understood to be an unknown command. */
    text_clear(&p.got);
    line[4096] = '\n';
    peer_send(&p, (struct slice){line, 4097});
    assert_non_null(strstr(peer_await(&p, 1), "there is no command"));
    peer_close(&p);
}

static void garbage_is_refused_line_by_line(void **state)
{
    (void)state;
    char garbage[3000];
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (char)(i * 7919 >> 3);
    garbage[sizeof(garbage) - 1] = '\n';
    struct peer p;
    peer_open(&p);
    peer_send(&p, (struct slice){garbage, sizeof(garbage)});
    peer_send(&p, SLICE("\0\0\n"));
    settle();
    text_clear(&p.got);
    peer_send(&p, SLICE("ready web/one\n"));
    assert_string_equal(peer_await(&p, 1), "web/one is ready: it gets its share\nok\n");
    peer_close(&p);
}

static void a_reload_keeps_only_its_own_client_waiting(void **state)
{
    (void)state;
    struct peer a, b;
    peer_open(&a);
    peer_open(&b);
    peer_send(&a, SLICE("reload\nready web/one\n"));
    settle();
    assert_int_equal(a.got.len, 0);
    peer_send(&b, SLICE("reload\ndrain web/one\n"));
    assert_string_equal(peer_await(&b, 2),
                        "refused: a reload is under way already; ask again when it is done\n"
                        "web/one drains: it gets nothing new\nok\n");
    end_reload(true, "warning: x\n\nok\nrefused: y");
    assert_string_equal(peer_await(&a, 2), "warning: x\n\n ok\n refused: y\n"
                                           "generation 4, in 12.5 ms\nok\n"
                                           "web/one is ready: it gets its share\nok\n");
    peer_close(&a);
    peer_close(&b);
}

static void a_refused_reload_brings_its_diagnostics(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("reload\n"));
    settle();
    end_reload(false, "error: no cluster \"wbe\"\n");
    assert_string_equal(peer_await(&p, 1), "error: no cluster \"wbe\"\n"
                                           "refused: nothing was changed, generation 3 stays\n");
    peer_close(&p);
}

static void a_reload_may_end_before_its_command(void **state)
{
    (void)state;
    control.answers_at_once = true;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("reload\nreload\n"));
    assert_string_equal(peer_await(&p, 2), "generation 4, in 12.5 ms\nok\n"
                                           "generation 4, in 12.5 ms\nok\n");
    peer_close(&p);
}

static void a_client_may_leave_while_its_reload_runs(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("reload\nready web/one\n"));
    settle();
    peer_close(&p);
    settle();
    end_reload(true, "");
    settle();

    /* And the socket may close in the meantime. */
    peer_open(&p);
    peer_send(&p, SLICE("reload\n"));
    settle();
    stats_socket_close(stats);
    stats = NULL;
    end_reload(true, "");
    peer_close(&p);
}

static void a_client_that_does_not_read_waits_alone(void **state)
{
    (void)state;
    enum { ASKED = 8 };
    control.many_servers = 4000; /* some 350 KB an answer: the socket does not hold even one */
    struct peer slow, other;
    peer_open(&slow);
    peer_open(&other);
    watch_want(&slow.watch, 0);
    for (int i = 0; i < ASKED; i++)
        peer_send(&slow, SLICE("show servers\n"));
    settle();
    peer_send(&other, SLICE("ready web/one\n"));
    assert_string_equal(peer_await(&other, 1), "web/one is ready: it gets its share\nok\n");
    watch_want(&slow.watch, WATCH_READ);
    peer_await(&slow, ASKED);
    assert_int_equal(ends_in(text_slice(&slow.got)), ASKED);
    peer_close(&slow);
    peer_close(&other);
}

static void one_connection_too_many_is_told_so(void **state)
{
    (void)state;
    struct peer p[33];
    for (size_t i = 0; i < COUNT_OF(p); i++)
        peer_open(&p[i]);
    assert_string_equal(peer_await(&p[32], 1), "refused: too many connections to this socket\n");
    for (size_t i = 0; i < 32; i++) {
        peer_send(&p[i], SLICE("ready web/one\n"));
        peer_await(&p[i], 1);
    }
    peer_close(&p[32]);
    peer_close(&p[0]);
    settle();
    peer_open(&p[0]);
    peer_send(&p[0], SLICE("drain web/one\n"));
    peer_await(&p[0], 1);
    assert_int_equal(control.drains, 1);
    for (size_t i = 0; i < 32; i++)
        peer_close(&p[i]);
}

static void only_its_owner_may_connect(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_path_in_use_is_left_alone(void **state)
{
    (void)state;
    struct stats_socket *second = NULL;
    assert_int_equal(open_at(path, &second), -EADDRINUSE);
    assert_null(second);
    struct peer p;
    peer_open(&p);
    peer_send(&p, SLICE("ready web/one\n"));
    peer_await(&p, 1);
    peer_close(&p);
}

static void a_stale_socket_is_replaced_a_file_is_not(void **state)
{
    (void)state;
    stats_socket_close(stats);
    stats = NULL;
    assert_int_equal(access(path, F_OK), -1); /* closing removes it */

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, path, sizeof(path));
    const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&un, sizeof(un)), 0);
    close(stale);
    assert_int_equal(open_at(path, &stats), 0);
    stats_socket_close(stats);
    stats = NULL;

    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(open_at(path, &stats), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
}

/* As another process has it. */
static void a_socket_is_handed_on(void **state)
{
    (void)state;
    struct stats_socket *next, *none = NULL;
    struct peer early, p;
    const int fd = dup(stats_socket_fd(stats)), other = dup(fd);
    peer_open(&early);
    peer_send(&early, SLICE("show info\n"));
    peer_await(&early, 1);
    assert_int_equal(adopt_at(other, "/elsewhere", &none), -EADDRNOTAVAIL);
    assert_int_equal(fcntl(other, F_GETFD), -1); /* it is closed in any case */
    assert_int_equal(adopt_at(fd, path, &next), 0);
    assert_int_equal(stats_socket_take_over(next), 0);
    stats_socket_let_go(stats);
    assert_int_equal(stats_socket_fd(stats), -1);
    peer_open(&p);
    peer_send(&p, SLICE("ready web/one\n"));
    peer_await(&p, 1);
    text_clear(&early.got);
    peer_send(&early, SLICE("ready web/one\n")); /* who was here before is still answered here */
    peer_await(&early, 1);
    peer_close(&early);
    stats_socket_close(stats);
    assert_int_equal(access(path, F_OK), 0);
    peer_close(&p);
    stats = next; /* the path is its own to remove */
    stats_socket_close(stats);
    stats = NULL;
    assert_int_equal(access(path, F_OK), -1);
}

static void who_does_not_come_to_take_over_leaves_the_path(void **state)
{
    (void)state;
    struct stats_socket *next;
    assert_int_equal(adopt_at(dup(stats_socket_fd(stats)), path, &next), 0);
    stats_socket_close(next);
    assert_int_equal(access(path, F_OK), 0);
}

static void closing_leaves_a_path_that_is_another_s(void **state)
{
    (void)state;
    struct stats_socket *second;
    unlink(path);
    assert_int_equal(open_at(path, &second), 0);
    stats_socket_close(stats);
    stats = second;
    assert_int_equal(access(path, F_OK), 0);
}

static void a_path_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    struct stats_socket *none = NULL;
    char too_long[200];
    memset(too_long, 'x', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(open_at(too_long, &none), -ENAMETOOLONG);
    assert_int_equal(open_at("", &none), -ENOENT);
    assert_int_equal(open_at("/nowhere/at/all", &none), -ENOENT);
    assert_null(none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_get_their_answers),
        TEST(show_servers_is_aligned),
        TEST(show_servers_is_json_when_asked),
        TEST(show_servers_says_who_is_ejected_and_why),
        TEST(show_generations_both_ways),
        TEST(show_certificates_both_ways),
        TEST(show_shared_both_ways),
        TEST(show_sources_both_ways),
        TEST(show_limits_both_ways),
        TEST(show_clusters_both_ways),
        TEST(show_listeners_both_ways),
        TEST(show_sticky_both_ways),
        TEST(show_info_has_every_metric),
        TEST(a_line_may_come_in_pieces),
        TEST(two_lines_may_come_at_once_and_the_last_needs_no_end),
        TEST(a_long_line_is_refused_and_skipped),
        TEST(garbage_is_refused_line_by_line),
        TEST(a_reload_keeps_only_its_own_client_waiting),
        TEST(a_refused_reload_brings_its_diagnostics),
        TEST(a_reload_may_end_before_its_command),
        TEST(a_client_may_leave_while_its_reload_runs),
        TEST(a_client_that_does_not_read_waits_alone),
        TEST(one_connection_too_many_is_told_so),
        TEST(only_its_owner_may_connect),
        TEST(a_path_in_use_is_left_alone),
        TEST(a_stale_socket_is_replaced_a_file_is_not),
        TEST(a_socket_is_handed_on),
        TEST(who_does_not_come_to_take_over_leaves_the_path),
        TEST(closing_leaves_a_path_that_is_another_s),
        TEST(a_path_that_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
