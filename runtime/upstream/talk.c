#include "runtime/upstream/talk.h"

void talk_begin(struct talk *t)
{
    t->at = 0;
    t->sent = t->heard = 0;
}

/* Takes what is expected, and what is before it, out of what was heard. */
static bool take(struct talk *t, struct slice expected)
{
    const char *found = memmem(t->text, t->heard, expected.at, expected.len);
    if (!found)
        return false;
    const size_t used = (size_t)(found - t->text) + expected.len;
    t->heard -= used;
    memmove(t->text, t->text + used, t->heard);
    return true;
}

enum talk_turn talk_turn(struct talk *t, const struct table_health_step *step, uint32_t n)
{
    while (t->at < n && step[t->at].expect && take(t, step[t->at].bytes))
        t->at++;
    if (t->at == n)
        return TALK_OVER;
    if (!step[t->at].expect)
        return TALK_SEND;
    return t->heard < sizeof(t->text) ? TALK_HEAR : TALK_TOO_MUCH;
}

struct slice talk_rest(const struct talk *t, const struct table_health_step *step)
{
    return slice_from(step[t->at].bytes, t->sent);
}

void talk_sent(struct talk *t, const struct table_health_step *step, size_t n)
{
    t->sent += n;
    ASSERT(t->sent <= step[t->at].bytes.len);
    if (t->sent < step[t->at].bytes.len)
        return;
    t->at++;
    t->sent = 0;
}

char *talk_room(struct talk *t, size_t *room)
{
    *room = sizeof(t->text) - t->heard;
    return t->text + t->heard;
}

void talk_heard(struct talk *t, size_t n)
{
    ASSERT(n <= sizeof(t->text) - t->heard);
    t->heard += n;
}
