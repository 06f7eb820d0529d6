#include "runtime/proxy/notice.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/event/mailbox.h"
#include "runtime/log/log.h"

struct told {
    struct message message;
    enum notice_kind kind;
    const char *why;
    struct address client;
    uint64_t left_out;
    int listener_len;
    char listener[64];
};

/* On the control thread. */
static void write_line(struct message *m)
{
    static const char *const text[] = {
#define NOTICE(id, text) text,
        NOTICES(NOTICE)
#undef NOTICE
    };
    struct told *t = CONTAINER_OF(m, struct told, message);
    char client[ADDRESS_TEXT_MAX], more[64] = "";
    address_format(&t->client, client);
    if (t->left_out > 0)
        snprintf(more, sizeof(more), "; and %llu before it", (unsigned long long)t->left_out);
    log_line(LOG_WARNING, "listener %.*s: %s of %s%s%s%s", t->listener_len, t->listener,
             text[t->kind], client, t->why ? ": " : "", t->why ? t->why : "", more);
    free(t);
}

void notice(struct notices *all, struct mailbox *control, enum notice_kind kind,
            struct slice listener, const struct address *client, const char *why, int64_t now_ns)
{
    if (now_ns < all->of[kind].quiet_until_ns) {
        all->of[kind].left_out++;
        return;
    }
    struct told *t = MUST_NEW(struct told);
    t->message.run = write_line;
    t->kind = kind;
    t->why = why;
    t->client = *client;
    t->left_out = all->of[kind].left_out;
    t->listener_len =
        (int)(listener.len < sizeof(t->listener) ? listener.len : sizeof(t->listener));
    memcpy(t->listener, listener.at, (size_t)t->listener_len);
    all->of[kind].left_out = 0;
    all->of[kind].quiet_until_ns = now_ns + NOTICE_EVERY_NS;
    mailbox_post(control, &t->message);
}

struct told_overload {
    struct message message;
    uint32_t worker;
    enum overload_stage stage;
    struct overload overload;
};

static void write_overload(struct message *m)
{
    static const char *const text[] = {
        [OVERLOAD_NONE] = "all is served again",
        [OVERLOAD_SAVES] = "connections that wait are closed",
        [OVERLOAD_REFUSES] = "requests are refused, with 503",
    };
    struct told_overload *t = CONTAINER_OF(m, struct told_overload, message);
    log_line(t->stage == OVERLOAD_NONE ? LOG_INFO : LOG_WARNING, "worker %u: %s: %u %% %s",
             t->worker, text[t->stage], t->overload.percent,
             overload_cause_text(t->overload.cause));
    free(t);
}

void notice_overload(struct mailbox *control, uint32_t worker, enum overload_stage stage,
                     const struct overload *o)
{
    struct told_overload *t = MUST_NEW(struct told_overload);
    *t = (struct told_overload){
        .message = {.run = write_overload}, .worker = worker, .stage = stage, .overload = *o};
    mailbox_post(control, &t->message);
}
