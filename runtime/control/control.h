/*
 * control - the operators' verbs. The stats socket and the admin port call nothing else.
 *
 * All of it belongs to the control thread, but for control_post(); nothing blocks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/clock.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "runtime/metrics/histogram.h"
#include "runtime/metrics/metrics.h"
#include "runtime/proxy/roster.h"
#include "runtime/proxy/trace.h"
#include "runtime/upstream/server.h"

struct control;
struct message;

/* The one thing here that is for any thread: runs the message on the control thread, where all the
 * rest may be called. Not once control_free() has begun. */
void control_post(struct control *c, struct message *m);

/* What is under way when nothing new is taken, and how long it has. */
struct control_left {
    int64_t connections, requests, tunnels; /* the second without the third */
    int64_t for_ns;
};

struct control_info {
    const char *version, *file;
    int64_t pid;
    uint64_t generation;
    int64_t uptime_ns;
    uint32_t workers;
    uint32_t listeners, clusters, servers, servers_usable;
    uint32_t certificates;
    int64_t certificate_expiry_s; /* of the first to expire, since 1970; 0: there is none */
    uint64_t probes, probes_late; /* begun; of them, more than a tenth of their interval late */
    uint64_t reloads, reloads_refused; /* since the process began, changes among them */
    bool reload_refused;               /* the last one */
    int64_t reload_wall_ns;            /* when that was, since 1970; 0: there was none */
    int64_t swap_longest_ns;           /* that a swap has held up a worker's loop */
    int64_t trial_left_ns;             /* until what is on trial goes; 0: nothing is */
    uint32_t canary_part;              /* of CONTROL_CANARY_WHOLE clients; 0: there is no canary */
    bool shadow;                       /* a candidate decides too, or the canary does */
    bool serving;                      /* clients are served: from the first checks on */
    bool draining;                     /* a shutdown has begun; then also: */
    struct control_left left;
    int64_t successor; /* it was for this process, which serves; 0: for none */
    int64_t before;    /* the process that served before and is not over yet; 0: none. Then also: */
    struct control_left before_left;
    const struct metrics *const *metrics; /* a block of each thread; valid while we run */
    uint32_t n_metrics;
};

void control_info(const struct control *c, struct control_info *out);

struct control_server {
    struct slice cluster, name;
    char endpoint[ENDPOINT_TEXT_MAX];
    enum health_state health;
    bool checked;
    enum server_admin admin;
    uint32_t weight, priority;
    uint32_t file_weight; /* another one may have been set */
    bool backup;
    bool standby; /* servers of a lower priority are used now */
    int64_t in_flight;
    uint32_t max_connections; /* of these at a time; 0: no limit */
    uint32_t idle;
    uint64_t requests, connect_errors, response_errors;
    uint64_t retries; /* requests that went on from it to another connection or server */
    struct statuses_sum statuses;        /* of all that it has answered, tried again or not */
    uint64_t received_bytes, sent_bytes; /* from it, and to it */
    int64_t since_wall_ns;               /* it has been in this state, since 1970 */
    uint64_t answers,
        answers_ns;         /* responses begun, and the sum of the times to their first byte */
    uint64_t ejections;     /* in all, for answering badly */
    int64_t ejected_for_ns; /* it is away for so long still; 0: it is not. Then also: */
    uint32_t ejected_times; /* in a row */
    struct outlier_why ejected_why;
    const char *last_check;     /* what the last health check came to; empty: nothing yet */
    const char *connect_reason; /* what the last handshake that failed said; NULL: nothing */
};

/* Does it get requests: up or unchecked, ready, not ejected? */
static inline bool control_server_is_used(const struct control_server *s)
{
    return (s->health == HEALTH_UP || !s->checked) && s->admin == SERVER_READY &&
           s->ejected_for_ns == 0;
}

/* Calls `each` for every server of the current generation, in the order of the file. */
void control_servers(const struct control *c,
                     void (*each)(void *to, const struct control_server *s), void *to);

struct control_listener {
    struct slice name, route;
    bool tcp;                    /* bytes are passed on; else HTTP */
    const struct endpoint *bind; /* the first of them, each with or without TLS */
    const bool *tls;
    uint32_t n_binds;
    int64_t connections; /* open now */
    uint32_t max_connections;
    uint64_t accepted; /* connections, so far */
    struct statuses_sum statuses;
    uint64_t received_bytes, sent_bytes; /* of requests that have ended, and their responses */
};

/* Calls `each` for every listener of the current generation, in the order of the file. */
void control_listeners(const struct control *c,
                       void (*each)(void *to, const struct control_listener *l), void *to);

/* Why a request would go where it would, of what is served now and with the servers that are up.
 * False, with a sentence in `why`, when it is no request. */
MUST_CHECK bool control_explain(const struct control *c, struct slice request, bool json,
                                struct text *out, struct text *why);

/* A clause of a route, and what its clients got of those requests that it decided: the clause that
 * the access log names. Those of `on connect` and `on response` are of routes "front on connect"
 * and so on: of connections they decide by dropping them, of responses never. */
struct control_clause {
    struct slice route, file;
    uint32_t number, line; /* of the clause within the route, and where it stands; from 1 */
    uint64_t text;         /* the same as long as the same is written, wherever it stands */
    bool decides;          /* otherwise one behind it does: `continue`, `goto` */
    bool changes;          /* something; where it does neither nothing is counted */
    uint64_t continued;    /* requests, connections, responses that it changed and let go on */
    uint64_t sent_bytes;   /* of responses to those that it decided; tunnels not among them */
    struct statuses_sum statuses;
};

/* Calls `each` for every clause, in the order of the file; those of `on connect` and `on response`
 * come last. */
void control_clauses(const struct control *c,
                     void (*each)(void *to, const struct control_clause *s), void *to);

/* What the process itself takes, of all of the machine; -1 where it can't be had. */
struct control_usage {
    int64_t cpu_ns, resident_bytes, virtual_bytes, descriptors, descriptors_max;
    int64_t begun_wall_ns; /* since 1970 */
};

void control_usage(const struct control *c, struct control_usage *out);

/* A count and what it may be; 0: no limit, and of what the circuit breaker limits no count. */
struct control_use {
    uint32_t now, most;
};

/* What became of the requests of a cluster whose clients keep their servers. */
struct control_sticky {
    const char *by;              /* src, header, cookie, learn; NULL where it is not sticky */
    uint64_t kept, fresh, moved; /* went to their server; had none; had one that can't be used */
    uint64_t evicted, learned;   /* clients forgotten for others; values that servers gave out */
    uint64_t forged, expired;    /* cookies that were not believed */
    uint64_t heard;              /* clients that other processes told of */
    struct slice shared;         /* where these do; empty: nowhere */
    uint64_t clients;            /* of control_stickies(): remembered now, about */
    uint32_t entries;            /* 0: nothing is remembered here, for the cookie says all */
};

struct control_cluster {
    struct slice name;
    const char *balance;
    uint32_t servers, usable;   /* of them */
    uint32_t in_use;            /* usable, and of the priority that gets the requests now */
    uint32_t priority;          /* of these */
    bool backup;                /* they are backups */
    int64_t in_flight;          /* at all its servers */
    struct control_use waiting; /* in the queue */
    struct control_use connections, pending, retrying; /* of the circuit breaker */
    struct control_sticky sticky;
    struct statuses_sum statuses; /* that its clients got, whoever answered them */
    uint64_t retries, queued; /* requests given to another connection or server; that had to wait */
    struct histogram_sum connect, first_byte, total; /* how long its servers took */
};

/* Calls `each` for every cluster of the current generation, in the order of the file. */
void control_clusters(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to);

/* The same, and counts who is remembered. */
void control_stickies(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to);

struct control_source {
    struct slice cluster, name; /* a name that is looked up, or a file */
    const char *kind;           /* dns, srv, file */
    uint32_t servers, missing;  /* of them, those that stay though they are not listed */
    uint64_t answers, failures, left_out;
    int64_t answered_ago_ns, next_in_ns; /* -1: it has not been answered yet */
    const char *reason; /* why there was no answer last, or nobody in it; or NULL */
};

/* Calls `each` for whatever lists servers, in the order of the file. */
void control_sources(const struct control *c,
                     void (*each)(void *to, const struct control_source *s), void *to);

struct control_limit {
    struct slice name;
    bool observe;
    uint64_t admitted, refused, observed; /* the last: admitted because it only observes */
    uint64_t keys, evicted;               /* those with something spent; those that lost that */
    uint64_t in_flight;
    uint32_t concurrent; /* of a key; 0: not limited, and not counted */
    uint32_t entries;
    bool bytes;       /* it counts those, and refuses nothing; the following are 0 otherwise */
    uint64_t delayed; /* of the admitted */
    uint64_t moved_bytes, delayed_bytes, delayed_ns; /* those of the delayed, one after the other */
};

/* Calls `each` for every limit of the current generation, in the order of the file. Looks at every
 * key that is remembered. */
void control_limits(const struct control *c, void (*each)(void *to, const struct control_limit *l),
                    void *to);

struct control_certificate {
    struct slice name; /* the first that it is for; empty: none */
    uint32_t n_names;
    int64_t not_after_s; /* since 1970 */
    const char *file;
};

/* Calls `each` for every certificate of the current generation that clients are shown, in the order
 * of the file. */
void control_certificates(const struct control *c,
                          void (*each)(void *to, const struct control_certificate *s), void *to);

/* A Redis in which limits are counted, and clients remembered, together with other processes. */
struct control_share {
    struct slice name;
    char address[ENDPOINT_TEXT_MAX];
    bool up;
    int64_t for_ns;              /* it has been so */
    const char *why, *meanwhile; /* it is not up; empty: not asked yet. What its limits do then */
    uint32_t limits, clusters;   /* that are counted, and whose clients are remembered there */
    uint32_t pending;            /* keys that are to be told */
    uint64_t round_trips, errors;
    uint64_t told, untold; /* keys; requests and clients for which there was no room */
    int64_t took_ns;       /* the last round trip */
};

void control_shared(const struct control *c, void (*each)(void *to, const struct control_share *s),
                    void *to);

/* Who is connected now. */
#define CONTROL_SESSIONS_MAX 1000u
struct control_sessions_filter {
    bool by_source;
    struct network source; /* canonical */
    struct slice listener; /* empty: any */
    uint32_t limit;        /* rows, 1..CONTROL_SESSIONS_MAX: those that are connected longest */
};

struct control_sessions {
    const struct roster_row *const *row; /* longest connected first */
    uint32_t n_rows;
    uint64_t connections, matched; /* all; those that the filter lets through */
    uint32_t workers, missing;     /* those that have not answered in time: nothing is of them */
    int64_t slice_ns;              /* the longest that a worker's loop was held by the question */
};

struct control_sessions_asker {
    void (*done)(void *of, const struct control_sessions *s); /* within some seconds */
    void *of;
    struct text *why;
};

/* Asks all workers. False, with a sentence in asker->why, when that can't be now: then `done` is
 * not called. */
MUST_CHECK bool control_sessions(struct control *c, const struct control_sessions_filter *f,
                                 const struct control_sessions_asker *asker);

/* The steps of the next exchanges that meet a filter, as they come to their ends. */
#define CONTROL_TRACE_FOR_NS_MAX (3600 * NS_PER_S)
struct control_trace_wish {
    struct trace_filter filter;
    uint32_t exchanges; /* 1..TRACE_EXCHANGES_MAX */
    int64_t for_ns;     /* at most CONTROL_TRACE_FOR_NS_MAX */
};

enum control_trace_why {
    CONTROL_TRACE_ALL,  /* so many as were asked for */
    CONTROL_TRACE_TIME, /* the time is over */
    CONTROL_TRACE_LEFT, /* nobody listens */
    CONTROL_TRACE_END   /* the process ends */
};

struct control_trace_end {
    enum control_trace_why why;
    uint32_t exchanges; /* told */
    uint32_t others;    /* that met the filter when there was no place for more */
    uint32_t missing;   /* workers that have not said what they know */
};

struct control_trace_asker {
    void (*exchange)(void *of, const struct trace_place *p);   /* one has come to its end */
    bool (*is_left)(void *of);                                 /* does nobody listen any more? */
    void (*over)(void *of, const struct control_trace_end *e); /* the last that is called, once */
    void *of;
    struct text *why;
};

/* False, with a sentence in asker->why, when TRACES_MAX are on already, or nobody is served yet;
 * then nothing is called. */
MUST_CHECK bool control_trace(struct control *c, const struct control_trace_wish *wish,
                              const struct control_trace_asker *asker);

/* Something that happened, as the log was told of it. */
#define CONTROL_EVENTS_MAX 1024u /* that are kept */
struct control_event {
    uint64_t number;   /* from 1, without gaps */
    int64_t wall_ns;   /* since 1970 */
    const char *level; /* info, warning, error */
    const char *kind;  /* "server" */
    const char *about; /* "web/a"; empty: the process */
    const char *text;  /* a line */
};

/* Calls `each` for the last `n` of those that are kept, oldest first. Returns how many are not kept
 * any more. */
uint64_t control_events(const struct control *c, uint32_t n,
                        void (*each)(void *to, const struct control_event *e), void *to);

struct control_generation {
    uint64_t id;
    bool current;
    int64_t age_ns;
    uint64_t
        pins; /* exchanges that began with it and are not over, and workers that still have it */
    size_t bytes; /* of its table */
    bool canary;  /* it serves a share beside the current one */
};

/* Newest first. */
void control_generations(const struct control *c,
                         void (*each)(void *to, const struct control_generation *g), void *to);

/* What became of a reload: a new generation, or why not; or of an upgrade. */
struct control_reload {
    bool done;
    bool upgrade;
    int64_t successor;   /* then: the process that serves now */
    struct slice why;    /* or a sentence: it does not */
    uint64_t generation; /* the current one afterwards */
    int64_t took_ns;
    uint64_t change;      /* the number of the change that it is about; 0: it is about none */
    struct slice report;  /* warnings, or the diagnostics that refused it, or what the process said
                           * that does not take over; human-readable */
    struct slice differs; /* a line: how many regions of requests are treated otherwise than before;
                           * then the riskiest of them. Or why it is not said; or empty */
    bool server;          /* it is about a server: the report says all */
    bool shadows;         /* it is only compared with what is served */
    bool canary;          /* it serves beside what is served, which is `generation` still */
    bool promoted, reverted; /* it does so no more: all get it, or none */
};

/* Who asks for something to be loaded, and who is told. */
#define CONTROL_WHO_MAX 31u
#define CONTROL_WHY_MAX 200u
struct control_asker {
    struct slice who; /* for those who look at it later: "uid 1000"; cut after CONTROL_WHO_MAX */
    void (*done)(
        void *of,
        const struct control_reload *r); /* on the control thread, once it is over; may be NULL */
    void *of;
    struct text *why; /* a sentence, when it cannot be tried now: then `done` is not called */
};

/* Loads the file anew, off every loop. Only one load runs at a time: false when one is under way.
 */
MUST_CHECK bool control_reload(struct control *c, const struct control_asker *asker);

/* The same with the configuration that is served, of which no file is read: certificates, keys and
 * secrets are. The report says which certificates are new. */
MUST_CHECK bool control_reload_certificates(struct control *c, const struct control_asker *asker);

/* Why a reload, or anything that is loaded, is refused now: a sentence. */
const char *control_why_not_now(const struct control *c);

/*
 * A reload on trial: unless control_confirm() comes within `for_ns`, what was served before comes
 * back. It does so at once when, of at least CONTROL_TRIAL_RESPONSES responses since, the share of
 * 5xx is CONTROL_TRIAL_PERCENT points above that of the minute before; or when 99 % of as many
 * responses of a cluster take `slower` times as long as they did until then. Meanwhile nothing else
 * is loaded.
 */
struct control_trial_rule {
    int64_t for_ns;
    uint32_t slower; /* as of control_canary_rule */
};
#define CONTROL_TRIAL_RESPONSES 100u
#define CONTROL_TRIAL_PERCENT   5u
MUST_CHECK bool control_try(struct control *c, const struct control_trial_rule *rule,
                            const struct control_asker *asker);

/* What is on trial stays. False when nothing is. */
MUST_CHECK bool control_confirm(struct control *c, struct slice who);

/*
 * A canary: the file is loaded as by a reload, and serves beside what is served now, for a share of
 * the clients. It ends with control_promote(), with control_revert(), when its time is over, and at
 * once when, of at least CONTROL_TRIAL_RESPONSES responses, its share of 5xx is
 * CONTROL_TRIAL_PERCENT points above that of the others meanwhile, or 99 % of its responses, of as
 * many, take `slower` times as long as of the others. Until then nothing else is loaded, and what
 * it says of servers and sockets that both have is not done.
 */
struct control_canary_rule {
    uint32_t part;   /* the share: 1..CONTROL_CANARY_WHOLE */
    int64_t for_ns;  /* then it goes; 0: it stays until somebody says so */
    uint32_t slower; /* 2..CONTROL_SLOWER_MAX; 0: their times do not matter */
};
#define CONTROL_SLOWER_MAX   1000u
#define CONTROL_CANARY_WHOLE 10000u
MUST_CHECK bool control_canary(struct control *c, const struct control_canary_rule *rule,
                               const struct control_asker *asker);

/* The share of the canary that serves, from now on. These are false, with a sentence in `why`, when
 * none does. Who ends it is told as after a reload: once it is so for all workers. */
MUST_CHECK bool control_canary_share(struct control *c, uint32_t part, struct text *why);
MUST_CHECK bool control_promote(struct control *c, const struct control_asker *asker);
MUST_CHECK bool control_revert(struct control *c, const struct control_asker *asker);

/* What one side has done since it began. */
struct control_canary_side {
    uint64_t generation;
    struct statuses_sum statuses;
    double mean_ns, p99_ns; /* of whole responses; -1: there are none */
};

struct control_canary_view {
    uint32_t part;             /* of CONTROL_CANARY_WHOLE */
    int64_t since_ns, left_ns; /* ago; -1: no end */
    struct control_canary_side stable, canary;
    uint64_t compared,
        differ; /* requests that both decided, and otherwise: control_shadow_info() */
};
MUST_CHECK bool control_canary_info(const struct control *c, struct control_canary_view *out,
                                    struct text *why);

/* What is served differs from the files by so many changes at most, each so long at most. */
#define CONTROL_CHANGES_MAX      256u
#define CONTROL_CHANGE_BYTES_MAX 4096u

/*
 * Changes the configuration as a sentence of `lbc edit` says, without reading the files: all or
 * nothing, as a reload. With `for_ns` it is taken back after that time, else it holds until it is
 * undone; reloads keep it, and restarts where there is a state (control_config.journal). With
 * `commit` it is written into the file instead, which must be as it was loaded.
 */
struct control_request {
    struct slice sentence;
    int64_t for_ns; /* 0: no end */
    bool commit;
    bool names_known; /* it may name no file, and no variable, that what is served does not name */
    struct slice why; /* for those who look at it later; cut after CONTROL_WHY_MAX */
};
MUST_CHECK bool control_change(struct control *c, const struct control_request *r,
                               const struct control_asker *asker);

/* Takes a change back, in the same way; or what was set of a server. */
MUST_CHECK bool control_undo(struct control *c, uint64_t change, const struct control_asker *asker);

/* A configuration that was served: the text of each of its files. */
struct control_revision {
    uint64_t number;
    struct slice who, what; /* brought it, and how: "reload", "commit set api/a weight 5" */
    int64_t made_s;         /* since 1970 */
    uint32_t files;
    uint64_t bytes;
    bool current; /* the newest, whose texts are served */
};

/* Calls `each` for every revision that is kept, newest first. False, with a sentence in `why`,
 * where none are. */
MUST_CHECK bool control_revisions_each(const struct control *c,
                                       void (*each)(void *to, const struct control_revision *r),
                                       void *to, struct text *why);

/* Appends what the revision changed, as `diff -u` writes it. Reads its texts from the disk. False,
 * with a sentence in `why`. */
MUST_CHECK bool control_revision_diff(const struct control *c, uint64_t number, struct text *out,
                                      struct text *why);

/* Serves the texts of a revision and writes them into the files, which must be as they were loaded;
 * changes that are not in the files stay. */
MUST_CHECK bool control_rollback(struct control *c, uint64_t number,
                                 const struct control_asker *asker);

/*
 * A shadow: the file is compiled, with the changes that are in no file, and its table decides all
 * requests too, from then on; nothing is done about it but to count what it would have decided
 * otherwise than what is served. It ends with the process, with control_shadow_off(), or when
 * another one begins; when another configuration is served it begins anew. The answer's generation
 * is the one that it is held against.
 */
#define CONTROL_CANDIDATE_BYTES_MAX 1024u
MUST_CHECK bool control_shadow(struct control *c, struct slice file,
                               const struct control_asker *asker);

/* False when there is none. */
MUST_CHECK bool control_shadow_off(struct control *c);

/* How one side decided: by which clause, and what it did. */
struct control_decision {
    struct slice route, file;
    uint32_t clause, line;
    struct slice does;
};

/* Requests that were decided otherwise by the same two clauses, and in the same respect. */
struct control_shadow_kind {
    const char *what, *text; /* "cluster", "another cluster" */
    struct control_decision before, after;
    uint64_t count;
    const char *request; /* one of them, as `lbc explain` takes it, without credentials */
};

#define CONTROL_SHADOW_WORDS 8u
struct control_shadow {
    struct slice file;
    uint64_t generation; /* that it is held against */
    int64_t since_ns;    /* ago */
    uint64_t compared, agreed, differ;
    uint64_t unlistened; /* of listeners that the candidate does not have */
    uint64_t others;     /* of `differ`: there was no room for their kind */
    struct {
        const char *word, *text;
        uint64_t count;
    } by[CONTROL_SHADOW_WORDS]; /* of `differ` */
    uint32_t n_by;
};

/* False when there is none. Else `each` is called for every kind, the most frequent first. */
MUST_CHECK bool control_shadow_info(const struct control *c, struct control_shadow *out,
                                    void (*each)(void *to, const struct control_shadow_kind *k),
                                    void *to);

struct control_change {
    uint64_t number;
    struct slice sentence, who, why; /* of a server: "drain web/a", "set weight web/a 5" */
    int64_t age_ns, left_ns;         /* -1: no end */
    bool fits;   /* false: the files have nothing like it any more, and it changes nothing */
    bool server; /* it was set of a server, over what the file says */
};

/* Calls `each` for every change that is not in the files, oldest first. */
void control_changes(const struct control *c,
                     void (*each)(void *to, const struct control_change *s), void *to);

/*
 * Sets the state of a server, or its weight, at once and whatever else is under way: no file is
 * read, and nothing compiled. It holds over what the file says, until it is undone, set to what the
 * file says, or the file says something else than it does now; over reloads, and over restarts
 * where there is a state (control_config.overrides): asker->done is called once it is kept. False,
 * with a sentence in asker->why.
 */
#define CONTROL_OVERRIDES_MAX 4096u
#define CONTROL_WEIGHT_MAX    256u
struct control_override {
    struct slice server;     /* CLUSTER/SERVER */
    uint32_t weight;         /* 1..CONTROL_WEIGHT_MAX; 0: it is about the state */
    enum server_admin admin; /* then */
    int64_t for_ns;          /* 0: no end */
    struct slice why;        /* for those who look at it later; cut after CONTROL_WHY_MAX */
};
MUST_CHECK bool control_override(struct control *c, const struct control_override *o,
                                 const struct control_asker *asker);

/*
 * Starts `path` (empty: the program that we were started as) with our arguments, hands our sockets
 * and what we know to it, and ends once it serves, as after a shutdown. Until then, and when it
 * does not come to that, we go on. False, with a sentence in asker->why, when it can't even be
 * begun.
 */
MUST_CHECK bool control_upgrade(struct control *c, struct slice path,
                                const struct control_asker *asker);

/* Stops accepting, lets what is under way end, at the latest at the deadline. Returns at once. */
void control_shutdown(struct control *c);
