/* show_priv - what the files of commands that show something share. */
#pragma once

#include "runtime/metrics/statuses.h"
#include "stats/socket/columns.h"

/* The comma between two members of an array that is being written. */
void show_separate(struct text *out);

/* ,"WHAT_1xx":0 and so on, for each class. */
void show_statuses(struct text *out, const char *what, const struct statuses_sum *n);

/* "3/10"; "3" where there is no limit. */
void show_use(struct columns *table, uint64_t now, uint32_t most);

/* "3", "3 priority 1", "3 backup". */
void show_group(struct columns *table, uint32_t n, uint32_t priority, bool backup);
