/* What stands in for runtime/control: it knows one server, and notes what it is asked. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/clock.h"
#include "runtime/control/control.h"

struct control {
    struct control_sessions_asker sessions; /* and what they asked: answered by answer_sessions() */
    struct control_sessions_filter filter;
    struct control_trace_asker trace;
    struct control_trace_wish wish;
    struct control_asker asker; /* without `done`: no reload is under way */
    bool answers_at_once;
    const char *report; /* of a reload that comes at once */
    uint32_t many_servers, many_clauses;
    int drains, readies, shutdowns;
    bool ejects, keeps_nothing;
};

static struct control control;
static struct metrics block;

void control_info(const struct control *c, struct control_info *out)
{
    static const struct metrics *const blocks[] = {&block};
    (void)c;
    *out = (struct control_info){.version = "0.1.0",
                                 .file = "/etc/\"lbc\".lbconf",
                                 .pid = 4711,
                                 .generation = 3,
                                 .uptime_ns = 3723 * NS_PER_S,
                                 .workers = 1,
                                 .listeners = 1,
                                 .clusters = 1,
                                 .servers = 2,
                                 .servers_usable = 1,
                                 .metrics = blocks,
                                 .n_metrics = 1};
}

void control_servers(const struct control *c,
                     void (*each)(void *to, const struct control_server *s), void *to)
{
    struct control_server s = {.cluster = SLICE("web"),
                               .name = SLICE("one"),
                               .endpoint = "127.0.0.1:9001",
                               .health = HEALTH_UP,
                               .checked = true,
                               .last_check = "",
                               .weight = 10,
                               .file_weight = 10,
                               .in_flight = 4,
                               .max_connections = 200,
                               .idle = 12,
                               .requests = 1234567,
                               .connect_errors = 2,
                               .response_errors = 1};
    each(to, &s);
    s.name = SLICE("\xc3\xbc"
                   "ber");
    s.health = HEALTH_DOWN;
    s.admin = SERVER_DRAIN;
    s.backup = s.standby = true;
    if (c->ejects) {
        s.ejected_for_ns = 12 * NS_PER_S;
        s.ejected_times = 2;
        s.ejected_why = (struct outlier_why){OUTLIER_ERROR_RATE, 34, 100};
        s.ejections = 7;
    }
    s.last_check = "no \"+PONG\" within 1s";
    s.priority = 2;
    s.max_connections = 0;
    each(to, &s);
    for (uint32_t i = 0; i < c->many_servers; i++)
        each(to, &s);
}

static inline struct histogram_sum three_times(void)
{
    struct histogram_sum h = {.sum_ns = 3 * NS_PER_MS};
    h.bucket[2] = 2;
    h.bucket[HISTOGRAM_BUCKETS - 1] = 1;
    return h;
}

void control_listeners(const struct control *c,
                       void (*each)(void *to, const struct control_listener *l), void *to)
{
    (void)c;
    struct endpoint bind[2];
    const bool ok = endpoint_parse(SLICE("127.0.0.1:80"), &bind[0]) &&
                    endpoint_parse(SLICE("[::1]:443"), &bind[1]);
    ASSERT(ok);
    const struct control_listener l = {.name = SLICE("front"),
                                       .route = SLICE("site"),
                                       .bind = bind,
                                       .tls = (const bool[]){false, true},
                                       .n_binds = 2,
                                       .connections = 3,
                                       .max_connections = 100,
                                       .accepted = 12,
                                       .statuses = {{0, 0, 7, 0, 2, 1}},
                                       .received_bytes = 1000,
                                       .sent_bytes = 20000};
    each(to, &l);
}

void control_usage(const struct control *c, struct control_usage *out)
{
    (void)c;
    *out = (struct control_usage){.cpu_ns = 1500 * NS_PER_MS,
                                  .resident_bytes = 4096,
                                  .virtual_bytes = 8192,
                                  .descriptors = -1,
                                  .descriptors_max = 1024,
                                  .begun_wall_ns = 1764240000 * NS_PER_S};
}

bool control_explain(const struct control *c, struct slice request, bool json, struct text *out,
                     struct text *why)
{
    (void)c;
    if (slice_eq(request, SLICE("nothing")))
        text_adds(why, "it is no request");
    else
        text_addf(out, json ? "{\"request\":\"" SLICE_FMT "\"}\n" : SLICE_FMT " goes\n",
                  SLICE_ARG(request));
    return out->len > 0;
}

/* One that has decided something, one that has not, one that can't, one that only changes things,
 * and `many_clauses` more that have. */
void control_clauses(const struct control *c,
                     void (*each)(void *to, const struct control_clause *s), void *to)
{
    struct control_clause s = {.route = SLICE("site"),
                               .file = SLICE("a.lbconf"),
                               .number = 1,
                               .line = 12,
                               .text = 0x1234abcd,
                               .decides = true,
                               .sent_bytes = 4096,
                               .statuses = {{1, 0, 6, 0, 0, 2}}};
    each(to, &s);
    s = (struct control_clause){.route = SLICE("site"),
                                .file = SLICE("a.lbconf"),
                                .number = 2,
                                .line = 13,
                                .decides = true};
    each(to, &s);
    if (!c->many_clauses) {
        s.number++;
        s.decides = false;
        each(to, &s);
        s.number++;
        s.changes = true;
        s.continued = 5;
        each(to, &s);
    }
    for (uint32_t i = 0; i < c->many_clauses; i++) {
        s.number++;
        s.statuses.of_class[2] = 1;
        each(to, &s);
    }
}

void control_clusters(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to)
{
    (void)c;
    struct control_cluster s = {.name = SLICE("web"),
                                .balance = "round-robin",
                                .servers = 5,
                                .usable = 3,
                                .in_use = 2,
                                .in_flight = 7,
                                .first_byte = three_times()};
    each(to, &s);
    s.priority = 4;
    s.waiting = (struct control_use){6, 1000};
    s.connections = (struct control_use){20, 20};
    s.pending = (struct control_use){1, 100};
    s.sticky = (struct control_sticky){
        .by = "learn", .kept = 96, .fresh = 3, .moved = 1, .evicted = 7, .learned = 2, .forged = 4};
    each(to, &s);
}

void control_stickies(const struct control *c,
                      void (*each)(void *to, const struct control_cluster *s), void *to)
{
    (void)c;
    struct control_cluster s = {.name = SLICE("web")};
    each(to, &s);
    s.sticky = (struct control_sticky){.by = "src",
                                       .kept = 9,
                                       .clients = 3,
                                       .entries = 100,
                                       .heard = 5,
                                       .shared = SLICE("counts")};
    each(to, &s);
    s.sticky = (struct control_sticky){.by = "cookie", .forged = 4};
    each(to, &s);
}

uint64_t control_events(const struct control *c, uint32_t n,
                        void (*each)(void *to, const struct control_event *e), void *to)
{
    (void)c;
    const struct control_event down = {
        8, INT64_C(1764240000250000000), "warning", "server", "web/\"one\"", "it is down"};
    const struct control_event end = {
        9, INT64_C(1764240060000000000), "info", "process", "", "shutting down"};
    if (n > 1)
        each(to, &down);
    each(to, &end);
    return n == 1024 ? 7 : 0;
}

void control_certificates(const struct control *c,
                          void (*each)(void *to, const struct control_certificate *s), void *to)
{
    (void)c;
    each(to, &(struct control_certificate){SLICE("a.test"), 2, INT64_C(4102444800), "a.pem"});
    each(to, &(struct control_certificate){SLICE(""), 0, 86400, "b.pem"});
}

void control_limits(const struct control *c, void (*each)(void *to, const struct control_limit *l),
                    void *to)
{
    (void)c;
    struct control_limit l = {
        .name = SLICE("login"), .admitted = 5, .refused = 2, .keys = 1, .entries = 100};
    each(to, &l);
    l = (struct control_limit){.name = SLICE("at-once"),
                               .observe = true,
                               .admitted = 12345,
                               .observed = 67,
                               .concurrent = 20,
                               .in_flight = 18,
                               .keys = 4,
                               .evicted = 8,
                               .entries = 100000};
    each(to, &l);
    l = (struct control_limit){.name = SLICE("slow"),
                               .bytes = true,
                               .admitted = 40,
                               .delayed = 3,
                               .moved_bytes = 5000000,
                               .delayed_bytes = 4000000,
                               .delayed_ns = INT64_C(1500000000),
                               .keys = 2,
                               .entries = 100};
    each(to, &l);
}

void control_shared(const struct control *c, void (*each)(void *to, const struct control_share *s),
                    void *to)
{
    (void)c;
    struct control_share s = {.name = SLICE("counts"),
                              .address = "10.0.0.5:6379",
                              .up = true,
                              .for_ns = 90 * NS_PER_S,
                              .why = "",
                              .meanwhile = "its limits refuse everything",
                              .limits = 2,
                              .clusters = 4,
                              .round_trips = 1000,
                              .told = 12000,
                              .took_ns = 400 * NS_PER_US};
    each(to, &s);
    s.up = false;
    s.why = "NOAUTH \"x\"";
    s.errors = 3;
    each(to, &s);
}

void control_sources(const struct control *c,
                     void (*each)(void *to, const struct control_source *s), void *to)
{
    (void)c;
    struct control_source s = {.cluster = SLICE("web"),
                               .name = SLICE("web.test"),
                               .kind = "dns",
                               .servers = 3,
                               .missing = 1,
                               .answers = 7,
                               .answered_ago_ns = NS_PER_S,
                               .next_in_ns = 4 * NS_PER_S};
    each(to, &s);
    s.kind = "file";
    s.failures = 2;
    s.answered_ago_ns = -1;
    s.reason = "no \"file\"";
    each(to, &s);
}

void control_generations(const struct control *c,
                         void (*each)(void *to, const struct control_generation *g), void *to)
{
    (void)c;
    each(to, &(struct control_generation){3, true, 2 * NS_PER_S, 5, 4096, false});
    each(to, &(struct control_generation){2, false, 90 * NS_PER_S, 1, 2 << 20, false});
}

static void end_reload(bool done, const char *report)
{
    const struct control_reload r = {.done = done,
                                     .generation = done ? 4 : 3,
                                     .took_ns = 12500 * NS_PER_US,
                                     .report = slice_of(report)};
    const struct control_asker asker = control.asker;
    assert_non_null(asker.done);
    control.asker.done = NULL;
    asker.done(asker.of, &r);
}

bool control_reload(struct control *c, const struct control_asker *asker)
{
    if (c->asker.done) {
        text_adds(asker->why, control_why_not_now(c));
        return false;
    }
    c->asker = *asker;
    if (c->answers_at_once)
        end_reload(true, c->report);
    return true;
}

bool control_reload_certificates(struct control *c, const struct control_asker *asker)
{
    return control_reload(c, asker);
}

static void answer_at_once(const struct control_asker *asker, uint64_t generation, uint64_t change,
                           struct text *report)
{
    const struct control_reload r = {.done = true,
                                     .generation = generation,
                                     .took_ns = 12500 * NS_PER_US,
                                     .change = change,
                                     .report = text_slice(report)};
    asker->done(asker->of, &r);
    text_done(report);
}

/* What was asked for, in a report. */
bool control_change(struct control *c, const struct control_request *r,
                    const struct control_asker *asker)
{
    (void)c;
    if (slice_eq(r->sentence, SLICE("nothing"))) {
        text_adds(asker->why, "not now");
        return false;
    }
    struct text report = {0};
    text_addf(&report, "%s [" SLICE_FMT "] for %lld s by %s", r->commit ? "commit" : "change",
              SLICE_ARG(r->sentence), (long long)(r->for_ns / NS_PER_S),
              slice_starts(asker->who, SLICE("uid ")) ? "somebody" : "nobody");
    if (r->why.len > 0)
        text_addf(&report, " because [" SLICE_FMT "]", SLICE_ARG(r->why));
    answer_at_once(asker, 4, 9, &report);
    return true;
}

bool control_try(struct control *c, const struct control_trial_rule *rule,
                 const struct control_asker *asker)
{
    (void)c;
    struct text report = {0};
    text_addf(&report, "for %lld s, %ux", (long long)(rule->for_ns / NS_PER_S), rule->slower);
    answer_at_once(asker, 4, 0, &report);
    return true;
}

bool control_shadow(struct control *c, struct slice file, const struct control_asker *asker)
{
    (void)c;
    const struct control_reload r = {
        .done = true, .generation = 3, .took_ns = NS_PER_MS, .shadows = true};
    if (slice_eq(file, SLICE("/x.lbconf")))
        asker->done(asker->of, &r);
    else
        text_adds(asker->why, "not that one");
    return slice_eq(file, SLICE("/x.lbconf"));
}

bool control_shadow_off(struct control *c)
{
    return !c->keeps_nothing;
}

bool control_shadow_info(const struct control *c, struct control_shadow *out,
                         void (*each)(void *to, const struct control_shadow_kind *k), void *to)
{
    *out = (struct control_shadow){
        .file = SLICE("/x.lbconf"),
        .generation = 3,
        .since_ns = 90 * NS_PER_S,
        .compared = 10,
        .agreed = 7,
        .differ = 3,
        .unlistened = 2,
        .others = 1,
        .by = {{"outcome", "another outcome", 3}, {"rules", "other rules", 0}},
        .n_by = 2};
    const struct control_shadow_kind k = {
        .what = "outcome",
        .text = "another outcome",
        .before = {SLICE("site"), SLICE("a.lbconf"), 1, 12, SLICE("forward web")},
        .after = {SLICE("site"), SLICE(""), 2, 0, SLICE("deny 403")},
        .count = 2,
        .request = "'GET http://a/' --from 10.0.0.1"};
    each(to, &k);
    return !c->keeps_nothing;
}

bool control_canary(struct control *c, const struct control_canary_rule *rule,
                    const struct control_asker *asker)
{
    (void)c;
    struct text report = {0};
    text_addf(&report, "%u for %lld s, %ux", rule->part, (long long)(rule->for_ns / NS_PER_S),
              rule->slower);
    const struct control_reload r = {.done = true,
                                     .generation = 3,
                                     .took_ns = NS_PER_MS,
                                     .canary = true,
                                     .report = text_slice(&report)};
    asker->done(asker->of, &r);
    text_done(&report);
    return true;
}

static bool has_canary(const struct control *c, struct text *why)
{
    if (c->keeps_nothing)
        text_adds(why, "there is none");
    return !c->keeps_nothing;
}

bool control_canary_share(struct control *c, uint32_t part, struct text *why)
{
    return part > 0 && has_canary(c, why);
}

static bool end_canary(const struct control *c, const struct control_asker *asker, bool promoted)
{
    const struct control_reload r = {.done = true, .promoted = promoted, .reverted = !promoted};
    assert_true(slice_starts(asker->who, SLICE("uid ")));
    if (!has_canary(c, asker->why))
        return false;
    asker->done(asker->of, &r);
    return true;
}

bool control_promote(struct control *c, const struct control_asker *asker)
{
    return end_canary(c, asker, true);
}

bool control_revert(struct control *c, const struct control_asker *asker)
{
    return end_canary(c, asker, false);
}

bool control_canary_info(const struct control *c, struct control_canary_view *out, struct text *why)
{
    *out = (struct control_canary_view){
        .part = 525,
        .since_ns = 90 * NS_PER_S,
        .left_ns = 30 * NS_PER_S,
        .stable = {3, {{1, 2, 90, 3, 4, 0}}, 1.5 * NS_PER_MS, 20.25 * NS_PER_MS},
        .canary = {4, {{0}}, -1, -1},
        .compared = 103,
        .differ = 7};
    return has_canary(c, why);
}

bool control_rollback(struct control *c, uint64_t number, const struct control_asker *asker)
{
    (void)c;
    struct text report = {0};
    text_addf(&report, "to %llu", (unsigned long long)number);
    const struct control_reload r = {.done = true,
                                     .generation = 4,
                                     .took_ns = 12500 * NS_PER_US,
                                     .report = text_slice(&report),
                                     .differs = SLICE("1 region\n  GET /\n")};
    asker->done(asker->of, &r);
    text_done(&report);
    return true;
}

bool control_revisions_each(const struct control *c,
                            void (*each)(void *to, const struct control_revision *r), void *to,
                            struct text *why)
{
    if (c->keeps_nothing) {
        text_adds(why, "no revisions are kept");
        return false;
    }
    each(to, &(struct control_revision){12, SLICE("uid 0"), SLICE("reload"), 1764240000, 2, 2048,
                                        true});
    each(to, &(struct control_revision){11, SLICE("SIGHUP"), SLICE("commit set a \"b\""),
                                        1764000000, 1, 10, false});
    return true;
}

bool control_revision_diff(const struct control *c, uint64_t number, struct text *out,
                           struct text *why)
{
    (void)c;
    if (number == 12)
        text_adds(out, "--- a\n+++ a\n");
    else
        text_adds(why, "there is none");
    return number == 12;
}

/* "none": it can't be begun; "bad ...": it is, and does not come to serve. */
bool control_upgrade(struct control *c, struct slice path, const struct control_asker *asker)
{
    (void)c;
    if (slice_eq(path, SLICE("none"))) {
        text_adds(asker->why, "cannot start none");
        return false;
    }
    const struct control_reload r = {.upgrade = true,
                                     .done = !slice_starts(path, SLICE("bad ")),
                                     .took_ns = 12500 * NS_PER_US,
                                     .successor = path.len > 0 ? 78 : 77,
                                     .why = SLICE("it was killed"),
                                     .report = SLICE("it said this")};
    asker->done(asker->of, &r);
    return true;
}

bool control_confirm(struct control *c, struct slice who)
{
    assert_true(slice_starts(who, SLICE("uid ")));
    return c->shutdowns == 0;
}

bool control_undo(struct control *c, uint64_t change, const struct control_asker *asker)
{
    (void)c;
    struct text report = {0};
    if (change == 9)
        answer_at_once(asker, 5, 0, &report);
    else
        text_addf(asker->why, "there is no change %llu", (unsigned long long)change);
    return change == 9;
}

void control_changes(const struct control *c,
                     void (*each)(void *to, const struct control_change *s), void *to)
{
    (void)c;
    each(to, &(struct control_change){.number = 7,
                                      .sentence = SLICE("add office \"x\""),
                                      .who = SLICE("uid 0"),
                                      .age_ns = 90 * NS_PER_S,
                                      .left_ns = -1,
                                      .fits = true});
    each(to, &(struct control_change){.number = 9,
                                      .sentence = SLICE("drain web/a"),
                                      .who = SLICE("uid 5"),
                                      .why = SLICE("its \"disk\""),
                                      .age_ns = 2 * NS_PER_S,
                                      .left_ns = 30 * NS_PER_S,
                                      .server = true});
}

const char *control_why_not_now(const struct control *c)
{
    (void)c;
    return "a reload is under way already; ask again when it is done";
}

/* What was asked for, in a report. */
static void describe_override(const struct control_override *o, struct text *out)
{
    static const char *const SAYS[] = {"is ready: it gets its share", "drains: it gets nothing new",
                                       "is in maintenance: it gets nothing new"};
    text_addf(out, SLICE_FMT " ", SLICE_ARG(o->server));
    if (o->weight > 0)
        text_addf(out, "has weight %u", o->weight);
    else
        text_adds(out, SAYS[o->admin]);
    if (o->for_ns > 0)
        text_addf(out, " for %lld s", (long long)(o->for_ns / NS_PER_S));
    if (o->why.len > 0)
        text_addf(out, " [" SLICE_FMT "]", SLICE_ARG(o->why));
    text_addc(out, '\n');
}

bool control_override(struct control *c, const struct control_override *o,
                      const struct control_asker *asker)
{
    if (!slice_eq(o->server, SLICE("web/one"))) {
        text_adds(asker->why, "there is no such\nserver");
        return false;
    }
    c->drains += o->weight == 0 && o->admin == SERVER_DRAIN;
    c->readies += o->weight == 0 && o->admin == SERVER_READY;
    if (!asker->done)
        return true;
    struct text report = {0};
    describe_override(o, &report);
    const struct control_reload r = {.done = true, .server = true, .report = text_slice(&report)};
    asker->done(asker->of, &r);
    text_done(&report);
    return true;
}

void control_shutdown(struct control *c)
{
    c->shutdowns++;
}

/* One that is shown, and a worker that says nothing. */
static void answer_sessions(void)
{
    static const struct roster_row row = {
        .client = {{{[10] = 0xff, [11] = 0xff, 10, 1, 2, 3}}, 4711},
        .worker = 1,
        .protocol = "h2",
        .tls = true,
        .state = ROSTER_WAITING,
        .age_ns = 90 * NS_PER_S,
        .request_ns = 250 * NS_PER_MS,
        .requests = 7,
        .streams = 2,
        .received_bytes = 1024,
        .sent_bytes = 2048,
        .listener = "front",
        .cluster = "web",
        .server = "one",
        .request = "GET a/\"x\""};
    static const struct roster_row *const rows[] = {&row};
    const struct control_sessions s = {.row = rows,
                                       .n_rows = 1,
                                       .connections = 5,
                                       .matched = 3,
                                       .workers = 2,
                                       .missing = 1,
                                       .slice_ns = 12 * NS_PER_US};
    const struct control_sessions_asker asker = control.sessions;
    control.sessions.done = NULL;
    asker.done(asker.of, &s);
}

/* The words of a filter are the asker's, and are gone when it is looked at. */
static inline struct slice fake_kept(struct slice s, char room[TRACE_PATH_MAX])
{
    ASSERT(s.len < TRACE_PATH_MAX);
    if (s.len > 0)
        memcpy(room, s.at, s.len);
    return (struct slice){room, s.len};
}

bool control_sessions(struct control *c, const struct control_sessions_filter *f,
                      const struct control_sessions_asker *asker)
{
    if (c->sessions.done) {
        text_adds(asker->why, "not now");
        return false;
    }
    c->sessions = *asker;
    static char listener[TRACE_PATH_MAX];
    c->filter = *f;
    c->filter.listener = fake_kept(f->listener, listener);
    if (c->answers_at_once)
        answer_sessions();
    return true;
}

bool control_trace(struct control *c, const struct control_trace_wish *wish,
                   const struct control_trace_asker *asker)
{
    if (c->trace.over) {
        text_adds(asker->why, "not now");
        return false;
    }
    c->trace = *asker;
    static char path[TRACE_PATH_MAX];
    c->wish = *wish;
    c->wish.filter.path = fake_kept(wish->filter.path, path);
    return true;
}
