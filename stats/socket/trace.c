/* `trace`: the steps of the next exchanges of a client, or below a path, as they end. */
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "stats/socket/command.h"
#include "stats/socket/filter.h"
#include "stats/socket/wait.h"

#define EXCHANGES_DEFAULT 10u
#define FOR_NS_DEFAULT    (60 * NS_PER_S)

typedef unsigned long long ull;

struct listener_of {
    struct wait *wait;
    bool json;
    uint32_t told, unread;
};

#define TEXT_OF(field) ((struct slice){(field).at, (field).len})

static void client_format(const struct access_record *r, char out[ENDPOINT_TEXT_MAX])
{
    const struct endpoint e = {.address = r->client, .port = r->client_port};
    endpoint_format_client(&e, out);
}

static const char *protocol_of(const struct access_record *r)
{
    return r->tcp ? "tcp" : r->h2 ? "h2" : "http/1.1";
}

static void write_request(const struct access_record *r, char out[ROSTER_REQUEST_MAX])
{
    roster_write_request(TEXT_OF(r->method), TEXT_OF(r->host), TEXT_OF(r->uri), out);
}

static void add_end(const struct access_record *r, struct text *out)
{
    if (r->status)
        text_addf(out, ", %u", r->status);
    text_addf(out, ": %llu bytes received, %llu sent", (ull)r->received_bytes, (ull)r->sent_bytes);
}

static void add_text(const struct trace_place *p, uint32_t number, struct text *out)
{
    const struct access_record *r = &p->record;
    char client[ENDPOINT_TEXT_MAX], request[ROSTER_REQUEST_MAX];
    client_format(r, client);
    write_request(r, request);
    text_addf(out, "%u  %s%s%s, %s, request id %016llx%016llx\n", number, request,
              request[0] ? " from " : "", client, protocol_of(r), (ull)r->request_id[0],
              (ull)r->request_id[1]);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const struct trace_step *s = &p->step[i];
        const int64_t before_ns = i > 0 ? p->step[i - 1].at_ns : 0;
        text_addf(out, "  %10.3f ms  %+10.3f  %-9s  %s", (double)s->at_ns / NS_PER_MS,
                  (double)(s->at_ns - before_ns) / NS_PER_MS, trace_step_name(s->kind), s->text);
        if (s->kind == TRACE_END)
            add_end(r, out);
        text_addc(out, '\n');
    }
    if (p->left_out > 0)
        text_addf(out, "  and %u steps more than there is room for\n", p->left_out);
    if (!p->is_over)
        text_adds(out, "  still under way\n");
    text_addc(out, '\n');
}

static void add_field(struct text *out, const char *key, struct slice value)
{
    if (value.len == 0)
        return;
    text_addf(out, ",\"%s\":", key);
    text_add_json(out, value);
}

static void add_json(const struct trace_place *p, uint32_t number, struct text *out)
{
    const struct access_record *r = &p->record;
    char client[ENDPOINT_TEXT_MAX], request[ROSTER_REQUEST_MAX];
    client_format(r, client);
    write_request(r, request);
    text_addf(out, "{\"exchange\":%u,\"request_id\":\"%016llx%016llx\",\"client\":\"%s\"", number,
              (ull)r->request_id[0], (ull)r->request_id[1], client);
    text_addf(out, ",\"protocol\":\"%s\"", protocol_of(r));
    add_field(out, "listener", TEXT_OF(r->listener));
    add_field(out, "request", slice_of(request));
    add_field(out, "cluster", TEXT_OF(r->cluster));
    add_field(out, "server", TEXT_OF(r->server));
    if (r->status)
        text_addf(out, ",\"status\":%u", r->status);
    text_addf(out, ",\"over\":%s", p->is_over ? "true" : "false");
    if (p->is_over)
        add_field(out, "end", slice_of(access_end_name(r->end)));
    text_addf(out, ",\"received_bytes\":%llu,\"sent_bytes\":%llu,\"steps\":[",
              (ull)r->received_bytes, (ull)r->sent_bytes);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        text_addf(out, "%s{\"at_ms\":%.3f,\"step\":\"%s\",\"text\":", i > 0 ? "," : "",
                  (double)p->step[i].at_ns / NS_PER_MS, trace_step_name(p->step[i].kind));
        text_add_json(out, slice_of(p->step[i].text));
        text_addc(out, '}');
    }
    text_addf(out, "],\"steps_left_out\":%u}\n", p->left_out);
}

/* Who reads too slowly misses it, and is told at the end. */
static void exchange(void *of, const struct trace_place *p)
{
    struct listener_of *l = of;
    struct text lines = {0};
    l->told++;
    if (l->json)
        add_json(p, l->told, &lines);
    else
        add_text(p, l->told, &lines);
    l->unread += !wait_say(l->wait, text_slice(&lines));
    text_done(&lines);
}

static bool is_left(void *of)
{
    const struct listener_of *l = of;
    return wait_is_left(l->wait);
}

static const char *why_over(enum control_trace_why why)
{
    switch (why) {
    case CONTROL_TRACE_ALL: return "that is all";
    case CONTROL_TRACE_TIME: return "the time is over";
    case CONTROL_TRACE_LEFT: return "nobody listens";
    case CONTROL_TRACE_END: return "the process ends";
    }
    ASSERT(!"every end is explained");
    return "";
}

static const char *word_of_end(enum control_trace_why why)
{
    switch (why) {
    case CONTROL_TRACE_ALL: return "all";
    case CONTROL_TRACE_TIME: return "time";
    case CONTROL_TRACE_LEFT: return "left";
    case CONTROL_TRACE_END: return "process";
    }
    ASSERT(!"every end has a word");
    return "";
}

static void over(void *of, const struct control_trace_end *e)
{
    struct listener_of *l = of;
    struct text lines = {0}, why = {0};
    if (l->json) {
        text_addf(&lines, "{\"exchanges\":%u,\"why\":\"%s\",\"others\":%u,\"unread\":%u",
                  e->exchanges, word_of_end(e->why), e->others, l->unread);
        text_addf(&lines, ",\"workers_missing\":%u}\n", e->missing);
    } else {
        text_addf(&lines, "%u exchange%s traced: %s\n", e->exchanges, e->exchanges == 1 ? "" : "s",
                  why_over(e->why));
        if (e->others > 0)
            text_addf(&lines, "%u more began before that was known\n", e->others);
        if (l->unread > 0)
            text_addf(&lines, "%u of them are missing here: they were not read fast enough\n",
                      l->unread);
        if (e->missing > 0)
            text_addf(&lines, "%u workers did not answer in time\n", e->missing);
    }
    wait_end(l->wait, COMMAND_DONE, &lines, &why);
    free(l);
}

/* --- what is asked for ----------------------------------------------------------------------- */

static const char usage[] = "\"trace\" takes whose or which exchanges, how many, and for how long: "
                            "trace src 10.1.2.3 10, trace path /api 5 for 30s";

/* "30s", "5m", "1h" */
static bool read_duration(struct slice word, int64_t *ns)
{
    uint64_t n;
    if (word.len < 2 || !number_parse((struct slice){word.at, word.len - 1}, 3600, &n) || n == 0)
        return false;
    switch (word.at[word.len - 1]) {
    case 's': *ns = (int64_t)n * NS_PER_S; break;
    case 'm': *ns = (int64_t)n * 60 * NS_PER_S; break;
    case 'h': *ns = (int64_t)n * 3600 * NS_PER_S; break;
    default: return false;
    }
    return *ns <= CONTROL_TRACE_FOR_NS_MAX;
}

static bool refuse(struct text *why, const char *sentence)
{
    text_adds(why, sentence);
    return false;
}

static bool read_for(struct slice word, struct control_trace_wish *w, struct text *why)
{
    return read_duration(word, &w->for_ns) || refuse(why, "a trace is on for 1s to 1h");
}

static bool read_path(struct slice word, struct control_trace_wish *w, struct text *why)
{
    w->filter.path = word;
    return (word.len <= TRACE_PATH_MAX && word.at[0] == '/' && !memchr(word.at, '?', word.len)) ||
           refuse(why, "a path begins with / and has no query: trace path /api 5");
}

static bool read_count(struct slice word, struct control_trace_wish *w, struct text *why)
{
    uint64_t n;
    if (!number_parse(word, UINT32_MAX, &n))
        return refuse(why, usage);
    if (n == 0 || n > TRACE_EXCHANGES_MAX) {
        text_addf(why, "1 to %u exchanges are traced", TRACE_EXCHANGES_MAX);
        return false;
    }
    w->exchanges = (uint32_t)n;
    return true;
}

/* Each once at the most; one of the first two there must be. */
static bool read_wish(struct slice rest, struct control_trace_wish *w, struct text *why)
{
    struct trace_filter *f = &w->filter;
    struct slice word, value;
    while (filter_word(&rest, &word)) {
        const bool src = slice_eq(word, SLICE("src")), path = slice_eq(word, SLICE("path")),
                   is_for = slice_eq(word, SLICE("for"));
        if (!src && !path && !is_for) {
            if (w->exchanges > 0)
                return refuse(why, usage);
            if (!read_count(word, w, why))
                return false;
            continue;
        }
        const bool again = src ? f->by_source : path ? f->path.len > 0 : w->for_ns > 0;
        if (again || !filter_word(&rest, &value))
            return refuse(why, usage);
        f->by_source |= src;
        if (!(src    ? filter_network(value, &f->source, why)
              : path ? read_path(value, w, why)
                     : read_for(value, w, why)))
            return false;
    }
    return f->by_source || f->path.len > 0 || refuse(why, usage);
}

/* So that whoever asked knows from when on. */
static void say_on(struct listener_of *l, const struct control_trace_wish *w)
{
    struct text line = {0};
    char time[DURATION_TEXT_MAX];
    duration_format(w->for_ns, time);
    if (l->json)
        text_addf(&line, "{\"trace\":\"on\",\"exchanges\":%u,\"for_s\":%lld}\n", w->exchanges,
                  (long long)(w->for_ns / NS_PER_S));
    else
        text_addf(&line, "the next %u, for %s at most\n\n", w->exchanges, time);
    l->unread += !wait_say(l->wait, text_slice(&line));
    text_done(&line);
}

enum command_end command_trace(struct command *c)
{
    struct control_trace_wish w = {0};
    if (!read_wish(c->argument[0], &w, c->why))
        return COMMAND_REFUSED;
    w.exchanges = w.exchanges ? w.exchanges : EXCHANGES_DEFAULT;
    w.for_ns = w.for_ns ? w.for_ns : FOR_NS_DEFAULT;
    if (!c->wait) {
        text_adds(c->why, "its answer comes later, and nobody waits for it here");
        return COMMAND_REFUSED;
    }
    struct listener_of *l = MUST_NEW(struct listener_of);
    *l = (struct listener_of){.wait = c->wait, .json = c->json};
    const struct control_trace_asker asker = {
        .exchange = exchange, .is_left = is_left, .over = over, .of = l, .why = c->why};
    if (control_trace(c->control, &w, &asker)) {
        say_on(l, &w);
        return COMMAND_LATER;
    }
    free(l);
    return COMMAND_REFUSED;
}
