/* The text as Prometheus reads it, of a control thread that is not one. */
#include "stats/export/prometheus.h"

#include "tests/unit/stats/socket/fake_control.h"

static struct text out;

static int set_up(void **state)
{
    (void)state;
    control = (struct control){.report = ""};
    atomic_store(&block.requests_total, 7);
    atomic_store(&block.retries, 3);
    prometheus_write(&control, &out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_done(&out);
    return 0;
}

static void has(const char *line)
{
    if (!strstr(out.at, line))
        fail_msg("%s is not in\n%s", line, out.at);
}

static void what_is_told(void **state)
{
    (void)state;
    has("# HELP lbc_build_info The version that runs\n# TYPE lbc_build_info gauge\n"
        "lbc_build_info{version=\"0.1.0\"} 1\n");
    has("\nlbc_uptime_seconds 3723\n");
    has("# TYPE lbc_requests_total counter\nlbc_requests_total 7\n");
    has("# TYPE lbc_retries_total counter\nlbc_retries_total 3\n");
    has("# TYPE lbc_connections_open gauge\nlbc_connections_open 0\n");
    has("# TYPE lbc_server_requests_total counter\n"
        "lbc_server_requests_total{cluster=\"web\",server=\"one\"} 1234567\n"
        "lbc_server_requests_total{cluster=\"web\",server=\"\xc3\xbc"
        "ber\"} 1234567\n#");
    has("\nlbc_server_up{cluster=\"web\",server=\"one\"} 1\n"
        "lbc_server_up{cluster=\"web\",server=\"\xc3\xbc"
        "ber\"} 0\n");
    has("\nlbc_certificate_expiry_timestamp_seconds{name=\"a.test\",file=\"a.pem\"} 4102444800\n");
    has("\nlbc_last_reload_successful 1\n");
    has("# TYPE lbc_cluster_first_byte_seconds histogram\n"
        "lbc_cluster_first_byte_seconds_bucket{cluster=\"web\",le=\"3.2768e-05\"} 0\n"
        "lbc_cluster_first_byte_seconds_bucket{cluster=\"web\",le=\"6.5536e-05\"} 0\n"
        "lbc_cluster_first_byte_seconds_bucket{cluster=\"web\",le=\"0.000131072\"} 2\n");
    has("lbc_cluster_first_byte_seconds_bucket{cluster=\"web\",le=\"34.3597384\"} 2\n"
        "lbc_cluster_first_byte_seconds_bucket{cluster=\"web\",le=\"+Inf\"} 3\n"
        "lbc_cluster_first_byte_seconds_sum{cluster=\"web\"} 0.003000000\n"
        "lbc_cluster_first_byte_seconds_count{cluster=\"web\"} 3\n");
}

static void by_status(void **state)
{
    (void)state;
    has("# TYPE lbc_listener_requests_total counter\n"
        "lbc_listener_requests_total{listener=\"front\",code=\"none\"} 0\n"
        "lbc_listener_requests_total{listener=\"front\",code=\"1xx\"} 0\n"
        "lbc_listener_requests_total{listener=\"front\",code=\"2xx\"} 7\n");
    has("\nlbc_listener_connections_total{listener=\"front\"} 12\n");
    has("\nlbc_listener_response_bytes_total{listener=\"front\"} 20000\n");
    has("\nlbc_server_responses_total{cluster=\"web\",server=\"one\",code=\"5xx\"} 0\n");
    has("\nlbc_cluster_requests_total{cluster=\"web\",code=\"none\"} 0\n");
}

static void the_process(void **state)
{
    (void)state;
    has("# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n");
    has("\nprocess_resident_memory_bytes 4096\n");
    has("\nprocess_max_fds 1024\n");
    has("\nprocess_start_time_seconds 1764240000\n");
    assert_null(strstr(out.at, "process_open_fds")); /* nobody knows */
}

/* Those that have decided nothing are counted, and no series. */
static void clauses(void **state)
{
    (void)state;
    has("# TYPE lbc_clause_requests_total counter\n"
        "lbc_clause_requests_total{route=\"site\",clause=\"1\",line=\"12\",id=\"1234abcd\",code="
        "\"none\"} 1\n"
        "lbc_clause_requests_total{route=\"site\",clause=\"1\",line=\"12\",id=\"1234abcd\",code="
        "\"2xx\"} 6\n"
        "lbc_clause_requests_total{route=\"site\",clause=\"1\",line=\"12\",id=\"1234abcd\",code="
        "\"5xx\"} 2\n#");
    has("# TYPE lbc_clause_response_bytes_total counter\n"
        "lbc_clause_response_bytes_total{route=\"site\",clause=\"1\",line=\"12\",id=\"1234abcd\"} "
        "4096\n#");
    has("# TYPE lbc_clause_continued_total counter\n"
        "lbc_clause_continued_total{route=\"site\",clause=\"4\",line=\"13\",id=\"00000000\"} 5\n#");
    has("\nlbc_clauses 2\n");
    has("\nlbc_clauses_unused 1\n");
    has("\nlbc_clauses_not_told 0\n");
}

static void of_many_clauses_only_some_are_told(void **state)
{
    (void)state;
    struct text many = {0};
    control.many_clauses = 5000;
    prometheus_write(&control, &many);
    control.many_clauses = 0;
    size_t told = 0;
    for (const char *at = many.at; (at = strstr(at, "\nlbc_clause_requests_total{")); at++)
        told++;
    assert_int_equal(told, PROMETHEUS_CLAUSES_MAX + 2); /* the first one has three statuses */
    assert_non_null(strstr(many.at, "\nlbc_clauses_not_told 4001\n"));
    text_done(&many);
}

/* A line of the format: a comment, or a name, labels, a blank and a number. */
static bool is_sample(struct slice line)
{
    size_t i = 0;
    while (i < line.len && (line.at[i] == '_' || (line.at[i] >= 'a' && line.at[i] <= 'z') ||
                            (line.at[i] >= '0' && line.at[i] <= '9')))
        i++;
    const char *blank = memrchr(line.at, ' ', line.len);
    if (i == 0 || !blank || blank + 1 == line.at + line.len)
        return false;
    const size_t labels = (size_t)(blank - line.at) - i;
    if (labels > 0 && (line.at[i] != '{' || blank[-1] != '}'))
        return false;
    char *end;
    (void)strtod(blank + 1, &end);
    return end == line.at + line.len;
}

/* Each family once, with its help and type in front and its samples together. */
static void each_line_belongs_to_one_family(void **state)
{
    (void)state;
    struct slice rest = text_slice(&out), line;
    char family[80] = "";
    size_t families = 0;
    while (slice_split(&rest, '\n', &line)) {
        char type[100];
        if (slice_starts(line, SLICE("# HELP "))) {
            const struct slice name = slice_from(line, 7);
            const size_t len = (size_t)((const char *)memchr(name.at, ' ', name.len) - name.at);
            snprintf(family, sizeof(family), "%.*s", (int)len, name.at);
            snprintf(type, sizeof(type), "# HELP %s ", family);
            assert_ptr_equal(strstr(out.at, type), line.at); /* for the first time */
            families++;
        } else if (slice_starts(line, SLICE("# TYPE "))) {
            snprintf(type, sizeof(type), "# TYPE %s ", family);
            assert_true(slice_starts(line, slice_of(type)));
            const bool counter = slice_ends(line, SLICE(" counter"));
            assert_true(counter || slice_ends(line, SLICE(" gauge")) ||
                        slice_ends(line, SLICE(" histogram")));
            assert_int_equal(counter, slice_ends(slice_of(family), SLICE("_total")));
        } else if (!slice_starts(line, slice_of(family)) || !is_sample(line)) {
            fail_msg("%s: " SLICE_FMT, family, SLICE_ARG(line));
        }
    }
    assert_true(families > metric_count + 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_told),
        TEST(by_status),
        TEST(the_process),
        TEST(clauses),
        TEST(of_many_clauses_only_some_are_told),
        TEST(each_line_belongs_to_one_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
