/*
 * telling - what is asked of the Redis: add these counts to what all have counted, and say what
 * that comes to. One command for some keys of one limit; Redis runs it as one.
 *
 * Time is the Redis's, and what goes to and fro is ages and times left, so that the clocks of
 * machines need not agree but for hours and days. A key that is not there begins with what its
 * teller knows of it: a Redis that was started anew learns what was spent.
 */
#pragma once

#include "runtime/base/slice.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"
#include "runtime/limit/limiter.h"
#include "runtime/share/pending.h"

/* Keys of one command at most; of each rate there are three numbers in its answer. */
#define TELLING_KEYS_MAX 64u
#define TELLING_NUMBERS  3u

extern const char telling_script[];

/* The words of a command, one behind the other. */
struct words {
    struct text at;
    VEC(size_t) end;
    VEC(struct slice) word;
};

/* Makes the command that tells `n` keys of a limit, `now_ns` being the clock's. The words are valid
 * until the next call. `loaded` is what the Redis calls the script. */
void telling_write(struct words *w, struct slice loaded, struct slice prefix,
                   const struct limiter *l, const struct table_limit *spec,
                   const struct pending_key *key, uint32_t n, int64_t now_ns);

/* How such a command is made: an EVALSHA of so many keys, word by word. What is in w->at becomes a
 * word with words_end(). */
void words_begin(struct words *w, struct slice loaded, uint32_t keys);
void words_end(struct words *w);
void words_number(struct words *w, int64_t n);
void words_finish(struct words *w);

void words_done(struct words *w);
