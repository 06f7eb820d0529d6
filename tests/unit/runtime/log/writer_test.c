#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/log/writer.h"

static char folder[64], path[80], rotated[80];
static struct access_ring *ring[2];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lbc-writer-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(rotated, sizeof(rotated), "%s/log.1", folder);
    ring[0] = access_ring_new(1024);
    ring[1] = access_ring_new(1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    access_ring_free(ring[0]);
    access_ring_free(ring[1]);
    unlink(path);
    unlink(rotated);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void add(int which, uint64_t number)
{
    struct access_record *a;
    while (!(a = access_ring_begin(ring[which])))
        usleep(100);
    a->sent_bytes = number;
    ACCESS_SET(a->listener, which ? SLICE("b") : SLICE("a"));
    access_ring_end(ring[which]);
}

/* The whole of a file; empty when there is none. */
static struct text contents(const char *of)
{
    struct text t = {0};
    FILE *f = fopen(of, "r");
    char piece[4096];
    for (size_t n; f && (n = fread(piece, 1, sizeof(piece), f)) > 0;)
        text_add(&t, (struct slice){piece, n});
    if (f)
        fclose(f);
    return t;
}

static int lines_in(const char *of)
{
    struct text t = contents(of);
    struct slice rest = text_slice(&t), line;
    int n = 0;
    while (slice_split(&rest, '\n', &line)) {
        assert_true(slice_starts(line, SLICE("{\"time\":\"")));
        assert_true(slice_ends(line, SLICE("}")));
        n++;
    }
    text_done(&t);
    return n;
}

static void await_lines(const char *of, int n)
{
    for (int i = 0; lines_in(of) != n; i++) {
        if (i == 500)
            fail_msg("%s has %d lines, not %d", of, lines_in(of), n);
        usleep(10000);
    }
}

static void *add_many(void *which)
{
    for (uint64_t i = 0; i < 20000; i++)
        add(which != NULL, i);
    return NULL;
}

static void nothing_is_lost_or_mixed_up(void **state)
{
    (void)state;
    struct writer *w;
    assert_int_equal(writer_start(path, ring, 2, &w), 0);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, add_many, ring), 0);
    add_many(NULL);
    pthread_join(other, NULL);
    writer_stop(w);
    assert_int_equal(lines_in(path), 40000);

    /* Each ring's own records are in their order. */
    struct text t = contents(path);
    struct slice rest = text_slice(&t), line;
    uint64_t next[2] = {0};
    while (slice_split(&rest, '\n', &line)) {
        char key[64];
        const int which = memmem(line.at, line.len, "\"listener\":\"b\"", 14) != NULL;
        const int len =
            snprintf(key, sizeof(key), "\"sent_bytes\":%llu}", (unsigned long long)next[which]++);
        assert_true(slice_ends(line, (struct slice){key, (size_t)len}));
    }
    text_done(&t);
}

static void lines_appear_without_being_asked_for(void **state)
{
    (void)state;
    struct writer *w;
    assert_int_equal(writer_start(path, ring, 2, &w), 0);
    add(0, 1);
    await_lines(path, 1);
    add(1, 2);
    await_lines(path, 2);
    writer_stop(w);
    writer_stop(NULL);
}

static void a_rotated_file_is_left_and_the_path_opened_anew(void **state)
{
    (void)state;
    struct writer *w;
    assert_int_equal(writer_start(path, ring, 2, &w), 0);
    add(0, 1);
    await_lines(path, 1);
    assert_int_equal(rename(path, rotated), 0);
    add(0, 2);
    await_lines(rotated, 2);
    writer_reopen(w);
    while (access(path, F_OK) == -1)
        usleep(1000);
    add(0, 3);
    await_lines(path, 1);
    writer_stop(w);
    assert_int_equal(lines_in(rotated), 2);
}

static void an_existing_file_is_added_to(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++) {
        struct writer *w;
        assert_int_equal(writer_start(path, ring, 2, &w), 0);
        add(0, 1);
        writer_stop(w);
        assert_int_equal(lines_in(path), i);
    }
}

static void a_path_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    struct writer *w = NULL;
    assert_int_equal(writer_start("/nowhere/at/all", ring, 2, &w), -ENOENT);
    assert_int_equal(writer_start(folder, ring, 2, &w), -EISDIR);
    assert_null(w);
}

/* Standard error during a test, into a file. */
static int err_before;

static void capture_errors(void)
{
    fflush(stderr);
    err_before = dup(STDERR_FILENO);
    const int fd = open(rotated, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static void errors_were(const char *expected)
{
    dup2(err_before, STDERR_FILENO);
    close(err_before);
    struct text t = contents(rotated);
    if (!t.at || !strstr(t.at, expected))
        fail_msg("not \"%s\" but: %s", expected, t.at ? t.at : "nothing");
    text_done(&t);
}

static void a_full_disk_loses_records_and_says_how_many(void **state)
{
    (void)state;
    struct writer *w;
    assert_int_equal(writer_start("/dev/full", ring, 2, &w), 0);
    capture_errors();
    for (uint64_t i = 0; i < 10; i++)
        add(0, i);
    writer_stop(w);
    errors_were("records lost: No space left on device");
}

/* A pipe in place of standard output; returns its reading end. */
static int out_before;

static int pipe_as_output(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    out_before = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    return ends[0];
}

static void output_as_before(void)
{
    dup2(out_before, STDOUT_FILENO);
    close(out_before);
}

static void a_reader_that_leaves_is_survived(void **state)
{
    (void)state;
    const int reader = pipe_as_output();
    capture_errors();
    struct writer *w;
    const int rc = writer_start("-", ring, 2, &w);
    add(0, 1);
    char line[4096];
    const ssize_t n = read(reader, line, sizeof(line));
    close(reader);
    add(0, 2);
    add(1, 3);
    writer_stop(w);
    output_as_before();
    errors_were("access log (stdout): 2 records lost: Broken pipe");
    assert_int_equal(rc, 0);
    assert_true(n > 1 && line[n - 1] == '\n');
}

static void a_reader_that_does_not_read_does_not_keep_us(void **state)
{
    (void)state;
    const int reader = pipe_as_output();
    capture_errors();
    struct writer *w;
    const int rc = writer_start("-", ring, 2, &w);
    for (uint64_t i = 0; i < 1024; i++) /* 150 KiB, where 64 fit */
        add(0, i);
    const int64_t began_ns = clock_now_ns();
    writer_stop(w);
    const int64_t took_ns = clock_now_ns() - began_ns;
    output_as_before();
    close(reader);
    errors_were("records lost: Connection timed out");
    assert_int_equal(rc, 0);
    assert_true(took_ns < 5 * NS_PER_S);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_lost_or_mixed_up),
        TEST(lines_appear_without_being_asked_for),
        TEST(a_rotated_file_is_left_and_the_path_opened_anew),
        TEST(an_existing_file_is_added_to),
        TEST(a_path_that_cannot_be_is_an_error),
        TEST(a_full_disk_loses_records_and_says_how_many),
        TEST(a_reader_that_leaves_is_survived),
        TEST(a_reader_that_does_not_read_does_not_keep_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
