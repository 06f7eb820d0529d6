/* One request: guarded, routed, answered. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "stats/server/http_priv.h"

static struct slice header_of(const struct request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
    return value ? slice_of(value) : SLICE("");
}

static enum MHD_Result answer_with(struct request *r, struct MHD_Response *answer, unsigned status)
{
    METRIC_ADD(r->http->metrics->admin_requests, 1);
    peer_does(r->peer, PEER_IS_ANSWERED);
    const enum MHD_Result ok = MHD_queue_response(r->connection, status, answer);
    MHD_destroy_response(answer);
    return ok;
}

static enum MHD_Result refuse(struct request *r, unsigned status, const char *detail,
                              _Atomic int64_t *counter)
{
    METRIC_ADD(*counter, 1);
    struct MHD_Response *answer = reply_problem(status, detail);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        reply_header(answer, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_UNAUTHORIZED)
        reply_header(answer, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"lbc admin\"");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        reply_header(answer, MHD_HTTP_HEADER_RETRY_AFTER, "5");
    return answer_with(r, answer, status);
}

/* --- who asks -------------------------------------------------------------------------------- */

/* Cookies do not know ports, and there may be several of us on a machine. */
#define COOKIE_NAME_MAX 32
static struct slice cookie_name(const struct request *r, char room[COOKIE_NAME_MAX])
{
    const int n = snprintf(room, COOKIE_NAME_MAX, "lbc-admin-%u", r->peer->at.port);
    return (struct slice){room, (size_t)n};
}

static bool shows_token(const struct request *r)
{
    const struct guard *g = &r->http->config->guard;
    const struct slice bearer = guard_bearer(header_of(r, MHD_HTTP_HEADER_AUTHORIZATION));
    return bearer.len > 0 && guard_is_token(g, bearer);
}

static bool has_cookie(const struct request *r)
{
    char name[COOKIE_NAME_MAX];
    const struct slice all = header_of(r, MHD_HTTP_HEADER_COOKIE);
    return guard_is_cookie(&r->http->config->guard, guard_cookie(all, cookie_name(r, name)));
}

static bool is_let_in(const struct request *r)
{
    return !r->http->config->guard.asks || shows_token(r) || has_cookie(r);
}

struct counted {
    const char *name;
    uint32_t n;
};

static enum MHD_Result count_header(void *of, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct counted *c = of;
    (void)kind;
    (void)value;
    c->n += strcasecmp(name, c->name) == 0;
    return MHD_YES;
}

static uint32_t count_of(const struct request *r, const char *name)
{
    struct counted c = {.name = name};
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &c);
    return c.n;
}

/* NULL, or what is wrong with the request whatever it asks for. */
static const char *wrong_host(const struct request *r)
{
    const uint32_t n = count_of(r, MHD_HTTP_HEADER_HOST);
    const struct slice host = header_of(r, MHD_HTTP_HEADER_HOST);
    if (n > 1)
        return "there are several Host headers";
    if (n == 1 && !r->http->config->guard.asks && !guard_host_is_ours(host, &r->peer->at))
        return "without a token only localhost and addresses are taken in Host; with `token` in "
               "the admin block, any name is";
    return NULL;
}

static bool is_foreign(const struct request *r, bool is_page)
{
    return guard_is_foreign(header_of(r, "Sec-Fetch-Site"), header_of(r, "Sec-Fetch-Mode"),
                            header_of(r, MHD_HTTP_HEADER_ORIGIN),
                            header_of(r, MHD_HTTP_HEADER_HOST), is_page);
}

/* --- what is asked --------------------------------------------------------------------------- */

static struct MHD_Response *list_endpoints(void)
{
    struct text body = {0};
    text_adds(&body, "{\"endpoints\":[");
    for (enum api e = 0; e < ENDPOINT_COUNT; e++) {
        text_adds(&body, e > 0 ? ",{\"path\":" : "{\"path\":");
        text_add_json(&body, slice_of(endpoint_path(e)));
        text_adds(&body, ",\"help\":");
        text_add_json(&body, slice_of(endpoint_help(e)));
        text_addc(&body, '}');
    }
    text_adds(&body, ",{\"path\":\"/api/v1/events\",\"help\":\"all of it once a second, as "
                     "server-sent events\"}]}\n");
    return reply_text(&body, "application/json");
}

static void set_cookie(const struct request *r, struct MHD_Response *answer)
{
    char name[COOKIE_NAME_MAX], cookie[COOKIE_NAME_MAX + GUARD_COOKIE_MAX + 64];
    cookie_name(r, name);
    snprintf(cookie, sizeof(cookie), "%s=%s; HttpOnly; SameSite=Strict; Path=/", name,
             r->http->config->guard.cookie);
    reply_header(answer, MHD_HTTP_HEADER_SET_COOKIE, cookie);
}

/* The token is in the address: the browser is sent to one without it. */
static enum MHD_Result exchange_token(struct request *r, const char *token)
{
    const struct guard *g = &r->http->config->guard;
    if (g->asks && !guard_is_token(g, slice_of(token)))
        return refuse(r, MHD_HTTP_UNAUTHORIZED, "this is not the token",
                      &r->http->metrics->admin_unauthorized);
    struct text nothing = {0};
    struct MHD_Response *answer = reply_text(&nothing, "text/plain");
    if (g->asks)
        set_cookie(r, answer);
    reply_header(answer, MHD_HTTP_HEADER_LOCATION, "/");
    return answer_with(r, answer, MHD_HTTP_SEE_OTHER);
}

static enum MHD_Result serve_file(struct request *r, const struct route *to)
{
    const char *token =
        to->is_page ? MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "token")
                    : NULL;
    if (token)
        return exchange_token(r, token);
    const char *etag;
    struct MHD_Response *answer = reply_file(to->file, &etag);
    const bool known = slice_eq(header_of(r, MHD_HTTP_HEADER_IF_NONE_MATCH), slice_of(etag));
    if (to->is_page && r->http->config->guard.asks && shows_token(r))
        set_cookie(r, answer);
    return answer_with(r, answer, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK);
}

static enum MHD_Result serve_events(struct request *r)
{
    if (r->http->hub.n >= HTTP_FOLLOWERS_MAX)
        return refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many follow the events already",
                      &r->http->metrics->admin_streams_refused);
    follow_begin(r);
    struct MHD_Response *stream = r->answer;
    r->answer = NULL;
    const enum MHD_Result ok = answer_with(r, stream, MHD_HTTP_OK);
    peer_does(r->peer, PEER_FOLLOWS);
    return ok;
}

static enum MHD_Result serve_route(struct request *r, const struct route *to, bool head)
{
    switch (to->kind) {
    case ROUTE_NONE: break;
    case ROUTE_INDEX: return answer_with(r, list_endpoints(), MHD_HTTP_OK);
    case ROUTE_FILE: return serve_file(r, to);
    case ROUTE_EVENTS:
        if (!head)
            return serve_events(r);
        struct text nothing = {0};
        return answer_with(r, reply_text(&nothing, "text/event-stream"), MHD_HTTP_OK);
    case ROUTE_HEALTH:
    case ROUTE_ASK:
        peer_does(r->peer, PEER_IS_ANSWERED);
        ask_for(r, to->kind == ROUTE_HEALTH ? ENDPOINT_COUNT : (uint32_t)to->endpoint);
        return MHD_YES;
    }
    return answer_with(r,
                       reply_problem(MHD_HTTP_NOT_FOUND, "there is nothing here; /api/v1 lists "
                                                         "what there is"),
                       MHD_HTTP_NOT_FOUND);
}

/* What is asked for, where the target is absolute, as a proxy's may be (RFC 9112 3.2.2). */
static struct slice path_of(struct slice url)
{
    if (!slice_starts_nocase(url, SLICE("http://")) && !slice_starts_nocase(url, SLICE("https://")))
        return url;
    const char *authority = (const char *)memchr(url.at, ':', url.len) + 3;
    const struct slice rest = slice_from(url, (size_t)(authority - url.at));
    const char *path = memchr(rest.at, '/', rest.len);
    return path ? slice_from(rest, (size_t)(path - rest.at)) : SLICE("/");
}

static enum MHD_Result serve(struct request *r, const char *url, const char *method)
{
    struct metrics *m = r->http->metrics;
    const struct http_config *c = r->http->config;
    const struct route to = route_find(path_of(slice_of(url)), c->metrics, c->pages);
    const bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here",
                      &m->admin_requests_refused);
    const char *wrong = wrong_host(r);
    if (wrong)
        return refuse(r, MHD_HTTP_MISDIRECTED_REQUEST, wrong, &m->admin_requests_refused);
    if (is_foreign(r, to.is_page))
        return refuse(r, MHD_HTTP_FORBIDDEN, "a browser sent this for a page of another site",
                      &m->admin_requests_refused);
    if (to.needs_token && !is_let_in(r))
        return refuse(r, MHD_HTTP_UNAUTHORIZED,
                      "a token is asked for: Authorization: Bearer ..., or the cookie that the "
                      "page exchanges it for",
                      &m->admin_unauthorized);
    return serve_route(r, &to, head);
}

/* --- the library's calls --------------------------------------------------------------------- */

void *serve_begins(void *of, const char *uri, struct MHD_Connection *connection)
{
    (void)of;
    (void)uri;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info && info->socket_context && ((struct peer *)info->socket_context)->does == PEER_IDLE) {
        struct peer *p = info->socket_context;
        const bool new = p->new;
        const int64_t since_ns = p->since_ns;
        peer_does(p, PEER_ASKS);
        if (new)
            p->since_ns = since_ns; /* the time of its first head began with the connection */
    }
    return NULL;
}

static struct request *begin(struct http *h, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    ASSERT(info && info->socket_context);
    struct request *r = MUST_NEW(struct request);
    *r = (struct request){
        .magic = REQUEST_MAGIC, .http = h, .peer = info->socket_context, .connection = connection};
    list_init(&r->link);
    return r;
}

/* What is refused before its body comes; the connection ends with it. Status 0: nothing is wrong.
 */
struct refusal {
    unsigned status;
    const char *why;
};

static struct refusal wrong_head(const struct request *r, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const struct slice length = header_of(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (info && info->header_size > HTTP_HEAD_BYTES_MAX)
        return (struct refusal){MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                                "the request's head is too long"};
    /* Whoever passed it on may have gone by the other one. */
    if (count_of(r, MHD_HTTP_HEADER_CONTENT_LENGTH) > 1)
        return (struct refusal){MHD_HTTP_BAD_REQUEST, "there are several Content-Length headers"};
    if (strcmp(version, MHD_HTTP_VERSION_1_1) == 0 && count_of(r, MHD_HTTP_HEADER_HOST) == 0)
        return (struct refusal){MHD_HTTP_BAD_REQUEST, "HTTP/1.1 wants a Host header"};
    if ((length.len > 0 && !slice_eq(length, SLICE("0"))) ||
        header_of(r, MHD_HTTP_HEADER_TRANSFER_ENCODING).len > 0)
        return (struct refusal){MHD_HTTP_CONTENT_TOO_LARGE, "no body is taken here"};
    return (struct refusal){0};
}

enum MHD_Result serve_request(void *of, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **context)
{
    (void)upload;
    if (!*context) {
        struct request *r = begin(of, connection);
        *context = r;
        const struct refusal refusal = wrong_head(r, version);
        struct metrics *m = r->http->metrics;
        if (refusal.status)
            return refuse(r, refusal.status, refusal.why,
                          refusal.status == MHD_HTTP_BAD_REQUEST ? &m->admin_requests_refused
                                                                 : &m->admin_requests_too_large);
        return MHD_YES; /* answered in the next call: now, the connection would end with it */
    }
    struct request *r = *context;
    CHECK_OBJ(r, REQUEST_MAGIC);
    *upload_bytes = 0;
    if (r->answer) {
        struct MHD_Response *answer = r->answer;
        r->answer = NULL;
        return answer_with(r, answer, r->status);
    }
    return serve(r, url, method);
}

void serve_completed(void *of, struct MHD_Connection *connection, void **context,
                     enum MHD_RequestTerminationCode code)
{
    (void)of;
    (void)connection;
    (void)code;
    struct request *r = *context;
    if (!r)
        return;
    CHECK_OBJ(r, REQUEST_MAGIC);
    *context = NULL;
    list_remove(&r->link);
    if (r->follows)
        follow_end(r);
    if (r->answer)
        MHD_destroy_response(r->answer);
    peer_does(r->peer, PEER_IDLE);
    r->magic = 0;
    free(r);
}
