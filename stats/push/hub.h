/*
 * hub - one text for many who follow: the newest, and what changed since the one before.
 *
 * Everybody who is up to date gets the same short frame; who has just come, or was too slow for the
 * last one, gets the whole state, which is written only then. So a follower that reads slowly
 * misses moments and never the end, and holds one frame at the most. Knows no sockets: whoever has
 * one asks for bytes and is woken when there are some. One thread's.
 */
#pragma once

#include "runtime/base/list.h"
#include "runtime/base/text.h"

/* How long a frame may take to be read, and how long nothing may be said. */
#define HUB_SLOW_NS  (INT64_C(10) * 1000000000)
#define HUB_QUIET_NS (INT64_C(15) * 1000000000)

#define HUB_RETRY_MS 2000u

struct frame; /* a text that several are sent */

struct hub {
    struct list follower;
    uint32_t n;
    uint64_t number;               /* of the newest moment */
    bool known;                    /* there is one, and `write` can write it */
    struct frame *whole, *changes; /* of it; NULL: not written yet; or there are none */
    int64_t said_ns;               /* when something was said to all last */

    /* Writes the JSON of the whole state. */
    void (*write)(void *of, struct text *out);
    void *of;
};

/* Embedded in who follows. */
struct follower {
    struct list link;
    struct hub *hub;
    struct frame *frame; /* that is being sent; NULL: none */
    size_t sent;
    uint64_t knows;   /* the moment that it was sent last */
    int64_t since_ns; /* when the frame was begun */
    bool greeted, over;
    void (*wake)(void *of); /* there is something to read, or it is over */
    void *of;
};

void hub_init(struct hub *h, void (*write)(void *of, struct text *out), void *of);
void hub_done(struct hub *h);

/* `wake` and `of` are set. */
void hub_join(struct hub *h, struct follower *f, int64_t now_ns);
void hub_leave(struct follower *f);

/* A new moment; `changes` is the JSON of what is not as it was, empty where all is to be told. */
void hub_publish(struct hub *h, struct slice changes, int64_t now_ns);

/* There is no moment any more: nobody has followed for a while, and what was is old. */
void hub_forget(struct hub *h);

/* Says something when nothing was said for HUB_QUIET_NS, so that whoever is gone is noticed. */
void hub_keep_alive(struct hub *h, int64_t now_ns);

/* They are to come again, and be looked at anew. */
void hub_end_all(struct hub *h);

/* The next bytes; 0: there are none now, and `wake` is called when there are; -1: it is over. */
int64_t follower_read(struct follower *f, char *to, size_t room, int64_t now_ns);

/* Does it not read what it is sent? */
bool follower_is_slow(const struct follower *f, int64_t now_ns);
