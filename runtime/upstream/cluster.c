#include "runtime/upstream/cluster.h"

#include "compiler/table/eval.h"
#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/upstream/sticky.h"

struct cluster *cluster_new(struct slice name, uint32_t n_workers)
{
    struct cluster *c = aligned_alloc(64, sizeof(*c));
    if (!c)
        die_out_of_memory(1, sizeof(*c));
    *c = (struct cluster){.name = must_calloc(name.len + 1, 1)};
    memcpy(c->name, name.at, name.len);
    c->n_workers = n_workers;
    c->worker = aligned_alloc(64, n_workers * sizeof(*c->worker));
    if (!c->worker)
        die_out_of_memory(n_workers, sizeof(*c->worker));
    memset(c->worker, 0, n_workers * sizeof(*c->worker));
    atomic_init(&c->pins, 1);
    queue_init(&c->queue);
    return c;
}

struct cluster *cluster_pin(struct cluster *c)
{
    atomic_fetch_add_explicit(&c->pins, 1, memory_order_relaxed);
    return c;
}

void cluster_unpin(struct cluster *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->pins, 1, memory_order_acq_rel) != 1)
        return;
    queue_done(&c->queue);
    free(c->worker);
    free(c->name);
    free(c);
}

void cluster_changed(struct cluster *c)
{
    /* Release: whoever sees the new epoch sees the state that was stored before it. */
    atomic_fetch_add_explicit(&c->epoch, 1, memory_order_release);
    if (queue_is_used(&c->queue))
        queue_all(&c->queue);
}

/* --- what the control thread is to see ------------------------------------------------------- */

void cluster_ring(struct cluster *c, struct mailbox *control)
{
    if (!c->bell.message.run || atomic_exchange_explicit(&c->bell.rung, true, memory_order_acq_rel))
        return;
    cluster_pin(c);
    mailbox_post(control, &c->bell.message);
}

void cluster_wake(struct cluster *c, struct mailbox *control)
{
    if (atomic_load_explicit(&c->watch.wake_ns, memory_order_seq_cst) == 0)
        cluster_ring(c, control);
}

struct cluster *cluster_answer(struct message *m)
{
    struct cluster *c = CONTAINER_OF(m, struct cluster, bell.message);
    const bool rung = atomic_exchange_explicit(&c->bell.rung, false, memory_order_acq_rel);
    ASSERT(rung);
    return c;
}

void cluster_refuses(struct cluster *c, const char *what, struct mailbox *control)
{
    atomic_store_explicit(&c->refused_what, what, memory_order_relaxed);
    /* Sequentially consistent, as in watch.c: it is seen there, or that it was closed is seen here.
     */
    atomic_fetch_add_explicit(&c->refused, 1, memory_order_seq_cst);
    if (!atomic_load_explicit(&c->open, memory_order_seq_cst))
        cluster_ring(c, control);
}

void cluster_judge(const struct table_cluster *spec, struct server *s, uint32_t worker, bool error,
                   int64_t took_ns, struct mailbox *control)
{
    if (!spec->outlier.given)
        return;
    outlier_note(&s->worker[worker]->counts, error, took_ns);
    if (!error) {
        if (atomic_load_explicit(&s->errors_in_a_row, memory_order_relaxed) > 0)
            atomic_store_explicit(&s->errors_in_a_row, 0, memory_order_relaxed);
        return;
    }
    const uint32_t most = spec->outlier.consecutive_errors;
    const uint32_t n = atomic_fetch_add_explicit(&s->errors_in_a_row, 1, memory_order_relaxed) + 1;
    if (n == most)
        cluster_ring(s->cluster, control);
}

/* --- the view -------------------------------------------------------------------------------- */

void cluster_view_done(struct cluster_view *v)
{
    free(v->candidate);
    free(v->server_of);
    free(v->candidate_of);
    free(v->known);
    balance_plan_done(&v->plan);
    *v = (struct cluster_view){0};
}

/* How finely a share grows: no more often than this, for a view of many servers takes its time. */
#define SLOW_START_STEP_NS (NS_PER_S / 4)

static uint32_t whole_share(const struct cluster_choice *choice, uint32_t i)
{
    if (balance_policy(choice->spec->balance)->ignores_weight)
        return BALANCE_UNIT;
    const uint32_t set = atomic_load_explicit(&choice->server[i]->weight, memory_order_relaxed);
    return (set ? set : choice->server_spec[i].weight) * BALANCE_UNIT;
}

/* A server that rose lately gets a part of its share that grows with time. */
static uint32_t share_now(struct cluster_view *v, const struct cluster_choice *choice, uint32_t i,
                          uint32_t whole)
{
    const int64_t slow_ns = choice->server_spec[i].slow_start_ns;
    const int64_t risen_ns =
        atomic_load_explicit(&choice->server[i]->risen_ns, memory_order_relaxed);
    if (slow_ns == 0 || risen_ns <= 0 || choice->now_ns - risen_ns >= slow_ns)
        return whole;
    if (choice->now_ns + SLOW_START_STEP_NS < v->until_ns)
        v->until_ns = choice->now_ns + SLOW_START_STEP_NS;
    const int64_t age_ns = choice->now_ns > risen_ns ? choice->now_ns - risen_ns : 0;
    const uint32_t least = whole / BALANCE_UNIT;
    const uint32_t share = (uint32_t)((double)whole * (double)age_ns / (double)slow_ns);
    return share > least ? share : least;
}

static void add_candidate(struct cluster_view *v, const struct cluster_choice *choice, uint32_t i,
                          bool in_use)
{
    const uint32_t whole = whole_share(choice, i), at = v->plan.n_all++;
    v->candidate[at] = (struct balance_candidate){
        .id = hash_slice(choice->server_spec[i].name, 0), .whole = whole, .share = whole};
    v->server_of[at] = i;
    if (!in_use)
        return;
    v->candidate[at].share = share_now(v, choice, i, whole);
    v->candidate_of[i] = at;
    v->plan.n++;
}

static bool may_serve(const struct server *s, bool even_ejected)
{
    return even_ejected ? server_usable(s) : server_in_use(s);
}

uint32_t cluster_group_in_use(const struct table_server *spec, struct server *const *server,
                              uint32_t n, bool *even_ejected)
{
    uint32_t lowest = UINT32_MAX, lowest_ejected = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t group = table_server_group(&spec[i]);
        if (group < lowest && server_in_use(server[i]))
            lowest = group;
        if (group < lowest_ejected && server_usable(server[i]))
            lowest_ejected = group;
    }
    *even_ejected = lowest == UINT32_MAX;
    return *even_ejected ? lowest_ejected : lowest;
}

/* Those of a group that may be used; for who asks for them, behind these those that are away. */
static void add_group(struct cluster_view *v, const struct cluster_choice *choice, uint32_t group,
                      bool even_ejected)
{
    for (uint32_t i = 0; i < v->n_servers; i++)
        if (table_server_group(&choice->server_spec[i]) == group &&
            may_serve(choice->server[i], even_ejected))
            add_candidate(v, choice, i, true);
    if (v->plan.n == 0 || !balance_policy(choice->spec->balance)->reads_away)
        return;
    for (uint32_t i = 0; i < v->n_servers; i++)
        if (table_server_group(&choice->server_spec[i]) == group &&
            v->candidate_of[i] == BALANCE_NONE)
            add_candidate(v, choice, i, false);
}

struct looking {
    const struct cluster_choice *choice;
    const struct cluster_view *view;
    bool time;
};

static struct balance_load load_of(const struct server *s, uint32_t worker, bool time)
{
    const int64_t n = atomic_load_explicit(&s->in_flight, memory_order_relaxed);
    struct balance_load load = {.in_flight = n > 0 ? (uint32_t)n : 0};
    if (time)
        load.time = s->worker[worker]->time;
    return load;
}

static struct balance_load look(const void *of, uint32_t candidate)
{
    const struct looking *l = of;
    return load_of(l->choice->server[l->view->server_of[candidate]], l->choice->worker, l->time);
}

static int by_id(const void *a, const void *b)
{
    const struct cluster_known *one = a, *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

static struct cluster_known *know_all(const struct cluster_choice *choice)
{
    struct cluster_known *known = MUST_ARRAY(struct cluster_known, choice->n_servers);
    for (uint32_t i = 0; i < choice->n_servers; i++)
        known[i] = (struct cluster_known){
            sticky_server_id(choice->spec->name, choice->server_spec[i].name), i};
    qsort(known, choice->n_servers, sizeof(known[0]), by_id);
    return known;
}

static void make_view(struct cluster_view *v, const struct cluster_choice *choice, uint32_t epoch)
{
    const struct balance_policy *policy = balance_policy(choice->spec->balance);
    const struct rng rng = v->made ? v->rng : (struct rng){(uint64_t)choice->now_ns ^ (uintptr_t)v};
    cluster_view_done(v);
    const uint32_t n = choice->n_servers;
    *v = (struct cluster_view){.made = true,
                               .epoch = epoch,
                               .until_ns = INT64_MAX,
                               .rng = rng,
                               .n_servers = n,
                               .server_of = MUST_ARRAY(uint32_t, n),
                               .candidate_of = MUST_ARRAY(uint32_t, n),
                               .candidate = MUST_ARRAY(struct balance_candidate, n)};
    memset(v->candidate_of, 0xff, n * sizeof(v->candidate_of[0]));
    if (choice->spec->sticky.kind != STICKY_NONE)
        v->known = know_all(choice);
    bool even_ejected;
    const uint32_t group =
        cluster_group_in_use(choice->server_spec, choice->server, choice->n_servers, &even_ejected);
    add_group(v, choice, group, even_ejected);
    v->plan.candidate = v->candidate;
    const struct looking looking = {choice, v, policy->reads_time};
    const struct balance_in in = {.load = look, .of = &looking};
    balance_lay(policy, &v->plan, &in);
}

/* --- the choice ------------------------------------------------------------------------------ */

uint64_t cluster_key(const struct table *t, const struct table_cluster *spec, const struct facts *f,
                     const struct verdict *so_far)
{
    uint64_t hash;
    if (spec->field != FIELD_COUNT && spec->field != FIELD_SRC &&
        eval_hash(t, spec->field, spec->key, f, so_far, &hash))
        return hash;
    return hash_bytes(f->src.byte, sizeof(f->src.byte), 0);
}

/* The choice names servers, the policy candidates. */
static void avoid_tried(struct balance_in *in, const struct cluster_view *v,
                        const struct cluster_choice *choice)
{
    for (uint32_t t = 0; t < choice->n_avoid; t++)
        if (v->candidate_of[choice->avoid[t]] != BALANCE_NONE)
            in->avoid[in->n_avoid++] = v->candidate_of[choice->avoid[t]];
}

/* Another turn, and other chances. */
static void next_turn(struct balance_in *in, const struct balance_policy *policy,
                      const struct cluster_choice *choice, struct cluster_view *v)
{
    if (policy->reads_tick)
        in->tick = atomic_fetch_add_explicit(&choice->live->tick, 1, memory_order_relaxed);
    if (policy->reads_random)
        in->random = rng_next(&v->rng);
}

static bool is_suspect(const struct cluster_choice *choice, uint32_t server)
{
    return atomic_load_explicit(&choice->server[server]->suspect_until_ns, memory_order_relaxed) >
           choice->now_ns;
}

/* The first choice that is not suspect; else the first choice. */
static uint32_t pick_trusted(const struct balance_policy *policy, struct balance_in *in,
                             struct cluster_view *v, const struct cluster_choice *choice)
{
    const uint32_t first = policy->pick(&v->plan, in);
    for (uint32_t m = first; m != BALANCE_NONE; m = policy->pick(&v->plan, in)) {
        if (!is_suspect(choice, v->server_of[m]))
            return m;
        if (in->n_avoid == BALANCE_AVOID_MAX)
            break;
        in->avoid[in->n_avoid++] = m;
        next_turn(in, policy, choice, v); /* or all of its share would go to its neighbour */
    }
    return first;
}

static void refresh(struct cluster_view *view, const struct cluster_choice *choice)
{
    const uint32_t epoch = atomic_load_explicit(&choice->live->epoch, memory_order_acquire);
    if (!view->made || view->epoch != epoch || choice->now_ns >= view->until_ns)
        make_view(view, choice, epoch);
}

static bool was_tried(const struct cluster_choice *choice, uint32_t server)
{
    for (uint32_t t = 0; t < choice->n_avoid; t++)
        if (choice->avoid[t] == server)
            return true;
    return false;
}

/* The chosen one when it has room; else the next behind it that has: who can't have what the policy
 * says shares what there is. A suspect one only where there is no other: the room of a server that
 * can't be reached is none. */
static uint32_t pick_with_room(const struct cluster_view *v, const struct cluster_choice *choice,
                               uint32_t chosen)
{
    if (chosen == BALANCE_NONE || server_has_room(choice->server[v->server_of[chosen]]))
        return chosen;
    const bool even_suspect = is_suspect(choice, v->server_of[chosen]);
    for (uint32_t i = 1; i < v->plan.n; i++) {
        const uint32_t m = (chosen + i) % v->plan.n, server = v->server_of[m];
        if (server_has_room(choice->server[server]) && !was_tried(choice, server) &&
            (even_suspect || !is_suspect(choice, server)))
            return m;
    }
    return CLUSTER_FULL;
}

uint32_t cluster_find(const struct cluster_choice *choice, struct cluster_view *view, uint64_t id)
{
    refresh(view, choice);
    if (view->n_servers == 0)
        return BALANCE_NONE;
    const struct cluster_known wanted = {.id = id};
    const struct cluster_known *found =
        bsearch(&wanted, view->known, view->n_servers, sizeof(wanted), by_id);
    return found ? found->server : BALANCE_NONE;
}

bool cluster_keeps(const struct cluster_choice *choice, const struct cluster_view *view,
                   uint32_t server)
{
    const struct server *s = choice->server[server];
    if (was_tried(choice, server) || is_suspect(choice, server))
        return false;
    const int admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
    return admin == SERVER_DRAIN ? server_alive(s)
                                 : view->candidate_of[server] != BALANCE_NONE &&
                                       view->candidate_of[server] < view->plan.n;
}

bool cluster_has_room(const struct cluster_choice *choice, struct cluster_view *view)
{
    refresh(view, choice);
    bool all_suspect = true, any_room = false;
    for (uint32_t i = 0; i < view->plan.n; i++) {
        const bool has_room = server_has_room(choice->server[view->server_of[i]]);
        const bool suspect = is_suspect(choice, view->server_of[i]);
        if (has_room && !suspect)
            return true;
        all_suspect &= suspect;
        any_room |= has_room;
    }
    return all_suspect && (any_room || view->plan.n == 0); /* without any, waiting is in vain */
}

bool cluster_avoids(const struct cluster_choice *choice, const struct cluster_view *view)
{
    for (uint32_t i = 0; i < view->plan.n; i++)
        if (is_suspect(choice, view->server_of[i]))
            return true;
    return false;
}

uint32_t cluster_pick(const struct cluster_choice *choice, struct cluster_view *view)
{
    refresh(view, choice);
    const struct balance_policy *policy = balance_policy(choice->spec->balance);
    const struct looking looking = {choice, view, policy->reads_time};
    struct balance_in in = {.key = choice->key,
                            .bounded_percent = choice->spec->bounded_percent,
                            .load = look,
                            .of = &looking};
    if (in.bounded_percent > 0) {
        const int64_t n = atomic_load_explicit(&choice->live->in_flight, memory_order_relaxed);
        in.in_flight = n > 0 ? (uint64_t)n : 0;
    }
    next_turn(&in, policy, choice, view);
    avoid_tried(&in, view, choice);
    const uint32_t candidate =
        pick_with_room(view, choice, pick_trusted(policy, &in, view, choice));
    return candidate >= CLUSTER_FULL ? candidate : view->server_of[candidate];
}

/* --- what comes of it ------------------------------------------------------------------------ */

bool cluster_begin(const struct table_cluster *spec, struct server *s)
{
    const bool counted = spec->bounded_percent > 0 && s->cluster;
    if (counted)
        atomic_fetch_add_explicit(&s->cluster->in_flight, 1, memory_order_relaxed);
    return counted;
}

void cluster_end(struct server *s)
{
    atomic_fetch_sub_explicit(&s->cluster->in_flight, 1, memory_order_relaxed);
}

void cluster_note(const struct table_cluster *spec, struct server *s, uint32_t server,
                  uint32_t worker, struct cluster_view *view)
{
    const struct balance_policy *policy = balance_policy(spec->balance);
    if (!policy->note || !view->made || view->candidate_of[server] == BALANCE_NONE)
        return;
    policy->note(&view->plan, view->candidate_of[server], load_of(s, worker, policy->reads_time));
}

void cluster_timed(const struct table_cluster *spec, struct server *s, uint32_t worker,
                   int64_t took_ns, int64_t now_ns)
{
    if (balance_policy(spec->balance)->reads_time)
        response_time_note(&s->worker[worker]->time, took_ns, now_ns);
}
