/*
 * bandwidth - so many bytes in a second, of one key, in one number.
 *
 * What is kept is the moment at which all bytes that were promised have gone at the rate, as gcra
 * does it for requests; but nothing is refused: who asks gets a place in the row, and is told when
 * its turn is. So each of those that move bytes of one key at a time gets one piece after the
 * other in the order of asking, and an equal share of the rate, on whichever worker it is. Pure:
 * the moment is a parameter. Any thread.
 *
 * Where all go when their turn is, within any time of W go at most burst + W * rate. One that comes
 * late goes all the same: that is a piece more, at most, for each of those that wait.
 */
#pragma once

#include "compiler/table/table.h"

/* What is moved at a time, at least a byte, and no more than the burst: as much as goes in some
 * 20 ms, so that many can share; but 4 KiB where that takes no longer than a quarter of a second,
 * for each piece costs two system calls; and 512 KiB at most, which is a turn of a worker. */
#define BANDWIDTH_PIECE_MIN ((uint64_t)4096)
#define BANDWIDTH_PIECE_MAX ((uint64_t)512 * 1024)
uint64_t bandwidth_piece(struct table_bandwidth b);

/* When may so many bytes, at most a piece, go that are asked for now? At `now_ns` or later. *after
 * is what to keep; 0 is where a key begins. */
int64_t bandwidth_take(struct table_bandwidth b, int64_t state_ns, int64_t now_ns, uint64_t bytes,
                       int64_t *after);

/* What to keep when so many of those have not gone after all. */
int64_t bandwidth_give(struct table_bandwidth b, int64_t state_ns, uint64_t bytes);

/* How many could go now. */
uint64_t bandwidth_left(struct table_bandwidth b, int64_t state_ns, int64_t now_ns);
