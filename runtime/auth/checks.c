#include "runtime/auth/checks.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

struct checks {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct list waiting;
    unsigned n_waiting, n_threads;
    bool ending;
    pthread_t thread[CHECKS_THREADS];
};

struct checks *checks_new(void)
{
    struct checks *c = MUST_NEW(struct checks);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
    list_init(&c->waiting);
    return c;
}

/* The check is the asker's again once its message is posted. */
static void answer(struct check *check, enum check_answer answer)
{
    explicit_bzero(check->password, sizeof(check->password));
    check->answer = answer;
    mailbox_post(check->to, &check->message);
}

static void make(struct check *check)
{
    if (!atomic_load_explicit(&check->wanted, memory_order_relaxed)) {
        answer(check, CHECK_NOT_MADE);
        return;
    }
    const bool matches = password_matches(check->hash, check->password);
    answer(check, matches && check->known ? CHECK_RIGHT : CHECK_WRONG);
}

/* With the lock held. */
static struct check *take(struct checks *c)
{
    struct check *check = CONTAINER_OF(c->waiting.next, struct check, link);
    list_remove(&check->link);
    c->n_waiting--;
    return check;
}

static void *thread_main(void *of)
{
    struct checks *c = of;
    pthread_mutex_lock(&c->lock);
    while (!c->ending) {
        if (c->n_waiting == 0) {
            pthread_cond_wait(&c->more, &c->lock);
            continue;
        }
        struct check *check = take(c);
        pthread_mutex_unlock(&c->lock);
        make(check);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

void checks_free(struct checks *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->more);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->n_threads; i++)
        pthread_join(c->thread[i], NULL);
    while (c->n_waiting > 0)
        answer(take(c), CHECK_NOT_MADE);
    pthread_cond_destroy(&c->more);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* With the lock held. One that can't be made may be had the next time; signals are for others. */
static bool has_threads(struct checks *c)
{
    sigset_t all, before;
    sigfillset(&all);
    if (c->n_threads < CHECKS_THREADS) {
        pthread_sigmask(SIG_SETMASK, &all, &before);
        while (c->n_threads < CHECKS_THREADS &&
               pthread_create(&c->thread[c->n_threads], NULL, thread_main, c) == 0)
            c->n_threads++;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return c->n_threads > 0;
}

bool checks_ask(struct checks *c, struct check *check)
{
    pthread_mutex_lock(&c->lock);
    const bool taken = !c->ending && c->n_waiting < CHECKS_WAITING_MAX && has_threads(c);
    if (taken) {
        list_add_last(&c->waiting, &check->link);
        c->n_waiting++;
        pthread_cond_signal(&c->more);
    }
    pthread_mutex_unlock(&c->lock);
    return taken;
}
