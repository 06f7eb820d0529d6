#include "compiler/cli/explain_limit.h"

#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/text.h"
#include "runtime/limit/bandwidth.h"
#include "runtime/limit/rate.h"

typedef unsigned long long ull;

/* Moments that are shown; and requests at most that are tried for each. */
#define MOMENTS      8u
#define REQUESTS_MAX 10000000u

/* One key's numbers, by rate. */
struct spent {
    const struct table_limit *limit;
    int64_t *state;
};

/* As limiter_ask() does it. Returns the rate that refuses, or their number. */
static uint32_t ask(struct spent *s, int64_t now_ns, int64_t *wait_ns)
{
    const uint32_t n = s->limit->n_rates;
    int64_t after;
    for (uint32_t i = 0; i < n; i++) {
        *wait_ns = rate_wait_ns(&s->limit->rate[i], s->state[i], now_ns);
        if (*wait_ns > 0)
            return i;
    }
    for (uint32_t i = 0; i < n; i++)
        if (rate_take(&s->limit->rate[i], s->state[i], now_ns, &after))
            s->state[i] = after;
    return n;
}

static void add_seconds(int64_t ns, struct text *out)
{
    text_addf(out, "%.10gs", (double)ns / (double)NS_PER_S);
}

static void add_rate(const struct table_rate *r, struct text *out)
{
    const char *per = "d";
    if (r->period_ns == NS_PER_S)
        per = "s";
    else if (r->period_ns == 60 * NS_PER_S)
        per = "m";
    else if (r->period_ns == 3600 * NS_PER_S)
        per = "h";
    text_addf(out, "%llu/%s", (ull)r->count, per);
}

static void add_algorithm(const struct table_rate *r, struct text *out)
{
    if (r->windows) {
        text_addf(out,
                  ": %llu in %s of the clock (UTC), and fewer by what is left of the last one\n",
                  (ull)r->count, r->period_ns > TABLE_RATE_LONG_NS ? "a day" : "an hour");
        return;
    }
    text_addf(out, ": %llu at once, and one more each ", (ull)r->burst);
    add_seconds(r->step_ns, out);
    text_addc(out, '\n');
}

static void add_bandwidth(const char *word, const struct table_bandwidth *b, struct text *out)
{
    if (b->bytes_per_s > 0)
        text_addf(out, "  %s %lluB/s: %llu bytes at once, then up to %llu at a time\n", word,
                  (ull)b->bytes_per_s, (ull)b->burst, (ull)bandwidth_piece(*b));
}

static void add_key(const struct table_limit *l, struct text *out)
{
    static const char *const all[] = {[PER_KEY] = "all requests are counted together",
                                      [PER_CONNECTION] = "each connection has it for itself",
                                      [PER_REQUEST] = "each request has it for itself"};
    text_addf(out, "  %s", l->n_keys > 0 ? "counted by " : all[l->per]);
    for (uint32_t i = 0; i < l->n_keys; i++) {
        text_adds(out, i > 0 ? ", " : "");
        table_field_write(l->key[i].field, l->key[i].key, '"', out);
    }
    text_addc(out, '\n');
}

static void add_limit(const struct table_limit *l, struct text *out)
{
    text_addf(out, "limit " SLICE_FMT "  " SLICE_FMT ":%u\n", SLICE_ARG(l->name),
              SLICE_ARG(l->place.file), l->place.line);
    add_key(l, out);
    add_bandwidth("download", &l->download, out);
    add_bandwidth("upload", &l->upload, out);
    for (uint32_t i = 0; i < l->n_rates; i++) {
        text_adds(out, "  ");
        add_rate(&l->rate[i], out);
        add_algorithm(&l->rate[i], out);
    }
    if (l->concurrent > 0)
        text_addf(out, "  %u in flight at a time: beyond that %u, Retry-After: 1\n", l->concurrent,
                  l->status);
    if (l->observe)
        text_adds(out, "  it only observes: what would be refused is counted, and served\n");
}

/* All that are admitted now; returns the wait for the next one. */
static int64_t add_moment(struct spent *s, int64_t now_ns, struct text *out)
{
    const struct table_limit *l = s->limit;
    int64_t wait_ns = 0;
    uint32_t n = 0, rate = l->n_rates;
    while (n < REQUESTS_MAX && (rate = ask(s, now_ns, &wait_ns)) == l->n_rates)
        n++;
    text_adds(out, "  at ");
    add_seconds(now_ns, out);
    text_addf(out, "  %u admitted", n);
    if (rate == l->n_rates) {
        text_adds(out, ", and more\n");
        return NS_PER_S;
    }
    text_adds(out, ", the next one refused by ");
    add_rate(&l->rate[rate], out);
    text_addf(out, ": %u, Retry-After: %lld\n", l->status,
              (long long)((wait_ns + NS_PER_S - 1) / NS_PER_S));
    return wait_ns;
}

static bool has_windows(const struct table_limit *l)
{
    bool some = false;
    for (uint32_t i = 0; i < l->n_rates; i++)
        some |= l->rate[i].windows;
    return some;
}

/* When the last byte of a body has gone, of a key that moves nothing else. */
static void add_bodies(const char *word, const struct table_bandwidth *b, struct text *out)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } body[] = {{"64KiB", 1u << 16},
                {"1MiB", 1u << 20},
                {"10MiB", 10u << 20},
                {"100MiB", 100u << 20},
                {"1GiB", 1u << 30}};
    for (size_t i = 0; b->bytes_per_s > 0 && i < COUNT_OF(body); i++) {
        int64_t after;
        const int64_t ns = bandwidth_take(*b, 0, 0, body[i].bytes, &after);
        text_addf(out, "  %s of %s  ", word, body[i].name);
        if (ns == 0)
            text_adds(out, "at once");
        else
            add_seconds(ns / NS_PER_MS * NS_PER_MS, out);
        text_addc(out, '\n');
    }
}

static void explain_bytes(const struct table_limit *l, struct text *out)
{
    text_adds(out, "  it refuses nothing: what is beyond waits\n"
                   "\none that moves as much as it may takes for\n");
    add_bodies("a download", &l->download, out);
    add_bodies("an upload", &l->upload, out);
}

bool explain_limit(const struct table *t, struct slice name, struct text *out)
{
    const uint32_t i = table_find_limit(t, name);
    if (i == UINT32_MAX)
        return false;
    add_limit(&t->limit[i], out);
    if (t->limit[i].bytes)
        explain_bytes(&t->limit[i], out);
    if (t->limit[i].n_rates == 0)
        return true;
    struct spent s = {&t->limit[i], MUST_ARRAY(int64_t, t->limit[i].n_rates)};
    text_adds(out, "\none key that asks as often as it may");
    text_adds(out, has_windows(s.limit) ? ", from midnight on\n" : "\n");
    int64_t now_ns = 0;
    for (uint32_t n = 0; n < MOMENTS; n++)
        now_ns += add_moment(&s, now_ns, out);
    free(s.state);
    return true;
}
