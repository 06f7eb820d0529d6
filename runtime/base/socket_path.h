/* socket_path - where the stats socket is when nobody says: one rule for who listens and who
 * connects. */
#pragma once

/*
 * $LBC_SOCKET; or /run/lbc.sock for whoever may write to /run, usually root; or lbc.sock in
 * $XDG_RUNTIME_DIR; or /tmp/lbc-UID.sock. Static memory, or the environment's; at start-up, before
 * there are threads.
 */
const char *default_socket_path(void);
