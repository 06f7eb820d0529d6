/*
 * sticking - a cluster's clients as several processes remember them together: what a Redis is told
 * of them, and what it says that others have told.
 *
 * The Redis has a table of its own: of each client the server and when it was here last, and in
 * which order this was told. So each process reads on from where it had read to, and comes to the
 * same. A client that is there already is held there, whoever else chose another server at the same
 * moment; one that was moved, for its server could not be used, is followed.
 */
#pragma once

#include "runtime/share/pending.h"
#include "runtime/share/telling.h"
#include "runtime/upstream/cluster.h"
#include "runtime/upstream/sticky.h"

/* Clients that are told, and that are heard of, in one command. */
#define STICKING_TELL_MAX 256u
#define STICKING_HEAR_MAX 512u

/* Answered are the moment up to which was read, and of each client so many numbers. */
#define STICKING_NUMBERS 4u

extern const char sticking_script[];

struct sticking {
    struct sticky *sticky;            /* pinned */
    const struct table_cluster *spec; /* these two may change with each configuration */
    struct cluster *live;
    struct pending pending;
    int64_t heard; /* the moment, in us of the Redis's clock */
    bool behind;   /* there is more to hear */
    uint64_t walk; /* through all that are remembered here; see sticky_walk() */
};

struct sticking *sticking_new(struct sticky *sticky, const struct table_cluster *spec,
                              struct cluster *live);
void sticking_free(struct sticking *k);

/* The connection is a new one: all is to be read, and what is remembered here told. */
void sticking_begin(struct sticking *k);

/* Takes what the workers have to tell; drops it where nobody is there to be told. Says how many had
 * no room. */
uint64_t sticking_gather(struct sticking *k, bool keep, int64_t now_ns);

/* Takes out at most `most` that are to be told. Where all others have been heard, and there is
 * room, those that are remembered here join them. */
uint32_t sticking_take(struct sticking *k, uint32_t most, struct pending_key *out, int64_t now_ns);

/* The command that tells these and asks for what is new. See telling_write(). */
void sticking_write(struct words *w, struct slice loaded, struct slice prefix,
                    const struct sticking *k, const struct pending_key *key, uint32_t n,
                    int64_t now_ns);

bool sticking_fits(const int64_t *number, uint32_t n);

/* Its answer, which fits, to what was asked at `asked_ns`. Says how many clients others have told
 * of. */
uint32_t sticking_learn(struct sticking *k, const int64_t *number, uint32_t n, int64_t asked_ns,
                        int64_t now_ns);
