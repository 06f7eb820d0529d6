#include "runtime/state/history.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char path[64];
    struct state *state;
    struct history *history;
};

static void reopen(struct place *p)
{
    history_free(p->history);
    state_close(p->state);
    p->history = NULL;
    p->state = NULL;
    assert_int_equal(state_open(p->path, -1, &p->state), 0);
    assert_int_equal(history_open(p->state, &p->history), 0);
}

static int begin(void **state)
{
    static struct place p;
    p = (struct place){.path = "/tmp/lbc-history-XXXXXX"};
    assert_non_null(mkdtemp(p.path));
    *state = &p;
    reopen(&p);
    return 0;
}

static void shell(const char *before, const char *path, const char *behind)
{
    char command[128];
    snprintf(command, sizeof(command), "%s%s%s", before, path, behind);
    assert_int_equal(system(command), 0);
}

static int end(void **state)
{
    struct place *p = *state;
    history_free(p->history);
    state_close(p->state);
    shell("rm -r ", p->path, "");
    return 0;
}

static int prepare(struct place *p, const char *main, const char *list)
{
    struct copies c = {0};
    copies_put(&c, SLICE("/etc/a.lbconf"), slice_of(main));
    if (list)
        copies_put(&c, SLICE("/etc/a list"), slice_of(list));
    const int error = history_prepare(p->history, &c, SLICE("uid 0"), SLICE("reload"));
    copies_done(&c);
    return error;
}

static void keep(struct place *p, const char *main, const char *list)
{
    assert_int_equal(prepare(p, main, list), 0);
    history_settle(p->history, true);
}

static void assert_texts(const struct place *p, uint64_t number, const char *main, const char *list)
{
    const struct revision *r = history_find(p->history, number);
    struct copies c = {0};
    struct slice text;
    assert_non_null(r);
    assert_int_equal(history_read(p->history, r, &c), 0);
    assert_true(copies_text(&c, SLICE("/etc/a.lbconf"), &text));
    assert_true(slice_eq(text, slice_of(main)));
    assert_int_equal(copies_text(&c, SLICE("/etc/a list"), &text), list != NULL);
    if (list)
        assert_true(slice_eq(text, slice_of(list)));
    copies_done(&c);
}

static uint32_t files_in(const struct place *p, const char *folder)
{
    uint32_t n = 0;
    char command[128], line[128];
    snprintf(command, sizeof(command), "ls %s/%s", p->path, folder);
    FILE *f = popen(command, "r");
    while (fgets(line, sizeof(line), f))
        n++;
    pclose(f);
    return n;
}

static void revisions_are_there_after_the_process(void **state)
{
    struct place *p = *state;
    keep(p, "one", "list");
    keep(p, "two", "list");
    reopen(p);
    assert_int_equal(history_count(p->history), 2);
    const struct revision *r = history_at(p->history, 1);
    assert_int_equal(r->number, 2);
    assert_int_equal(r->bytes, 7);
    assert_string_equal(r->who.at, "uid 0");
    assert_string_equal(r->what.at, "reload");
    assert_true(r->made_s > 1700000000);
    assert_texts(p, 1, "one", "list");
    assert_texts(p, 2, "two", "list");
    assert_ptr_equal(history_before(p->history, r), history_at(p->history, 0));
    assert_null(history_before(p->history, history_at(p->history, 0)));
    assert_int_equal(files_in(p, "texts"), 3); /* the list once */
}

static void the_same_texts_are_no_new_revision(void **state)
{
    struct place *p = *state;
    keep(p, "one", NULL);
    keep(p, "one", NULL);
    assert_int_equal(history_count(p->history), 1);
    keep(p, "one", "list");
    keep(p, "one", NULL); /* as the first was: but it is what is served now */
    assert_int_equal(history_count(p->history), 3);
}

static void what_is_not_served_is_not_there(void **state)
{
    struct place *p = *state;
    keep(p, "one", NULL);
    assert_int_equal(prepare(p, "never", NULL), 0);
    history_settle(p->history, false);
    assert_int_equal(history_count(p->history), 1);
    keep(p, "two", NULL);
    assert_int_equal(history_at(p->history, 1)->number, 2);
    assert_int_equal(files_in(p, "texts"), 2); /* what was written of it is gone */
    assert_int_equal(prepare(p, "killed", NULL), 0);
    reopen(p); /* as one that is killed in the middle */
    assert_int_equal(history_count(p->history), 2);
    assert_int_equal(files_in(p, "texts"), 2);
}

static void the_oldest_go(void **state)
{
    struct place *p = *state;
    char text[16];
    for (unsigned i = 1; i <= HISTORY_REVISIONS_MAX + 5; i++) {
        snprintf(text, sizeof(text), "text %u", i);
        keep(p, text, "list");
    }
    assert_int_equal(history_count(p->history), HISTORY_REVISIONS_MAX);
    assert_int_equal(history_at(p->history, 0)->number, 6);
    reopen(p);
    assert_int_equal(history_count(p->history), HISTORY_REVISIONS_MAX);
    assert_int_equal(files_in(p, "revisions"), HISTORY_REVISIONS_MAX);
    assert_int_equal(files_in(p, "texts"), HISTORY_REVISIONS_MAX + 1);
    assert_texts(p, HISTORY_REVISIONS_MAX + 5, text, "list");
}

static void much_text_is_fewer_revisions(void **state)
{
    struct place *p = *state;
    const size_t len = 100u << 20;
    char *much = malloc(len + 1);
    memset(much, 'x', len);
    much[len] = '\0';
    for (char c = 'a'; c < 'e'; c++) {
        much[0] = c;
        keep(p, much, NULL);
    }
    assert_int_equal(history_count(p->history), HISTORY_BYTES_MAX / len);
    assert_int_equal(history_at(p->history, history_count(p->history) - 1)->number, 4);
    free(much);
}

static void write_into(const struct place *p, const char *name, const char *text)
{
    char path[192];
    snprintf(path, sizeof(path), "%s/%s", p->path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void what_lbc_has_not_written_is_left_out(void **state)
{
    static const char *const bad[] = {
        "",
        "lbc revision 2\nnumber 9\n",
        "lbc revision 1\nnumber 9\n",
        "lbc revision 1\nnumber 8\nfile 0123456789abcdef 1 x\n",
        "lbc revision 1\nnumber 9\nfile 0123456789abcdeg 1 x\n",
        "lbc revision 1\nnumber 9\nfile 0123456789abcdef 1\n",
        "lbc revision 1\nnumber 9\nfile 0123456789abcdef 1 x\nnonsense\n",
        "lbc revision 1\nnumber 9\ntime -1\nfile 0123456789abcdef 1 x\n"};
    struct place *p = *state;
    keep(p, "one", NULL);
    write_into(p, "revisions/README", "x");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        write_into(p, "revisions/9", bad[i]);
        reopen(p);
        assert_int_equal(history_count(p->history), 1);
    }
    write_into(p, "revisions/9", "lbc revision 1\nnumber 9\nfile 0123456789abcdef 1 x\n");
    reopen(p);
    assert_int_equal(history_count(p->history), 2); /* so that it was for what was wrong */
}

static void a_text_that_was_changed_is_not_taken(void **state)
{
    struct place *p = *state;
    struct copies c = {0};
    keep(p, "one", NULL);
    shell("printf two > $(ls ", p->path, "/texts/*)");
    assert_int_equal(history_read(p->history, history_at(p->history, 0), &c), -EBADMSG);
    shell("rm ", p->path, "/texts/*");
    assert_int_equal(history_read(p->history, history_at(p->history, 0), &c), -ENOENT);
    copies_done(&c);
}

static void a_path_with_a_line_end_is_refused(void **state)
{
    struct place *p = *state;
    struct copies c = {0};
    copies_put(&c, SLICE("/etc/a\nnumber 7"), SLICE("x"));
    assert_int_equal(history_prepare(p->history, &c, SLICE("x"), SLICE("x")), -EINVAL);
    history_settle(p->history, true);
    assert_int_equal(history_count(p->history), 0);
    copies_done(&c);
}

static void a_folder_has_one_process(void **state)
{
    const struct place *p = *state;
    struct state *second = NULL;
    struct stat st;
    assert_int_equal(state_open(p->path, -1, &second), -EWOULDBLOCK);
    assert_null(second);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(state_open("/proc/nothing/here", -1, &second), -ENOENT);
}

static void a_text_is_the_old_one_until_it_is_taken(void **state)
{
    const struct place *p = *state;
    struct text text = {0};
    assert_int_equal(state_read(p->state, "x", 10, &text), -ENOENT);
    assert_int_equal(state_write(p->state, "x", SLICE("one")), 0);
    assert_int_equal(state_read(p->state, "x", 10, &text), -ENOENT);
    assert_int_equal(state_take(p->state, "x", "x"), 0);
    assert_int_equal(state_write(p->state, "x", SLICE("two")), 0);
    assert_int_equal(state_read(p->state, "x", 10, &text), 0);
    assert_string_equal(text.at, "one");
    assert_int_equal(state_read(p->state, "x", 5, &text), -EFBIG);
    text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(revisions_are_there_after_the_process, begin, end),
        cmocka_unit_test_setup_teardown(the_same_texts_are_no_new_revision, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_served_is_not_there, begin, end),
        cmocka_unit_test_setup_teardown(the_oldest_go, begin, end),
        cmocka_unit_test_setup_teardown(much_text_is_fewer_revisions, begin, end),
        cmocka_unit_test_setup_teardown(what_lbc_has_not_written_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_text_that_was_changed_is_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(a_path_with_a_line_end_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_has_one_process, begin, end),
        cmocka_unit_test_setup_teardown(a_text_is_the_old_one_until_it_is_taken, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
