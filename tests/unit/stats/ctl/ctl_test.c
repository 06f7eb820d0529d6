/* `lbc ctl` against a socket that answers as a row says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/socket_path.h"
#include "stats/ctl/ctl.h"
#include "stats/ctl/shortcut.h"

static char folder[64], path[80], out_path[80], err_path[80];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lbc-ctl-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(out_path, sizeof(out_path), "%s/out", folder);
    snprintf(err_path, sizeof(err_path), "%s/err", folder);
    setenv("LBC_SOCKET", path, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    unlink(out_path);
    unlink(err_path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* --- who answers --- */

struct answerer {
    pthread_t thread;
    int listening;
    const char *answer; /* NULL: says nothing until it is asked to stop */
    size_t step;        /* bytes at a time */
    char line[256];     /* what it was sent */
};

static void *answer(void *arg)
{
    struct answerer *a = arg;
    const int fd = accept(a->listening, NULL, NULL);
    if (fd == -1)
        return NULL;
    size_t got = 0;
    while (got < sizeof(a->line) - 1 && !memchr(a->line, '\n', got)) {
        const ssize_t n = recv(fd, a->line + got, sizeof(a->line) - 1 - got, 0);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (!a->answer)
        (void)!recv(fd, a->line + got, 1, 0); /* until the other side gives up */
    for (size_t at = 0; a->answer && at < strlen(a->answer); at += a->step) {
        const size_t left = strlen(a->answer) - at;
        if (send(fd, a->answer + at, left < a->step ? left : a->step, MSG_NOSIGNAL) == -1)
            break;
        usleep(a->step == 1 ? 200 : 0);
    }
    close(fd);
    return NULL;
}

static void answerer_open(struct answerer *a, const char *says, size_t step)
{
    *a = (struct answerer){
        .listening = socket(AF_UNIX, SOCK_STREAM, 0), .answer = says, .step = step};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, path, sizeof(path));
    assert_int_equal(bind(a->listening, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(a->listening, 1), 0);
    assert_int_equal(pthread_create(&a->thread, NULL, answer, a), 0);
}

static void answerer_close(struct answerer *a)
{
    shutdown(a->listening, SHUT_RDWR);
    pthread_join(a->thread, NULL);
    close(a->listening);
    unlink(path);
}

/* --- running it --- */

static struct {
    int status;
    char out[8192], err[8192];
} ran;

static void read_back(const char *from, char *to, size_t room)
{
    FILE *f = fopen(from, "r");
    to[fread(to, 1, room - 1, f)] = '\0';
    fclose(f);
}

static int into_file(int fd, const char *file)
{
    const int before = dup(fd);
    const int to = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(to, fd);
    close(to);
    return before;
}

/* Runs `lbc NAME WORDS`, split at single blanks. */
static void run_as(const char *name, int (*run)(int argc, char **argv), const char *words)
{
    static char copy[512];
    char *argv[32] = {copy};
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s%s%s", name, *words ? " " : "", words);
    for (char *at = strchr(copy, ' '); at && at[1]; at = strchr(at, ' ')) {
        *at++ = '\0';
        argv[argc++] = at;
    }
    fflush(stdout);
    fflush(stderr);
    const int out = into_file(STDOUT_FILENO, out_path), err = into_file(STDERR_FILENO, err_path);
    ran.status = run(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    read_back(out_path, ran.out, sizeof(ran.out));
    read_back(err_path, ran.err, sizeof(ran.err));
}

static void run(const char *words)
{
    run_as("ctl", ctl_main, words);
}

static const struct {
    const char *says, *words, *line, *answer;
    int status;
    const char *out, *err;
} rows[] = {
    {"an answer without its end", "show info", "show info\n", "a 1\n\nb 2\nok\n", 0, "a 1\n\nb 2\n",
     ""},
    {"done, and nothing to say", "drain a/b", "drain a/b\n", "ok\n", 0, "", ""},
    {"a refusal", "drain a/x", "drain a/x\n", "refused: no such server\n", 1, "",
     "lbc ctl: refused: no such server\n"},
    {"a refusal with its report", "reload", "reload\n", "error: x\n  y\nrefused: z\n", 1, "",
     "error: x\n  y\nlbc ctl: refused: z\n"},
    {"what only looks like an end", "reload", "reload\n", " ok\nokay\nrefused by x\nok\n", 0,
     " ok\nokay\nrefused by x\n", ""},
    {"the command's own options", "show servers --json", "show servers --json\n", "[]\nok\n", 0,
     "[]\n", ""},
    {"a connection that is cut", "show info", "show info\n", "a 1\nb", 3, "", NULL},
    {"an answer whose end is cut", "show info", "show info\n", "a 1\nok", 3, "", NULL},
};

static void answers_become_output_and_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t step = 1; step < 2000; step += 1998) {
            struct answerer a;
            answerer_open(&a, rows[i].answer, step);
            run(rows[i].words);
            answerer_close(&a);
            if (ran.status != rows[i].status || strcmp(ran.out, rows[i].out) != 0 ||
                (rows[i].err && strcmp(ran.err, rows[i].err) != 0) ||
                strcmp(a.line, rows[i].line) != 0)
                fail_msg("%s: %d, sent %s, said %s / %s", rows[i].says, ran.status, a.line, ran.out,
                         ran.err);
        }
    }
}

static const struct {
    const char *says, *words, *err;
} mistakes[] = {
    {"no command", "", "which command?"},
    {"an option without its value", "--socket", "--help"},
    {"an unknown option", "--sockt x", "--help"},
    {"a timeout of nothing", "--timeout 0 show info", "--timeout takes"},
    {"a timeout with a unit", "--timeout 5s show info", "--timeout takes"},
    {"a line break", "show\ninfo", "line breaks"},
};

static void mistakes_are_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        run(mistakes[i].words);
        if (ran.status != 2 || !strstr(ran.err, mistakes[i].err))
            fail_msg("%s: %d, %s", mistakes[i].says, ran.status, ran.err);
    }
}

static const struct {
    const char *name, *words;
    const char *line; /* NULL: it is a mistake; "HERE" is where it is said */
} shortcuts[] = {
    {"reload", "", "reload\n"},
    {"reload", "--confirm 60s", "reload confirm 60s\n"},
    {"reload", "--confirm=60s p99 3x", "reload confirm 60s p99 3x\n"},
    {"reload", "--canary 5% for 10m", "reload canary 5% for 10m\n"},
    {"reload", "confirm 60s", "reload confirm 60s\n"},
    {"reload", "certificates", "reload certificates\n"},
    {"reload", "--confirm 60s --canary 5%", NULL},
    {"reload", "--confirm", NULL},
    {"confirm", "", "confirm\n"},
    {"confirm", "60s", NULL},
    {"confirm", "--confirm 60s", NULL},
    {"promote", "", "promote\n"},
    {"revert", "", "revert\n"},
    {"revert", "3", NULL},
    {"shadow", "new.lbconf", "shadow HERE/new.lbconf\n"},
    {"shadow", "../new.lbconf", "shadow HERE/../new.lbconf\n"},
    {"shadow", "/etc/new.lbconf", "shadow /etc/new.lbconf\n"},
    {"shadow", "off", "shadow off\n"},
    {"shadow", "./off", "shadow HERE/./off\n"},
    {"shadow", "", NULL},
    {"shadow", "a b", NULL},
    {"shadow", "a\nb", NULL},
    {"history", "", "show history\n"},
    {"history", "--json", "show history --json\n"},
    {"history", "12", NULL},
    {"reload", "certificates --timeout 5", "reload certificates\n"},
    {"rollback", "-1", NULL},
    {"rollback", "12", "rollback 12\n"},
    {"rollback", "", NULL},
    {"rollback", "x", NULL},
    {"rollback", "12 13", NULL},
    {"upgrade", "", "upgrade\n"},
    {"upgrade", "lbc", "upgrade lbc\n"},
    {"upgrade", "build/lbc", "upgrade HERE/build/lbc\n"},
    {"upgrade", "/usr/bin/lbc", "upgrade /usr/bin/lbc\n"},
    {"upgrade", "a b", NULL},
};

static void shortcuts_are_lines(void **state)
{
    (void)state;
    char here[200];
    assert_non_null(getcwd(here, sizeof(here)));
    for (size_t i = 0; i < COUNT_OF(shortcuts); i++) {
        struct answerer a;
        answerer_open(&a, "done\nok\n", 1000);
        run_as(shortcuts[i].name, shortcut_main, shortcuts[i].words);
        answerer_close(&a);
        const char *line = shortcuts[i].line, *place = line ? strstr(line, "HERE") : NULL;
        char expected[512] = "";
        if (place)
            snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(place - line), line, here,
                     place + 4);
        else if (line)
            snprintf(expected, sizeof(expected), "%s", line);
        const bool good = line ? ran.status == 0 && strcmp(ran.out, "done\n") == 0
                               : ran.status == 2 && strstr(ran.err, "--help`");
        if (!good || strcmp(a.line, expected) != 0)
            fail_msg("%s %s: %d, sent %s, said %s / %s", shortcuts[i].name, shortcuts[i].words,
                     ran.status, a.line, ran.out, ran.err);
    }
}

static void nobody_there_says_where_and_what_to_do(void **state)
{
    (void)state;
    run("show info");
    assert_int_equal(ran.status, 3);
    assert_non_null(strstr(ran.err, path));
    assert_non_null(strstr(ran.err, "No such file or directory"));
    assert_non_null(strstr(ran.err, "lbc run FILE"));
    assert_non_null(strstr(ran.err, "--socket PATH"));
    run("--socket /nowhere show info");
    assert_int_equal(ran.status, 3);
    assert_non_null(strstr(ran.err, "/nowhere"));
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    struct answerer a;
    answerer_open(&a, NULL, 1);
    const int64_t began_ns = clock_now_ns();
    run("--timeout 1 show info");
    assert_in_range(clock_now_ns() - began_ns, 900 * NS_PER_MS, 20 * NS_PER_S);
    answerer_close(&a);
    assert_int_equal(ran.status, 3);
    assert_non_null(strstr(ran.err, "no answer in time"));
}

static void help_is_complete(void **state)
{
    (void)state;
    run("--help");
    assert_int_equal(ran.status, 0);
#define COMMAND(id, words, arguments, form, level, help)                                           \
    assert_non_null(strstr(ran.out, words));                                                       \
    assert_non_null(strstr(ran.out, help));
#include "stats/socket/commands.def"
#undef COMMAND
    assert_non_null(strstr(ran.out, "--socket"));
    assert_non_null(strstr(ran.out, "--timeout"));
    assert_non_null(strstr(ran.out, "exit code: 0"));
    assert_string_equal(ran.err, "");
}

static void the_default_path_follows_the_environment(void **state)
{
    (void)state;
    assert_string_equal(default_socket_path(), path);
    setenv("LBC_SOCKET", "", 1);
    if (access("/run", W_OK) == 0) {
        assert_string_equal(default_socket_path(), "/run/lbc.sock");
        return;
    }
    setenv("XDG_RUNTIME_DIR", "/x", 1);
    assert_string_equal(default_socket_path(), "/x/lbc.sock");
    unsetenv("XDG_RUNTIME_DIR");
    char own[64];
    snprintf(own, sizeof(own), "/tmp/lbc-%u.sock", (unsigned)getuid());
    assert_string_equal(default_socket_path(), own);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_become_output_and_status),
        TEST(mistakes_are_usage),
        TEST(shortcuts_are_lines),
        TEST(nobody_there_says_where_and_what_to_do),
        TEST(waiting_has_an_end),
        TEST(help_is_complete),
        TEST(the_default_path_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
