#include "runtime/proxy/roster.h"

#include <stdio.h>

#include "runtime/proxy/exchange_priv.h"
#include "runtime/proxy/h2_front.h"
#include "runtime/tls/transport.h"

/* A worker's loop is held for so long at a time, and the clock is read every so many sessions. */
#define SLICE_NS   (400 * NS_PER_US)
#define LOOK_EVERY 32u

const char *roster_state_name(enum roster_state state)
{
    switch (state) {
#define STATE(id, text)                                                                            \
    case ROSTER_##id: return text;
        ROSTER_STATES(STATE)
#undef STATE
    }
    ASSERT(!"every state has a name");
    return "";
}

/* What could move a terminal's cursor is not shown. Returns what is free behind it. */
static char *put(char *at, const char *end, struct slice s)
{
    for (size_t i = 0; i < s.len && at < end; i++)
        *at++ = (char)(s.at[i] > 0x20 && s.at[i] < 0x7f ? s.at[i] : '?');
    *at = '\0';
    return at;
}

void roster_write_request(struct slice method, struct slice host, struct slice uri,
                          char out[ROSTER_REQUEST_MAX])
{
    const char *end = out + ROSTER_REQUEST_MAX - 1;
    const char *query = uri.len > 0 ? memchr(uri.at, '?', uri.len) : NULL;
    char *at = put(out, end, method);
    if (method.len > 0 && at < end)
        *at++ = ' ';
    at = put(at, end, host);
    at = put(at, end, query ? (struct slice){uri.at, (size_t)(query - uri.at)} : uri);
    if (query)
        put(at, end, SLICE("?..."));
}

static void put_name(char out[ROSTER_NAME_MAX], struct slice name)
{
    put(out, out + ROSTER_NAME_MAX - 1, name);
}

/* --- a row ----------------------------------------------------------------------------------- */

/* While both directions run. */
static enum roster_state state_of_relay(const struct exchange *x)
{
    if (x->response_known)
        return ROSTER_SENDING;
    return x->up.ended || x->up_failed ? ROSTER_WAITING : ROSTER_READING;
}

static enum roster_state state_of(const struct exchange *x)
{
    switch (x->step) {
    case EXCHANGE_OPEN:
    case EXCHANGE_READ_HEAD:
    case EXCHANGE_DECIDE: return ROSTER_READING;
    case EXCHANGE_AUTHORIZE: return ROSTER_CHECKING;
    case EXCHANGE_PICK:
    case EXCHANGE_CONNECT: return ROSTER_CONNECTING;
    case EXCHANGE_QUEUE: return ROSTER_QUEUED;
    case EXCHANGE_PAUSE: return ROSTER_PAUSED;
    case EXCHANGE_RELAY: return x->asks ? ROSTER_CHECKING : state_of_relay(x);
    case EXCHANGE_ANSWER:
    case EXCHANGE_FINISH: return ROSTER_SENDING;
    case EXCHANGE_TARPIT: return ROSTER_TARPIT;
    case EXCHANGE_TUNNEL: return x->generation ? ROSTER_CONNECTING : ROSTER_TUNNEL;
    }
    ASSERT(!"every step is a state");
    return ROSTER_NEW;
}

#define TEXT_OF(field) ((struct slice){(field).at, (field).len})

/* A tunnel has let go of its configuration, and kept what its record says. */
static void describe_exchange(const struct exchange *x, struct roster_row *row)
{
    struct access_record own = {0};
    const struct access_record *r = x->record ? x->record : &own;
    if (!x->record)
        exchange_record(x, &own);
    row->state = state_of(x);
    row->request_ns = x->worker->now_ns - x->begun_ns;
    row->received_bytes += x->received_bytes;
    row->sent_bytes += x->down.sent_bytes;
    put_name(row->cluster, TEXT_OF(r->cluster));
    put_name(row->server, TEXT_OF(r->server));
    roster_write_request(TEXT_OF(r->method), TEXT_OF(r->host), TEXT_OF(r->uri), row->request);
}

static void describe(struct session *s, struct roster_row *row)
{
    const struct worker *w = s->worker;
    const struct table_listener *l = session_listener(s);
    const struct session *first = s->front ? h2_front_first(s->front) : s;
    const struct exchange *x = first ? first->exchange : NULL;
    const bool tcp = x ? x->tcp : l && l->tcp;
    *row = (struct roster_row){.client = s->client,
                               .worker = w->index,
                               .protocol = s->front ? "h2"
                                           : tcp    ? "tcp"
                                                    : "http/1.1",
                               .tls = tls_peer(&s->conn) != NULL,
                               .age_ns = w->now_ns - s->opened_ns,
                               .request_ns = -1,
                               .requests = s->requests,
                               .streams = s->front ? h2_front_streams(s->front) : 0,
                               .received_bytes = s->received_bytes,
                               .sent_bytes = s->sent_bytes};
    row->state = s->lingering ? ROSTER_CLOSING : s->served ? ROSTER_IDLE : ROSTER_NEW;
    put_name(row->listener, l ? l->name : SLICE_NONE);
    if (x)
        describe_exchange(x, row);
}

/* --- all of them ----------------------------------------------------------------------------- */

static bool matches(const struct roster *r, const struct session *s)
{
    if (r->by_source && !network_holds(&r->source, &s->client.address))
        return false;
    if (!r->by_listener)
        return true;
    const struct table_listener *l = session_listener(s);
    return l && slice_eq(l->name, slice_of(r->listener));
}

static void look(struct roster *r, struct session *s)
{
    r->connections++;
    if (!matches(r, s))
        return;
    r->matched++;
    if (r->n_rows < r->rows_max)
        describe(s, &r->row[r->n_rows++]);
}

/* NULL behind the last of those that were there when it began. */
static struct session *at_or_none(const struct roster *r, struct list *link)
{
    if (link == &r->worker->session)
        return NULL;
    struct session *s = CONTAINER_OF(link, struct session, link);
    return s->opened_ns > r->begun_ns ? NULL : s;
}

static void look_at_some(struct roster *r)
{
    const int64_t began_ns = worker_now(r->worker);
    int64_t took_ns = 0;
    for (uint32_t n = 1; r->next && took_ns < SLICE_NS; n++) {
        look(r, r->next);
        r->next = at_or_none(r, r->next->link.next);
        if (n % LOOK_EVERY == 0 || !r->next)
            took_ns = clock_now_ns() - began_ns;
    }
    if (took_ns > r->slice_ns)
        r->slice_ns = took_ns;
}

static void is_back(struct message *m)
{
    struct roster *r = CONTAINER_OF(m, struct roster, message);
    r->answered = true;
    r->done(r);
}

static void go_on(struct message *m)
{
    struct roster *r = CONTAINER_OF(m, struct roster, message);
    struct worker *w = r->worker;
    look_at_some(r);
    if (r->next) {
        mailbox_post(&w->box, m); /* in the next turn */
        return;
    }
    list_remove(&r->link);
    m->run = is_back;
    mailbox_post(w->control, m);
}

static void begin(struct message *m)
{
    struct roster *r = CONTAINER_OF(m, struct roster, message);
    list_add_last(&r->worker->rosters, &r->link);
    r->begun_ns = worker_now(r->worker);
    r->next = at_or_none(r, r->worker->session.next);
    m->run = go_on;
    go_on(m);
}

void roster_leaves(struct worker *w, const struct session *s)
{
    LIST_EACH (r, &w->rosters, struct roster, link)
        if (r->next == s)
            r->next = at_or_none(r, r->next->link.next);
}

void worker_roster(struct worker *w, struct roster *r)
{
    r->worker = w;
    list_init(&r->link);
    r->message.run = begin;
    mailbox_post(&w->box, &r->message);
}
