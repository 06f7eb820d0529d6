#include "runtime/http/h2_head.h"

#include <string.h>

#include "runtime/http/message.h"

/* --- from fields to text --------------------------------------------------------------------- */

/* As much as fits: a head that is too long is cut, and so never ends. */
static void put(struct h2_text *t, struct slice s)
{
    if (t->len < t->room && s.len > 0) {
        const size_t left = t->room - t->len;
        memcpy(t->at + t->len, s.at, s.len < left ? s.len : left);
    }
    t->len += s.len;
}

#define PUT(t, literal) put((t), SLICE(literal))

static void put_line(struct h2_text *t, struct slice name, struct slice value)
{
    put(t, name);
    PUT(t, ": ");
    put(t, value);
    PUT(t, "\r\n");
}

/* Nothing that ends a line or a word may stand in the first line. */
static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || (unsigned char)s.at[i] == 0x7f)
            return false;
    return s.len > 0;
}

/* RFC 8441 5.1: what an Upgrade says, said in HTTP/2. */
static void put_upgrade(struct h2_text *t, struct slice protocol, struct slice websocket_key)
{
    PUT(t, "Connection: upgrade\r\n");
    put_line(t, SLICE("Upgrade"), protocol);
    if (slice_eq_nocase(protocol, SLICE("websocket")))
        put_line(t, SLICE("Sec-WebSocket-Key"), websocket_key);
}

bool h2_text_request(struct h2_text *t, const struct h2_request_line *line,
                     struct slice websocket_key)
{
    const bool connect = slice_eq(line->method, SLICE("CONNECT"));
    const bool upgrade = line->protocol.len > 0;
    const bool plain_connect = connect && !upgrade;
    const struct slice target = plain_connect ? line->authority : line->path;
    if (!http_is_token(line->method) || !is_word(target) || (upgrade && !connect))
        return false;
    if (!plain_connect && !slice_eq(line->scheme, SLICE("http")) &&
        !slice_eq(line->scheme, SLICE("https")))
        return false;
    if (!plain_connect && target.at[0] != '/' && !slice_eq(target, SLICE("*")))
        return false; /* HTTP/1 would read an authority in it */
    if (upgrade && !http_is_token(line->protocol))
        return false;

    put(t, upgrade ? SLICE("GET") : line->method);
    PUT(t, " ");
    put(t, target);
    PUT(t, " HTTP/1.1\r\n");
    if (line->authority.len > 0)
        put_line(t, SLICE("host"), line->authority);
    t->authority = line->authority;
    if (upgrade)
        put_upgrade(t, line->protocol, websocket_key);
    return true;
}

void h2_text_response(struct h2_text *t, struct slice status, bool switches)
{
    PUT(t, "HTTP/1.1 ");
    put(t, switches ? SLICE("101") : status);
    PUT(t, " \r\n");
    if (switches)
        PUT(t, "Connection: upgrade\r\nUpgrade: websocket\r\n");
}

/* Behind the cookies that came before, wherever their line is. */
static void put_cookie(struct h2_text *t, struct slice value)
{
    if (t->cookie_end == 0) {
        t->n_fields++;
        PUT(t, "cookie: ");
        put(t, value);
        t->cookie_end = t->len;
        PUT(t, "\r\n");
        return;
    }
    const size_t more = 2 + value.len;
    if (t->len + more > t->room) {
        /* Too long now, and it will stay so; what stood in the room before is not read. */
        if (t->len < t->room)
            memset(t->at + t->len, 'x', t->room - t->len);
        t->len += more;
        return;
    }
    char *end = t->at + t->cookie_end;
    memmove(end + more, end, t->len - t->cookie_end);
    memcpy(end, "; ", 2);
    if (value.len > 0)
        memcpy(end + 2, value.at, value.len);
    t->len += more;
    t->cookie_end += more;
}

void h2_text_field(struct h2_text *t, struct slice name, struct slice value)
{
    if (slice_eq(name, SLICE("cookie"))) {
        put_cookie(t, value);
        return;
    }
    if (t->authority.len > 0 && slice_eq(name, SLICE("host")) &&
        slice_eq_nocase(value, t->authority))
        return;
    if (t->n_fields++ <= HTTP_FIELDS_MAX)
        put_line(t, name, value);
}

size_t h2_text_end(struct h2_text *t)
{
    PUT(t, "\r\n");
    return t->len < t->room ? t->len : t->room;
}

/* --- from text to fields --------------------------------------------------------------------- */

static bool add(struct h2_fields *f, struct slice name, struct slice value)
{
    if (f->n == H2_FIELDS_MAX)
        return false;
    f->at[f->n++] = (struct h2_field){name, value};
    return true;
}

/* One line off the text, without its CR LF. What we wrote has one. */
static struct slice next_line(struct slice *text)
{
    const char *end = memchr(text->at, '\r', text->len);
    ASSERT(end && end + 1 < text->at + text->len && end[1] == '\n');
    const struct slice line = {text->at, (size_t)(end - text->at)};
    *text = slice_from(*text, line.len + 2);
    return line;
}

/* Ours to write: a scratch, or what is kept of one. */
static void make_lower(struct slice name)
{
    char *at = (char *)(uintptr_t)name.at;
    for (size_t i = 0; i < name.len; i++)
        at[i] = ascii_lower(at[i]);
}

/* "name: value" */
static struct h2_field split_field(struct slice line)
{
    const char *colon = memchr(line.at, ':', line.len);
    ASSERT(colon && colon > line.at);
    const struct slice name = {line.at, (size_t)(colon - line.at)};
    make_lower(name);
    return (struct h2_field){name, slice_trim(slice_from(line, name.len + 1))};
}

/* What belongs to one connection of HTTP/1 has no place here (RFC 9113 8.2.2); TE has, and was put
 * there for that. */
static bool is_left_out(struct slice name)
{
    switch (name.at[0]) {
    case 'c': return slice_eq(name, SLICE("connection"));
    case 'k': return slice_eq(name, SLICE("keep-alive"));
    case 'p': return slice_eq(name, SLICE("proxy-connection"));
    case 't': return slice_eq(name, SLICE("transfer-encoding"));
    case 'u': return slice_eq(name, SLICE("upgrade"));
    default: return false;
    }
}

/* The field lines up to and with the empty one. False when there are too many. */
static bool add_lines(struct h2_fields *f, struct slice *text, bool handshake)
{
    for (struct slice line; (line = next_line(text)).len > 0;) {
        const struct h2_field field = split_field(line);
        const bool of_handshake =
            handshake && (slice_eq(field.name, SLICE("sec-websocket-key")) ||
                          slice_eq(field.name, SLICE("sec-websocket-accept")));
        if (!is_left_out(field.name) && !of_handshake && !add(f, field.name, field.value))
            return false;
    }
    return true;
}

/* The value of a field of a head that we wrote, or nothing. */
static struct slice find(struct slice text, struct slice name)
{
    for (struct slice line; (line = next_line(&text)).len > 0;)
        if (line.len > name.len && line.at[name.len] == ':' &&
            slice_eq_nocase((struct slice){line.at, name.len}, name))
            return slice_trim(slice_from(line, name.len + 1));
    return SLICE_NONE;
}

size_t h2_fields_request(struct h2_fields *f, struct slice text, struct slice scheme)
{
    f->n = 0;
    f->status = 0;
    struct slice rest = text;
    const struct slice line = next_line(&rest);
    const char *blank = memchr(line.at, ' ', line.len);
    const char *last = memrchr(line.at, ' ', line.len);
    ASSERT(blank && last > blank);
    const struct slice host_line = next_line(&rest); /* h1_write_request() puts it first */
    ASSERT(host_line.len >= 5);

    const struct slice upgrade = find(rest, SLICE("upgrade"));
    const struct slice method = {line.at, (size_t)(blank - line.at)};
    add(f, SLICE(":method"), upgrade.len > 0 ? SLICE("CONNECT") : method);
    if (upgrade.len > 0)
        add(f, SLICE(":protocol"), upgrade);
    add(f, SLICE(":scheme"), scheme);
    add(f, SLICE(":authority"), slice_trim(slice_from(host_line, 5)));
    add(f, SLICE(":path"), (struct slice){blank + 1, (size_t)(last - blank - 1)});
    return add_lines(f, &rest, upgrade.len > 0) ? text.len - rest.len : 0;
}

size_t h2_fields_response(struct h2_fields *f, struct slice text)
{
    f->n = 0;
    struct slice rest = text;
    const struct slice line = next_line(&rest);
    ASSERT(line.len >= 12);
    const char *digit = line.at + 9; /* behind "HTTP/1.1 " */
    f->status = (uint16_t)((digit[0] - '0') * 100 + (digit[1] - '0') * 10 + digit[2] - '0');
    const bool switches = f->status == 101;
    add(f, SLICE(":status"), switches ? SLICE("200") : (struct slice){digit, 3});
    return add_lines(f, &rest, switches) ? text.len - rest.len : 0;
}

bool h2_fields_trailer(struct h2_fields *f, struct slice text)
{
    f->n = 0;
    f->status = 0;
    while (text.len > 0) {
        const struct slice line = next_line(&text);
        if (line.len == 0)
            return true;
        const struct h2_field field = split_field(line);
        if (!is_left_out(field.name) && !add(f, field.name, field.value))
            return false;
    }
    return true;
}
