/*
 * proxy_socket - PROXY headers on sockets: before any transport has a word.
 *
 * What is read is the header and not a byte more, so that whoever comes next, TLS say, finds the
 * socket as if the client itself had connected.
 */
#pragma once

#include "runtime/net/buffer.h"
#include "runtime/net/proxy_header.h"

/*
 * Reads on into `in`, which holds what came of the header before. Returns 0 and writes *out when it
 * is complete; -EAGAIN when more must come; -EPROTO when it is none; -ECONNRESET when the peer has
 * no more to say; or another negative errno. `in` has a block.
 */
MUST_CHECK int proxy_socket_read(int fd, struct buffer *in, struct proxy_header *out);

/* Writes a header as proxy_header_write() has it, on a connection that is new. 0 or a negative
 * errno. */
MUST_CHECK int proxy_socket_write(int fd, enum proxy_version version, const struct endpoint *src,
                                  const struct endpoint *dst);
