#include <stdlib.h>
#include <string.h>

#include "runtime/upstream/attempt.h"
#include "runtime/upstream/grpc_health.h"

/* Of host:port the host. */
static struct slice without_port(struct slice host)
{
    const char *colon = host.len > 0 ? memrchr(host.at, ':', host.len) : NULL;
    const bool ipv6 = colon && memchr(colon, ']', (size_t)(host.at + host.len - colon));
    return colon && !ipv6 ? (struct slice){host.at, (size_t)(colon - host.at)} : host;
}

static bool names(const struct table_health *check, struct slice header)
{
    for (uint32_t i = 0; i < check->n_headers; i++)
        if (slice_eq(check->header[i].name, header))
            return true;
    return false;
}

/* In the form of HTTP/1; the codec of HTTP/2 takes the connection's own fields out of it. */
static void write_http(const struct table_health *check, struct slice host, struct text *out)
{
    text_addf(out, SLICE_FMT " " SLICE_FMT " HTTP/1.1\r\nHost: " SLICE_FMT "\r\n",
              SLICE_ARG(check->method), SLICE_ARG(check->path), SLICE_ARG(host));
    if (!names(check, SLICE("user-agent")))
        text_adds(out, "User-Agent: lbc-health\r\n");
    if (!names(check, SLICE("accept")))
        text_adds(out, "Accept: */*\r\n");
    for (uint32_t i = 0; i < check->n_headers; i++)
        text_addf(out, SLICE_FMT ": " SLICE_FMT "\r\n", SLICE_ARG(check->header[i].name),
                  SLICE_ARG(check->header[i].value));
    text_adds(out, check->keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

static void write_grpc(struct slice host, struct text *out)
{
    text_addf(out,
              "POST " GRPC_HEALTH_PATH " HTTP/1.1\r\n"
              "Host: " SLICE_FMT "\r\n"
              "User-Agent: lbc-health\r\n"
              "Content-Type: application/grpc\r\n"
              "TE: trailers\r\n\r\n",
              SLICE_ARG(host));
}

static void copy_steps(const struct table_health *check, struct attempt_plan *plan)
{
    plan->n_steps = check->n_steps;
    plan->step = MUST_ARRAY(struct table_health_step, check->n_steps);
    for (uint32_t i = 0; i < check->n_steps; i++) {
        const struct slice from = check->step[i].bytes;
        char *bytes = must_calloc(from.len, 1);
        memcpy(bytes, from.at, from.len);
        plan->step[i] = (struct table_health_step){check->step[i].expect, {bytes, from.len}};
    }
}

static bool same_steps(const struct attempt_plan *a, const struct attempt_plan *b)
{
    bool same = a->n_steps == b->n_steps;
    for (uint32_t i = 0; i < a->n_steps && same; i++)
        same =
            a->step[i].expect == b->step[i].expect && slice_eq(a->step[i].bytes, b->step[i].bytes);
    return same;
}

struct attempt_plan attempt_plan_new(const struct table_health *check, struct tls_client *tls,
                                     struct slice host)
{
    struct attempt_plan plan = {
        .kind = check->kind,
        .timeout_ns = check->timeout_ns,
        .status_first = check->status_first,
        .status_last = check->status_last,
    };
    plan.proxy_protocol = (enum proxy_version)check->proxy_protocol;
    plan.h2 = check->h2;
    plan.port = check->port;
    plan.keep_alive = check->keep_alive;
    plan.head = slice_eq(check->method, SLICE("HEAD"));
    copy_steps(check, &plan);
    if (tls && check->kind != HEALTH_TCP)
        plan.tls = tls_client_pin(tls);
    if (check->host.len > 0)
        host = check->host;
    text_add(&plan.name, without_port(host));
    if (check->kind == HEALTH_HTTP)
        write_http(check, host, &plan.request);
    if (check->kind == HEALTH_GRPC) {
        write_grpc(check->tls.sni.len > 0 ? check->tls.sni : host, &plan.request);
        grpc_health_ask(check->service, &plan.body);
    }
    return plan;
}

bool attempt_plan_eq(const struct attempt_plan *a, const struct attempt_plan *b)
{
    return a->kind == b->kind && a->timeout_ns == b->timeout_ns &&
           a->status_first == b->status_first && a->status_last == b->status_last &&
           a->proxy_protocol == b->proxy_protocol && a->tls == b->tls && a->h2 == b->h2 &&
           a->port == b->port && same_steps(a, b) &&
           slice_eq(text_slice(&a->name), text_slice(&b->name)) &&
           slice_eq(text_slice(&a->body), text_slice(&b->body)) &&
           slice_eq(text_slice(&a->request), text_slice(&b->request));
}

void attempt_plan_done(struct attempt_plan *plan)
{
    text_done(&plan->request);
    text_done(&plan->body);
    text_done(&plan->name);
    for (uint32_t i = 0; i < plan->n_steps; i++)
        free((char *)(uintptr_t)plan->step[i].bytes.at);
    free(plan->step);
    plan->step = NULL;
    plan->n_steps = 0;
    tls_client_unpin(plan->tls);
    plan->tls = NULL;
}
