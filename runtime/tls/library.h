/* library - which TLS library this program was built with, for `lbc --version` and `show info`. */
#pragma once

/* Of the certificates that a peer shows, together; a handshake with more fails. */
#define TLS_CHAIN_BYTES_MAX ((size_t)32 * 1024)

/* For example "BoringSSL, API 17, with assembly". Static text; any thread; leaves the library's
 * error queue alone. Without assembly a handshake costs several times as much, so it is said. */
const char *tls_library_version(void);
