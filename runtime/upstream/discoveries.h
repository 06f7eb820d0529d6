/*
 * discoveries - every `servers` of the configuration: asked in its time, and what came of it.
 *
 * discover.h says what is believed of an answer; here is whose turn it is. What is known of a
 * source survives a hot swap by cluster, kind and name. On the control thread's loop; reads files,
 * of which each is looked at (stat) and read when it has changed.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/event/loop.h"
#include "runtime/upstream/discover.h"

struct discoveries;

enum source_news {
    SOURCE_FOUND,   /* a server was found: `endpoint` */
    SOURCE_LOST,    /* a server is gone for good: `endpoint` */
    SOURCE_FAILED,  /* it could not be asked, or lists nobody, for the first time: `reason` */
    SOURCE_ANSWERS, /* it answers again */
};

/* All of it is borrowed. */
struct source_event {
    enum source_news news;
    const struct table_source *source; /* of the table that was set last */
    const struct endpoint *endpoint;   /* or NULL */
    const char *reason;                /* or NULL */
};

struct discoveries_calls {
    void (*event)(void *of, const struct source_event *e);
    void (*changed)(
        void *of); /* after the events of an answer: discoveries_found() has others now */
    void *of;
};

struct discoveries *discoveries_new(struct loop *loop, const struct discoveries_calls *calls);

/* NULL is allowed. Not from one of the calls. */
void discoveries_free(struct discoveries *s);

/* Makes the sources exactly those of `t`, which must outlive them or be followed by another: those
 * that stay keep what is known, the others are asked at once. Not from one of the calls. */
void discoveries_set(struct discoveries *s, const struct table *t);

/* Servers that sources stand for now. */
struct found_servers {
    struct table_server *server; /* by cluster, as the table's; names are empty; owned */
    uint32_t n;
};

/*
 * What is known for the sources of `t`, be it the table that was set or the one that may come next.
 * Who is a cluster's server already, or was found by an earlier source of it, is not there twice.
 * What `srv` lists is counted from its best priority, which is the one of its `servers`.
 */
void discoveries_found(const struct discoveries *s, const struct table *t,
                       struct found_servers *out);
void found_servers_done(struct found_servers *f);

/* One of them, without a name. `best` and `most` are the lowest priority and the greatest weight
 * that a service lists; they do not matter for a file. */
struct table_server source_server(const struct table_source *spec, const struct discover_found *f,
                                  uint16_t best, uint32_t most);

/* What server_file_read() says of this file; or a negative errno with a sentence in `why`. Blocks.
 */
MUST_CHECK int server_file_load(const char *path, struct discover_found out[DISCOVER_MEMBERS_MAX],
                                struct text *why);

/* Has a source of this cluster never been answered, nor failed? By the table that was set. */
bool discoveries_wait(const struct discoveries *s, uint32_t cluster);

/* What is to be seen of a source. */
struct source_view {
    const struct table_source *source;
    uint32_t servers, missing;    /* of them, those that stay though they are not listed */
    uint64_t answers, failures;   /* so far */
    uint64_t left_out;            /* servers above DISCOVER_MEMBERS_MAX */
    int64_t answered_ns, next_ns; /* 0: never; when it is asked again */
    const char *reason;           /* why the last question failed, or found nothing; NULL: it did */
};

void discoveries_each(const struct discoveries *s,
                      void (*each)(void *to, const struct source_view *v), void *to);
