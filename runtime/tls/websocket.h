/*
 * websocket - the one thing of WebSocket's handshake that wants a hash (RFC 6455 4.2.2).
 */
#pragma once

#include "runtime/base/slice.h"

#define WEBSOCKET_ACCEPT_BYTES 28

/* What Sec-WebSocket-Accept says to a Sec-WebSocket-Key. Any thread. */
void websocket_accept(struct slice key, char accept[WEBSOCKET_ACCEPT_BYTES]);
