/*
 * What a decision costs, for 10 to 100,000 clauses: `./dev bench decision`.
 *
 * Each clause is a path prefix and a header. All sizes are measured in turn, many times over, so
 * that whatever the machine does meanwhile happens to all of them; medians are shown.
 */
#include <stdio.h>
#include <string.h>

#include "compiler/compile.h"
#include "compiler/lower/lower.h"
#include "compiler/table/eval.h"
#include "grammar/diag.h"
#include "grammar/source.h"
#include "runtime/base/arena.h"
#include "runtime/base/clock.h"
#include "runtime/base/text.h"

static const uint32_t SIZES[] = {10, 100, 1000, 10000, 100000};
#define N_SIZES COUNT_OF(SIZES)
#define ROUNDS  201
#define MANY    4096u /* different requests, taken in turn */

/* LAST: the last clause holds. WRONG: its path, another header. DEFAULT: nothing fits. ANY: each
 * time the request of another clause. LINEAR: LAST, by the nodes alone. */
enum what { LAST, WRONG, DEFAULT, ANY, LINEAR, WHATS };

static const char *const TITLES[WHATS] = {"last clause", "its path, other header", "default",
                                          "any clause", "last clause, linear"};

struct request {
    char path[40], tenant[16];
    struct facts facts;
};

struct size {
    struct table *table;
    struct arena arena;
    struct request last, wrong, none;
    struct request *many;
    double compile_ms, lower_ms;
    size_t table_bytes;
    double ns[WHATS][ROUNDS];
};

static const char *const HEADERS[][2] = {
    {"host", "shop.example.com"},    {"user-agent", "Mozilla/5.0 (X11; Linux x86_64)"},
    {"accept", "text/html,*/*"},     {"accept-language", "en-GB,en;q=0.5"},
    {"accept-encoding", "gzip, br"}, {"referer", "https://shop.example.com/"}};

/* As a parsed head does it: one header after the other. */
static bool next_header(const void *of, struct slice name, uint32_t *cursor, struct slice *value)
{
    const struct request *r = of;
    while (*cursor <= COUNT_OF(HEADERS)) {
        const uint32_t i = (*cursor)++;
        const bool ours = i == COUNT_OF(HEADERS);
        const struct slice is = ours ? SLICE("x-tenant") : slice_of(HEADERS[i][0]);
        if (!slice_eq(is, name))
            continue;
        *value = slice_of(ours ? r->tenant : HEADERS[i][1]);
        return true;
    }
    return false;
}

static void request(struct request *r, uint32_t path, uint32_t tenant)
{
    snprintf(r->path, sizeof(r->path), "/team-%u/api/items/17", path);
    snprintf(r->tenant, sizeof(r->tenant), "t%u", tenant);
    r->facts = (struct facts){.method = SLICE("GET"),
                              .scheme = SLICE("https"),
                              .host = SLICE("shop.example.com"),
                              .path = slice_of(r->path),
                              .uri = slice_of(r->path),
                              .listener = SLICE("web"),
                              .header = next_header,
                              .request = r};
}

static void configuration(uint32_t n, struct text *out)
{
    text_adds(out, "lbconf 1\n");
    text_adds(out, "listener web {\n  bind 127.0.0.1:8080\n  route shop\n}\n");
    for (uint32_t i = 0; i < 4; i++)
        text_addf(out, "cluster c%u {\n  server only 127.0.0.1:9000\n}\n", i);
    text_adds(out, "route shop {\n");
    for (uint32_t i = 0; i < n; i++)
        text_addf(out,
                  "  when path under \"/team-%u/api\" and header \"x-tenant\" == \"t%u\" "
                  "{ forward c%u }\n",
                  i, i, i % 3);
    text_adds(out, "  otherwise { forward c3 }\n}\n");
}

static double ms_since(int64_t begun)
{
    return (double)(clock_now_ns() - begun) / (double)NS_PER_MS;
}

static void compiled(struct size *s, uint32_t n)
{
    struct text text = {0};
    configuration(n, &text);
    struct sources *sources = sources_new();
    const int added = sources_add(sources, SLICE("bench"), text_slice(&text));
    ASSERT(added == 0);
    struct diags *d = diags_new(sources, 0);
    const struct compile_options options = {0};
    const struct program *program;
    int64_t begun = clock_now_ns();
    s->table = compile(sources, &options, &s->arena, d, &program);
    s->compile_ms = ms_since(begun);
    ASSERT(s->table);
    begun = clock_now_ns();
    table_free(lower(program));
    s->lower_ms = ms_since(begun);
    s->table_bytes = s->table->arena.used_bytes;
    diags_free(d);
    sources_free(sources);
    text_done(&text);
}

static void prepared(struct size *s, uint32_t n)
{
    compiled(s, n);
    request(&s->last, n - 1, n - 1);
    request(&s->wrong, n - 1, n);
    request(&s->none, n, n);
    s->many = MUST_ARRAY(struct request, MANY);
    uint32_t seed = 1;
    for (uint32_t i = 0; i < MANY; i++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t clause = (uint32_t)((uint64_t)seed * n >> 32);
        request(&s->many[i], clause, clause);
    }
}

static uint32_t decided(const struct size *s, enum what what, uint32_t i, struct verdict *v)
{
    switch (what) {
    case LAST: eval(s->table, 0, &s->last.facts, v, NULL); break;
    case WRONG: eval(s->table, 0, &s->wrong.facts, v, NULL); break;
    case DEFAULT: eval(s->table, 0, &s->none.facts, v, NULL); break;
    case ANY: eval(s->table, 0, &s->many[i % MANY].facts, v, NULL); break;
    case LINEAR: eval_nodes(s->table, 0, &s->last.facts, v); break;
    case WHATS: break;
    }
    return v->clause;
}

static double measured(const struct size *s, enum what what, uint32_t n, struct verdict *v)
{
    static uint32_t offset;
    const uint32_t times = what == LINEAR ? 1 + 20000 / n : 1000;
    for (uint32_t i = 0; i < (what == LINEAR ? 1u : 50u); i++)
        decided(s, what, i, v);
    const int64_t begun = clock_now_ns();
    for (uint32_t i = 0; i < times; i++)
        decided(s, what, offset + i, v);
    offset += times;
    return (double)(clock_now_ns() - begun) / times;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

static void is_right(const struct size *s, uint32_t n, struct verdict *v)
{
    ASSERT(decided(s, LAST, 0, v) == n - 1 && decided(s, LINEAR, 0, v) == n - 1);
    ASSERT(decided(s, WRONG, 0, v) == n && decided(s, DEFAULT, 0, v) == n);
}

static void report(struct size *size)
{
    printf("%-24s", "clauses");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%14u", SIZES[i]);
    for (enum what w = 0; w < WHATS; w++) {
        double first = 0;
        printf("\n%-24s", TITLES[w]);
        for (size_t i = 0; i < N_SIZES; i++) {
            const double ns = median(size[i].ns[w]);
            first = i == 0 ? ns : first;
            printf(w == LINEAR ? "%11.0f ns" : "%6.0f ns x%.2f", ns, ns / first);
        }
    }
    printf("\n%-24s", "compile, all of it");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%11.1f ms", size[i].compile_ms);
    printf("\n%-24s", "lower");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%11.1f ms", size[i].lower_ms);
    printf("\n%-24s", "table");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%10.0f KiB", (double)size[i].table_bytes / 1024);
    printf("\n");
}

int main(void)
{
    struct size *size = MUST_ARRAY(struct size, N_SIZES);
    struct verdict *v = MUST_NEW(struct verdict);
    for (size_t i = 0; i < N_SIZES; i++) {
        prepared(&size[i], SIZES[i]);
        is_right(&size[i], SIZES[i], v);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (enum what w = 0; w < WHATS; w++)
            for (size_t i = 0; i < N_SIZES; i++)
                size[i].ns[w][round] = measured(&size[i], w, SIZES[i], v);
    report(size);
    for (size_t i = 0; i < N_SIZES; i++) {
        table_free(size[i].table);
        arena_free(&size[i].arena);
        free(size[i].many);
    }
    free(size);
    free(v);
    return 0;
}
