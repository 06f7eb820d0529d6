/*
 * checks - the threads that check passwords, so that no loop waits for one.
 *
 * One for the process. The threads are made when the first check is asked for. Of the checks that
 * wait there are never more than CHECKS_WAITING_MAX: each takes up to a second, so who comes behind
 * so many is better told at once.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "compiler/table/credentials.h"
#include "runtime/auth/password.h"
#include "runtime/base/list.h"
#include "runtime/event/mailbox.h"

#define CHECKS_THREADS     2u
#define CHECKS_WAITING_MAX 64u

enum check_answer {
    CHECK_RIGHT,
    CHECK_WRONG,
    CHECK_NOT_MADE, /* nobody waited for it any more, or the process ends */
};

/* Whoever asks owns it, and leaves it alone until `message` is run; but for `wanted`. */
struct check {
    struct message message; /* run by `to`'s owner, once, when there is an answer */
    struct mailbox *to;     /* stays open until then */
    atomic_bool wanted;     /* false: it need not be made */
    bool known;             /* false: it is made, and its answer is CHECK_WRONG */
    char hash[PASSWORD_HASH_MAX + 1];
    char password[CREDENTIALS_PASSWORD_MAX + 1]; /* wiped before the answer comes */
    enum check_answer answer;
    struct list link;
};

struct checks;

struct checks *checks_new(void);

/* Those that wait are answered without being made. Blocks until those under way are made, which is
 * a second at most. NULL is allowed. */
void checks_free(struct checks *c);

/* False: too many wait, or there is no thread to be had; then `message` is not run. Any thread;
 * takes a lock that is held for some instructions only. */
MUST_CHECK bool checks_ask(struct checks *c, struct check *check);
