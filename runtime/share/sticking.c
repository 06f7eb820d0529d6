#include "runtime/share/sticking.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

/*
 * KEYS: the clients in the order that they were told in (a sorted set by moments), and where each
 * is (a hash: the server, and when it was here last). ARGV: how long one is remembered, how many
 * are, the moment up to which the teller has heard, and how many more it hears of now; then of each
 * client its name, its server, whether it was moved, and how long ago it was here. Times are in us.
 *
 * No two clients have the same moment, so that one can be read on from; 0 is answered where all was
 * forgotten since. A few of those that are over go with each command, and the oldest of what are
 * too many.
 */
const char sticking_script[] =
    "if redis.replicate_commands then redis.replicate_commands() end\n"
    "local order, at = KEYS[1], KEYS[2]\n"
    "local life, entries = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000000 + time[2]\n"
    "local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]\n"
    "local moment = math.max(now, tonumber(last or 0) + 1)\n"
    "local function text(n) return string.format('%.0f', n) end\n"
    "local function read(who)\n"
    "  local server, used = string.match(redis.call('HGET', at, who) or '', '^(%d+) (%d+)$')\n"
    "  if used and now - tonumber(used) < life then return server, tonumber(used) end\n"
    "end\n"
    "local function forget(who)\n"
    "  if #who == 0 then return end\n"
    "  redis.call('ZREM', order, unpack(who))\n"
    "  redis.call('HDEL', at, unpack(who))\n"
    "end\n"
    "for i = 5, #ARGV, 4 do\n"
    "  local who, server, used = ARGV[i], ARGV[i + 1], now - tonumber(ARGV[i + 3])\n"
    "  local is, was = read(who)\n"
    "  local elsewhere = is and is ~= server\n"
    "  if elsewhere and ARGV[i + 2] == '0' then server = is end\n"
    "  if elsewhere or not is or used > was + 1000000 then\n"
    "    used = math.max(used, was or 0)\n"
    "    redis.call('HSET', at, who, server .. ' ' .. text(used))\n"
    "    redis.call('ZADD', order, text(moment), who)\n"
    "    moment = moment + 1\n"
    "  end\n"
    "end\n"
    "forget(redis.call('ZRANGEBYSCORE', order, '-inf', text(now - life), 'LIMIT', 0, 256))\n"
    "local over = redis.call('ZCARD', order) - entries\n"
    "if over > 0 then forget(redis.call('ZRANGE', order, 0, math.min(over, 512) - 1)) end\n"
    "if #ARGV > 4 then\n"
    "  redis.call('PEXPIRE', order, math.ceil(life / 1000))\n"
    "  redis.call('PEXPIRE', at, math.ceil(life / 1000))\n"
    "end\n"
    "if not last and ARGV[3] ~= '0' then return {0} end\n"
    "local news = redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[3], '+inf', 'WITHSCORES',\n"
    "                        'LIMIT', 0, tonumber(ARGV[4]))\n"
    "local out = {tonumber(news[#news] or ARGV[3])}\n"
    "for i = 1, #news, 2 do\n"
    "  local server, used = read(news[i])\n"
    "  out[#out + 1] = tonumber(string.sub(news[i], 1, 8), 16)\n"
    "  out[#out + 1] = tonumber(string.sub(news[i], 9, 16), 16)\n"
    "  out[#out + 1] = tonumber(server or 0)\n"
    "  out[#out + 1] = now - (used or 0)\n"
    "end\n"
    "return out\n";

struct sticking *sticking_new(struct sticky *sticky, const struct table_cluster *spec,
                              struct cluster *live)
{
    struct sticking *k = MUST_NEW(struct sticking);
    k->sticky = sticky_pin(sticky);
    k->spec = spec;
    k->live = live;
    pending_init(&k->pending);
    sticking_begin(k);
    return k;
}

void sticking_free(struct sticking *k)
{
    sticky_unpin(k->sticky);
    pending_done(&k->pending);
    free(k);
}

void sticking_begin(struct sticking *k)
{
    pending_clear(&k->pending);
    k->heard = 0;
    k->behind = true;
    k->walk = 0;
}

/* --- what is to be told ----------------------------------------------------------------------- */

/* What was said first of a move holds, though the client was seen there since. */
static bool put(struct sticking *k, const struct sticky_client *c)
{
    struct pending_key *key = pending_get(&k->pending, c->hash);
    if (!key)
        return false;
    key->server = c->server;
    key->moved |= c->moved;
    key->first_ns = c->used_ns;
    return true;
}

uint64_t sticking_gather(struct sticking *k, bool keep, int64_t now_ns)
{
    struct sticky_client c;
    uint64_t untold = sticky_untold(k->sticky);
    while (sticky_tell(k->sticky, &c, now_ns))
        untold += keep && !put(k, &c);
    if (untold > 0)
        k->walk = 0; /* which comes to them */
    return untold;
}

/* Whoever is remembered here and was not told lately: also where the Redis has forgotten all. */
static void walk(struct sticking *k, uint32_t most, int64_t now_ns)
{
    struct sticky_client c[STICKING_TELL_MAX];
    const uint32_t n = sticky_walk(k->sticky, &k->walk, k->spec->sticky.ttl_ns, now_ns, c, most);
    for (uint32_t i = 0; i < n; i++)
        if (!pending_has(&k->pending, c[i].hash))
            (void)put(k, &c[i]); /* there is room: fewer wait than are taken */
}

uint32_t sticking_take(struct sticking *k, uint32_t most, struct pending_key *out, int64_t now_ns)
{
    most = most < STICKING_TELL_MAX ? most : STICKING_TELL_MAX;
    if (!k->behind && k->walk != STICKY_WALK_END && k->pending.n < most)
        walk(k, most - k->pending.n, now_ns);
    return pending_take(&k->pending, most, out);
}

/* So long as others may know it too old, it is kept longer than here. */
static int64_t life_us(const struct sticking *k)
{
    const int64_t ttl_ns = k->spec->sticky.ttl_ns;
    return (ttl_ns + sticky_news_ns(ttl_ns)) / NS_PER_US;
}

/* Clients that are known by something else are others. */
static void add_table(struct words *w, const struct sticking *k, struct slice prefix,
                      const char *what)
{
    static const char *const BY[] = {
        [STICKY_SRC] = "src", [STICKY_HEADER] = "header=", [STICKY_LEARN] = "cookie="};
    const struct table_sticky *rule = &k->spec->sticky;
    text_add(&w->at, prefix);
    text_addf(&w->at, "sticky:" SLICE_FMT ":%s" SLICE_FMT ":%s", SLICE_ARG(k->spec->name),
              BY[rule->kind], SLICE_ARG(rule->name), what);
    words_end(w);
}

void sticking_write(struct words *w, struct slice loaded, struct slice prefix,
                    const struct sticking *k, const struct pending_key *key, uint32_t n,
                    int64_t now_ns)
{
    words_begin(w, loaded, 2);
    add_table(w, k, prefix, "order");
    add_table(w, k, prefix, "at");
    words_number(w, life_us(k));
    words_number(w, k->spec->sticky.entries);
    words_number(w, k->heard);
    words_number(w, STICKING_HEAR_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const int64_t age_ns = now_ns - key[i].first_ns;
        text_addf(&w->at, "%016llx", (unsigned long long)key[i].hash);
        words_end(w);
        words_number(w, (int64_t)key[i].server);
        words_number(w, key[i].moved);
        words_number(w, age_ns > 0 ? age_ns / NS_PER_US : 0);
    }
    words_finish(w);
}

/* --- what others have told -------------------------------------------------------------------- */

bool sticking_fits(const int64_t *number, uint32_t n)
{
    if (n == 0 || n % STICKING_NUMBERS != 1 || n > 1 + STICKING_NUMBERS * STICKING_HEAR_MAX)
        return false;
    for (uint32_t i = 1; i < n; i += STICKING_NUMBERS)
        if ((uint64_t)number[i] > UINT32_MAX || (uint64_t)number[i + 1] > UINT32_MAX ||
            (uint64_t)number[i + 2] > STICKY_SERVER_MAX || number[i + 3] < 0 ||
            number[i + 3] > INT64_MAX / NS_PER_US)
            return false;
    return true;
}

/* One that waits to be told is where we say, until that has come back. */
static bool hear(struct sticking *k, const int64_t *number, int64_t asked_ns, int64_t now_ns,
                 uint32_t *evicted)
{
    const int64_t ttl_ns = k->spec->sticky.ttl_ns;
    const struct sticky_client c = {.hash = (uint64_t)number[0] << 32 | (uint64_t)number[1],
                                    .server = (uint64_t)number[2],
                                    .used_ns = asked_ns - number[3] * NS_PER_US};
    if (c.server == 0 || number[3] >= ttl_ns / NS_PER_US || pending_has(&k->pending, c.hash))
        return false;
    *evicted += sticky_learn(k->sticky, &c, ttl_ns, now_ns);
    return true;
}

uint32_t sticking_learn(struct sticking *k, const int64_t *number, uint32_t n, int64_t asked_ns,
                        int64_t now_ns)
{
    uint32_t heard = 0, evicted = 0;
    for (uint32_t i = 1; i < n; i += STICKING_NUMBERS)
        heard += hear(k, number + i, asked_ns, now_ns, &evicted);
    if (number[0] == 0 && k->heard > 0)
        sticking_begin(k);
    k->heard = number[0];
    k->behind = n == 1 + STICKING_NUMBERS * STICKING_HEAR_MAX;
    atomic_fetch_add_explicit(&k->live->sticky.heard, heard, memory_order_relaxed);
    atomic_fetch_add_explicit(&k->live->sticky.evictions, evicted, memory_order_relaxed);
    return heard;
}
