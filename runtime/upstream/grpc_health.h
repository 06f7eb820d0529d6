/*
 * grpc_health - what grpc.health.v1.Health/Check is asked, and what its answer says.
 *
 * Pure. A call is one message: a byte 0 (not compressed), four of length, and a protocol buffer.
 */
#pragma once

#include "runtime/base/slice.h"
#include "runtime/base/text.h"

#define GRPC_HEALTH_PATH "/grpc.health.v1.Health/Check"

/* The message that asks about a service; the server as a whole when that is empty. */
void grpc_health_ask(struct slice service, struct text *out);

/* HealthCheckResponse.ServingStatus, and -1: this is no such answer. */
enum grpc_health {
    GRPC_HEALTH_BAD = -1,
    GRPC_HEALTH_UNKNOWN,
    GRPC_HEALTH_SERVING,
    GRPC_HEALTH_NOT_SERVING,
    GRPC_HEALTH_SERVICE_UNKNOWN,
};

/* What a whole message says; values of newer protocols are GRPC_HEALTH_UNKNOWN. */
enum grpc_health grpc_health_read(struct slice message);

/* The grpc-status in the field lines of a head or trailer section, or -1 when there is none. */
int grpc_health_status(struct slice lines);
