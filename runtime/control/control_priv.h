/* The control thread's object; only this room's files include this. */
#pragma once

#include <pthread.h>

#include "runtime/auth/checks.h"
#include "runtime/control/child.h"
#include "runtime/control/journal.h"
#include "runtime/control/judge.h"
#include "runtime/control/process.h"
#include "runtime/event/mailbox.h"
#include "runtime/generation/generation.h"
#include "runtime/log/events.h"
#include "runtime/log/writer.h"
#include "runtime/net/notify_socket.h"
#include "runtime/proxy/shadow.h"
#include "runtime/proxy/worker.h"
#include "runtime/share/share.h"
#include "runtime/upstream/probe.h"

struct changes {
    VEC(struct change) list; /* oldest first */
    uint64_t last;           /* number of one that was made */
    struct timer expiry;
    bool waits; /* the time of one is over, and that it waits has been told */
};

/* Who asked for something about a server, and is told once that is kept. */
struct override_wait {
    uint64_t version;
    struct control_asker asker; /* without `who` and `why` */
    struct text said;           /* owned */
};

/* What operators have set of servers: control/override.h says how a sentence is written. */
struct overrides {
    VEC(struct change) list;          /* oldest first; one of a server and kind */
    uint64_t version, written, begun; /* of the list: now; on the disk; the last that was to be */
    bool writing, joined, kept;       /* until its message comes; its thread; did that do it? */
    bool failing;                     /* the last one did not, */
    struct timer again;               /* and then it is tried again */
    pthread_t thread;
    struct message finished;
    struct text text, why; /* the thread's while it runs */
    VEC(struct override_wait) waiting;
    struct timer expiry;
};

#define TRIAL_LOOK_NS   (NS_PER_S / 4)
#define TRIAL_SAMPLES   13u /* a minute, and the one under way */
#define TRIAL_SAMPLE_NS (5 * NS_PER_S)

/* How long its responses took until it began. */
struct trial_cluster {
    struct cluster *of; /* pinned */
    struct histogram_sum began;
};

/* A configuration on trial, and what it is held against. */
struct trial {
    struct responses sample[TRIAL_SAMPLES]; /* the last ones, one every TRIAL_SAMPLE_NS */
    uint32_t n_samples;                     /* so far */
    struct timer sampler;
    int64_t until_ns;               /* 0: nothing is on trial */
    struct responses began, before; /* the sums when it began, and a minute before */
    uint32_t slower;                /* 0: times do not matter */
    struct trial_cluster *cluster;  /* then: of the newest generation when it began */
    uint32_t n_clusters;
    struct timer look;
};

/* What live requests are decided by too, and only counted. */
struct candidate {
    uint32_t pins;       /* of those that workers still look into, and 1 while it is the one */
    struct table *table; /* owned, or the configuration's */
    struct configuration *configuration; /* pinned; NULL: it is none */
    char file[CONTROL_CANDIDATE_BYTES_MAX + 1];
};

/* It, and the configuration that it is held against; pinned by workers through its `shadow`. */
struct held_against {
    struct candidate *candidate;
    struct configuration *configuration; /* pinned */
    struct shadow *shadow;
    uint64_t generation;
    int64_t since_ns;
};

/* Two configurations at once: c->newest and this. What has come of its load is settled when it
 * ends. */
struct canary {
    struct generation *generation; /* NULL: there is none */
    bool serves;                   /* the workers have it */
    struct control_canary_rule rule;
    struct canary_share share;
    int64_t begun_ns, until_ns; /* 0: no end */
    struct judged began;        /* what had been counted then */
    struct judge judge;         /* since its share was set */
    struct timer look;

    struct control_asker ender; /* who ended the last one and waits for it; `done` NULL: nobody */
    bool promoted;
    uint64_t given; /* to all workers, then it is over */
    int64_t ended_ns;
    struct timer taking;
};

struct reload {
    bool under_way;
    bool compiling; /* its thread has not been joined */
    pthread_t thread;
    struct message finished;
    int64_t begun_ns;
    struct control_loading what; /* its sentences and journal are owned */
    struct text journal;
    char who[CONTROL_WHO_MAX + 1];
    struct change change;              /* that is new; number 0: there is none */
    uint64_t undone;                   /* the number of one that goes; 0: none */
    struct candidate *candidate;       /* it is only compared with; owned; or NULL */
    struct control_canary_rule canary; /* it serves a share; part 0: all */
    bool certificates;                 /* it is about these: what is new is told */
    int64_t trial_ns;                  /* it is on trial for so long; 0: it stays */
    uint32_t trial_slower;
    int64_t now_ns;                        /* those that end before it go */
    struct table *table;                   /* what the compile thread made */
    struct generation_needs needs, before; /* loaded for it; what there was; pinned */
    bool loaded;                           /* all that it needs */
    struct timer checks;  /* while a new generation waits for its servers' first checks, or for
                             the workers to take it */
    int64_t hand_over_ns; /* at the latest, checked or not */
    struct text report, differs;
    struct control_asker asker; /* its `who` and `why` are not there any more once it runs */
};

/* What the service manager is told. */
struct service {
    struct notify_socket to;
    bool tells;    /* it is us whom it asks */
    bool stopping; /* and knows that we end */
    struct timer watchdog;
    struct worker_turn {
        struct message message;
        int64_t asked_ns; /* 0: it has answered */
    } * turn;             /* one per worker */
};

/* Signals that came while another process was about to take our place: for whoever goes on. */
#define UPGRADE_SIGNALS 2 /* SIGHUP, SIGUSR1 */

/* Another process takes our place. */
struct upgrade {
    bool under_way;
    bool ready, goes;                      /* it is; it has been told to begin */
    pid_t pid;                             /* of the last one that was tried */
    pid_t successor;                       /* that serves; 0: none */
    int channel, said_fd, text_fd;         /* -1: none */
    int memory_fd;                         /* the same */
    struct remembering *remembering;       /* what goes there; NULL: nothing is under way */
    int hands_on[HANDED_DESCRIPTOR_COUNT]; /* the same */
    VEC(int) stats;                        /* sockets that go along */
    struct watch watch, saying;
    struct timer late;
    struct child child; /* it, while it is waited for */
    struct text said;
    int64_t begun_ns;
    int signal[UPGRADE_SIGNALS]; /* 0: none */
    struct control_asker asker;
};

/* We take the place of another one. */
struct takeover {
    int channel; /* -1: of none, or it has ended */
    pid_t pid;
    struct watch watch;
    struct control_left left; /* of it, */
    bool told;                /* as it has said */
};

/* A worker's report that it has no connection left. */
struct worker_drained {
    struct message message;
    struct control *control;
};

struct control {
    struct control_config config;
    int64_t begun_ns;
    struct loop *loop;
    struct mailbox box;
    struct watch signals;
    int signal_fd; /* -1 while there is none */

    struct checks *checks; /* of passwords, for all workers */
    struct worker **worker;
    const struct metrics **metrics; /* the workers', ours behind them, and who serves `admin` */
    uint32_t n_metrics;
    struct metrics own; /* this thread's */
    struct access_ring **ring;
    struct writer *writer;
    uint32_t n_workers; /* those that were made */
    bool serving;       /* the workers' threads run */
    uint32_t asking;    /* questions of sessions.c to the workers */
    uint32_t *behind; /* of each worker: those that were told without it, and it has not answered */
    struct list traces; /* traces.c: those that are on, or not let go of yet */
    uint32_t n_traces;
    struct timer first_checks;
    int64_t serve_at_ns; /* at the latest, checked or not */

    struct generation_home home;
    struct generation *newest;      /* then by `older`; all that are not freed. A canary is behind
                                     * the one that it is held against */
    struct generation *handed_over; /* the workers have it, or will when they run */
    uint64_t given;                 /* how many times they were given one */
    struct probes *probes;
    struct discoveries *sources;
    struct shares *shares;
    struct timer regroup; /* set: other servers have been found */
    bool regroups;
    struct reload reload;
    struct changes changes;
    struct overrides overrides;
    struct trial trial;
    struct canary canary;
    struct held_against *shadow; /* what is compared with now; NULL: nothing */
    uint64_t reloads, reloads_refused;
    bool reload_refused; /* the last one */
    int64_t reload_wall_ns;
    bool reload_again; /* SIGHUP came while one was under way */

    struct timer descriptors; /* set: those that are of no connection are counted */
    struct timer expiry;      /* certificates are looked at */
    struct timer watch;       /* set: some cluster is to be looked at */
    bool ending;              /* there are no workers any more, and nothing is looked at */

    struct service service;
    struct upgrade upgrade;
    struct takeover takeover;

    bool told_to_end; /* by a signal or an operator */
    bool draining;
    struct timer drain_deadline, drain_progress, drain_answers;
    int64_t drain_until_ns, drain_logged_ns, answer_until_ns;
    struct worker_drained *drained; /* one per worker */
    uint32_t n_undrained;
};

/* How long a start or a reload waits for first health checks, and how often it looks. */
#define FIRST_CHECKS_NS      (NS_PER_S)
#define FIRST_CHECKS_LOOK_NS (5 * NS_PER_MS)

/* The same until all workers have taken a generation: each does at the top of its next turn. */
#define TAKING_NS      (5 * NS_PER_S)
#define TAKING_LOOK_NS (NS_PER_MS / 2)

/* How long answers are gathered before their servers are put to use. */
#define REGROUP_NS (20 * NS_PER_MS)

/* descriptors.c: from the second call on, once there are all sockets, workers know how many
 * descriptors are not theirs. */
/* All that are open; -1: nobody knows. */
int64_t control_descriptors(const struct control *c);
void control_descriptors_init(struct control *c);
void control_descriptors_begin(struct control *c);

/* expiry.c: says which certificates of the newest generation come near their end, and will again
 * when it is time. */
void control_expiry_look(struct control *c);
void control_expiry_init(struct control *c);

/* The sources of servers, none yet. */
struct discoveries *control_sources_new(struct control *c);

/* Those who count together with others, none yet; and the newest generation's. */
struct shares *control_shares_new(struct control *c, uint64_t seed);
void control_shares_set(struct control *c);

/* The table's `admin`: can it be opened? Then it is settled, before anything else is prepared: it
 * serves now, or is forgotten. */
MUST_CHECK bool control_admin_prepare(struct control *c, const struct table *table,
                                      const struct generation_needs *needs, struct text *why);
void control_admin_settle(struct control *c, bool published);

/* Makes `table` the newest generation and begins to check its servers; workers don't have it yet.
 * False with a sentence in `why`; the table stays the caller's. */
MUST_CHECK bool control_publish(struct control *c, struct table *table,
                                struct generation_needs needs, struct text *why);

/* The certificates, secrets and so on of a table; `before` may be empty. False when some can't be
 * used: `said` has the reasons, as it has those against what can. Blocks on the disk; any thread.
 */
MUST_CHECK bool control_load_needs(const struct table *table, struct generation_needs before,
                                   struct generation_needs *out, struct text *said);
void control_let_go(struct generation_needs *needs);

/* Waits for a compilation under way and throws its result away, when the mailbox is closed next. */
void control_abandon_reload(struct control *c);

/* Would requests for the cluster get a 503 now, only because its new servers have not been checked,
 * or not been found? */
bool control_waits_for_checks(const struct control *c, const struct generation *g,
                              uint32_t cluster);

/* publish.c: makes `g` the newest generation. The workers take it, and the canary beside it. */
void control_make_newest(struct control *c, struct generation *g);
void control_hand_over(struct control *c);

/* Do all workers that run have what was given to them when c->given was that? */
bool control_all_have_taken(const struct control *c, uint64_t given);
struct generation_home *control_home(struct control *c);

/* In place of workers that never had it. */
void control_unpin(struct control *c, struct generation *g);

/* publish.c: those of `g` that `but` does not have, as indices into g->server: how many. */
uint32_t control_servers_alone(const struct generation *g, const struct generation *but,
                               uint32_t *out);

/* The servers of the newest generation are probed, and those that its canary alone has. */
void control_probe_all(struct control *c);

/* canary.c. It has been loaded: false, with a sentence in `why`, and the table stays the caller's.
 * Then it serves. */
MUST_CHECK bool canary_publish(struct control *c, struct reload *r, struct text *why);
void canary_begin(struct control *c);
void canary_regroup(struct control *c); /* other servers have been found */
void canary_init(struct control *c);
void canary_abandon(struct control *c); /* nobody is to wait for its end any more */
void canary_done(struct control *c);
static inline bool canary_is_on(const struct control *c)
{
    return c->canary.generation != NULL;
}

/* changes.c: what is to be loaded, with all changes that hold at r->now_ns, but for the one that is
 * undone; to be freed by changes_settle(), which takes over what has become of them. */
void changes_init(struct control *c);

/* The first table with the changes that were there before the process, and `without` is freed; or
 * that where there are none, or they can't be loaded. Blocks. */
struct table *changes_at_start(struct control *c, struct table *without);
void changes_load(const struct control *c, struct reload *r);
void changes_hand_over(const struct control *c, struct text *out);
void changes_settle(struct control *c, struct reload *r, bool served);
void changes_done(struct control *c);

struct journal_now control_both_clocks(void);

/* overrides.c: what operators have set of servers. */
void overrides_init(struct control *c);

/* Another list is what holds, of servers that nobody has used yet: what is not in it is as the file
 * says. */
void overrides_replace(struct control *c, struct slice journal);

/* To the servers of a generation, before it is put to use; not to those that `but` has, too. */
void overrides_apply(const struct control *c, const struct generation *g,
                     const struct generation *but);

/* That is served for good: what its file says now, too, is over. */
void overrides_settle(struct control *c);
bool overrides_has(const struct control *c, uint64_t number);
MUST_CHECK bool overrides_undo(struct control *c, uint64_t number,
                               const struct control_asker *asker);
bool override_fits(const struct control *c, const struct change *g, struct slice *sentence);
void overrides_hand_over(const struct control *c, struct text *out);
void overrides_done(struct control *c);

/* overrides_kept.c: the list as a text; it is put on the disk, if it is another than there;
 * whatever is there; at once, for which it blocks. */
void overrides_write(const struct control *c, struct text *out);
void overrides_keep_init(struct control *c);
void overrides_keep(struct control *c);
void overrides_write_anew(struct control *c);
void overrides_flush(struct control *c);
bool overrides_are_being_written(const struct control *c);

/* Keeps it, and tells whoever asked then. Takes `said`. */
void overrides_answer(struct control *c, const struct control_asker *asker, struct text said);

/* The server of a generation that is called so: an index. False, with a sentence in `why` unless
 * that is NULL. */
MUST_CHECK bool control_find_server(const struct generation *g, struct slice name, uint32_t *at,
                                    struct text *why);

/* trial.c. Nothing else may be loaded while something is on trial. */
void trial_init(struct control *c);
void trial_done(struct control *c);
void trial_settle(struct control *c, const struct reload *r, bool served);
static inline bool trial_is_on(const struct control *c)
{
    return c->trial.until_ns != 0;
}

/* shadow.c: the candidate has been compiled, or not; what it was about is settled. After another
 * configuration came to the workers: what is counted is held against that from now on. */
void shadow_loaded(struct control *c, struct reload *r);
void shadow_drop(struct candidate *candidate);
void shadow_follow(struct control *c);
void shadow_begin(struct control *c, struct configuration *candidate, const char *name);
void shadow_end(struct control *c);
/* The workers run, and take connections. */
void control_serve(struct control *c);

/* shutdown.c */
void control_drain(struct control *c);
void control_end_now(struct control *c);
struct control_left control_what_is_left(const struct control *c);
void control_describe_left(const struct control_left *left, struct text *out);

/* traces.c. The second before the workers stop: all end. */
void traces_init(struct control *c);
void traces_end(struct control *c);

/* service.c: what the manager is told when. */
void service_init(struct control *c);
void service_begins(struct control *c); /* from now on it is us whom it asks */
void service_serves(struct control *c);
void service_loads(struct control *c);
void service_drains(struct control *c, struct slice left);
void service_passes_on(struct control *c, int64_t pid);
void service_done(struct control *c);

/* upgrade.c; the first calls `each` for what is listened at. */
void control_each_listener(const struct control *c, void (*each)(void *to, struct listener *l),
                           void *to);
void upgrade_init(struct control *c);
bool upgrade_takes_signal(struct control *c, int number);
bool upgrade_is_over(const struct control *c); /* another process serves in our place */
bool upgrade_lets_go(const struct control *c); /* or has been told to */
void upgrade_tell_left(struct control *c, const struct control_left *left);
void upgrade_abandon(struct control *c, const char *why);
void upgrade_goes(struct control *c); /* it is told to begin: what it is to know is there */
bool upgrade_is_held_up(const struct control *c); /* only by what is being written */
void upgrade_done(struct control *c);

/* remembered.c. A file without a name; and one with our keys, sealed: a descriptor or a negative
 * errno. */
MUST_CHECK int remembered_file(const char *name);
MUST_CHECK int remembered_keys(const struct control *c);

/* Begins to write what else we remember; upgrade_goes() is called once it is there. False: there is
 * nothing, or no thread for it. */
MUST_CHECK bool remembered_begin(struct control *c, int fd);
void remembered_abandon(struct control *c);

/* recalled.c: what the process before us had, where there is one. The first before a generation is
 * made of these, the other before the workers run. */
void recalled_keys(struct control *c, const struct generation_needs *needs);
void recalled_rest(struct control *c);

/* takeover.c: servers of this generation that were not seen yet are as the process before us knew
 * them. */
void takeover_init(struct control *c);
void takeover_apply(struct control *c, struct generation *g);

/* All is there to serve: true where we wait until the other one tells us to. */
bool takeover_is_ready(struct control *c);
bool takeover_waits(const struct control *c);
void takeover_done(struct control *c);

/* Begins a reload; `r` says which: its what.anew, change and undone. False, with a sentence in
 * asker.why unless that is NULL: one is under way, the process ends, or there are no threads; what
 * `r` owns is freed then. */
MUST_CHECK bool control_begin_reload(struct control *c, struct reload *r);

/* The same for SIGHUP; says in the log why not. */
void control_reload_by_signal(struct control *c);

/* Each line of it. */
void control_log_report(struct slice report, enum log_level level);

/* As much as there is room for. */
void control_who(struct slice who, char out[CONTROL_WHO_MAX + 1]);

/* watch.c: all clusters of the newest generation, once it is. */
void control_watch_init(struct control *c);
void control_watch_all(struct control *c);

/* After the state of a server changed: the workers look anew at its cluster, and so do we. */
void control_watch_server(struct control *c, const struct server *s);

/* Returns a server before its time, for that reason; false when it is not ejected. Then its cluster
 * is to be watched. */
bool control_end_ejection(struct server *s, const char *why);
