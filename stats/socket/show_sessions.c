/* Who is connected, and what is under way. */
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "stats/socket/columns.h"
#include "stats/socket/command.h"
#include "stats/socket/filter.h"
#include "stats/socket/show_priv.h"
#include "stats/socket/wait.h"

/* As many rows as a person reads. */
#define LIMIT_DEFAULT 100u

typedef unsigned long long ull;

struct asked {
    struct wait *wait;
    bool json;
};

static void client_format(const struct roster_row *r, char out[ENDPOINT_TEXT_MAX])
{
    const struct endpoint e = endpoint_of_end(&r->client);
    endpoint_format_client(&e, out);
}

static void add_duration(struct columns *table, int64_t ns)
{
    char text[DURATION_TEXT_MAX];
    duration_format(ns, text);
    columns_add(table, "%s", ns < 0 ? "-" : text);
}

static void add_bytes(struct columns *table, uint64_t n)
{
    char text[BYTES_TEXT_MAX];
    bytes_format(n, text);
    columns_add(table, "%s", text);
}

static void row_as_text(struct columns *table, const struct roster_row *r)
{
    char client[ENDPOINT_TEXT_MAX];
    client_format(r, client);
    columns_add(table, "%s", client);
    columns_add(table, "%s", r->listener[0] ? r->listener : "-");
    columns_add(table, "%s%s", r->protocol, r->tls ? " tls" : "");
    columns_add(table, "%s", roster_state_name(r->state));
    add_duration(table, r->age_ns);
    add_duration(table, r->request_ns);
    columns_add(table, "%llu", (ull)r->requests);
    if (r->streams > 0)
        columns_add(table, "%u", r->streams);
    else
        columns_add(table, "-");
    add_bytes(table, r->received_bytes);
    add_bytes(table, r->sent_bytes);
    columns_add(table, "%s%s%s", r->cluster[0] ? r->cluster : "-", r->server[0] ? "/" : "",
                r->server);
    columns_add(table, "%s", r->request[0] ? r->request : "-");
}

static void add_text(const struct control_sessions *s, struct text *out)
{
    static const struct slice TITLE[] = {
        SLICE_INIT("client"),   SLICE_INIT("listener"), SLICE_INIT("protocol"),
        SLICE_INIT("state"),    SLICE_INIT("age"),      SLICE_INIT("busy"),
        SLICE_INIT("requests"), SLICE_INIT("streams"),  SLICE_INIT("in"),
        SLICE_INIT("out"),      SLICE_INIT("server"),   SLICE_INIT("request")};
    struct columns table = {.n = COUNT_OF(TITLE), .to_the_right = 0x3f0};
    for (size_t i = 0; i < COUNT_OF(TITLE); i++)
        columns_add(&table, SLICE_FMT, SLICE_ARG(TITLE[i]));
    for (uint32_t i = 0; i < s->n_rows; i++)
        row_as_text(&table, s->row[i]);
    columns_finish(&table, out);
    text_addf(out, "%u of %llu shown, the oldest first; %llu connected\n", s->n_rows,
              (ull)s->matched, (ull)s->connections);
    if (s->missing > 0)
        text_addf(out, "%u of %u workers did not answer in time: their clients are missing\n",
                  s->missing, s->workers);
}

static void add_name(struct text *out, const char *key, const char *value)
{
    if (!value[0])
        return;
    text_addf(out, ",\"%s\":", key);
    text_add_json(out, slice_of(value));
}

static void row_as_json(struct text *out, const struct roster_row *r)
{
    char client[ENDPOINT_TEXT_MAX];
    client_format(r, client);
    show_separate(out);
    text_addf(out, "{\"client\":\"%s\",\"worker\":%u,\"protocol\":\"%s\",\"tls\":%s", client,
              r->worker, r->protocol, r->tls ? "true" : "false");
    text_addf(out, ",\"state\":\"%s\",\"age_ms\":%lld", roster_state_name(r->state),
              (long long)(r->age_ns / NS_PER_MS));
    if (r->request_ns >= 0)
        text_addf(out, ",\"request_ms\":%lld", (long long)(r->request_ns / NS_PER_MS));
    text_addf(out, ",\"requests\":%llu,\"streams\":%u", (ull)r->requests, r->streams);
    text_addf(out, ",\"received_bytes\":%llu,\"sent_bytes\":%llu", (ull)r->received_bytes,
              (ull)r->sent_bytes);
    add_name(out, "listener", r->listener);
    add_name(out, "cluster", r->cluster);
    add_name(out, "server", r->server);
    add_name(out, "request", r->request);
    text_addc(out, '}');
}

static void add_json(const struct control_sessions *s, struct text *out)
{
    text_addf(out, "{\"connections\":%llu,\"matched\":%llu,\"workers\":%u,\"workers_missing\":%u",
              (ull)s->connections, (ull)s->matched, s->workers, s->missing);
    text_addf(out, ",\"loop_held_us\":%lld,\"sessions\":[", (long long)(s->slice_ns / NS_PER_US));
    for (uint32_t i = 0; i < s->n_rows; i++)
        row_as_json(out, s->row[i]);
    text_adds(out, "]}\n");
}

static void answered(void *of, const struct control_sessions *s)
{
    struct asked *a = of;
    struct text lines = {0}, why = {0};
    if (a->json)
        add_json(s, &lines);
    else
        add_text(s, &lines);
    wait_end(a->wait, COMMAND_DONE, &lines, &why);
    free(a);
}

/* "src 10.0.0.0/8", "listener front", "limit 20", each once at the most. */
static bool read_filter(struct slice rest, struct control_sessions_filter *f, struct text *why)
{
    struct slice word, value;
    uint64_t n;
    bool limited = false;
    while (filter_word(&rest, &word)) {
        if (!filter_word(&rest, &value)) {
            text_addf(why, "something is missing at the end; say \"show sessions src 10.0.0.0/8 "
                           "listener front limit 20\", or parts of it");
            return false;
        }
        if (slice_eq(word, SLICE("src")) && !f->by_source) {
            f->by_source = true;
            if (!filter_network(value, &f->source, why))
                return false;
        } else if (slice_eq(word, SLICE("listener")) && f->listener.len == 0) {
            f->listener = value;
        } else if (slice_eq(word, SLICE("limit")) && !limited) {
            limited = true;
            if (!number_parse(value, CONTROL_SESSIONS_MAX, &n) || n == 0) {
                text_addf(why, "a limit is 1 to %u", CONTROL_SESSIONS_MAX);
                return false;
            }
            f->limit = (uint32_t)n;
        } else {
            text_adds(why, "sessions are chosen by src, listener and limit, each once: \"show "
                           "sessions src 10.0.0.0/8 limit 20\"");
            return false;
        }
    }
    return true;
}

enum command_end command_show_sessions(struct command *c)
{
    struct control_sessions_filter f = {.limit = LIMIT_DEFAULT};
    if (!read_filter(c->argument[0], &f, c->why))
        return COMMAND_REFUSED;
    if (!c->wait) {
        text_adds(c->why, "its answer comes later, and nobody waits for it here");
        return COMMAND_REFUSED;
    }
    struct asked *a = MUST_NEW(struct asked);
    *a = (struct asked){.wait = c->wait, .json = c->json};
    const struct control_sessions_asker asker = {.done = answered, .of = a, .why = c->why};
    if (control_sessions(c->control, &f, &asker))
        return COMMAND_LATER;
    free(a);
    return COMMAND_REFUSED;
}
