/*
 * talk - what a check says to a server, and must hear from it, one step after the other.
 *
 * Pure: bytes go in as they come. A text is expected anywhere in what came since the step before;
 * what is behind it is left for the next. No more is kept than TABLE_HEALTH_HEARD_MAX bytes: a
 * server that goes on and on does not say it.
 */
#pragma once

#include "compiler/table/table.h"

struct talk {
    uint32_t at;  /* the step that is due */
    size_t sent;  /* of it */
    size_t heard; /* bytes since the step before */
    char text[TABLE_HEALTH_HEARD_MAX];
};

/* Whose turn it is. */
enum talk_turn {
    TALK_SEND,     /* ours: talk_rest() is to be sent, then talk_sent() */
    TALK_HEAR,     /* the server's: talk_heard() when something came into talk_room() */
    TALK_OVER,     /* all was said and heard */
    TALK_TOO_MUCH, /* it says much, and not what is expected */
};

/* Zeroed but for its text. */
void talk_begin(struct talk *t);

/* Goes past all that has been heard already. */
enum talk_turn talk_turn(struct talk *t, const struct table_health_step *step, uint32_t n);

struct slice talk_rest(const struct talk *t, const struct table_health_step *step);
void talk_sent(struct talk *t, const struct table_health_step *step, size_t n);

/* Where what comes is to be put: at least a byte after TALK_HEAR. */
char *talk_room(struct talk *t, size_t *room);
void talk_heard(struct talk *t, size_t n);
