#include "runtime/upstream/cluster.h"

#include "runtime/base/hash.h"

struct cluster *cluster_new(struct slice name)
{
    struct cluster *c = aligned_alloc(64, sizeof(*c));
    if (!c)
        die_out_of_memory(1, sizeof(*c));
    *c = (struct cluster){.name = must_calloc(name.len + 1, 1)};
    memcpy(c->name, name.at, name.len);
    atomic_init(&c->pins, 1);
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
    free(c->name);
    free(c);
}

void cluster_changed(struct cluster *c)
{
    /* Release: whoever sees the new epoch sees the state that was stored before it. */
    atomic_fetch_add_explicit(&c->epoch, 1, memory_order_release);
}

void cluster_view_done(struct cluster_view *v)
{
    free(v->member);
    free(v->member_server);
    free(v->order);
    *v = (struct cluster_view){0};
}

/* Members of the view: the usable servers of the first group that has any, backups being the
 * second. */
static void add_members(struct cluster_view *v, const struct cluster_choice *choice,
                        const struct table_server *spec, bool backup)
{
    for (uint32_t i = 0; i < choice->spec->n_servers; i++) {
        const struct server *s = choice->server[i];
        if (spec[i].backup != backup || !server_usable(s))
            continue;
        v->member[v->n_members] =
            (struct balance_candidate){.id = hash_slice(spec[i].name, 0), .weight = spec[i].weight};
        v->member_server[v->n_members++] = i;
    }
}

static void make_order(struct cluster_view *v, const struct balance_policy *policy)
{
    v->n_order = policy->order(NULL, 0, v->member, v->n_members);
    if (v->n_order == 0)
        return;
    v->order = MUST_ARRAY(uint32_t, v->n_order);
    const uint32_t n = policy->order(v->order, v->n_order, v->member, v->n_members);
    ASSERT(n == v->n_order);
}

static void make_view(struct cluster_view *v, const struct cluster_choice *choice, uint32_t epoch)
{
    cluster_view_done(v);
    v->made = true;
    v->epoch = epoch;
    v->member = MUST_ARRAY(struct balance_candidate, choice->spec->n_servers);
    v->member_server = MUST_ARRAY(uint32_t, choice->spec->n_servers);
    add_members(v, choice, choice->server_spec, false);
    if (v->n_members == 0)
        add_members(v, choice, choice->server_spec, true);
    make_order(v, balance_policy(choice->spec->balance));
}

static void read_in_flight(struct cluster_view *v, const struct cluster_choice *choice)
{
    for (uint32_t i = 0; i < v->n_members; i++) {
        const int64_t n = atomic_load_explicit(&choice->server[v->member_server[i]]->in_flight,
                                               memory_order_relaxed);
        v->member[i].in_flight = n > 0 ? (uint32_t)n : 0;
    }
}

static void avoid(struct balance_in *in, uint32_t member)
{
    in->avoid[in->n_avoid++] = member;
}

/* The choice names servers, the policy members. */
static void avoid_tried(struct balance_in *in, const struct cluster_view *v,
                        const struct cluster_choice *choice)
{
    for (uint32_t t = 0; t < choice->n_avoid; t++)
        for (uint32_t i = 0; i < v->n_members; i++)
            if (v->member_server[i] == choice->avoid[t])
                avoid(in, i);
}

static uint64_t next_turn(struct cluster *c)
{
    return atomic_fetch_add_explicit(&c->tick, 1, memory_order_relaxed);
}

static bool is_suspect(const struct cluster_choice *choice, uint32_t server)
{
    return atomic_load_explicit(&choice->server[server]->suspect_until_ns, memory_order_relaxed) >
           choice->now_ns;
}

/* The first choice that is not suspect; else the first choice. */
static uint32_t pick_trusted(const struct balance_policy *policy, struct balance_in *in,
                             const struct cluster_view *v, const struct cluster_choice *choice)
{
    const uint32_t first = policy->pick(in);
    for (uint32_t m = first; m != BALANCE_NONE; m = policy->pick(in)) {
        if (!is_suspect(choice, v->member_server[m]))
            return m;
        if (in->n_avoid == BALANCE_AVOID_MAX)
            break;
        avoid(in, m);
        in->tick = next_turn(choice->live); /* or all of its share would go to its neighbour */
    }
    return first;
}

uint32_t cluster_pick(const struct cluster_choice *choice, struct cluster_view *view)
{
    const uint32_t epoch = atomic_load_explicit(&choice->live->epoch, memory_order_acquire);
    if (!view->made || view->epoch != epoch)
        make_view(view, choice, epoch);

    const struct balance_policy *policy = balance_policy(choice->spec->balance);
    if (policy->reads_in_flight)
        read_in_flight(view, choice);
    struct balance_in in = {
        .candidate = view->member,
        .n = view->n_members,
        .order = view->order,
        .n_order = view->n_order,
        .tick = next_turn(choice->live),
        .key = policy->reads_key ? hash_bytes(choice->client->byte, sizeof(choice->client->byte), 0)
                                 : 0};
    avoid_tried(&in, view, choice);
    const uint32_t member = pick_trusted(policy, &in, view, choice);
    return member == BALANCE_NONE ? BALANCE_NONE : view->member_server[member];
}
