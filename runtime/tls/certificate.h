/*
 * certificate - a chain and its key, read from files and checked; immutable from then on.
 *
 * Generations and the connections that show it share one object: the last pin, on any thread, frees
 * it. A file that has not changed since the generation before is not read again.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "compiler/table/table.h"
#include "runtime/base/check.h"
#include "runtime/base/text.h"
#include "runtime/tls/expiry.h"

struct crypto_buffer_st;
struct evp_pkey_st;

/* What a file was when it was read; all zero for one that is not there. */
struct file_stamp {
    uint64_t device, inode, bytes;
    struct timespec changed, modified;
};

enum certificate_kind { CERTIFICATE_ECDSA, CERTIFICATE_RSA, CERTIFICATE_KINDS };

struct certificate {
    atomic_uint pins;
    char *chain_path, *key_path, *staple_path; /* owned; the last is NULL where none is wanted */
    struct file_stamp chain_stamp, key_stamp, staple_stamp;
    enum certificate_kind kind;
    uint16_t signature;              /* how TLS 1.3 calls what its key signs; 0: RSA's several */
    struct crypto_buffer_st **chain; /* the certificate itself comes first */
    uint32_t n_chain;
    struct evp_pkey_st *key;
    struct slice *name; /* host names in lower case; "*." in front of those it is for all below */
    uint32_t n_names;
    int64_t not_before_s, not_after_s; /* since 1970 */
    struct text staple;                /* the issuer's word that it is good; empty: none */
    enum expiry told;                  /* the control thread's: what was last said of its end */
};

/*
 * Reads and checks: both files are there, in PEM form, the key is unencrypted, fits the first
 * certificate and can be read by its owner alone. `staple` wants CHAIN.ocsp beside it, too, where
 * there is such a file. `now_s` is not looked at: what has expired can be loaded. Pinned once; NULL
 * with half a sentence in `why`. Blocks on the disk; leaves the library's error queue empty.
 */
struct certificate *certificate_load(const struct table_certificate *from, bool staple,
                                     struct text *why);

/* Would loading it again give the same? Looks at the files, reads none. */
bool certificate_is_current(const struct certificate *c, const struct table_certificate *from,
                            bool staple);

struct certificate *certificate_pin(struct certificate *c);

/* NULL is allowed. Any thread. */
void certificate_unpin(struct certificate *c);

/* "2026-11-26T10:00:00Z", of seconds since 1970. */
#define CERTIFICATE_DATE_BYTES 24
void certificate_date(int64_t at_s, char out[CERTIFICATE_DATE_BYTES]);

/* A whole file of at most CERTIFICATE_FILE_BYTES_MAX into `out`. 0 or a negative errno. */
#define CERTIFICATE_FILE_BYTES_MAX ((size_t)16 * 1024 * 1024)
MUST_CHECK int certificate_file(const char *path, struct text *out, struct file_stamp *stamp);
