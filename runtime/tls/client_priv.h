/* What the transport needs of a client and its sessions; only this room includes it. */
#pragma once

#include "runtime/tls/client.h"

struct ssl_st;

/* The name that a connection is for: asked for by SNI, and verified. */
struct slice tls_client_name(const struct tls_client *c, struct slice name);

/* Prepares a connection; false when the library refuses, for want of a name to verify say. */
bool tls_client_prepare(const struct tls_client *c, struct ssl_st *ssl, const char *name);

/* Offers the session if it is one of this client's for that name. */
void tls_session_offer(const struct tls_session *s, const struct tls_client *c, struct slice name,
                       struct ssl_st *ssl);

/* Keeps a session in place of the one before; it takes the library's over. */
struct ssl_session_st;
void tls_session_keep(struct tls_session **slot, struct tls_client *c, struct slice name,
                      struct ssl_session_st *session);
