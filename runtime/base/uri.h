/*
 * uri - the parts of a request target, in the one form that decisions and servers see (RFC 3986).
 *
 * Whatever routes a request and whatever forwards it must read the same path and the same host;
 * otherwise a spelling that one of them overlooks walks past a rule. So both call this, once.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* A host name longer than this is refused (RFC 1035 2.3.4). */
#define URI_HOST_BYTES_MAX ((size_t)253)

enum uri_result {
    URI_OK,
    URI_NOT_ABSOLUTE,     /* the path does not begin with a slash, the target has no known form */
    URI_BAD_BYTE,         /* a blank, a control character, a byte above 0x7e, '#' or '\' */
    URI_BAD_ESCAPE,       /* a '%' that two hexadecimal digits do not follow */
    URI_FORBIDDEN_ESCAPE, /* an escape of '\' or a control character, NUL among them, or of '/' */
    URI_BAD_HOST,
    URI_BAD_PORT,
};

/* What a listener may want of the normal form of paths: bits. */
#define URI_KEEP_EMPTY_SEGMENTS 1u /* "/a//b" is not "/a/b" */
#define URI_ALLOW_ENCODED_SLASH 2u /* "%2F" stands for a slash that parts no segments */
#define URI_PATH_RULES          (URI_KEEP_EMPTY_SEGMENTS | URI_ALLOW_ENCODED_SLASH)

/* What is wrong, as half a sentence: "has a bad escape". Never NULL. */
const char *uri_result_text(enum uri_result result);

/* The value of a hexadecimal digit, or -1. */
int uri_hex_value(char c);

/* The pieces of a request target, as they were written (RFC 9112 3.2). */
struct uri_target {
    struct slice scheme;    /* empty in origin form */
    struct slice authority; /* empty in origin form */
    struct slice path;      /* never empty: "/" where an absolute form has none */
    struct slice query;     /* .at is NULL when there is no question mark */
};

/*
 * Splits a target in origin form ("/path?query") or absolute form ("http://host/path?query").
 * URI_NOT_ABSOLUTE for anything else: "*" and the authority form of CONNECT are the caller's.
 * Only splits: neither path, query nor authority has been looked into. `out` points into `target`.
 */
MUST_CHECK enum uri_result uri_split_target(struct slice target, struct uri_target *out);

/*
 * The normal form of a path without query, as RFC 3986 6.2.2 has it: escapes of unreserved
 * characters decoded, the others in upper case, empty segments merged, dot segments removed
 * (merged first: "/a//../b" is "/b"). ".." at the root stays at the root. `rules` is 0 or some of
 * the bits above; empty segments at the very beginning are merged even where they are kept, for
 * behind two slashes stands a host (RFC 3986 3.3), and no path may turn into one.
 *
 * Writes at most raw.len bytes to `out`, which may be raw.at itself, and their number to *len on
 * success. After an error what `out` holds means nothing. Normalising twice changes nothing.
 */
MUST_CHECK enum uri_result uri_normalise_path(struct slice raw, unsigned rules, char *out,
                                              size_t *len);

/* May these bytes stand behind a question mark? Escapes are left to whoever decodes them. */
MUST_CHECK enum uri_result uri_check_query(struct slice query);

/*
 * The normal form of an authority or a Host header: in lower case, without port and final dot; an
 * IPv6 address keeps its brackets. Letters, digits, '-', '_' and '.' only, no empty label, no user
 * information. An empty authority is URI_OK with *len 0 where `empty_allowed`, else URI_BAD_HOST.
 *
 * Writes at most authority.len bytes to `out`, which may be authority.at itself; *len and *port (0
 * when there is none) only on success.
 */
MUST_CHECK enum uri_result uri_normalise_host(struct slice authority, bool empty_allowed, char *out,
                                              size_t *len, uint16_t *port);
