/* Any bytes: as a stream they are cut into frames, each of which takes something and stays inside;
 * as lines they are messages to a server, which goes on whatever they say. */
#include "compiler/lsp/frame.h"
#include "compiler/lsp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frames_end(struct slice in)
{
    while (in.len > 0) {
        const struct frame f = frame_next(in);
        ASSERT(f.used <= in.len && (f.used > 0) == (f.kind != FRAME_MORE));
        if (f.kind == FRAME_MORE)
            return;
        if (f.kind == FRAME_BODY)
            ASSERT(f.body.len <= FRAME_BODY_BYTES_MAX && f.body.at + f.body.len == in.at + f.used);
        in = slice_from(in, f.used);
    }
}

static void say(struct server *s, struct slice line)
{
    struct json *message = json_parse(line);
    server_take(s, message);
    json_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, line;
    frames_end(rest);
    struct server s = {.out = -1};
    say(&s, SLICE("{\"id\":1,\"method\":\"initialize\",\"params\":{}}"));
    while (slice_split(&rest, '\n', &line)) {
        say(&s, line);
        if (line.len % 2)
            server_idle(&s);
    }
    server_idle(&s);
    server_done(&s);
    return 0;
}
