/*
 * live_pairs SEED PROGRAMS REQUESTS PORT...: programs, requests as they are sent, and what the
 * reference evaluator says becomes of each: a line of JSON for a program, then one for each
 * request, and at the end what was never drawn.
 *
 * The two ports are those that the programs' listeners will have. Whoever reads this puts the
 * requests to the real thing and compares (test_live.py). What `explain` says goes along. Bytes are
 * in hexadecimal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "compiler/compile.h"
#include "compiler/ref/ref.h"
#include "compiler/sema/types.h"
#include "compiler/tools/explain.h"
#include "compiler/tools/request.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/text.h"
#include "tests/agree/support/generate.h"
#include "tests/agree/support/met.h"
#include "tests/agree/support/print.h"

struct pairs {
    struct generated g;
    struct table *table;
    uint16_t port[2];
    struct met met;
    uint64_t effect[EFFECT_COUNT]; /* by which requests and responses were changed */
};

static void add_hex(struct text *out, struct slice s)
{
    text_addc(out, '"');
    for (size_t i = 0; i < s.len; i++)
        text_addf(out, "%02x", (unsigned char)s.at[i]);
    text_addc(out, '"');
}

static void add_key(struct text *out, const char *key, struct slice s)
{
    text_addf(out, ",\"%s\":", key);
    add_hex(out, s);
}

static void add_field(struct text *out, struct slice name, struct slice value)
{
    text_addf(out, SLICE_FMT ": " SLICE_FMT "\r\n", SLICE_ARG(name), SLICE_ARG(value));
}

/* The bytes that are sent. */
static void write_raw(const struct generated_wire *w, struct text *out)
{
    text_addf(out, SLICE_FMT " ", SLICE_ARG(w->method));
    if (w->absolute)
        text_addf(out, "http://" SLICE_FMT, SLICE_ARG(w->host));
    text_addf(out, SLICE_FMT " HTTP/1.%d\r\n", SLICE_ARG(w->target), w->old ? 0 : 1);
    if (!w->nameless)
        add_field(out, SLICE("Host"), w->host);
    for (uint32_t i = 0; i < w->n_headers; i++)
        add_field(out, w->header[i].name, w->header[i].value);
    if (w->body_bytes > 0)
        text_addf(out, "Content-Length: %u\r\n", w->body_bytes);
    text_adds(out, "\r\n");
    for (uint32_t i = 0; i < w->body_bytes; i++)
        text_addc(out, 'b');
}

static struct address loopback(uint32_t ipv4)
{
    char text[16];
    struct address a;
    snprintf(text, sizeof(text), "%u.%u.%u.%u", ipv4 >> 24, ipv4 >> 16 & 255, ipv4 >> 8 & 255,
             ipv4 & 255);
    const bool ok = address_parse(slice_of(text), &a);
    ASSERT(ok);
    return a;
}

/* The same request as somebody would type it. NULL, or what is wrong with it. */
static const char *type_request(const struct pairs *p, const struct generated_wire *w,
                                struct request *r, struct arena *arena)
{
    const struct slice line =
        w->absolute ? arena_format(arena, SLICE_FMT " http://" SLICE_FMT SLICE_FMT,
                                   SLICE_ARG(w->method), SLICE_ARG(w->host), SLICE_ARG(w->target))
                    : arena_format(arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(w->method),
                                   SLICE_ARG(w->target));
    const char *wrong = request_parse(r, line, 0, arena);
    if (!wrong && !w->nameless)
        wrong = request_add_header(r, arena_format(arena, "Host: " SLICE_FMT, SLICE_ARG(w->host)),
                                   arena);
    for (uint32_t i = 0; !wrong && i < w->n_headers; i++)
        wrong = request_add_header(r,
                                   arena_format(arena, SLICE_FMT ": " SLICE_FMT,
                                                SLICE_ARG(w->header[i].name),
                                                SLICE_ARG(w->header[i].value)),
                                   arena);
    if (!wrong && w->body_bytes > 0)
        wrong =
            request_add_header(r, arena_format(arena, "Content-Length: %u", w->body_bytes), arena);
    if (wrong)
        return wrong;
    r->facts.proto = w->old ? SLICE("http/1.0") : SLICE("http/1.1");
    wrong = request_complete(r);
    if (wrong)
        return wrong;
    r->facts.listener = arena_format(arena, "l-%u", w->route);
    r->facts.src = loopback(w->from);
    r->facts.dst = loopback(0x7f000001);
    r->facts.dst_port = p->port[w->route];
    return NULL;
}

static uint32_t one_up(const void *live, struct slice name)
{
    (void)live;
    (void)name;
    return 1;
}

struct field {
    struct slice name, value;
};

static void write_fields(const char *key, const struct field *field, size_t n, struct text *out)
{
    text_addf(out, ",\"%s\":[", key);
    for (size_t k = 0; k < n; k++) {
        text_adds(out, k ? ",[" : "[");
        add_hex(out, field[k].name);
        text_addc(out, ',');
        add_hex(out, field[k].value);
        text_addc(out, ']');
    }
    text_addc(out, ']');
}

/* Each change in its turn, of the three kinds from `set` on. Returns how many fields there are
 * then. */
static size_t changed(const struct ref_verdict *v, enum action_kind set, struct field *field,
                      size_t n)
{
    for (uint32_t i = 0; i < v->n_effects; i++) {
        const int kind = (int)v->effect[i]->kind - (int)set; /* set, add, remove */
        if (kind < 0 || kind > 2)
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < n; k++)
            if (kind == 1 || !slice_eq(field[k].name, v->effect[i]->name))
                field[kept++] = field[k];
        n = kept;
        if (kind != 2)
            field[n++] = (struct field){v->effect[i]->name, v->value[i]};
    }
    return n;
}

/* The fields that the server gets, and those that the response gets, of the names that programs
 * change. */
static void write_headers(const struct request *r, const struct ref_verdict *v, struct text *out)
{
    struct field field[REQUEST_HEADERS_MAX + REF_ACTIONS_MAX];
    size_t n = 0;
    for (; n < r->n_headers; n++)
        field[n] = (struct field){r->header[n].name, r->header[n].value};
    write_fields("headers", field, changed(v, ACTION_SET_HEADER, field, n), out);
    write_fields("response", field, changed(v, ACTION_SET_RESPONSE_HEADER, field, 0), out);
}

/* Where chance may lead it: all that it comes to for one chance or another. */
static void write_clusters(const struct pairs *p, const struct generated_wire *w,
                           const struct request *r, struct text *out)
{
    struct arena arena = {0};
    struct ref_verdict v;
    struct facts f = r->facts;
    bool seen[2] = {false, false};
    for (uint32_t percent = 0; percent < 100; percent++) {
        f.chance = (uint32_t)(((uint64_t)percent * 2 + 1) * (UINT64_C(1) << 32) / 200);
        ref_eval(&p->g.program, w->route, &f, &arena, &v);
        seen[v.cluster] = true;
        arena_free(&arena);
    }
    text_adds(out, ",\"clusters\":[");
    for (uint32_t i = 0; i < COUNT_OF(seen); i++) {
        if (!seen[i])
            continue;
        text_adds(out, seen[0] && i > 0 ? "," : "");
        add_hex(out, p->g.program.cluster[i].name);
    }
    text_addc(out, ']');
}

static void write_forwarded(const struct pairs *p, const struct generated_wire *w,
                            const struct request *r, const struct ref_verdict *v, struct text *out)
{
    const enum action_kind kind = v->end->kind;
    text_addf(out, ",\"action\":\"%s\"",
              kind == ACTION_SPLIT         ? "split"
              : kind == ACTION_FORWARD_MAP ? "forward map"
                                           : "forward");
    add_key(out, "cluster", p->g.program.cluster[v->cluster].name);
    write_clusters(p, w, r, out);
    add_key(out, "target", v->rewritten ? v->uri : r->facts.uri);
}

static void write_end(const struct pairs *p, const struct generated_wire *w,
                      const struct request *r, const struct ref_verdict *v, struct text *out)
{
    const struct action *end = v->end;
    text_addf(out, ",\"route\":\"" SLICE_FMT "\",\"clause\":%u,\"changes\":%u",
              SLICE_ARG(p->g.program.route[v->route].name), v->clause + 1, v->n_effects);
    write_headers(r, v, out);
    if (end->kind == ACTION_FORWARD || end->kind == ACTION_SPLIT ||
        end->kind == ACTION_FORWARD_MAP) {
        write_forwarded(p, w, r, v, out);
    } else if (end->kind == ACTION_DENY || end->kind == ACTION_RESPOND) {
        text_addf(out, ",\"action\":\"%s\",\"status\":%u",
                  end->kind == ACTION_DENY ? "deny" : "respond", end->status);
        add_key(out, "body", end->body);
        add_key(out, "type", end->type);
    } else if (end->kind == ACTION_REDIRECT) {
        text_addf(out, ",\"action\":\"redirect\",\"status\":%u", end->status);
        add_key(out, "location", v->location);
    } else {
        ASSERT(end->kind == ACTION_DROP || end->kind == ACTION_TARPIT);
        text_addf(out, ",\"action\":\"%s\"", end->kind == ACTION_DROP ? "drop" : "tarpit");
    }
}

/* Is the connection that it comes by closed before anything is read? */
static bool is_dropped(const struct pairs *p, const struct generated_wire *w, struct arena *arena)
{
    const uint32_t route = program_phase_route(&p->g.program, w->route, PHASE_CONNECT);
    struct ref_verdict v;
    if (route == TABLE_NO_ROUTE)
        return false;
    const struct facts f = {.src = loopback(w->from),
                            .dst = loopback(0x7f000001),
                            .listener = p->g.program.listener[w->route].name};
    ref_eval(&p->g.program, route, &f, arena, &v);
    return !v.passed;
}

static void write_verdict(struct pairs *p, const struct generated_wire *w, struct request *r,
                          struct arena *arena, struct text *out)
{
    struct ref_verdict v;
    r->facts.cluster_up = one_up;
    ref_eval(&p->g.program, w->route, &r->facts, arena, &v);
    if (v.too_long)
        text_adds(out, ",\"too_long\":true");
    else if (v.bad_target)
        text_adds(out, ",\"bad_target\":true");
    else
        write_end(p, w, r, &v, out);
    for (uint32_t i = 0; i < v.n_effects; i++)
        p->effect[v.effect[i]->kind]++; /* both enums begin alike */
}

static void write_explanation(const struct pairs *p, const struct generated_wire *w,
                              const struct request *r, struct text *out)
{
    const struct explain x = {.table = p->table,
                              .route = w->route,
                              .facts = &r->facts,
                              .listener = &p->table->listener[w->route]};
    text_adds(out, ",\"explain\":");
    explain_json(&x, out);
    out->len--; /* its line end */
}

static void write_pair(struct pairs *p, struct text *out)
{
    struct arena arena = {0};
    struct request *r = MUST_NEW(struct request);
    const struct generated_wire *w = generate_wire(&p->g, &arena);
    struct text raw = {0};
    write_raw(w, &raw);
    text_addf(out,
              "{\"listener\":%u,\"from\":\"%u.%u.%u.%u\",\"last\":%s,\"method\":\"" SLICE_FMT "\"",
              w->route, w->from >> 24, w->from >> 16 & 255, w->from >> 8 & 255, w->from & 255,
              w->old ? "true" : "false", SLICE_ARG(w->method));
    text_addf(out, ",\"nameless\":%s", w->nameless ? "true" : "false");
    add_key(out, "raw", text_slice(&raw));
    text_done(&raw);

    const char *wrong = type_request(p, w, r, &arena);
    if (is_dropped(p, w, &arena)) {
        text_adds(out, ",\"action\":\"on connect\"");
    } else if (wrong) {
        text_addf(out, ",\"refused\":%u,\"wrong\":", r->refused ? r->refused : 400u);
        text_add_json(out, slice_of(wrong));
    } else {
        write_verdict(p, w, r, &arena, out);
    }
    if (!wrong)
        write_explanation(p, w, r, out);
    text_adds(out, "}\n");
    free(r);
    arena_free(&arena);
}

/* NULL when the compiler has something against it. */
static struct table *compiled(struct slice written)
{
    struct arena arena = {0};
    struct sources *sources = sources_new();
    const int added = sources_add(sources, SLICE("generated"), written);
    ASSERT(added == 0);
    struct diags *d = diags_new(sources, 0);
    const struct compile_options options = {0};
    struct table *t = compile(sources, &options, &arena, d, NULL);
    diags_free(d);
    sources_free(sources);
    arena_free(&arena);
    return t;
}

/* Returns false where the program can't be compiled, and nothing was written. */
static bool write_program(struct pairs *p, struct choice *choice, unsigned long requests)
{
    generated_init_live(&p->g, choice);
    struct text written = {0}, out = {0};
    print_program(&p->g.program, &written);
    p->table = compiled(text_slice(&written));
    if (p->table) {
        text_addf(&out, "{\"requests\":%lu", requests);
        add_key(&out, "program", text_slice(&written));
        text_adds(&out, "}\n");
        met_add(&p->met, &p->g.program);
        for (unsigned long i = 0; i < requests; i++)
            write_pair(p, &out);
        fwrite(out.at, 1, out.len, stdout);
        table_free(p->table);
    }
    const bool ok = p->table != NULL;
    text_done(&written);
    text_done(&out);
    generated_done(&p->g);
    return ok;
}

/* Chance as far as its answer is certain; what TLS and what is not served would have is absent. */
static bool is_asked(enum table_field field)
{
    return field_is_served(field) && table_field_phase(field) != PHASE_RESPONSE &&
           field != FIELD_SRC_PORT;
}

static void write_missing(const struct pairs *p)
{
    struct text missing = {0}, out = {0};
    const uint64_t least = p->met.programs / 150;
    met_missing(&p->met, least, is_asked, PHASE_REQUEST, &missing);
    for (uint32_t i = 0; i < EFFECT_COUNT; i++)
        if (table_effect_is_served((enum table_effect_kind)i) &&
            /* nobody has a password or a token there */
            !table_effect_is_require((enum table_effect_kind)i) && i != EFFECT_REQUIRE_AUTH &&
            p->effect[i] < least)
            text_addf(&missing, "`%s` was done %llu times only\n",
                      table_effect_name((enum table_effect_kind)i),
                      (unsigned long long)p->effect[i]);
    text_addf(&out, "{\"programs\":%llu,\"missing\":", (unsigned long long)p->met.programs);
    text_add_json(&out, text_slice(&missing));
    text_adds(&out, "}\n");
    fwrite(out.at, 1, out.len, stdout);
    text_done(&missing);
    text_done(&out);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: live_pairs SEED PROGRAMS REQUESTS PORT PORT\n", stderr);
        return 2;
    }
    struct pairs p = {0};
    p.port[0] = (uint16_t)strtoul(argv[4], NULL, 10);
    p.port[1] = (uint16_t)strtoul(argv[5], NULL, 10);
    uint64_t seed = strtoull(argv[1], NULL, 0);
    for (unsigned long n = strtoul(argv[2], NULL, 10); n > 0; seed++) {
        struct choice choice = {.rng = {.state = seed}};
        if (write_program(&p, &choice, strtoul(argv[3], NULL, 10)))
            n--;
    }
    write_missing(&p);
    return 0;
}
