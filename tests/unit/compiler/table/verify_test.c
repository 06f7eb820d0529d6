/* A sound table passes; each way of spoiling it is refused with its own sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compiler/table/match.h"
#include "compiler/table/verify.h"
#include "runtime/base/clock.h"

#define SLOTS 64u

/* A small table of which every part can be spoilt. */
struct fixture {
    struct table t;
    struct table_listener listener;
    struct table_bind bind, admin_bind;
    struct table_cluster cluster[2];
    struct table_server server[3];
    struct table_route route;
    struct table_clause clause[2];
    struct table_node node[5];
    struct table_atom atom[3];
    struct table_part part[2];
    struct table_effect effect;
    struct table_auth auth;
    struct slice nothing;
    struct table_end end[3];
    struct table_range range[2];
    struct table_network_set networks;
    struct slice string[2];
    uint32_t slot[SLOTS];
    struct table_string_set strings;
};

static struct address address(uint8_t last)
{
    return (struct address){.byte = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}};
}

static void objects(struct fixture *f)
{
    f->bind.endpoint = (struct endpoint){.address = address(1), .port = 8080};
    f->bind.backlog = 1;
    f->bind.mode = TABLE_NO_MODE;
    f->bind.tls = TABLE_NO_TLS;
    f->admin_bind = f->bind;
    f->listener = (struct table_listener){.name = SLICE("web"),
                                          .on_connect = TABLE_NO_ROUTE,
                                          .on_response = TABLE_NO_ROUTE,
                                          .bind = &f->bind,
                                          .n_binds = 1,
                                          .max_connections = 10,
                                          .max_streams = 10,
                                          .max_glitches = 1000,
                                          .overload_saves = 85,
                                          .overload_refuses = 95,
                                          .max_per_source = 1,
                                          .max_handshakes = 1,
                                          .min_rate_ns = 1,
                                          .max_requests = 1,
                                          .max_head_bytes = 1024,
                                          .max_body_bytes = 1};
    for (size_t i = 0; i < 2; i++)
        f->cluster[i] =
            (struct table_cluster){.name = SLICE("c"), .n_servers = 1, .field = FIELD_COUNT};
    f->cluster[0].n_servers = 2;
    f->cluster[1].first_server = 2;
    f->cluster[1].health = (struct table_health){.kind = HEALTH_HTTP,
                                                 .method = SLICE("GET"),
                                                 .path = SLICE("/"),
                                                 .every_ns = 1,
                                                 .timeout_ns = 1,
                                                 .rise = 1,
                                                 .fall = 1,
                                                 .status_first = 200,
                                                 .status_last = 299};
    for (size_t i = 0; i < 3; i++)
        f->server[i] = (struct table_server){
            .name = SLICE("s"), .endpoint = f->bind.endpoint, .cluster = i == 2, .weight = 1};
    memcpy(f->server[2].endpoint.path, "/run/app.sock", sizeof("/run/app.sock"));
    f->server[2].endpoint.port = 0;
    for (size_t i = 0; i < TIMEOUT_COUNT; i++)
        f->listener.timeout_ns[i] = f->cluster[0].timeout_ns[i] = f->cluster[1].timeout_ns[i] = 1;
}

static void sets(struct fixture *f)
{
    f->range[0] = (struct table_range){address(1), address(3)};
    f->range[1] = (struct table_range){address(5), address(9)};
    f->networks = (struct table_network_set){f->range, 2};
    f->string[0] = SLICE("GET");
    f->string[1] = SLICE("PUT");
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t at = string_set_hash(f->string[i]);
        while (f->slot[at % SLOTS] != 0)
            at++;
        f->slot[at % SLOTS] = i + 1;
    }
    f->strings = (struct table_string_set){f->string, f->slot, 2, SLOTS - 1};
}

static void decision(struct fixture *f)
{
    f->route = (struct table_route){
        .name = SLICE("r"), .stage = TABLE_NO_STAGE, .phase = PHASE_REQUEST, .n_clauses = 2};
    f->clause[0] = (struct table_clause){.number = 1, .entry = 0, .then = 2, .next = 3};
    f->clause[1] = (struct table_clause){.number = 2, .entry = 3, .then = 3, .next = TABLE_NO_NODE};
    f->atom[0] = (struct table_atom){.field = FIELD_SRC, .op = OP_IN_NETWORKS};
    f->atom[1] = (struct table_atom){.field = FIELD_METHOD, .op = OP_IN_STRINGS};
    f->atom[2] = (struct table_atom){
        .field = FIELD_HEADER, .op = OP_EQUAL, .key = SLICE("x-a"), .string = SLICE("v")};
    f->part[0].literal = SLICE("https://");
    f->part[1].field = FIELD_HOST;
    f->effect = (struct table_effect){.name = SLICE("x-b"), .value = {f->part, 2}};
    f->end[0] = (struct table_end){.kind = END_FORWARD, .cluster = 1};
    f->end[1] = (struct table_end){.kind = END_RESPOND, .status = 200, .type = SLICE("text/plain")};
    f->end[2] = (struct table_end){.kind = END_REDIRECT, .status = 301, .location = {f->part, 2}};
    f->node[0] = (struct table_node){.kind = NODE_TEST, .what = 0, .yes = 1, .no = 4};
    f->node[1] = (struct table_node){.kind = NODE_TEST, .what = 1, .yes = 2, .no = 3};
    f->node[2] = (struct table_node){.kind = NODE_EFFECT, .what = 0, .yes = 3};
    f->node[3] = (struct table_node){.kind = NODE_END, .what = 0, .clause = 1};
    f->node[4] = (struct table_node){.kind = NODE_END, .what = 2, .clause = 1};
}

static void sound(struct fixture *f)
{
    *f = (struct fixture){0};
    objects(f);
    sets(f);
    decision(f);
    f->t = (struct table){.listener = &f->listener,
                          .cluster = f->cluster,
                          .server = f->server,
                          .route = &f->route,
                          .clause = f->clause,
                          .node = f->node,
                          .atom = f->atom,
                          .effect = &f->effect,
                          .end = f->end,
                          .network_set = &f->networks,
                          .string_set = &f->strings,
                          .admin = {.bind = &f->admin_bind,
                                    .n_binds = 1,
                                    .everybody = true,
                                    .token = TABLE_NO_SECRET},
                          .n_listeners = 1,
                          .n_clusters = 2,
                          .n_servers = 3,
                          .n_routes = 1,
                          .n_clauses = 2,
                          .n_nodes = 5,
                          .n_atoms = 3,
                          .n_effects = 1,
                          .n_ends = 3,
                          .n_network_sets = 1,
                          .n_string_sets = 1};
}

static void full_path(struct endpoint *e)
{
    memset(e->path, '/', sizeof(e->path));
    e->port = 0;
}

/* The first cluster sets cookies, as it may. */
static void set_cookies(struct fixture *f)
{
    f->cluster[0].sticky = (struct table_sticky){.kind = STICKY_COOKIE,
                                                 .shared = TABLE_NO_SHARED,
                                                 .name = SLICE("lb"),
                                                 .key = TABLE_NO_SECRET};
}

/* The first cluster ejects servers, as it may. */
static void ask(struct fixture *f)
{
    f->auth = (struct table_auth){.path = SLICE("/"), .timeout_ns = 1};
    f->t.auth_rule = &f->auth;
    f->t.n_auth_rules = 1;
}

static void eject(struct fixture *f)
{
    f->cluster[0].outlier = (struct table_outlier){.given = true,
                                                   .consecutive_errors = 5,
                                                   .window_ns = 1,
                                                   .min_requests = 1,
                                                   .eject_ns = 1,
                                                   .max_ejected_percent = 20};
}

/* SPOIL(what is done to the fixture f, the sentence) */
#define SPOILT                                                                                     \
    SPOIL(f->t.node = NULL, "there are no nodes where some are counted")                           \
    SPOIL(f->t.string_set = NULL, "there are no sets of strings where some are counted")           \
    SPOIL(f->listener.name.len = 0, "a listener has no name")                                      \
    SPOIL(f->listener.n_binds = 0, "a listener is bound to nothing")                               \
    SPOIL(f->admin_bind.endpoint.port = 0, "an admin is bound to what can't be bound")             \
    SPOIL(f->admin_bind.tls = 0, "an admin speaks what it can't")                                  \
    SPOIL(f->admin_bind.proxy_protocol = true, "an admin speaks what it can't")                    \
    SPOIL(f->admin_bind.backlog = 0, "an admin lets nobody wait")                                  \
    SPOIL(f->t.admin.token = 0, "an admin has a token that is not there")                          \
    SPOIL(f->t.admin.everybody = false, "an admin lets nobody in")                                 \
    SPOIL(f->bind.endpoint.port = 0, "a listener has an endpoint that can't be bound")             \
    SPOIL(f->bind.tls = 0, "a listener names a tls block that is not there")                       \
    SPOIL(full_path(&f->bind.endpoint), "a listener has an endpoint that can't be bound")          \
    SPOIL(f->listener.route = 1, "a listener names a route that is not there")                     \
    SPOIL(f->route.phase = PHASE_CONNECT, "a listener has a route of another phase")               \
    SPOIL(f->listener.on_connect = 0, "a listener has a route of another phase")                   \
    SPOIL(f->listener.on_response = 7, "a listener has a route of another phase")                  \
    SPOIL(f->bind.proxy_protocol = true, "a listener reads PROXY headers and trusts nobody")       \
    SPOIL(f->bind.backlog = 0, "a listener's backlog is out of range")                             \
    SPOIL(f->bind.mode = 0660, "a listener has a file mode that can't be set")                     \
    SPOIL((f->listener.trusted = f->networks, f->range[1].first = address(2)),                     \
          "ranges of addresses are not sorted, touch or overlap")                                  \
    SPOIL(f->cluster[0].proxy_protocol = 3, "a cluster has a PROXY protocol that there is not")    \
    SPOIL(f->cluster[1].health.proxy_protocol = 3,                                                 \
          "a health check begins with a header that there is not")                                 \
    SPOIL(f->listener.max_connections = 0, "a listener takes no connections")                      \
    SPOIL(f->listener.max_streams = 0, "a listener takes no streams")                              \
    SPOIL(f->listener.min_rate_ns = 0, "a listener looks at rates over no time")                   \
    SPOIL(f->listener.max_per_source = 0, "a listener takes no client, or no handshake")           \
    SPOIL(f->listener.max_handshakes = 0, "a listener takes no client, or no handshake")           \
    SPOIL(f->listener.overload_saves = 96, "a listener refuses before it saves")                   \
    SPOIL(f->listener.max_glitches = 9, "a listener forgives nothing")                             \
    SPOIL(f->listener.max_requests = 0, "a listener takes no requests")                            \
    SPOIL(f->listener.max_head_bytes = TABLE_HEAD_BYTES_MAX + 1,                                   \
          "a listener takes no heads, or longer ones than there may be")                           \
    SPOIL(f->listener.timeout_ns[TIMEOUT_LISTENER_TUNNEL] = 0,                                     \
          "a listener has a timeout that is not above zero")                                       \
    SPOIL(f->cluster[0].name.len = 0, "a cluster has no name")                                     \
    SPOIL(f->cluster[0].balance = BALANCE_COUNT, "a cluster's balance is none of the known ones")  \
    SPOIL(f->cluster[0].field = FIELD_PATH,                                                        \
          "a cluster's balance goes by a field that it does not take, or by none")                 \
    SPOIL(f->cluster[0].balance = BALANCE_HASH,                                                    \
          "a cluster's balance goes by a field that it does not take, or by none")                 \
    SPOIL((f->cluster[0].balance = BALANCE_HASH, f->cluster[0].field = FIELD_HEADER),              \
          "a cluster is balanced by a field without its key")                                      \
    SPOIL(f->cluster[0].bounded_percent = 125, "a cluster's load has a bound that cannot hold")    \
    SPOIL((eject(f), f->cluster[0].outlier.consecutive_errors = 0),                                \
          "a cluster ejects servers for nothing")                                                  \
    SPOIL((eject(f), f->cluster[0].outlier.min_requests = 0),                                      \
          "a cluster ejects servers for nothing")                                                  \
    SPOIL((eject(f), f->cluster[0].outlier.error_percent = 101),                                   \
          "a cluster ejects servers at a rate that can't be")                                      \
    SPOIL((eject(f), f->cluster[0].outlier.latency_percent = 100),                                 \
          "a cluster ejects servers that are as fast as the others")                               \
    SPOIL((eject(f), f->cluster[0].outlier.window_ns = 0), "a cluster ejects servers for no time") \
    SPOIL((eject(f), f->cluster[0].outlier.eject_ns = 0), "a cluster ejects servers for no time")  \
    SPOIL((eject(f), f->cluster[0].outlier.max_ejected_percent = 101),                             \
          "a cluster ejects more servers than there are, or none")                                 \
    SPOIL(f->cluster[0].sticky.kind = 9, "a cluster is sticky in a way that there is not")         \
    SPOIL(f->cluster[0].sticky.kind = STICKY_HEADER,                                               \
          "a cluster is sticky by a header that has no name")                                      \
    SPOIL(f->cluster[0].sticky.kind = STICKY_SRC,                                                  \
          "a cluster remembers its clients for a time that can't be")                              \
    SPOIL((f->cluster[0].sticky = (struct table_sticky){.kind = STICKY_SRC, .ttl_ns = NS_PER_S}),  \
          "a cluster remembers too many clients, or none")                                         \
    SPOIL((set_cookies(f), f->cluster[0].sticky.ttl_ns = NS_PER_S - 1),                            \
          "a sticky cookie lives for a time that can't be")                                        \
    SPOIL((set_cookies(f), f->cluster[0].sticky.key = 7),                                          \
          "a sticky cookie is signed by a secret that is not there")                               \
    SPOIL((set_cookies(f), f->cluster[0].sticky.name.len = TABLE_COOKIE_NAME_MAX + 1),             \
          "a sticky cookie is too long")                                                           \
    SPOIL((set_cookies(f), f->cluster[0].sticky.shared = 0),                                       \
          "a sticky cookie is shared, and says all itself")                                        \
    SPOIL((f->cluster[0].sticky =                                                                  \
               (struct table_sticky){                                                              \
                   .kind = STICKY_SRC, .ttl_ns = NS_PER_S, .entries = 1, .shared = 99}),           \
          "a cluster remembers its clients together where it can't")                               \
    SPOIL(f->server[0].slow_start_ns = -1, "a server begins in a way that there is not")           \
    SPOIL((f->cluster[0].retry =                                                                   \
               (struct table_retry){.given = true, .hedge_ns = -1, .budget_percent = 1}),          \
          "a cluster's retries go back in time")                                                   \
    SPOIL(f->server[0].priority = TABLE_PRIORITY_MAX + 1, "a server's priority is out of range")   \
    SPOIL(f->cluster[1].health.n_steps = TABLE_HEALTH_STEPS_MAX + 1,                               \
          "a health check has steps that it does not take")                                        \
    SPOIL(f->cluster[1].timeout_ns[TIMEOUT_CLUSTER_IDLE] = -1,                                     \
          "a cluster has a timeout that is not above zero")                                        \
    SPOIL(f->cluster[1].n_servers = 0, "a cluster has no servers")                                 \
    SPOIL(f->cluster[1].n_servers = 2, "a cluster has servers that are not there")                 \
    SPOIL(f->cluster[1].first_server = UINT32_MAX, "a cluster has servers that are not there")     \
    SPOIL(f->cluster[0].n_servers = 1, "a server is in no cluster")                                \
    SPOIL(f->server[0].name.len = 0, "a server has no name")                                       \
    SPOIL(f->server[1].cluster = 1, "a server belongs to another cluster than the one it is in")   \
    SPOIL(f->server[0].weight = 0, "a server's weight is out of range")                            \
    SPOIL(f->server[0].weight = TABLE_WEIGHT_MAX + 1, "a server's weight is out of range")         \
    SPOIL(f->server[2].endpoint.port = 1, "a server's endpoint can't be connected to")             \
    SPOIL(f->cluster[1].health.kind = (enum table_health_kind)9,                                   \
          "a health check is of no known kind")                                                    \
    SPOIL(f->cluster[1].health.every_ns = 0,                                                       \
          "a health check has an interval that is not above zero")                                 \
    SPOIL(f->cluster[1].health.timeout_ns = 0,                                                     \
          "a health check has a timeout that is not above zero")                                   \
    SPOIL(f->cluster[1].health.fall = 0, "a health check changes the state after no result")       \
    SPOIL(f->cluster[1].health.method.len = 0, "a health check has no method")                     \
    SPOIL(f->cluster[1].health.path = SLICE("x"), "a health check's path has no slash in front")   \
    SPOIL(f->cluster[1].health.status_last = 199, "a health check expects a status that can't be") \
    SPOIL(f->networks.range = NULL, "a set of networks has no ranges where some are counted")      \
    SPOIL(f->range[0].first = address(4), "a range of addresses ends before it begins")            \
    SPOIL(f->range[1].first = address(4), "ranges of addresses are not sorted, touch or overlap")  \
    SPOIL(f->range[1].first = address(2), "ranges of addresses are not sorted, touch or overlap")  \
    SPOIL(memset(&f->range[0].last, 0xff, sizeof(struct address)),                                 \
          "ranges of addresses are not sorted, touch or overlap")                                  \
    SPOIL(f->strings.slot = NULL, "a set of strings has no slots")                                 \
    SPOIL(f->strings.string = NULL, "a set of strings has no strings where some are counted")      \
    SPOIL(f->strings.mask = 2, "the slots of a set of strings are not a power of two")             \
    SPOIL(f->strings.mask = 1,                                                                     \
          "a set of strings has no free slot, so that a search would not end")                     \
    SPOIL(f->slot[0] = 3, "a slot of a set of strings points past its strings")                    \
    SPOIL(memset(f->slot, 0, sizeof(f->slot)),                                                     \
          "a set of strings has a string without a slot, or with two")                             \
    SPOIL(f->string[0] = SLICE("HEAD"), "a set of strings does not find its own")                  \
    SPOIL(f->atom[0].field = FIELD_COUNT, "a field is none of the known ones")                     \
    SPOIL(f->atom[0].key = SLICE("k"), "a field has a key that it does not take")                  \
    SPOIL(f->atom[2].key = SLICE("X-A"),                                                           \
          "a header is asked for by a name that is not one in lower case")                         \
    SPOIL(f->atom[2].op = OP_COUNT, "an atom's test is none of the known ones")                    \
    SPOIL(f->atom[0].op = OP_EQUAL,                                                                \
          "an address is compared as a string, or a string as an address")                         \
    SPOIL(f->atom[1].op = OP_IN_NETWORKS,                                                          \
          "an address is compared as a string, or a string as an address")                         \
    SPOIL(f->atom[0].set = 1, "an atom names a set of networks that is not there")                 \
    SPOIL(f->atom[1].set = 1, "an atom names a set of strings that is not there")                  \
    SPOIL(f->effect.value.part = NULL, "a template has no parts where some are counted")           \
    SPOIL(f->part[0].literal = SLICE("a\r\nb"), "a template has a control character")              \
    SPOIL(f->part[1].literal = SLICE("b"), "a template has two literals side by side")             \
    SPOIL(f->part[1].field = FIELD_COUNT, "a field is none of the known ones")                     \
    SPOIL(f->effect.kind = EFFECT_COUNT, "a change is of no known kind")                           \
    SPOIL(f->effect.name = SLICE("x b"), "a changed header's name is not one in lower case")       \
    SPOIL(f->end[0].kind = (enum table_end_kind)99, "an end is of no known kind")                  \
    SPOIL(f->end[0].kind = END_PASS, "a route ends in what its phase does not have")               \
    SPOIL(f->end[0].kind = END_TARPIT, "a tarpit holds for no time, or too long")                  \
    SPOIL(f->end[0].kind = END_SPLIT, "a split has no choices")                                    \
    SPOIL(f->end[0].kind = END_MAP, "a request is forwarded by a map that is not there")           \
    SPOIL(f->effect.kind = EFFECT_REPLACE_PREFIX,                                                  \
          "a prefix that is replaced does not begin with a slash")                                 \
    SPOIL(f->effect.kind = EFFECT_REPLACE_PATH,                                                    \
          "what is replaced is found by a regular expression that is not there")                   \
    SPOIL(f->effect.kind = EFFECT_TIMEOUT_READ, "a timeout is not above zero")                     \
    SPOIL((f->effect.kind = EFFECT_RETRY, f->effect.number = 11),                                  \
          "a clause tries again too often")                                                        \
    SPOIL(f->effect.kind = EFFECT_REQUIRE_AUTH,                                                    \
          "a request is asked about in a way that is not there")                                   \
    SPOIL((ask(f), f->auth.cluster = 2), "a cluster is asked about requests that is not there")    \
    SPOIL((ask(f), f->auth.path = SLICE("x")), "requests are asked about without a path")          \
    SPOIL((ask(f), f->auth.timeout_ns = 0), "an answer about requests is not waited for")          \
    SPOIL((ask(f), f->auth.n_take = TABLE_AUTH_NAMES_MAX + 1),                                     \
          "too many headers are sent or taken when it is asked about a request")                   \
    SPOIL((ask(f), f->auth.n_send = 1, f->auth.send = &f->nothing), "a header has no name")        \
    SPOIL((ask(f), f->auth.n_take = 1, f->auth.take = &f->nothing), "a header has no name")        \
    SPOIL(f->atom[2].op = OP_MATCHES, "an atom names a regular expression that is not there")      \
    SPOIL(f->atom[2].op = OP_IN_NUMBERS,                                                           \
          "a number is compared as a string, or a string as a number")                             \
    SPOIL(f->end[0].cluster = 2, "a request is forwarded to a cluster that is not there")          \
    SPOIL(f->end[1].status = 199, "a status is not one of 200 to 599")                             \
    SPOIL(f->end[2].status = 600, "a status is not one of 200 to 599")                             \
    SPOIL(f->end[1].type = SLICE("a\nb"), "a content type has a control character")                \
    SPOIL(f->route.entry = 5, "a route begins at a node that is not there")                        \
    SPOIL(f->route.n_clauses = 0, "a route has no clauses")                                        \
    SPOIL(f->route.n_clauses = 3, "a route has clauses that are not there")                        \
    SPOIL(f->route.n_clauses = 1, "a clause is in no route")                                       \
    SPOIL(f->clause[1].route = 1, "a clause belongs to another route than the one it is in")       \
    SPOIL(f->clause[1].number = 3, "the clauses of a route are not numbered from 1")               \
    SPOIL(f->clause[0].entry = 5, "a clause begins at a node that is not there")                   \
    SPOIL(f->route.entry = 1, "a route does not begin with its first clause")                      \
    SPOIL(f->clause[1].then = 5, "what a clause does is not behind its condition")                 \
    SPOIL(f->clause[1].then = 2, "what a clause does is not behind its condition")                 \
    SPOIL(f->clause[0].next = 4, "a clause does not lead to the one behind it")                    \
    SPOIL(f->clause[1].next = 2,                                                                   \
          "the last clause of a route leads to something that is no end of its own")               \
    SPOIL((f->clause[1].entry = 0, f->clause[0].next = 0),                                         \
          "the clause behind another is not behind it")                                            \
    SPOIL(f->node[0].kind = (enum table_node_kind)9, "a node is of no known kind")                 \
    SPOIL(f->node[0].clause = 2, "a node belongs to a clause that is not there")                   \
    SPOIL(f->node[0].what = 3, "a node asks an atom that is not there")                            \
    SPOIL(f->node[2].what = 1, "a node makes a change that is not there")                          \
    SPOIL(f->node[4].what = 3, "a node ends in an end that is not there")                          \
    SPOIL(f->node[1].yes = 0, "a node points backward, to itself or past the last one")            \
    SPOIL(f->node[1].no = 1, "a node points backward, to itself or past the last one")             \
    SPOIL(f->node[2].yes = 5, "a node points backward, to itself or past the last one")            \
    SPOIL(f->node[4].kind = NODE_EFFECT, "a node makes a change that is not there")

static void a_sound_table_passes(void **state)
{
    (void)state;
    struct fixture *f = MUST_NEW(struct fixture);
    sound(f);
    const char *problem = table_verify(&f->t);
    if (problem)
        fail_msg("%s", problem);
    free(f);
}

static void check(struct fixture *f, const char *how, const char *sentence)
{
    const char *problem = table_verify(&f->t);
    if (!problem || strcmp(problem, sentence) != 0)
        fail_msg("%s: %s", how, problem ? problem : "passes");
    sound(f);
}

static void a_spoilt_one_is_refused(void **state)
{
    (void)state;
    struct fixture *f = MUST_NEW(struct fixture);
    sound(f);
#define SPOIL(how, sentence) (void)(how), check(f, #how, sentence);
    SPOILT
#undef SPOIL
    free(f);
}

/* A ladder of `n` tests, each with a change on its yes side, and one END. */
static const char *verify_ladder(uint32_t n)
{
    struct fixture *f = MUST_NEW(struct fixture);
    sound(f);
    struct table_node *node = MUST_ARRAY(struct table_node, 2 * n + 1);
    for (uint32_t i = 0; i < n; i++) {
        node[2 * i] = (struct table_node){.kind = NODE_TEST, .yes = 2 * i + 1, .no = 2 * i + 2};
        node[2 * i + 1] = (struct table_node){.kind = NODE_EFFECT, .yes = 2 * i + 2};
    }
    node[2 * n].kind = NODE_END;
    f->t.node = node;
    f->t.n_nodes = 2 * n + 1;
    const char *problem = table_verify(&f->t);
    free(node);
    free(f);
    return problem;
}

static void no_walk_makes_more_changes_than_a_verdict_holds(void **state)
{
    (void)state;
    assert_null(verify_ladder(TABLE_EFFECTS_MAX));
    assert_string_equal(verify_ladder(TABLE_EFFECTS_MAX + 1),
                        "a request may meet more changes than a verdict can hold");
    assert_string_equal(verify_ladder(1000),
                        "a request may meet more changes than a verdict can hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_table_passes),
        cmocka_unit_test(a_spoilt_one_is_refused),
        cmocka_unit_test(no_walk_makes_more_changes_than_a_verdict_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
