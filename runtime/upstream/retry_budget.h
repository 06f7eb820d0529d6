/*
 * retry_budget - how many of the last seconds' requests have been retries, and may one more be?
 *
 * When all servers fail, retries would multiply the load at the worst time; with a budget of 20 %
 * they add a fifth to it at most, and a few more. Requests and retries are counted in windows of
 * five seconds; what counts is the present one and the one before.
 *
 * Shared by all workers, with relaxed atomics and time as an argument. What one worker counts in
 * the very moment in which another begins a window may be lost; otherwise the bound is exact: at no
 * time are there more than `percent` of the requests, and RETRY_BUDGET_RESERVE, retries in the
 * windows.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Retries that are always allowed in the windows, or a cluster with few requests would have none.
 */
#define RETRY_BUDGET_RESERVE   UINT64_C(10)
#define RETRY_BUDGET_WINDOW_NS (INT64_C(5) * 1000000000)

/* Zeroed at first. */
struct retry_budget {
    _Atomic int64_t window; /* number of the present one */
    _Atomic uint32_t requests[2], retries[2];
};

/* A request has come: not a retry of one. */
void retry_budget_note(struct retry_budget *b, int64_t now_ns);

/* Takes the place of one retry; false when there is none. */
bool retry_budget_take(struct retry_budget *b, uint32_t percent, int64_t now_ns);
