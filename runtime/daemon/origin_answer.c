#include "runtime/daemon/origin_answer.h"

#include "runtime/base/number.h"

/* One answer while it is put together. */
struct making {
    const struct origin_request *request;
    struct slice argument; /* what follows the path's second slash */
    struct slice body;     /* of the request, where it was kept */
    uint16_t port;
    struct rng *rng;
    struct text *out;
    struct origin_answer *answer;
};

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 413: return "Content Too Large";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "As Asked";
    }
}

static bool is_head(const struct making *m)
{
    return slice_eq(m->request->method, SLICE("HEAD"));
}

static void begin(struct making *m, unsigned status)
{
    text_addf(m->out, "HTTP/1.1 %u %s\r\nX-Origin: %u\r\n", status, reason_of(status), m->port);
    if (m->answer->then == ORIGIN_THEN_CLOSE)
        text_adds(m->out, "Connection: close\r\n");
    else if (m->answer->then == ORIGIN_THEN_NEXT && m->request->is_http_1_0)
        text_adds(m->out, "Connection: keep-alive\r\n");
}

/* The end of a head whose body has a known length and comes from the pattern. */
static void end_with_fill(struct making *m, uint64_t claimed, uint64_t sent)
{
    text_addf(m->out, "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n\r\n",
              (unsigned long long)claimed);
    m->answer->fill = is_head(m) ? 0 : sent;
}

static void say(struct making *m, unsigned status, struct slice text)
{
    begin(m, status);
    if (status == 204 || status == 304) { /* neither has a body, RFC 9110 section 6.4.1 */
        text_adds(m->out, "\r\n");
        return;
    }
    text_addf(m->out, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", text.len);
    if (!is_head(m))
        text_add(m->out, text);
}

static void say_what_came(struct making *m, unsigned status)
{
    struct text line = {0};
    text_addf(&line, "origin %u: " SLICE_FMT " " SLICE_FMT "\n", m->port,
              SLICE_ARG(m->request->method), SLICE_ARG(m->request->path));
    say(m, status, text_slice(&line));
    text_done(&line);
}

/* The number after the second slash; says 400 itself where there is none. */
static bool get_number(struct making *m, uint64_t max, uint64_t *out)
{
    if (number_parse(m->argument, max, out))
        return true;
    say(m, 400, SLICE("the path needs a number that is not too large\n"));
    return false;
}

static void answer_bytes(struct making *m)
{
    uint64_t n;
    if (!get_number(m, ORIGIN_BODY_MAX, &n))
        return;
    begin(m, 200);
    end_with_fill(m, n, n);
}

static void answer_slow(struct making *m)
{
    uint64_t delay_ms;
    if (!get_number(m, UINT64_C(3600000), &delay_ms))
        return;
    m->answer->delay_ms = (uint32_t)delay_ms;
    say_what_came(m, 200);
}

static void answer_status(struct making *m)
{
    uint64_t status;
    if (!get_number(m, 599, &status))
        return;
    say_what_came(m, status < 200 ? 400 : (unsigned)status);
}

static void answer_fail(struct making *m)
{
    uint64_t per_cent;
    if (slice_ends(m->argument, SLICE("%25")))
        m->argument.len -= 3;
    else if (slice_ends(m->argument, SLICE("%")))
        m->argument.len -= 1;
    if (get_number(m, 100, &per_cent))
        say_what_came(m, rng_below(m->rng, 100) < per_cent ? 500 : 200);
}

static void answer_echo(struct making *m)
{
    begin(m, 200);
    text_addf(m->out, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
              m->request->head.len + m->body.len);
    if (!is_head(m)) {
        text_add(m->out, m->request->head);
        text_add(m->out, m->body);
    }
}

/* A client of HTTP/1.0 knows no chunks, and is told the end by closing. */
static void begin_chunked(struct making *m, const char *headers)
{
    if (m->request->is_http_1_0)
        m->answer->then = ORIGIN_THEN_CLOSE;
    begin(m, 200);
    text_adds(m->out, headers);
    m->answer->is_chunked = !m->request->is_http_1_0 && !is_head(m);
    text_adds(m->out, m->request->is_http_1_0 ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
}

static void answer_chunked(struct making *m)
{
    uint64_t n;
    if (!get_number(m, ORIGIN_BODY_MAX, &n))
        return;
    begin_chunked(m, "");
    m->answer->tail = SLICE("0\r\n\r\n");
    m->answer->fill = is_head(m) ? 0 : n;
}

static void answer_trailers(struct making *m)
{
    begin_chunked(m, "Trailer: X-Trailer\r\n");
    m->answer->tail = SLICE("0\r\nX-Trailer: after the body\r\n\r\n");
    m->answer->fill = is_head(m) ? 0 : 64;
}

static void answer_eof(struct making *m)
{
    uint64_t n;
    if (!get_number(m, ORIGIN_BODY_MAX, &n))
        return;
    m->answer->then = ORIGIN_THEN_CLOSE;
    begin(m, 200);
    text_adds(m->out, "\r\n");
    m->answer->fill = is_head(m) ? 0 : n;
}

static void answer_close(struct making *m)
{
    m->answer->then = ORIGIN_THEN_CLOSE;
    say_what_came(m, 200);
}

static void answer_reset(struct making *m)
{
    begin(m, 200);
    end_with_fill(m, 100000, 50000);
    m->answer->then = ORIGIN_THEN_RESET;
}

/* /short and /stall: half of what is claimed, then what `then` says. No "Connection: close", which
 * would excuse it. */
static void answer_half(struct making *m, enum origin_then then)
{
    uint64_t n;
    if (!get_number(m, ORIGIN_BODY_MAX, &n))
        return;
    m->answer->then = ORIGIN_THEN_NEXT;
    begin(m, 200);
    end_with_fill(m, n, n / 2);
    m->answer->then = then;
}

static void answer_short(struct making *m)
{
    answer_half(m, ORIGIN_THEN_CLOSE);
}

static void answer_stall(struct making *m)
{
    answer_half(m, ORIGIN_THEN_STALL);
}

static void answer_upgrade(struct making *m)
{
    if (m->request->upgrade.len == 0 || m->request->is_http_1_0) {
        begin(m, 426);
        text_adds(m->out, "Upgrade: echo\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    m->answer->then = ORIGIN_THEN_TUNNEL;
    begin(m, 101);
    text_addf(m->out, "Connection: upgrade\r\nUpgrade: " SLICE_FMT "\r\n\r\n",
              SLICE_ARG(m->request->upgrade));
}

static const struct {
    struct slice name;
    void (*make)(struct making *m);
} answers[] = {
    {SLICE_INIT("b"), answer_bytes},           {SLICE_INIT("slow"), answer_slow},
    {SLICE_INIT("status"), answer_status},     {SLICE_INIT("fail"), answer_fail},
    {SLICE_INIT("echo"), answer_echo},         {SLICE_INIT("chunked"), answer_chunked},
    {SLICE_INIT("trailers"), answer_trailers}, {SLICE_INIT("eof"), answer_eof},
    {SLICE_INIT("close"), answer_close},       {SLICE_INIT("reset"), answer_reset},
    {SLICE_INIT("short"), answer_short},       {SLICE_INIT("stall"), answer_stall},
    {SLICE_INIT("upgrade"), answer_upgrade},
};

/* "/b/17" is "b" and "17"; "/b" is "b" and nothing. */
static struct slice path_name(struct slice path, struct slice *argument)
{
    struct slice name = SLICE_NONE;
    *argument = path.len && path.at[0] == '/' ? slice_from(path, 1) : SLICE_NONE;
    (void)slice_split(argument, '/', &name);
    return name;
}

bool origin_answer_wants_body(const struct origin_request *request)
{
    struct slice argument;
    return slice_eq(path_name(request->path, &argument), SLICE("echo"));
}

void origin_answer_make(const struct origin_request *request, struct slice body, uint16_t port,
                        struct rng *rng, struct text *out, struct origin_answer *answer)
{
    *answer = (struct origin_answer){
        .then = request->keeps_alive ? ORIGIN_THEN_NEXT : ORIGIN_THEN_CLOSE,
    };
    struct making m = {
        .request = request, .body = body, .port = port, .rng = rng, .out = out, .answer = answer};
    const struct slice name = path_name(request->path, &m.argument);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (slice_eq(name, answers[i].name)) {
            answers[i].make(&m);
            return;
        }
    }
    say_what_came(&m, 200);
}

void origin_answer_refuse(unsigned status, uint16_t port, struct text *out,
                          struct origin_answer *answer)
{
    *answer = (struct origin_answer){.then = ORIGIN_THEN_CLOSE};
    text_addf(out,
              "HTTP/1.1 %u %s\r\nX-Origin: %u\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
              status, reason_of(status), port);
}
