/*
 * Connection (RFC 9110 7.6.1): its options, and the fields that it says belong to this connection
 * only.
 *
 * A client must not strip by it what it could not forge: a Connection that names Host,
 * Content-Length, X-Forwarded-For or another END field of names.def is obeyed in everything else,
 * and that option ignored.
 */
#include "runtime/http/semantics_priv.h"

static void drop_named(struct http_head *h, struct slice name)
{
    for (uint16_t i = 0; i < h->n_fields; i++)
        if (h->field[i].name == HTTP_OTHER &&
            slice_eq_nocase(http_field_name(h, &h->field[i]), name))
            h->field[i].dropped = true;
}

static int options_of(struct http_head *h, struct slice list, unsigned *n,
                      struct http_connection *out)
{
    for (struct slice option; slice_split(&list, ',', &option);) {
        option = slice_trim(option);
        if (option.len == 0)
            continue;
        /* Each option is compared with each field: without a limit 32 KiB of them take
         * milliseconds. */
        if (!http_is_token(option) || ++*n > HTTP_CONNECTION_OPTIONS_MAX)
            return H1_BAD_FIELD;

        if (slice_eq_nocase(option, SLICE("close")))
            out->close = true;
        else if (slice_eq_nocase(option, SLICE("keep-alive")))
            out->keep_alive = true;
        else if (slice_eq_nocase(option, SLICE("upgrade")))
            out->upgrade = true;
        else
            drop_named(h, option);
    }
    return 0;
}

int http_connection_understand(struct http_head *h, struct http_connection *out)
{
    struct http_connection seen = {0};
    unsigned n = 0;
    for (uint16_t i = 0; i < h->n_fields; i++) {
        struct http_field *f = &h->field[i];
        if (http_name_is_hop(f->name))
            f->dropped = true;
        if (f->name == HTTP_CONNECTION) {
            const int r = options_of(h, http_field_value(h, f), &n, &seen);
            if (r < 0)
                return r;
        }
    }
    *out = seen;
    return 0;
}
