#include "runtime/share/telling.h"

#include "runtime/base/clock.h"
#include "runtime/base/text.h"

/*
 * KEYS: of clients. ARGV: how many rates; of each the width of its windows (0: none) and its step,
 * both in us; of each key how many more there are and how old the first of them is, and of each
 * rate what the teller knows. Answered are three numbers for each rate of each key: see struct
 * rate_view. What is kept is the same, but for moments in place of times left.
 */
const char telling_script[] =
    "if redis.replicate_commands then redis.replicate_commands() end\n"
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000000 + time[2]\n"
    "local rates = tonumber(ARGV[1])\n"
    "local at, out = 2 + 2 * rates, {}\n"
    "for k = 1, #KEYS do\n"
    "  local n, first = tonumber(ARGV[at]), now - tonumber(ARGV[at + 1])\n"
    "  local kept, was = {}, redis.call('GET', KEYS[k])\n"
    "  if was then for x in string.gmatch(was, '%d+') do kept[#kept + 1] = tonumber(x) end end\n"
    "  local known = #kept == 3 * rates\n"
    "  local till = now\n"
    "  for r = 0, rates - 1 do\n"
    "    local width, step = tonumber(ARGV[2 + 2 * r]), tonumber(ARGV[3 + 2 * r])\n"
    "    local i = 3 * r\n"
    "    local a, b, c = kept[i + 1], kept[i + 2], kept[i + 3]\n"
    "    if not known then\n"
    "      a, b, c = tonumber(ARGV[at + 2 + i]), tonumber(ARGV[at + 3 + i]),\n"
    "                tonumber(ARGV[at + 4 + i])\n"
    "      if width == 0 then a = a + now end\n"
    "    end\n"
    "    local left\n"
    "    if width == 0 then\n"
    "      a = math.max(a, first) + n * step\n"
    "      till = math.max(till, a)\n"
    "      left = a - now\n"
    "    else\n"
    "      local is = math.floor(now / width)\n"
    "      if a == is - 1 then a, b, c = is, c, 0 elseif a < is then a, b, c = is, 0, 0 end\n"
    "      local ago = a - math.floor(first / width)\n"
    "      if ago <= 0 then c = c + n elseif ago == 1 then b = b + n end\n"
    "      till = math.max(till, (a + 2) * width)\n"
    "      left = a\n"
    "    end\n"
    "    kept[i + 1], kept[i + 2], kept[i + 3] = a, b, c\n"
    "    out[#out + 1] = left\n"
    "    out[#out + 1] = b\n"
    "    out[#out + 1] = c\n"
    "  end\n"
    "  at = at + 2 + 3 * rates\n"
    "  for i = 1, 3 * rates do kept[i] = string.format('%.0f', kept[i]) end\n"
    "  redis.call('SET', KEYS[k], table.concat(kept, ' ', 1, 3 * rates),\n"
    "             'PX', math.ceil((till - now) / 1000) + 1000)\n"
    "end\n"
    "return out\n";

void words_begin(struct words *w, struct slice loaded, uint32_t keys)
{
    text_clear(&w->at);
    w->end.n = w->word.n = 0;
    text_adds(&w->at, "EVALSHA");
    words_end(w);
    text_add(&w->at, loaded);
    words_end(w);
    words_number(w, keys);
}

void words_end(struct words *w)
{
    VEC_ADD(&w->end, w->at.len);
}

void words_number(struct words *w, int64_t n)
{
    text_addf(&w->at, "%lld", (long long)n);
    words_end(w);
}

/* The text stays where it is from now on. */
void words_finish(struct words *w)
{
    size_t from = 0;
    for (uint32_t i = 0; i < w->end.n; i++) {
        VEC_ADD(&w->word, (struct slice){w->at.at + from, w->end.at[i] - from});
        from = w->end.at[i];
    }
}

static void add_rates(struct words *w, const struct table_limit *spec)
{
    words_number(w, spec->n_rates);
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        const struct table_rate *r = &spec->rate[i];
        words_number(w, rate_width_ns(r) / NS_PER_US);
        text_addf(&w->at, "%lld.%03lld", (long long)(r->step_ns / NS_PER_US),
                  (long long)(r->step_ns % NS_PER_US));
        words_end(w);
    }
}

static void add_key(struct words *w, const struct limiter *l, const struct table_limit *spec,
                    const struct pending_key *key, int64_t now_ns)
{
    struct rate_view view[TABLE_SHARED_RATES_MAX];
    const int64_t age_ns = now_ns + l->utc_ns - key->first_ns;
    limiter_view(l, spec, key->hash, key->n, now_ns, view);
    words_number(w, key->n);
    words_number(w, age_ns > 0 ? age_ns / NS_PER_US : 0);
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        words_number(w, view[i].at);
        words_number(w, view[i].before);
        words_number(w, view[i].now);
    }
}

void telling_write(struct words *w, struct slice loaded, struct slice prefix,
                   const struct limiter *l, const struct table_limit *spec,
                   const struct pending_key *key, uint32_t n, int64_t now_ns)
{
    words_begin(w, loaded, n);
    for (uint32_t i = 0; i < n; i++) {
        text_add(&w->at, prefix);
        text_addf(&w->at, SLICE_FMT ":%016llx", SLICE_ARG(spec->name),
                  (unsigned long long)key[i].hash);
        words_end(w);
    }
    add_rates(w, spec);
    for (uint32_t i = 0; i < n; i++)
        add_key(w, l, spec, &key[i], now_ns);
    words_finish(w);
}

void words_done(struct words *w)
{
    text_done(&w->at);
    VEC_DONE(&w->end);
    VEC_DONE(&w->word);
}
