/* The commands that change something. */
#include "runtime/base/clock.h"
#include "runtime/base/number.h"
#include "runtime/control/control.h"
#include "stats/socket/command.h"

/* Of a change's time: 10,000 days. */
#define CHANGE_UNITS_MAX 10000u

static void add_lines(struct text *out, struct slice report)
{
    text_add(out, report);
    if (report.len > 0 && report.at[report.len - 1] != '\n')
        text_addc(out, '\n');
}

static enum command_end later(bool begun)
{
    return begun ? COMMAND_LATER : COMMAND_REFUSED;
}

enum command_end command_reload(struct command *c)
{
    return later(control_reload(c->control, c->asker));
}

enum command_end command_reload_certificates(struct command *c)
{
    return later(control_reload_certificates(c->control, c->asker));
}

enum command_end command_shadow(struct command *c)
{
    return later(control_shadow(c->control, c->argument[0], c->asker));
}

enum command_end command_shadow_off(struct command *c)
{
    if (!control_shadow_off(c->control)) {
        text_adds(c->why, "there is no shadow");
        return COMMAND_REFUSED;
    }
    text_adds(c->out, "nothing is compared any more\n");
    return COMMAND_DONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first word, and the blanks behind it, are taken off. */
static bool take_word(struct slice *rest, struct slice *word)
{
    size_t n = 0;
    while (n < rest->len && !is_blank(rest->at[n]))
        n++;
    *word = (struct slice){rest->at, n};
    *rest = slice_trim(slice_from(*rest, n));
    return n > 0;
}

/* "90s", "30m", "1h", "7d": at the front of a sentence, which it is taken off. */
static bool take_duration(struct slice *rest, int64_t *ns)
{
    static const struct {
        char unit;
        int64_t ns;
    } UNIT[] = {
        {'s', NS_PER_S}, {'m', 60 * NS_PER_S}, {'h', 3600 * NS_PER_S}, {'d', 86400 * NS_PER_S}};
    struct slice word;
    uint64_t n;
    if (!take_word(rest, &word) || word.len < 2 ||
        !number_parse((struct slice){word.at, word.len - 1}, CHANGE_UNITS_MAX, &n) || n == 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(UNIT); i++)
        if (word.at[word.len - 1] == UNIT[i].unit)
            *ns = (int64_t)n * UNIT[i].ns;
    return *ns > 0;
}

/* "5%", "0.25%", in parts of CONTROL_CANARY_WHOLE. */
static bool read_share(struct slice s, uint32_t *part)
{
    struct slice whole, rest = {s.at, s.len - 1};
    uint64_t percent, hundredths = 0;
    if (s.len < 2 || s.at[s.len - 1] != '%' || !slice_split(&rest, '.', &whole) ||
        !number_parse(whole, 100, &percent))
        return false;
    const bool fraction = whole.len + 1 < s.len;
    if (fraction && (rest.len < 1 || rest.len > 2 || !number_parse(rest, 99, &hundredths)))
        return false;
    *part = (uint32_t)(percent * 100 + hundredths * (rest.len == 1 ? 10 : 1));
    return *part > 0 && *part <= CONTROL_CANARY_WHOLE;
}

/* "3x" */
static bool read_factor(struct slice s, uint32_t *factor)
{
    uint64_t n;
    if (s.len < 2 || s.at[s.len - 1] != 'x' ||
        !number_parse((struct slice){s.at, s.len - 1}, CONTROL_SLOWER_MAX, &n) || n < 2)
        return false;
    *factor = (uint32_t)n;
    return true;
}

/* "for 10m", "p99 3x", each once at the most. */
static bool read_rule(struct slice rest, struct control_canary_rule *out)
{
    struct slice word;
    while (take_word(&rest, &word)) {
        if (slice_eq(word, SLICE("for")) && out->for_ns == 0) {
            if (!take_duration(&rest, &out->for_ns))
                return false;
        } else if (slice_eq(word, SLICE("p99")) && out->slower == 0) {
            if (!take_word(&rest, &word) || !read_factor(word, &out->slower))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

enum command_end command_reload_canary(struct command *c)
{
    struct control_canary_rule rule = {0};
    struct slice rest = c->argument[0], share;
    if (take_word(&rest, &share) && read_share(share, &rule.part) && read_rule(rest, &rule))
        return later(control_canary(c->control, &rule, c->asker));
    text_adds(c->why, "\"reload canary\" takes a share, and perhaps when it goes: reload canary 5% "
                      "for 10m p99 3x");
    return COMMAND_REFUSED;
}

enum command_end command_canary(struct command *c)
{
    uint32_t part;
    if (!read_share(c->argument[0], &part)) {
        text_adds(c->why, "a share is more than 0%, at most 100%, with two decimals");
        return COMMAND_REFUSED;
    }
    if (!control_canary_share(c->control, part, c->why))
        return COMMAND_REFUSED;
    text_addf(c->out, SLICE_FMT " of the clients get it\n", SLICE_ARG(c->argument[0]));
    return COMMAND_DONE;
}

enum command_end command_promote(struct command *c)
{
    return later(control_promote(c->control, c->asker));
}

enum command_end command_revert(struct command *c)
{
    return later(control_revert(c->control, c->asker));
}

enum command_end command_reload_confirm(struct command *c)
{
    struct slice rest = c->argument[0];
    struct control_canary_rule more = {0};
    struct control_trial_rule rule = {0};
    if (!take_duration(&rest, &rule.for_ns) || !read_rule(rest, &more) || more.for_ns > 0) {
        text_adds(c->why, "\"reload confirm\" takes a time: reload confirm 60s, or 60s p99 3x");
        return COMMAND_REFUSED;
    }
    rule.slower = more.slower;
    return later(control_try(c->control, &rule, c->asker));
}

enum command_end command_confirm(struct command *c)
{
    if (!control_confirm(c->control, c->asker->who)) {
        text_adds(c->why, "nothing is on trial");
        return COMMAND_REFUSED;
    }
    text_adds(c->out, "confirmed: it stays\n");
    return COMMAND_DONE;
}

/* Where the text ends that this quote begins; or the end of all. */
static size_t skip_quoted(struct slice s, size_t at)
{
    const char quote = s.at[at++];
    while (at < s.len && s.at[at] != quote)
        at += s.at[at] == '\\' && quote == '"' ? 2 : 1;
    return at;
}

/* Is there a word for a reason, outside of quotes? Where it begins, or the text's length. */
static size_t find_because(struct slice s)
{
    static const struct slice WORD = SLICE_INIT("because");
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\'')
            i = skip_quoted(s, i);
        else if ((i == 0 || is_blank(s.at[i - 1])) && slice_starts(slice_from(s, i), WORD) &&
                 i + WORD.len < s.len && is_blank(s.at[i + WORD.len]))
            return i;
    }
    return s.len;
}

/* "... because the disk fails": takes the reason off the end. False, and what is wrong in `why`. */
static bool take_reason(struct slice *rest, struct slice *reason, struct text *why)
{
    const size_t at = find_because(*rest);
    *reason = SLICE("");
    if (at == rest->len)
        return true;
    *reason = slice_trim(slice_from(*rest, at + strlen("because")));
    if (reason->len >= 2 && reason->at[0] == '"' && reason->at[reason->len - 1] == '"')
        *reason = (struct slice){reason->at + 1, reason->len - 2};
    *rest = slice_trim((struct slice){rest->at, at});
    if (reason->len > 0 && reason->len <= CONTROL_WHY_MAX)
        return true;
    text_addf(why, "a reason has 1 to %u bytes", CONTROL_WHY_MAX);
    return false;
}

enum command_end command_change(struct command *c)
{
    struct control_request r = {.sentence = c->argument[0], .names_known = c->level < STATS_ADMIN};
    if (!take_reason(&r.sentence, &r.why, c->why))
        return COMMAND_REFUSED;
    struct slice word, rest = r.sentence;
    if (take_word(&rest, &word) && slice_eq(word, SLICE("for"))) {
        r.sentence = rest;
        if (!take_duration(&r.sentence, &r.for_ns) || r.sentence.len == 0) {
            text_adds(c->why, "\"for\" takes a time and then the change: for 30m add office "
                              "10.1.0.0/16");
            return COMMAND_REFUSED;
        }
    }
    return later(control_change(c->control, &r, c->asker));
}

enum command_end command_commit(struct command *c)
{
    struct control_request r = {.sentence = c->argument[0], .commit = true};
    if (!take_reason(&r.sentence, &r.why, c->why))
        return COMMAND_REFUSED;
    return later(control_change(c->control, &r, c->asker));
}

enum command_end command_undo(struct command *c)
{
    uint64_t number;
    if (!number_parse(c->argument[0], UINT64_MAX, &number)) {
        text_adds(c->why, "a change has a number; \"show drift\" lists them");
        return COMMAND_REFUSED;
    }
    return later(control_undo(c->control, number, c->asker));
}

enum command_end command_rollback(struct command *c)
{
    uint64_t number;
    if (number_parse(c->argument[0], UINT64_MAX, &number))
        return later(control_rollback(c->control, number, c->asker));
    text_adds(c->why, "a revision has a number; \"show history\" lists them");
    return COMMAND_REFUSED;
}

static enum command_end upgrade_answer(struct command *c, const struct control_reload *r)
{
    if (!r->done) {
        text_addf(c->why, "this process goes on: " SLICE_FMT, SLICE_ARG(r->why));
        return COMMAND_REFUSED;
    }
    text_addf(c->out, "process %lld serves, after %.1f ms; the one before ends what is under way\n",
              (long long)r->successor, (double)r->took_ns / (double)NS_PER_MS);
    return COMMAND_DONE;
}

enum command_end command_reload_answer(struct command *c, const struct control_reload *r)
{
    add_lines(c->out, r->report);
    if (r->upgrade)
        return upgrade_answer(c, r);
    if (r->server)
        return r->done ? COMMAND_DONE : COMMAND_REFUSED;
    if (!r->done) {
        text_addf(c->why, "nothing was changed, generation %llu stays",
                  (unsigned long long)r->generation);
        return COMMAND_REFUSED;
    }
    if (r->promoted || r->reverted) {
        text_adds(c->out, r->promoted ? "promoted: all clients get it\n"
                                      : "reverted: no client gets it any more\n");
        return COMMAND_DONE;
    }
    if (r->shadows)
        text_adds(c->out, "held against ");
    if (r->canary)
        text_adds(c->out, "it serves beside ");
    if (r->change > 0)
        text_addf(c->out, "change %llu, ", (unsigned long long)r->change);
    text_addf(c->out, "generation %llu, in %.1f ms", (unsigned long long)r->generation,
              (double)r->took_ns / (double)NS_PER_MS);
    text_adds(c->out, r->differs.len > 0 ? "; " : "");
    add_lines(c->out, r->differs.len > 0 ? r->differs : SLICE("\n"));
    return COMMAND_DONE;
}

/* "for 1h", or nothing, once the server has been taken off. */
static bool read_time(struct slice rest, int64_t *for_ns)
{
    struct slice word;
    if (rest.len == 0)
        return true;
    if (!take_word(&rest, &word) || !slice_eq(word, SLICE("for")))
        return false;
    return take_duration(&rest, for_ns) && rest.len == 0;
}

static enum command_end override(struct command *c, struct control_override *o, struct slice rest,
                                 const char *form)
{
    if (read_time(rest, &o->for_ns))
        return later(control_override(c->control, o, c->asker));
    struct slice word;
    if (take_word(&rest, &word) && slice_eq(word, SLICE("for")) && rest.len > 0)
        text_addf(c->why, "a time is 1 to %u, and s, m, h or d behind it: for 90m",
                  CHANGE_UNITS_MAX);
    else
        text_addf(c->why,
                  "that is not understood; say %s, and behind it perhaps: for 1h, because ...",
                  form);
    return COMMAND_REFUSED;
}

static enum command_end set_admin(struct command *c, enum server_admin admin, const char *form)
{
    struct control_override o = {.admin = admin};
    struct slice rest = c->argument[0];
    if (!take_reason(&rest, &o.why, c->why))
        return COMMAND_REFUSED;
    (void)take_word(&rest, &o.server);
    return override(c, &o, rest, form);
}

enum command_end command_drain(struct command *c)
{
    return set_admin(c, SERVER_DRAIN, "drain CLUSTER/SERVER");
}

enum command_end command_maintenance(struct command *c)
{
    return set_admin(c, SERVER_MAINTENANCE, "maintenance CLUSTER/SERVER");
}

enum command_end command_set_weight(struct command *c)
{
    struct control_override o = {0};
    struct slice rest = c->argument[0], word;
    uint64_t weight;
    if (!take_reason(&rest, &o.why, c->why))
        return COMMAND_REFUSED;
    (void)take_word(&rest, &o.server);
    if (!take_word(&rest, &word) || !number_parse(word, CONTROL_WEIGHT_MAX, &weight) ||
        weight == 0) {
        text_addf(c->why, "a weight is 1 to %u; \"drain\" sends the server nothing",
                  CONTROL_WEIGHT_MAX);
        return COMMAND_REFUSED;
    }
    o.weight = (uint32_t)weight;
    return override(c, &o, rest, "set weight CLUSTER/SERVER N");
}

enum command_end command_ready(struct command *c)
{
    return set_admin(c, SERVER_READY, "ready CLUSTER/SERVER");
}

enum command_end command_upgrade(struct command *c)
{
    return later(control_upgrade(c->control, c->argument[0], c->asker));
}

enum command_end command_shutdown(struct command *c)
{
    control_shutdown(c->control);
    text_adds(c->out, "shutting down\n");
    return COMMAND_DONE;
}
