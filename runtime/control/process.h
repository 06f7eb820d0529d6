/*
 * process - the control thread: from the first generation to the end of the last connection.
 *
 * It owns the workers, the generations and the health probes, takes signals, and runs the loop that
 * the stats socket listens on. It can't compile: whoever starts it hands it a function that does.
 */
#pragma once

#include "runtime/base/text.h"
#include "runtime/control/control.h"
#include "runtime/control/handed.h"
#include "runtime/event/loop.h"

struct secrets;
struct listener;
struct table;

/* A change that somebody made for a while, as a sentence of grammar/edit. */
struct control_sentence {
    struct slice text;
    bool fits; /* told: there is still what it is about */
};

struct control_loading {
    bool anew; /* the files are read; else it is about the texts that are served already */
    bool back; /* about those that were served before the last load that `keeps` them */
    bool keeps;
    struct control_sentence *sentence; /* applied one after the other */
    uint32_t n;
    bool judges_last;     /* the last one is new: where it does not fit, nothing is loaded */
    bool names_known;     /* and it may name no file and no variable that is not named already */
    bool writes_last;     /* and it is written into its file, unless that is not what was loaded any
                             more */
    uint64_t revision;    /* it is about the texts of that one, which are written; 0: it is not */
    struct text *differs; /* gets what differs from what is served, as control_reload.differs has
                           * it; NULL: nobody asks */
    const char *candidate; /* NULL; or another file, which is compiled as if it were the one that
                            * is served, and is not: nothing is settled then */
    struct slice who, why; /* asked for it; why: about the last sentence, or empty */
    struct slice
        journal;   /* the changes that hold once this is served: see control_config.journal */
    bool promises; /* and there is one more than were kept, or one is undone: it is not served
                    * unless that is kept */
};

/* Loads and compiles the configuration. Returns a verified table, which the caller owns, or NULL;
 * what there is to say goes into `report`, warnings too. Called on a thread of its own; may block.
 */
typedef struct table *control_load(void *of, struct control_loading *what, struct text *report);

/* What was loaded last is served now, or will never be. Called once after each control_load that
 * returned a table and was of no candidate, never while one runs. What of it is not as it was to be
 * goes into `said`, unless that is NULL, and into the log. */
typedef void control_loaded(void *of, bool served, struct text *said);

/* Whoever serves the `admin` block: this room can't see it. On the control thread. */
struct control_admin {
    /* Opens what the table binds anew. False, with a sentence in `why`: it can't be served. */
    bool (*prepare)(void *of, const struct table *t, const struct secrets *s, struct text *why);
    /* What was prepared last holds from now on, or goes. */
    void (*settle)(void *of, bool published);
    void *of;
    const struct metrics *metrics; /* what it counts; borrowed */

    /* Its sockets, which another process gets, too; and once that one serves: it takes no more
     * connections. */
    void (*listeners)(void *of, void (*each)(void *to, struct listener *l), void *to);
    void (*succeeded)(void *of);
};

/* What was served and can be again: control_revisions_each() and control_revision_diff() without
 * `c`. On the control thread. */
struct control_revisions {
    void (*each)(const void *of, void (*each)(void *to, const struct control_revision *r),
                 void *to);
    bool (*diff)(const void *of, uint64_t number, struct text *out, struct text *why);
    const void *of; /* NULL: nothing is kept */
};

/* What becomes of a request, as an operator describes it, in the configuration that is served. */
struct control_question {
    const struct table *table;
    struct slice request; /* "GET http://host/path from 10.0.0.1" */
    bool json;
    uint32_t (*usable)(const void *of, struct slice cluster); /* servers that are up and ready */
    const void *of;
};

struct control_config {
    const char *version, *file; /* for show info; borrowed */
    uint32_t workers;           /* 1..CONTROL_WORKERS_MAX */
    const char *access_log;     /* a path, "-" for standard output, NULL for none; borrowed */
    int64_t drain_ns;           /* how long a shutdown waits for what is under way */
    control_load *load;
    control_loaded *loaded;
    void *load_of;
    struct control_admin admin; /* no `prepare`: there is none */
    struct control_revisions revisions;
    /* Appends the answer; false, with a sentence in `why`, when it is no request. This room can't
     * see who explains. NULL: nobody does. On the control thread. */
    bool (*explain)(const struct control_question *q, struct text *out, struct text *why);

    /* The changes that were there when another process ended, as control_loading.journal had them;
     * borrowed until control_new() returns. Lines that are none are told in the log and left out.
     */
    struct slice journal;

    /* The same of what operators had set of servers, as `keep` was told it. That puts it on the
     * disk, where the process started next finds it: false, with a sentence in `why`. With
     * `load_of`; may block; on any thread, one call at a time. NULL: it ends with the process. */
    struct slice overrides;
    bool (*keep)(void *of, struct slice overrides, struct text *why);

    /* How the process was started, from its name on, NULL at the end, for control_upgrade(); NULL:
     * it can't be so again. Borrowed. */
    char *const *command;

    /* What the process before us hands over, whose place we take once it says so; NULL: there is
     * none. Borrowed. Then `begun` is called when we serve; `succeeded` when another one does in
     * our place. Both with `load_of`. */
    struct handed *handed;
    void (*begun)(void *of);
    void (*succeeded)(void *of);

    /* After `succeeded`, at the end: has an operator a connection here still, who may be about to
     * ask something? Then there is a moment for it. */
    bool (*asked)(void *of);

    const char *notify;  /* $NOTIFY_SOCKET; NULL: no service manager wants to know */
    int64_t watchdog_ns; /* how often it wants to hear that we live; 0: never */
};

#define CONTROL_WORKERS_MAX 256u

/* Blocks the signals it will take, in this thread and all that it starts. NULL with a sentence in
 * `why`. */
struct control *control_new(const struct control_config *config, struct text *why);

/* A descriptor that the next process gets, too. Borrowed: it stays open as long as `c`. */
void control_hands_on(struct control *c, enum handed_descriptor what, int fd);
void control_hands_on_stats(struct control *c, int fd); /* a stats socket; may be called again */

/* Where other things of the control thread can be watched. */
struct loop *control_loop(struct control *c);

/* Opens the sockets of the first generation and starts to serve it. It owns the table in any case.
 * False with a sentence in `why`. */
MUST_CHECK bool control_start(struct control *c, struct table *table, struct text *why);

/* Runs until a shutdown is over. Blocks. */
void control_run(struct control *c);

/* Ends what is left. NULL is allowed. */
void control_free(struct control *c);
