/* AUTHORIZE: what the clauses that were met ask before anything is done: limits that count, and
 * credentials that must be right, in the order of the text. So a limit before a `require` counts
 * everybody, and one behind it whom it let in. */
#include "compiler/table/cors.h"
#include "compiler/table/credentials.h"
#include "runtime/auth/checks.h"
#include "runtime/auth/verified.h"
#include "runtime/proxy/exchange_priv.h"

/* Seconds until it is worth asking again, when too many passwords wait to be checked. */
#define BUSY_RETRY_S 1u

/* A check that is under way, and those that wait for it: all that came with the same credentials.
 */
struct inquiry {
    struct check check;
    struct worker *worker;
    struct verified_key key;
    struct list waiting; /* exchanges, by their inquiry_link */
    struct list link;    /* worker.inquiry */
};

size_t exchange_inquiry_bytes(void)
{
    return sizeof(struct inquiry);
}

void exchange_leave_inquiry(struct exchange *x)
{
    struct inquiry *q = x->inquiry;
    if (!q)
        return;
    list_remove(&x->inquiry_link);
    x->inquiry = NULL;
    if (list_empty(&q->waiting))
        atomic_store_explicit(&q->check.wanted, false, memory_order_relaxed);
}

/* Those that wait go on; one of them may end others. */
static void answered(struct message *m)
{
    struct check *check = CONTAINER_OF(m, struct check, message);
    struct inquiry *q = CONTAINER_OF(check, struct inquiry, check);
    struct worker *w = q->worker;
    list_remove(&q->link);
    if (check->answer == CHECK_RIGHT)
        verified_add(w->verified, &q->key, clock_now_ns());
    while (!list_empty(&q->waiting)) {
        struct exchange *x = CONTAINER_OF(q->waiting.next, struct exchange, inquiry_link);
        CHECK_OBJ(x, EXCHANGE_MAGIC);
        worker_now(w);
        list_remove(&x->inquiry_link);
        x->inquiry = NULL;
        x->answer = check->answer;
        x->is_answered = true;
        session_drive(x->session);
    }
    pool_give(&w->inquiries, q);
}

static struct inquiry *find_inquiry(const struct worker *w, const struct verified_key *key)
{
    LIST_EACH (q, &w->inquiry, struct inquiry, link)
        if (mac_eq(q->key.mac, key->mac, sizeof(key->mac)))
            return q;
    return NULL;
}

/* NULL: too many wait. */
static struct inquiry *begin_inquiry(struct worker *w, const struct verified_key *key,
                                     const char *hash, bool known, const struct credentials *c)
{
    struct inquiry *q = w->checks ? pool_take(&w->inquiries) : NULL;
    if (!q)
        return NULL;
    *q = (struct inquiry){.worker = w, .key = *key};
    q->check.message.run = answered;
    q->check.to = &w->box;
    q->check.known = known;
    atomic_init(&q->check.wanted, true);
    memcpy(q->check.hash, hash, strlen(hash) + 1);
    memcpy(q->check.password, c->password.at, c->password.len);
    list_init(&q->waiting);
    list_init(&q->link);
    if (!checks_ask(w->checks, &q->check)) {
        explicit_bzero(&q->check, sizeof(q->check));
        pool_give(&w->inquiries, q);
        return NULL;
    }
    METRIC_ADD(w->metrics->password_checks, 1);
    list_add_last(&w->inquiry, &q->link);
    return q;
}

static enum outcome refuse_unauthorized(struct exchange *x, const struct table_effect *e)
{
    METRIC_ADD(x->worker->metrics->requests_unauthorized, 1);
    x->realm = e;
    return refuse(x, 401, ACCESS_UNAUTHORIZED,
                  "This needs a name and a password that are known here.");
}

static enum outcome refuse_busy(struct exchange *x, const char *why)
{
    METRIC_ADD(x->worker->metrics->password_checks_refused, 1);
    x->retry_after_s = BUSY_RETRY_S;
    return refuse(x, 503, ACCESS_OVERLOAD, why);
}

void exchange_check_late(struct exchange *x)
{
    exchange_leave_inquiry(x);
    refuse_busy(x, "The password could not be checked in time.");
}

/* Waits for an answer about credentials that nobody has found to be right lately. */
static enum outcome inquire(struct exchange *x, const struct verified_key *key, const char *hash,
                            bool known, const struct credentials *c)
{
    struct inquiry *q = find_inquiry(x->worker, key);
    if (!q)
        q = begin_inquiry(x->worker, key, hash, known, c);
    if (!q)
        return refuse_busy(x, "Too many passwords wait to be checked.");
    atomic_store_explicit(&q->check.wanted, true, memory_order_relaxed);
    x->inquiry = q;
    list_add_last(&q->waiting, &x->inquiry_link);
    x->step = EXCHANGE_AUTHORIZE;
    return WAIT;
}

/* What has been answered is so for this effect. */
static bool was_answered(struct exchange *x, enum check_answer *answer)
{
    const bool is = x->is_answered && x->answer != CHECK_NOT_MADE;
    x->is_answered = false;
    *answer = x->answer;
    return is;
}

/* False: *out is what the step says. */
static bool credentials_hold(struct exchange *x, const struct table_effect *e,
                             const struct credentials *c, enum outcome *out)
{
    enum check_answer answer;
    if (was_answered(x, &answer)) {
        if (answer == CHECK_WRONG)
            *out = refuse_unauthorized(x, e);
        return answer == CHECK_RIGHT;
    }
    struct verified_key key;
    bool known;
    const struct users *users = realms_users(x->generation->realms, (uint32_t)e->number);
    const char *hash = users_hash(users, c->user, &known);
    verified_key(x->worker->verified, hash, c, &key);
    if (known && verified_has(x->worker->verified, &key, x->worker->now_ns)) {
        METRIC_ADD(x->worker->metrics->password_cache_hits, 1);
        return true;
    }
    *out = inquire(x, &key, hash, known, c);
    return false;
}

static bool password_holds(struct exchange *x, const struct table_effect *e, enum outcome *out)
{
    struct credentials c;
    bool holds = false;
    if (credentials_read(&x->facts, &c))
        holds = credentials_hold(x, e, &c, out);
    else
        *out = refuse_unauthorized(x, e);
    credentials_wipe(&c);
    return holds;
}

static bool is_let_in(struct exchange *x, const struct table_effect *e, enum outcome *out)
{
    return e->kind == EFFECT_REQUIRE_JWT ? exchange_token_holds(x, e, out)
                                         : password_holds(x, e, out);
}

/* A browser asks without credentials whether it may ask with them; nothing is done for it. */
static bool is_asked(const struct exchange *x)
{
    return !exchange_is_preflight(x);
}

/* Goes on with the effect that it stands at. */
static enum outcome walk(struct exchange *x)
{
    const struct table *t = x->generation->table;
    const bool asked = is_asked(x);
    enum outcome out = OVER;
    for (; x->walked < x->verdict.n_effects; x->walked++) {
        const struct table_effect *e = &t->effect[x->verdict.effect[x->walked]];
        if (e->kind == EFFECT_LIMIT && !exchange_counts_clause(x, x->walked, &out))
            return out;
        if (e->kind == EFFECT_REQUIRE_AUTH && asked)
            return exchange_ask(x, &t->auth_rule[e->number]);
        if (table_effect_is_require(e->kind) && asked) {
            if (!is_let_in(x, e, &out))
                return out;
            x->verdict.required = x->facts.known = true;
        }
    }
    return exchange_follow(x);
}

/* What has not been verified yet, nobody sees from here on: no key of a limit, and no answer. */
enum outcome exchange_permit(struct exchange *x)
{
    x->verdict.required = false;
    x->walked = 0;
    return walk(x);
}

enum outcome exchange_authorize(struct exchange *x)
{
    return x->inquiry ? WAIT : walk(x);
}
