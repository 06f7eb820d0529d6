#include "stats/push/hub.h"

struct frame {
    uint32_t uses;
    struct text text;
};

static struct frame *frame_use(struct frame *f)
{
    if (f)
        f->uses++;
    return f;
}

static void frame_drop(struct frame *f)
{
    if (!f || --f->uses > 0)
        return;
    text_done(&f->text);
    free(f);
}

static void replace(struct frame **at, struct frame *by)
{
    frame_drop(*at);
    *at = by;
}

/* An event, of the HTML standard's event streams: its data is one line, as our JSON is. */
static struct frame *frame_of(const struct hub *h, const char *event)
{
    struct frame *f = MUST_NEW(struct frame);
    f->uses = 1;
    text_addf(&f->text, "id: %llu\nevent: %s\ndata: ", (unsigned long long)h->number, event);
    return f;
}

static void frame_end(struct frame *f)
{
    text_adds(&f->text, "\n\n");
}

void hub_init(struct hub *h, void (*write)(void *of, struct text *out), void *of)
{
    *h = (struct hub){.write = write, .of = of};
    list_init(&h->follower);
}

void hub_done(struct hub *h)
{
    ASSERT(h->n == 0);
    hub_forget(h);
}

void hub_join(struct hub *h, struct follower *f, int64_t now_ns)
{
    if (h->n == 0)
        h->said_ns = now_ns;
    f->hub = h;
    f->frame = NULL;
    f->sent = 0;
    f->knows = 0;
    f->greeted = f->over = false;
    list_add_last(&h->follower, &f->link);
    h->n++;
}

void hub_leave(struct follower *f)
{
    list_remove(&f->link);
    f->hub->n--;
    replace(&f->frame, NULL);
}

static void wake_all(struct hub *h)
{
    LIST_EACH (f, &h->follower, struct follower, link)
        if (!f->frame)
            f->wake(f->of);
}

void hub_publish(struct hub *h, struct slice changes, int64_t now_ns)
{
    h->number++;
    h->known = true;
    replace(&h->whole, NULL);
    replace(&h->changes, NULL);
    if (changes.len > 0) {
        h->changes = frame_of(h, "changes");
        text_add(&h->changes->text, changes);
        frame_end(h->changes);
    }
    h->said_ns = now_ns;
    wake_all(h);
}

void hub_forget(struct hub *h)
{
    h->known = false;
    replace(&h->whole, NULL);
    replace(&h->changes, NULL);
}

void hub_keep_alive(struct hub *h, int64_t now_ns)
{
    if (now_ns - h->said_ns < HUB_QUIET_NS)
        return;
    h->said_ns = now_ns;
    struct frame *beat = MUST_NEW(struct frame);
    beat->uses = 1;
    text_adds(&beat->text, ": still here\n\n");
    LIST_EACH (f, &h->follower, struct follower, link) {
        if (f->frame || !f->greeted)
            continue;
        f->frame = frame_use(beat);
        f->sent = 0;
        f->since_ns = now_ns;
        f->wake(f->of);
    }
    frame_drop(beat);
}

void hub_end_all(struct hub *h)
{
    LIST_EACH (f, &h->follower, struct follower, link) {
        f->over = true;
        f->wake(f->of);
    }
}

static struct frame *whole(struct hub *h)
{
    if (!h->whole) {
        h->whole = frame_of(h, "all");
        h->write(h->of, &h->whole->text);
        frame_end(h->whole);
    }
    return h->whole;
}

static struct frame *greeting(void)
{
    struct frame *f = MUST_NEW(struct frame);
    f->uses = 1;
    text_addf(&f->text, "retry: %u\n\n", HUB_RETRY_MS);
    return f;
}

/* What it is to be sent next; NULL: nothing. */
static struct frame *next(struct follower *f)
{
    struct hub *h = f->hub;
    if (!f->greeted) {
        f->greeted = true;
        return greeting();
    }
    if (f->knows == h->number || !h->known)
        return NULL;
    const bool up_to_date = f->knows > 0 && f->knows + 1 == h->number && h->changes;
    f->knows = h->number;
    return frame_use(up_to_date ? h->changes : whole(h));
}

int64_t follower_read(struct follower *f, char *to, size_t room, int64_t now_ns)
{
    if (f->over)
        return -1;
    if (!f->frame) {
        f->frame = next(f);
        f->sent = 0;
        f->since_ns = now_ns;
        if (!f->frame)
            return 0;
    }
    const struct text *t = &f->frame->text;
    const size_t n = t->len - f->sent < room ? t->len - f->sent : room;
    memcpy(to, t->at + f->sent, n);
    f->sent += n;
    if (f->sent == t->len)
        replace(&f->frame, NULL);
    return (int64_t)n;
}

bool follower_is_slow(const struct follower *f, int64_t now_ns)
{
    return f->frame && now_ns - f->since_ns > HUB_SLOW_NS;
}
