/*
 * preface - the PROXY header in front of what a client says: whose it is.
 *
 * It is read only from peers that the listener trusts; anybody else, and whoever sends none in
 * time, is closed with a reset and counted.
 */
#pragma once

#include "runtime/proxy/session.h"

/* For a session that is new; its deadline runs. It may be gone afterwards. */
void preface_begin(struct session *s, const struct table_listener *l);

/* Reads on; welcomes the session when the header is complete. It may be gone afterwards. */
void preface_read(struct session *s);
