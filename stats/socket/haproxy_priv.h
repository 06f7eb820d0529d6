/* haproxy_priv - what the parts of HAProxy's socket share: one command that was asked. */
#pragma once

#include "runtime/control/control.h"
#include "stats/socket/haproxy.h"

#define HAPROXY_WORDS_MAX 6u

struct asked {
    struct control *control;
    struct haproxy_session *session;
    struct slice word[HAPROXY_WORDS_MAX];
    uint32_t n;
    struct text *out;
};

static inline struct slice asked_word(const struct asked *a, uint32_t i)
{
    return i < a->n ? a->word[i] : SLICE("");
}

/* haproxy_show.c */
void haproxy_show_stat(const struct asked *a);
void haproxy_show_info(const struct asked *a);
void haproxy_show_servers_state(const struct asked *a);
void haproxy_show_errors(const struct asked *a);
void haproxy_show_version(const struct asked *a);

/* haproxy_set.c */
void haproxy_set_weight(const struct asked *a);
void haproxy_get_weight(const struct asked *a);
void haproxy_set_server(const struct asked *a);
void haproxy_enable_server(const struct asked *a);
void haproxy_disable_server(const struct asked *a);
