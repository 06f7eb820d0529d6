/* ANSWER: responses of our own: what rules decide, and what went wrong, said briefly. */
#include "compiler/table/eval.h"
#include "runtime/http/date.h"
#include "runtime/http/h1_write.h"
#include "runtime/http/request_id.h"
#include "runtime/proxy/exchange_priv.h"

#define LOCATION_BYTES_MAX ((size_t)8192)
#define EXTRA_BYTES_MAX    (LOCATION_BYTES_MAX + 128 + 4 * TABLE_TEXT_BYTES_MAX)
#define PAGE_BYTES_MAX     512

static const struct slice PLAIN_TEXT = SLICE_INIT("text/plain; charset=utf-8");

/* Field lines in the making; it counts on behind the end of its room. */
struct lines {
    char at[EXTRA_BYTES_MAX];
    size_t len;
};

static void put(struct lines *l, struct slice s)
{
    if (s.len > 0 && l->len <= sizeof(l->at) && s.len <= sizeof(l->at) - l->len)
        memcpy(l->at + l->len, s.at, s.len);
    l->len += s.len;
}

/* No value may end its line, however it was made. */
static void put_line(struct lines *l, struct slice name, struct slice value)
{
    put(l, name);
    put(l, SLICE(": "));
    const size_t from = l->len;
    put(l, value);
    for (size_t i = from; i < l->len && l->len <= sizeof(l->at); i++)
        if (((unsigned char)l->at[i] < ' ' && l->at[i] != '\t') || l->at[i] == 0x7f)
            l->at[i] = ' ';
    put(l, SLICE("\r\n"));
}

/* What rules make of the headers of an answer. */
struct made {
    struct http_edit edit[RESPONSE_EDITS_MAX];
    size_t n;
};

/* Does some rule set or remove it from number `from` on? Then what stood before it goes. */
static bool is_gone(const struct made *m, size_t from, struct slice name)
{
    for (size_t i = from; i < m->n; i++)
        if (m->edit[i].kind != HTTP_ADD && slice_eq_nocase(m->edit[i].name, name))
            return true;
    return false;
}

static void put_own(struct lines *l, const struct made *m, struct slice name, struct slice value)
{
    if (!is_gone(m, 0, name))
        put_line(l, name, value);
}

static void put_location(struct lines *l, const struct exchange *x, const struct table_end *end,
                         const struct made *m)
{
    char location[LOCATION_BYTES_MAX];
    const size_t len = eval_template(x->generation->table, &end->location, &x->facts, &x->verdict,
                                     location, sizeof(location));
    if (len > sizeof(location))
        l->len = sizeof(l->at) + 1; /* as if it had not fitted */
    else
        put_own(l, m, SLICE("Location"), (struct slice){location, len});
}

static const char *period_of(const struct table_rate *r)
{
    return r->period_ns == NS_PER_S          ? "s"
           : r->period_ns == 60 * NS_PER_S   ? "m"
           : r->period_ns == 3600 * NS_PER_S ? "h"
                                             : "d";
}

/* A policy's name: the limit's, and which of its rates that is where it has several. */
static void put_policy(struct text *line, const struct table_limit *spec, uint32_t i)
{
    text_addf(line, "\"" SLICE_FMT, SLICE_ARG(spec->name));
    if (spec->n_rates + (spec->concurrent > 0) > 1)
        text_addf(line, "/%s", i < spec->n_rates ? period_of(&spec->rate[i]) : "concurrent");
    text_addc(line, '"');
}

/* What there is to exceed, what was, and when there is room again:
 * draft-ietf-httpapi-ratelimit-headers-11, 3 and 4. */
static void put_limit(struct lines *l, const struct exchange *x, const struct made *m)
{
    const struct table_limit *spec = x->limited;
    struct text line = {0};
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        text_adds(&line, i > 0 ? ", " : "");
        put_policy(&line, spec, i);
        text_addf(&line, ";q=%llu;w=%lld", (unsigned long long)spec->rate[i].count,
                  (long long)(spec->rate[i].period_ns / NS_PER_S));
    }
    if (spec->concurrent > 0) {
        text_adds(&line, spec->n_rates > 0 ? ", " : "");
        put_policy(&line, spec, spec->n_rates);
        text_addf(&line, ";q=%u;qu=\"concurrent-requests\"", spec->concurrent);
    }
    put_own(l, m, SLICE("RateLimit-Policy"), text_slice(&line));
    line.len = 0;
    put_policy(&line, spec, x->limited_by);
    text_adds(&line, ";r=0");
    if (x->limited_by < spec->n_rates)
        text_addf(&line, ";t=%u", x->retry_after_s);
    put_own(l, m, SLICE("RateLimit"), text_slice(&line));
    text_done(&line);
}

/* RFC 6750 3; where no token came, no error either. */
static void write_bearer_challenge(const struct exchange *x, struct text *line)
{
    const struct table_jwt *rule = &x->generation->table->jwt_rule[x->realm->number];
    const char *wrong = jwt_answer_text(x->token);
    text_addf(line, "Bearer realm=\"" SLICE_FMT "\"", SLICE_ARG(rule->name));
    if (wrong)
        text_addf(line, ", error=\"invalid_token\", error_description=\"%s\"", wrong);
}

/* RFC 7617 2 */
static void write_basic_challenge(const struct exchange *x, struct text *line)
{
    text_addf(line, "Basic realm=\"" SLICE_FMT "\", charset=\"UTF-8\"", SLICE_ARG(x->realm->name));
}

static void put_challenge(struct lines *l, const struct exchange *x, const struct made *m)
{
    struct text line = {0};
    if (x->realm->kind == EFFECT_REQUIRE_JWT)
        write_bearer_challenge(x, &line);
    else
        write_basic_challenge(x, &line);
    put_own(l, m, SLICE("WWW-Authenticate"), text_slice(&line));
    text_done(&line);
}

/* The field lines besides those of every answer. Their length is above the room of `l` when they do
 * not fit. */
static void write_extra(const struct exchange *x, const struct table_end *end, const struct made *m,
                        struct lines *l)
{
    char date[HTTP_DATE_BYTES];
    const size_t len = http_date_write(clock_wall_ns() / NS_PER_S, date);
    put_own(l, m, SLICE("Date"), (struct slice){date, len});
    if (end && end->kind == END_REDIRECT)
        put_location(l, x, end, m);
    if (x->retry_after_s > 0) {
        char seconds[12];
        const int n = snprintf(seconds, sizeof(seconds), "%u", x->retry_after_s);
        put_own(l, m, SLICE("Retry-After"), (struct slice){seconds, (size_t)n});
    }
    if (x->limited)
        put_limit(l, x, m);
    if (x->realm)
        put_challenge(l, x, m);
    for (size_t i = 0; i < m->n; i++)
        if (m->edit[i].kind != HTTP_REMOVE && !is_gone(m, i + 1, m->edit[i].name))
            put_line(l, m->edit[i].name, m->edit[i].value);
}

/* "503 Service Unavailable", why, and what to quote when asking about it. */
static struct slice write_page(const struct exchange *x, char out[PAGE_BYTES_MAX])
{
    char id[REQUEST_ID_BYTES];
    request_id_write(x->worker->request_id, x->request_number, id);
    const int len = snprintf(out, PAGE_BYTES_MAX, "%u %s\n%s%s\nRequest %.*s\n", x->status,
                             http_reason(x->status), x->lead, x->detail, REQUEST_ID_BYTES, id);
    ASSERT(len > 0 && len < PAGE_BYTES_MAX);
    return (struct slice){out, (size_t)len};
}

/* Into the worker's scratch; its length, or 0 when it does not fit. */
static size_t write_answer(struct exchange *x, const struct table_end *end)
{
    char page[PAGE_BYTES_MAX];
    struct made made;
    struct lines extra;
    extra.len = 0;
    made.n = exchange_response_edits(x, NULL, x->status, made.edit);
    write_extra(x, end, &made, &extra);
    if (extra.len > sizeof(extra.at))
        return 0;

    const bool bodiless = x->status == 204 || x->status == 304;
    const bool from_rule = end && (end->kind == END_RESPOND || end->body.len > 0);
    struct h1_answer a = {.status = x->status,
                          .type = from_rule && end->type.len > 0 ? end->type : PLAIN_TEXT,
                          .extra = {extra.at, extra.len},
                          .body = from_rule ? end->body : write_page(x, page),
                          .close = x->fate != FATE_KEEP,
                          .keep_alive = x->fate == FATE_KEEP && x->request.minor_version == 0,
                          .body_sent = !x->info.head && !bodiless};
    if (bodiless)
        a.body = SLICE_NONE;
    if (bodiless || is_gone(&made, 0, SLICE("content-type")))
        a.type = SLICE_NONE;
    const size_t len = h1_write_answer(x->worker->scratch, WORKER_SCRATCH_BYTES, &a);
    return len <= WORKER_SCRATCH_BYTES ? len : 0;
}

/* A body that is still on its way would be taken for the next request. */
static void settle_fate(struct exchange *x)
{
    const bool all_here = x->info.framing == FRAMING_NONE ||
                          (x->info.framing == FRAMING_LENGTH && x->up.sent_bytes == 0 &&
                           x->info.content_length <= buffer_len(&x->session->in));
    if (x->head_ns == 0 || (!x->up.ended && !all_here))
        x->fate = FATE_LINGER;
}

static enum outcome written(struct exchange *x, enum flow_result r)
{
    x->down_result = r;
    switch (r) {
    case FLOW_DONE: return go(x, EXCHANGE_FINISH);
    case FLOW_BLOCKED: x->session->writable = false; return WAIT;
    case FLOW_HUNGRY:
    case FLOW_PACED:
    case FLOW_MALFORMED:
    case FLOW_TOO_LARGE:
    case FLOW_BROKEN:
    case FLOW_NO_MEMORY: return exchange_abort(x, ACCESS_CLIENT_ABORT);
    }
    ASSERT(!"every case above returns");
    return OVER;
}

enum outcome exchange_answer(struct exchange *x)
{
    if (x->other)
        exchange_drop_other(x);
    if (!x->session->writable)
        return WAIT;
    if (x->response_known) /* begun before: what the socket did not take then */
        return written(x, flow_write(&x->down, exchange_scratch(x, 0)));

    exchange_drop_link(x);
    exchange_leave_room(x);
    if (x->worker->draining && x->fate == FATE_KEEP)
        x->fate = FATE_CLOSE;
    const bool from_rule = x->end == ACCESS_ANSWERED;
    const struct table_end *end = from_rule ? &x->generation->table->end[x->verdict.end] : NULL;
    settle_fate(x);
    size_t len = write_answer(x, end);
    if (len == 0) {
        x->status = 414;
        x->detail = "The location to redirect to would be too long.";
        x->decided = false; /* no rule has a say in it */
        len = write_answer(x, NULL);
        x->decided = true;
    }
    x->response_known = true;
    x->answered_ns = x->worker->now_ns;
    x->down.to = &x->session->conn;
    x->down.ended = true; /* a stream's end is told with it */
    return written(x, flow_write(&x->down, exchange_scratch(x, len)));
}
