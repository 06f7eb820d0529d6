/*
 * health - the arithmetic of health checks: when a server's state changes.
 *
 * Pure. A server begins unknown, which counts as down for traffic; one success makes it up at once,
 * and `fall` failures in a row make it down. From then on it takes `fall` failures in a row to go
 * down and `rise` successes to come back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

struct health {
    enum health_state state;
    uint32_t run; /* results in a row that speak against the state */
};

/* One result. Returns whether the state changed. `rise` and `fall` are at least 1. */
bool health_result(struct health *h, bool success, uint32_t rise, uint32_t fall);

/* "unknown", "up", "down". Static memory. */
const char *health_name(enum health_state state);
