/*
 * http - the admin thread: libmicrohttpd behind our own loop, and whoever is connected.
 *
 * The library reads requests and writes responses; accepting is ours, so that who may not connect
 * costs nothing, and so is what ends those that take too long. Everything here is the admin
 * thread's unless it says otherwise.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/event/mailbox.h"
#include "runtime/metrics/metrics.h"
#include "runtime/net/listener.h"
#include "stats/server/guard.h"

#define HTTP_PEERS_MAX      128u /* connections at a time */
#define HTTP_PEERS_OF_MAX   64u  /* of them, of one address */
#define HTTP_FOLLOWERS_MAX  32u  /* of them, who follow the events */
#define HTTP_HEAD_BYTES_MAX 16384u

struct control;
struct http;

/* What `admin` says: made by the control thread, the admin thread's from http_use() on. */
struct http_config {
    struct message message;
    struct http *http;
    struct listener **listener;      /* pinned */
    struct listener_options *option; /* of each; owned */
    uint32_t n_listeners;
    bool everybody;
    struct table_range *range; /* else who may connect; owned */
    uint32_t n_ranges;
    struct guard guard;
    bool metrics, pages;
};

/* NULL is allowed. Any thread. */
void http_config_free(struct http_config *c);

/* Control thread. 0 and *out, whose thread runs and serves nobody yet; or a negative errno. */
MUST_CHECK int http_start(struct control *control, struct metrics *metrics, struct http **out);

/* Control thread: from soon on this holds. */
void http_use(struct http *h, struct http_config *c);

/* Control thread, before control_free(): ends the thread. What it has asked for and was not
 * answered is still on its way to the control thread, which is to find out that nobody waits. */
void http_stop(struct http *h);

/* After control_free(). */
void http_free(struct http *h);
