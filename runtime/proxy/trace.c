#include "runtime/proxy/trace.h"

#include <stdarg.h>

#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/roster.h"
#include "runtime/tls/transport.h"

const char *trace_step_name(enum trace_step_kind kind)
{
    switch (kind) {
#define STEP(id, word)                                                                             \
    case TRACE_##id: return word;
        TRACE_STEPS(STEP)
#undef STEP
    }
    ASSERT(!"every step has a name");
    return "";
}

bool trace_wants(const struct trace_filter *f, const struct address *client, struct slice path)
{
    if (f->by_source && !network_holds(&f->source, client))
        return false;
    if (f->path.len == 0)
        return true;
    const bool ends_so = f->path.at[f->path.len - 1] == '/';
    return slice_starts(path, f->path) &&
           (ends_so || path.len == f->path.len || path.at[f->path.len] == '/');
}

/* --- what is noted --------------------------------------------------------------------------- */

static void note_at(struct trace_place *p, int64_t at_ns, enum trace_step_kind kind,
                    const char *fmt, ...) PRINTF_LIKE(4, 5);
static void note_at(struct trace_place *p, int64_t at_ns, enum trace_step_kind kind,
                    const char *fmt, ...)
{
    /* The last place is for the end. */
    if (p->n_steps >= TRACE_STEPS_MAX - (kind != TRACE_END)) {
        p->left_out++;
        return;
    }
    struct trace_step *s = &p->step[p->n_steps++];
    s->kind = kind;
    s->at_ns = at_ns - p->start_ns;
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->text, sizeof(s->text), fmt, args);
    va_end(args);
    for (char *c = s->text; *c; c++)
        if (*c < 0x20 || *c >= 0x7f)
            *c = '?';
}

#define NOTE(p, kind, ...) note_at(p, now_ns, kind, __VA_ARGS__)

/* What was before it was known that it is traced. */
static void note_beginning(struct trace_place *p, const struct exchange *x)
{
    const struct session *s = x->session->parent ? x->session->parent : x->session;
    const struct slice listener = x->listener ? x->listener->name : SLICE_NONE;
    if (p->start_ns == s->opened_ns) {
        note_at(p, s->opened_ns, TRACE_ACCEPTED, "connection accepted by listener " SLICE_FMT,
                SLICE_ARG(listener));
        if (s->secured_ns != 0)
            note_at(p, s->secured_ns, TRACE_TLS, "TLS handshake over");
        if (!x->tcp)
            note_at(p, x->begun_ns, TRACE_BEGUN, "first byte of the request");
    } else {
        char age[DURATION_TEXT_MAX];
        duration_format(x->begun_ns - s->opened_ns, age);
        note_at(
            p, x->begun_ns, TRACE_BEGUN,
            "first byte of request %u of its connection, which is %s old, at listener " SLICE_FMT,
            s->requests, age, SLICE_ARG(listener));
    }
    if (x->head_ns == 0 || x->tcp)
        return;
    char line[ROSTER_REQUEST_MAX];
    roster_write_request(http_method(&x->request), x->facts.host, x->facts.uri, line);
    note_at(p, x->head_ns, TRACE_REQUEST, "request head read: %s", line);
}

/* By which clause, where that is, and what it says. */
static void note_decision(struct trace_place *p, const struct exchange *x, int64_t now_ns)
{
    const struct table *t = x->generation->table;
    const struct table_clause *c = &t->clause[x->verdict.clause];
    const struct table_end *end = &t->end[x->verdict.end];
    char does[TRACE_TEXT_MAX] = "";
    struct text text = {0}; /* a few bytes, for the few that are traced */
    table_end_write(t, end, &text);
    snprintf(does, sizeof(does), SLICE_FMT, SLICE_ARG(text_slice(&text)));
    text_done(&text);
    NOTE(p, TRACE_DECIDED, "%s, by clause %u of route " SLICE_FMT ", " SLICE_FMT ":%u", does,
         c->number, SLICE_ARG(t->route[c->route].name), SLICE_ARG(c->place.file), c->place.line);
}

static const char *why_this(const struct exchange *x)
{
    if (x->asks)
        return "it is asked whether the request may come in";
    if (x->is_hedge)
        return "beside the one that is slow";
    if (x->sticks && !x->remembers)
        return "its client's (sticky)";
    return table_balance_name(x->cluster->balance);
}

static void note_server(struct trace_place *p, const struct exchange *x, int64_t now_ns)
{
    char where[ENDPOINT_TEXT_MAX];
    if (!x->server || !x->cluster)
        return;
    endpoint_format(&x->server->endpoint, where);
    NOTE(p, TRACE_SERVER, "try %u: server " SLICE_FMT "/%s at %s: %s%s", x->tries,
         SLICE_ARG(x->cluster->name), x->server->name, where, why_this(x),
         !x->link    ? ""
         : x->reused ? "; an idle connection is used"
                     : "; a connection is made");
}

/* A step that says by itself what is waited for. */
static void note_step(struct trace_place *p, const struct exchange *x, int64_t now_ns)
{
    switch (x->step) {
    case EXCHANGE_AUTHORIZE: NOTE(p, TRACE_CHECKS, "credentials are checked"); return;
    case EXCHANGE_QUEUE:
        NOTE(p, TRACE_QUEUED, "no server of cluster " SLICE_FMT " has room: it waits",
             SLICE_ARG(x->cluster->name));
        return;
    case EXCHANGE_PAUSE:
        NOTE(p, TRACE_PAUSED, "%.0f ms until the next try", (double)x->pause_ns / NS_PER_MS);
        return;
    case EXCHANGE_ANSWER:
        NOTE(p, TRACE_ANSWER, "%u is answered here%s%s", x->status, x->detail[0] ? ": " : "",
             x->detail);
        return;
    case EXCHANGE_TARPIT: NOTE(p, TRACE_TARPIT, "held without an answer"); return;
    case EXCHANGE_OPEN:
    case EXCHANGE_READ_HEAD:
    case EXCHANGE_DECIDE:
    case EXCHANGE_PICK:
    case EXCHANGE_CONNECT:
    case EXCHANGE_RELAY:
    case EXCHANGE_TUNNEL:
    case EXCHANGE_FINISH: return;
    }
}

/* Between us and the server. A try begins all of it anew. */
static void note_server_side(struct trace_place *p, const struct exchange *x, int64_t now_ns)
{
    struct trace_seen *seen = &p->seen;
    if (x->reason && x->reason != seen->reason)
        NOTE(p, TRACE_FAILED, "%s", x->reason);
    seen->reason = x->reason;
    if (x->tries != seen->tries) {
        if (x->retried && seen->tries > 0)
            NOTE(p, TRACE_FAILED, "tried again: %s", x->retried);
        note_server(p, x, now_ns);
        seen->head_sent = seen->body_sent = false;
        seen->server_status = 0;
        seen->tries = x->tries;
    }
    if (x->connected_ns != seen->connected_ns && !x->reused)
        NOTE(p, TRACE_CONNECTED, "connected to the server");
    seen->connected_ns = x->connected_ns;
    const bool whole = x->up.ended && x->up_result == FLOW_DONE;
    if (x->head_sent && !x->tcp && !seen->head_sent)
        NOTE(p, TRACE_SENT, whole ? "request sent" : "request head sent");
    else if (x->head_sent && !x->tcp && whole && !seen->body_sent && seen->head_sent)
        NOTE(p, TRACE_SENT, "all of the request sent, %llu bytes",
             (unsigned long long)x->up.sent_bytes);
    seen->head_sent = x->head_sent;
    seen->body_sent = whole;
    if (x->server_status != 0 && x->server_status != seen->server_status)
        NOTE(p, TRACE_RESPONSE, "the server answers %u", x->server_status);
    seen->server_status = x->server_status;
}

static void note_changes(struct trace_place *p, const struct exchange *x)
{
    struct trace_seen *seen = &p->seen;
    const int64_t now_ns = clock_now_ns();
    if (x->decided && !seen->decided)
        note_decision(p, x, now_ns);
    seen->decided = x->decided;
    if (x->limited && !seen->limited)
        NOTE(p, TRACE_LIMITED, "limit " SLICE_FMT " refuses it", SLICE_ARG(x->limited->name));
    seen->limited = x->limited != NULL;
    note_server_side(p, x, now_ns);
    if (x->step != seen->step)
        note_step(p, x, now_ns);
    seen->step = (uint8_t)x->step;
    const bool tunnel = x->step == EXCHANGE_TUNNEL && !x->generation;
    if (tunnel && !seen->tunnel)
        NOTE(p, TRACE_TUNNEL, "bytes are passed on both ways from now on");
    seen->tunnel |= tunnel;
    const bool complete = x->down_result == FLOW_DONE && !seen->tunnel;
    if (complete && !seen->complete)
        NOTE(p, TRACE_COMPLETE, "response sent, %llu bytes",
             (unsigned long long)x->down.sent_bytes);
    seen->complete = complete;
}

/* --- places ---------------------------------------------------------------------------------- */

static void take(struct trace *t, struct exchange *x)
{
    const uint32_t n = atomic_fetch_add_explicit(&t->taken, 1, memory_order_relaxed);
    if (n >= t->places) {
        atomic_fetch_sub_explicit(&t->taken, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&t->others, 1, memory_order_relaxed);
        return;
    }
    struct trace_place *p = &t->place[n];
    const struct session *s = x->session->parent ? x->session->parent : x->session;
    p->exchange = x;
    p->start_ns = s->requests <= 1 ? s->opened_ns : x->begun_ns;
    atomic_store_explicit(&p->worker, x->worker->index + 1, memory_order_release);
    x->trace = p;
    note_beginning(p, x);
}

/* The first trace that wants it has it. */
static void consider(struct exchange *x)
{
    const struct worker *w = x->worker;
    x->considered = true;
    for (uint32_t i = 0; i < w->n_traces && !x->trace; i++) {
        struct trace *t = w->trace[i];
        if (x->generation && x->begun_ns >= t->armed_ns &&
            trace_wants(&t->filter, &x->client, x->facts.path))
            take(t, x);
    }
}

/* Only now it is known who asks, and for what. */
static bool is_known(const struct exchange *x)
{
    return x->step != EXCHANGE_OPEN && x->step != EXCHANGE_READ_HEAD && x->step != EXCHANGE_DECIDE;
}

void trace_follow(struct exchange *x)
{
    if (!x->considered && is_known(x))
        consider(x);
    if (x->trace)
        note_changes(x->trace, x);
}

static void finish(struct trace_place *p, bool is_over)
{
    struct exchange *x = p->exchange;
    note_changes(p, x);
    exchange_note(x, &p->record);
    if (is_over)
        note_at(p, clock_now_ns(), TRACE_END, "%s", access_end_name(x->end));
    p->is_over = is_over;
    p->exchange = NULL;
    x->trace = NULL;
    mailbox_post(x->worker->control, &p->message);
}

void trace_end(struct exchange *x)
{
    if (!x->considered)
        consider(x);
    if (x->trace)
        finish(x->trace, true);
}

/* --- its life -------------------------------------------------------------------------------- */

static void is_noted(struct message *m)
{
    struct trace_place *p = CONTAINER_OF(m, struct trace_place, message);
    p->trace->noted(p);
}

static void is_gone(struct message *m)
{
    struct trace *t = CONTAINER_OF(m, struct trace, gone);
    t->let_go(t);
}

struct trace *trace_new(const struct trace_filter *f, uint32_t places, uint32_t n_workers)
{
    ASSERT(places >= 1 && places <= TRACE_EXCHANGES_MAX && f->path.len <= TRACE_PATH_MAX);
    struct trace *t = must_calloc(1, sizeof(*t) + places * sizeof(t->place[0]));
    t->filter = *f;
    if (f->path.len > 0)
        memcpy(t->path, f->path.at, f->path.len);
    t->filter.path.at = t->path;
    t->armed_ns = clock_now_ns();
    t->places = places;
    t->workers_left = n_workers;
    t->gone.run = is_gone;
    for (uint32_t i = 0; i < places; i++) {
        t->place[i].trace = t;
        t->place[i].message.run = is_noted;
    }
    return t;
}

struct order {
    struct message message;
    struct worker *worker;
    struct trace *trace;
};

static void post(struct worker *w, struct trace *t, void (*run)(struct message *m))
{
    struct order *o = MUST_NEW(struct order);
    *o = (struct order){.message = {.run = run}, .worker = w, .trace = t};
    mailbox_post(&w->box, &o->message);
}

static void arm(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    ASSERT(w->n_traces < TRACES_MAX);
    w->trace[w->n_traces++] = o->trace;
    free(o);
}

static void disarm(struct message *m)
{
    struct order *o = CONTAINER_OF(m, struct order, message);
    struct worker *w = o->worker;
    struct trace *t = o->trace;
    free(o);
    uint32_t i = 0;
    while (w->trace[i] != t)
        i++;
    w->trace[i] = w->trace[--w->n_traces];
    for (uint32_t k = 0; k < t->places; k++) {
        struct trace_place *p = &t->place[k];
        const bool is_mine = atomic_load_explicit(&p->worker, memory_order_relaxed) == w->index + 1;
        if (is_mine && p->exchange)
            finish(p, false);
    }
    if (atomic_fetch_sub_explicit(&t->workers_left, 1, memory_order_acq_rel) == 1)
        mailbox_post(w->control, &t->gone);
}

void worker_trace(struct worker *w, struct trace *t)
{
    post(w, t, arm);
}

void worker_untrace(struct worker *w, struct trace *t)
{
    post(w, t, disarm);
}
