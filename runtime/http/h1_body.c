#include "runtime/http/h1_body.h"

#define CHUNK_DIGITS_MAX 16
#define CHUNK_BYTES_MAX  (UINT64_C(1) << 62)

enum body_state {
    BODY_START, /* by framing; for chunked: at the first digit of a chunk's size */
    BODY_SIZE,  /* within the digits */
    BODY_BLANK, /* behind them: blanks that only a ";" may follow (RFC 9112 7.1.1, BWS) */
    BODY_EXTENSION,
    BODY_SIZE_LF,
    BODY_DATA,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILER,
    BODY_DONE,
};

/* The given bytes, how far they are done with, and the run of decoded ones so far. */
struct run {
    char *at;
    size_t len, used;
    char *data; /* NULL until there is any */
    size_t data_len;
};

void h1_body_init(struct h1_body *b, enum http_framing framing, uint64_t content_length)
{
    *b = (struct h1_body){.framing = framing};
    switch (framing) {
    case FRAMING_NONE: b->state = BODY_DONE; break;
    case FRAMING_LENGTH:
        b->left = content_length;
        b->state = content_length > 0 ? BODY_DATA : BODY_DONE;
        break;
    case FRAMING_CHUNKED: b->state = BODY_START; break;
    case FRAMING_CLOSE:
        b->left = UINT64_MAX;
        b->state = BODY_DATA;
        break;
    }
}

/* Takes what there is of the body or chunk and moves it up to the data before it. */
static void take_data(struct h1_body *b, struct run *r)
{
    const size_t there = r->len - r->used;
    const size_t n = b->left < there ? (size_t)b->left : there;
    char *from = r->at + r->used;
    if (!r->data)
        r->data = from;
    else if (n > 0)
        memmove(r->data + r->data_len, from, n);
    r->data_len += n;
    r->used += n;
    b->total += n;
    if (b->framing != FRAMING_CLOSE)
        b->left -= n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_digit(struct h1_body *b, int digit)
{
    if (b->line_bytes > CHUNK_DIGITS_MAX || b->left > CHUNK_BYTES_MAX >> 4)
        return H1_BAD_CHUNK;
    b->left = b->left << 4 | (unsigned)digit;
    if (b->left > CHUNK_BYTES_MAX)
        return H1_BAD_CHUNK;
    b->state = BODY_SIZE;
    return 0;
}

/* One byte of the line before a chunk, its LF aside. */
static int size_byte(struct h1_body *b, char c)
{
    if (++b->line_bytes > H1_CHUNK_LINE_MAX)
        return H1_BAD_CHUNK;
    const int digit = hex_digit(c);
    if (b->state <= BODY_SIZE && digit >= 0)
        return take_digit(b, digit);
    if (b->state == BODY_START)
        return H1_BAD_CHUNK;

    if (c == '\r' && b->state != BODY_BLANK) {
        b->state = BODY_SIZE_LF;
    } else if (b->state == BODY_EXTENSION) {
        /* Nobody acts on an extension; what matters is that none can hide the end of its line. */
        const unsigned char u = (unsigned char)c;
        return (u < ' ' && u != '\t') || u == 0x7f ? H1_BAD_CHUNK : 0;
    } else if (c == ';') {
        b->state = BODY_EXTENSION;
    } else if (c == ' ' || c == '\t') {
        b->state = BODY_BLANK;
    } else {
        return H1_BAD_CHUNK;
    }
    return 0;
}

/* One byte of the framing between the data. */
static int framing_byte(struct h1_body *b, char c)
{
    switch ((enum body_state)b->state) {
    case BODY_START:
    case BODY_SIZE:
    case BODY_BLANK:
    case BODY_EXTENSION: return size_byte(b, c);
    case BODY_SIZE_LF:
        b->line_bytes = 0;
        b->state = b->left > 0 ? BODY_DATA : BODY_TRAILER;
        return c == '\n' ? 0 : H1_BAD_CHUNK;
    case BODY_DATA_CR: b->state = BODY_DATA_LF; return c == '\r' ? 0 : H1_BAD_CHUNK;
    case BODY_DATA_LF: b->state = BODY_START; return c == '\n' ? 0 : H1_BAD_CHUNK;
    case BODY_DATA:
    case BODY_TRAILER:
    case BODY_DONE: break;
    }
    ASSERT(!"a state within the framing");
    return H1_BAD_CHUNK;
}

/* Uses the trailer section when all of it is there. b->line_bytes have been looked at before. */
static int take_trailer(struct h1_body *b, struct run *r, struct slice *trailer)
{
    const char *at = r->at + r->used;
    const size_t there = r->len - r->used;
    for (size_t i = b->line_bytes; i < there; i++) {
        if (i >= H1_TRAILER_BYTES_MAX || (at[i] == '\n' && (i == 0 || at[i - 1] != '\r')))
            return H1_BAD_TRAILER;
        b->line_bytes = (uint16_t)(i + 1);
        if (at[i] == '\n' && (i == 1 || (i >= 3 && at[i - 2] == '\n'))) {
            *trailer = i == 1 ? SLICE_NONE : (struct slice){at, i + 1};
            r->used += i + 1;
            b->state = BODY_DONE;
            return 0;
        }
    }
    return 0;
}

static int decode_chunked(struct h1_body *b, struct run *r, struct slice *trailer)
{
    while (r->used < r->len && b->state != BODY_TRAILER) {
        if (b->state == BODY_DATA) {
            take_data(b, r);
            if (b->left == 0)
                b->state = BODY_DATA_CR;
            continue;
        }
        const int e = framing_byte(b, r->at[r->used++]);
        if (e < 0)
            return e;
    }
    return b->state == BODY_TRAILER ? take_trailer(b, r, trailer) : 0;
}

int h1_body_decode(struct h1_body *b, char *at, size_t len, struct h1_decoded *out)
{
    struct run r = {.at = at, .len = len};
    struct slice trailer = SLICE_NONE;
    if (b->framing == FRAMING_CHUNKED) {
        ASSERT(b->state != BODY_DONE);
        const int e = decode_chunked(b, &r, &trailer);
        if (e < 0)
            return e;
    } else if (b->state == BODY_DATA) {
        take_data(b, &r);
        if (b->left == 0)
            b->state = BODY_DONE;
    }
    *out = (struct h1_decoded){
        .data = r.data ? r.data : at,
        .data_len = r.data_len,
        .used = r.used,
        .done = b->state == BODY_DONE,
        .trailer = trailer,
    };
    return 0;
}

uint64_t h1_body_unframed(const struct h1_body *b)
{
    return b->framing != FRAMING_CHUNKED && b->state == BODY_DATA ? b->left : 0;
}

void h1_body_passed(struct h1_body *b, uint64_t n)
{
    ASSERT(n <= h1_body_unframed(b));
    b->total += n;
    if (b->framing == FRAMING_CLOSE)
        return;
    b->left -= n;
    if (b->left == 0)
        b->state = BODY_DONE;
}

bool h1_body_is_done(const struct h1_body *b)
{
    return b->state == BODY_DONE;
}

bool h1_body_may_end(const struct h1_body *b)
{
    return b->framing == FRAMING_CLOSE || b->state == BODY_DONE;
}
