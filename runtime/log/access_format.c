/*
 * One record as one JSON object. What is absent is left out: no key has ever the value null, and a
 * key is always of one type. README.md lists them.
 */
#include "runtime/base/clock.h"
#include "runtime/log/access.h"
#include "runtime/log/stamp.h"

const char *access_end_name(enum access_end end)
{
    switch (end) {
#define END(id, text)                                                                              \
    case ACCESS_##id: return text;
        ACCESS_ENDS(END)
#undef END
    }
    ASSERT(!"every end has a name");
    return "";
}

static void add_digits(struct text *out, uint64_t value, int digits_min)
{
    char digit[20];
    int n = 0;
    do
        digit[COUNT_OF(digit) - (size_t)++n] = (char)('0' + value % 10);
    while ((value /= 10) > 0 || n < digits_min);
    text_add(out, (struct slice){digit + COUNT_OF(digit) - (size_t)n, (size_t)n});
}

static void add_number(struct text *out, struct slice key, uint64_t value)
{
    text_add(out, key);
    add_digits(out, value, 1);
}

/* Milliseconds with three decimals; nothing when it never came to that. */
static void add_ms(struct text *out, struct slice key, int64_t ns)
{
    if (ns < 0)
        return;
    const uint64_t us = (uint64_t)ns / NS_PER_US;
    add_number(out, key, us / 1000);
    text_addc(out, '.');
    add_digits(out, us % 1000, 3);
}

static void add_string(struct text *out, struct slice key, struct slice value)
{
    if (value.len == 0)
        return;
    text_add(out, key);
    text_add_json(out, value);
}

static void add_request_id(struct text *out, const uint64_t id[2])
{
    char hex[33];
    snprintf(hex, sizeof(hex), "%016llx%016llx", (unsigned long long)id[0],
             (unsigned long long)id[1]);
    add_string(out, SLICE(",\"request_id\":"), slice_of(hex));
}

static void add_client(struct text *out, const struct access_record *a)
{
    char text[ADDRESS_TEXT_MAX];
    /* Who came by a Unix socket has no address. */
    if (!address_is_none(&a->client)) {
        const size_t len = address_format(&a->client, text);
        add_string(out, SLICE(",\"client\":"), (struct slice){text, len});
    }
    if (a->client_port != 0)
        add_number(out, SLICE(",\"client_port\":"), a->client_port);
    if (a->peer_port == 0 ||
        (address_compare(&a->client, &a->peer) == 0 && a->client_port == a->peer_port))
        return;
    const size_t len = address_format(&a->peer, text);
    add_string(out, SLICE(",\"peer\":"), (struct slice){text, len});
    add_number(out, SLICE(",\"peer_port\":"), a->peer_port);
}

#define TEXT_OF(field) ((struct slice){(field).at, (field).len})

static void add_clause(struct text *out, const struct access_record *a)
{
    if (a->clause == 0)
        return;
    char clause[sizeof(a->route.at) + 16];
    const int len =
        snprintf(clause, sizeof(clause), SLICE_FMT ":%u", SLICE_ARG(TEXT_OF(a->route)), a->clause);
    add_string(out, SLICE(",\"clause\":"), (struct slice){clause, (size_t)len});
}

static void add_if_cut(struct text *out, bool cut, const char *key, bool *any)
{
    if (!cut)
        return;
    text_addf(out, "%s\"%s\"", *any ? "," : ",\"cut\":[", key);
    *any = true;
}

/* Which of the texts did not fit into the record, and so are only their beginnings. */
static void add_cuts(struct text *out, const struct access_record *a)
{
    bool any = false;
    add_if_cut(out, a->method.cut, "method", &any);
    add_if_cut(out, a->host.cut, "host", &any);
    add_if_cut(out, a->uri.cut, "uri", &any);
    add_if_cut(out, a->listener.cut, "listener", &any);
    add_if_cut(out, a->clause != 0 && a->route.cut, "clause", &any);
    add_if_cut(out, a->cluster.cut, "cluster", &any);
    add_if_cut(out, a->server.cut, "server", &any);
    add_if_cut(out, a->limit.cut, "limit", &any);
    add_if_cut(out, a->user.cut, "user", &any);
    add_if_cut(out, a->tags.cut, "tags", &any);
    if (any)
        text_addc(out, ']');
}

static void add_request(struct text *out, const struct access_record *a)
{
    if (a->request_id[0] != 0 || a->request_id[1] != 0)
        add_request_id(out, a->request_id);
    add_client(out, a);
    add_string(out, SLICE(",\"listener\":"), TEXT_OF(a->listener));
    if (a->tcp)
        add_string(out, SLICE(",\"proto\":"), SLICE("tcp"));
    add_string(out, SLICE(",\"method\":"), TEXT_OF(a->method));
    if (a->method.len > 0)
        add_string(out, SLICE(",\"scheme\":"), a->tls ? SLICE("https") : SLICE("http"));
    add_string(out, SLICE(",\"host\":"), TEXT_OF(a->host));
    add_string(out, SLICE(",\"uri\":"), TEXT_OF(a->uri));
    if (a->method.len > 0) {
        text_add(out, a->h2 ? SLICE(",\"version\":\"2") : SLICE(",\"version\":\"1."));
        if (!a->h2)
            add_digits(out, a->minor_version, 1);
        text_addc(out, '"');
    }
}

static void add_outcome(struct text *out, const struct access_record *a)
{
    if (a->status != 0)
        add_number(out, SLICE(",\"status\":"), a->status);
    add_string(out, SLICE(",\"end\":"), slice_of(access_end_name(a->end)));
    if (a->reason)
        add_string(out, SLICE(",\"reason\":"), slice_of(a->reason));
    add_number(out, SLICE(",\"generation\":"), a->generation);
    add_clause(out, a);
    add_string(out, SLICE(",\"cluster\":"), TEXT_OF(a->cluster));
    add_string(out, SLICE(",\"server\":"), TEXT_OF(a->server));
    if (a->limit.len > 0)
        add_string(out, SLICE(",\"limit\":"), TEXT_OF(a->limit));
    if (a->user.len > 0)
        add_string(out, SLICE(",\"user\":"), TEXT_OF(a->user));
    if (a->tags.len > 0)
        add_string(out, SLICE(",\"tags\":"), TEXT_OF(a->tags));
    if (a->server_status != 0)
        add_number(out, SLICE(",\"server_status\":"), a->server_status);
    add_number(out, SLICE(",\"tries\":"), a->tries);
    if (a->retried)
        add_string(out, SLICE(",\"retried\":"), slice_of(a->retried));
    if (a->not_retried)
        add_string(out, SLICE(",\"not_retried\":"), slice_of(a->not_retried));
}

void access_format(const struct access_record *a, struct text *out)
{
    char stamp[STAMP_SIZE];
    stamp_format(a->wall_ns, stamp);
    text_add(out, SLICE("{\"time\":\""));
    text_add(out, (struct slice){stamp, STAMP_LEN});
    text_addc(out, '"');

    add_request(out, a);
    add_outcome(out, a);
    add_ms(out, SLICE(",\"head_ms\":"), a->head_ns);
    add_ms(out, SLICE(",\"connect_ms\":"), a->connect_ns);
    add_ms(out, SLICE(",\"first_byte_ms\":"), a->first_byte_ns);
    add_ms(out, SLICE(",\"total_ms\":"), a->total_ns);
    add_number(out, SLICE(",\"received_bytes\":"), a->received_bytes);
    add_number(out, SLICE(",\"sent_bytes\":"), a->sent_bytes);
    if (a->coding) {
        add_string(out, SLICE(",\"compressed\":"), slice_of(a->coding));
        add_number(out, SLICE(",\"plain_bytes\":"), a->plain_bytes);
    }
    add_cuts(out, a);
    text_addc(out, '}');
}
