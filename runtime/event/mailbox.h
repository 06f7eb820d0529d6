/*
 * mailbox - how one thread asks another to do something: the only way, beside the listed atomics.
 *
 * Any thread posts; the owner's loop runs the messages in the order they were posted. Posting takes
 * no lock: one atomic exchange, and a write to an eventfd when the box was empty.
 */
#pragma once

#include <stdatomic.h>

#include "runtime/event/loop.h"

/* Embedded in what the message is about. Owned by the mailbox from mailbox_post() until `run` is
 * called, which may free it. */
struct message {
    struct message *next;
    void (*run)(struct message *m);
};

struct mailbox {
    _Atomic(struct message *) posted; /* newest first */
    struct watch watch;
    int fd; /* eventfd, owned; -1 while there is none */
};

/* 0 or a negative errno. The owner's thread, before anybody may post. */
MUST_CHECK int mailbox_open(struct mailbox *box, struct loop *loop);

/* Runs what is still in it, and what that posts to it, then closes. The owner's thread, once nobody
 * posts any more. */
void mailbox_close(struct mailbox *box);

/* Any thread; never blocks. */
void mailbox_post(struct mailbox *box, struct message *m);
