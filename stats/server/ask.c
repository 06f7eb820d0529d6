/*
 * Questions to the control thread: one of a kind is on its way at a time, and whoever asks the same
 * meanwhile shares the next answer. So however many ask, the control thread does each thing once.
 */
#include "runtime/base/clock.h"
#include "runtime/control/control.h"
#include "stats/server/http_priv.h"
#include "stats/socket/command.h"

#define HEALTH ENDPOINT_COUNT

struct question {
    struct message message; /* there, and back */
    struct http *http;
    uint32_t what;
    enum command_end end;
    struct text out, why;
    bool well; /* of HEALTH */
};

static void question_free(struct question *q)
{
    text_done(&q->out);
    text_done(&q->why);
    free(q);
}

static void look_at_health(struct question *q)
{
    struct control_info info;
    control_info(q->http->control, &info);
    q->well = info.serving && !info.draining;
    text_addf(&q->out, "{\"status\":\"%s\"}\n",
              info.draining  ? "draining"
              : info.serving ? "serving"
                             : "starting");
}

static void answered(struct message *m);

/* On the control thread. */
static void answer(struct message *m)
{
    struct question *q = CONTAINER_OF(m, struct question, message);
    if (atomic_load(&q->http->stopped)) {
        question_free(q);
        return;
    }
    if (q->what == HEALTH) {
        look_at_health(q);
    } else {
        /* Nobody asks for anything to be changed: there is no asker. */
        struct command c = {
            .control = q->http->control, .level = STATS_OBSERVER, .out = &q->out, .why = &q->why};
        q->end = command_line(&c, slice_of(endpoint_command((enum api)q->what)));
        ASSERT(q->end != COMMAND_LATER); /* what is shown is there */
    }
    m->run = answered;
    mailbox_post(&q->http->box, m);
}

static void pass_on(struct http *h, uint32_t what)
{
    struct asked *a = &h->asked[what];
    if (a->under_way || list_empty(&a->waiting))
        return;
    LIST_EACH (r, &a->waiting, struct request, link) {
        list_remove(&r->link);
        list_add_last(&a->answered, &r->link);
    }
    a->under_way = true;
    struct question *q = MUST_NEW(struct question);
    *q = (struct question){.message = {.run = answer}, .http = h, .what = what};
    control_post(h->control, &q->message);
}

static const char *type_of(uint32_t what)
{
    return what == ENDPOINT_metrics ? "text/plain; version=0.0.4; charset=utf-8"
                                    : "application/json";
}

static void tell(struct request *r, struct MHD_Response *answer, unsigned status)
{
    list_remove(&r->link);
    r->answer = answer;
    r->status = status;
    http_resume(r);
}

/* Each of those that wait gets a text of its own: a response takes it, and goes with its
 * connection. */
static struct MHD_Response *copy_of(const struct text *t, const char *type)
{
    struct text copy = {0};
    text_add(&copy, text_slice(t));
    return reply_text(&copy, type);
}

static void answered(struct message *m)
{
    struct question *q = CONTAINER_OF(m, struct question, message);
    struct http *h = q->http;
    struct asked *a = &h->asked[q->what];
    a->under_way = false;
    /* What only shows is refused where there is none of what it would show. */
    const unsigned status = q->end == COMMAND_REFUSED       ? MHD_HTTP_NOT_FOUND
                            : q->what == HEALTH && !q->well ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                            : MHD_HTTP_OK;
    LIST_EACH (r, &a->answered, struct request, link)
        tell(r,
             q->end == COMMAND_REFUSED ? reply_problem(status, q->why.at ? q->why.at : "")
                                       : copy_of(&q->out, type_of(q->what)),
             status);
    const uint32_t what = q->what;
    question_free(q);
    pass_on(h, what);
}

void ask_for(struct request *r, uint32_t what)
{
    struct http *h = r->http;
    r->waits = true;
    r->asked_ns = clock_now_ns();
    MHD_suspend_connection(r->connection);
    list_add_last(&h->asked[what].waiting, &r->link);
    pass_on(h, what);
}

void ask_forget(struct request *r)
{
    tell(r, reply_problem(MHD_HTTP_SERVICE_UNAVAILABLE, "the process ends"),
         MHD_HTTP_SERVICE_UNAVAILABLE);
}

static void give_up(struct list *waiting, int64_t now_ns)
{
    LIST_EACH (r, waiting, struct request, link)
        if (now_ns - r->asked_ns > HTTP_ASK_NS)
            tell(r,
                 reply_problem(MHD_HTTP_SERVICE_UNAVAILABLE,
                               "the control thread has not answered in 10 seconds"),
                 MHD_HTTP_SERVICE_UNAVAILABLE);
}

void ask_sweep(struct http *h, int64_t now_ns)
{
    for (uint32_t i = 0; i < ASKS; i++) {
        give_up(&h->asked[i].waiting, now_ns);
        give_up(&h->asked[i].answered, now_ns);
    }
}
