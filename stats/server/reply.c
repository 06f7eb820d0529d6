/* Responses, and what every one of them says to browsers. */
#include <stdio.h>

#include "runtime/base/hash.h"
#include "stats/server/http_priv.h"

void reply_header(struct MHD_Response *r, const char *name, const char *value)
{
    const enum MHD_Result ok = MHD_add_response_header(r, name, value);
    ASSERT(ok == MHD_YES);
}

/* Nothing of ours is for other sites: not to be framed, read, guessed at, or told of. Scripts and
 * styles are files of this very port. */
static void protect(struct MHD_Response *r)
{
    reply_header(r, "Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                 "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    reply_header(r, "X-Content-Type-Options", "nosniff");
    reply_header(r, "Referrer-Policy", "no-referrer");
    reply_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    reply_header(r, "Cross-Origin-Opener-Policy", "same-origin");
}

static struct MHD_Response *finish(struct MHD_Response *r, const char *type, const char *cache)
{
    if (!r)
        die_out_of_memory(1, 1);
    protect(r);
    reply_header(r, "Content-Type", type);
    reply_header(r, "Cache-Control", cache);
    return r;
}

struct MHD_Response *reply_text(struct text *body, const char *type)
{
    struct MHD_Response *r =
        body->len > 0 ? MHD_create_response_from_buffer(body->len, body->at, MHD_RESPMEM_MUST_FREE)
                      : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (body->len == 0)
        text_done(body);
    *body = (struct text){0};
    return finish(r, type, "no-store");
}

struct MHD_Response *reply_file(const struct embedded *file, const char **etag)
{
    static _Thread_local char tag[24];
    snprintf(tag, sizeof(tag), "\"%016llx\"",
             (unsigned long long)hash_bytes(file->at, file->len, 0));
    *etag = tag;
    /* The library does not write to what is persistent. */
    struct MHD_Response *r = MHD_create_response_from_buffer(file->len, (void *)(uintptr_t)file->at,
                                                             MHD_RESPMEM_PERSISTENT);
    r = finish(r, route_type(slice_of(file->name)), "no-cache");
    reply_header(r, "ETag", tag);
    return r;
}

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    default: return "Service Unavailable";
    }
}

/* RFC 9457. */
struct MHD_Response *reply_problem(unsigned status, const char *detail)
{
    struct text body = {0};
    text_addf(&body, "{\"title\":\"%s\",\"status\":%u,\"detail\":", title_of(status), status);
    text_add_json(&body, slice_of(detail));
    text_adds(&body, "}\n");
    return reply_text(&body, "application/problem+json");
}

#define STREAM_BLOCK_BYTES 8192u

struct MHD_Response *reply_stream(struct request *r, MHD_ContentReaderCallback read)
{
    struct MHD_Response *to =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read, r, NULL);
    return finish(to, "text/event-stream", "no-store");
}
