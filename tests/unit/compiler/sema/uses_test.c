/* Which names stand where: every place of one, and only those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "compiler/sema/uses.h"
#include "grammar/diag.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

/* The places of `name`, as "line:column" in order of place. */
static void places(const struct sources *sources, const struct uses *uses, struct slice name,
                   struct text *out)
{
    uint32_t from = 0;
    for (bool found = true; found;) {
        found = false;
        uint32_t next = UINT32_MAX;
        for (uint32_t i = 0; i < uses->all.n; i++) {
            const struct use *u = &uses->all.at[i];
            if (u->span.from >= from && u->span.from < next && slice_eq(u->of->name, name)) {
                next = u->span.from;
                found = true;
            }
        }
        if (!found)
            break;
        const struct place p = sources_place(sources, next);
        text_addf(out, "%s%u:%u", out->len ? " " : "", p.line, p.column);
        from = next + 1;
    }
}

static const struct row {
    const char *says, *text, *name, *places;
} rows[] = {
    {"a cluster", "cluster c { server a 10.0.0.1:80 }\nroute r { otherwise { forward c } }\n", "c",
     "1:9 2:31"},
    {"a route", "route r { otherwise { deny } }\nlistener l { bind 10.0.0.1:80; route r }\n", "r",
     "1:7 2:38"},
    {"an acl, in an acl too",
     "acl a = path == \"/\"\nacl b = not a\nroute r { when a { deny }\n otherwise { deny } }\n",
     "a", "1:5 2:13 3:16"},
    {"a set", "set s : network = { 10.0.0.0/8 }\nacl b = src in s\n", "s", "1:5 2:16"},
    {"a const, as a value and in a set",
     "const c : path = \"/x\"\nacl b = path == c\nset s : path = { c }\n", "c", "1:7 2:17 3:18"},
    {"an env that is a port",
     "env PORT : port = 80\nroute r { otherwise { deny } }\n"
     "listener l { bind 10.0.0.1:PORT; route r }\n",
     "PORT", "1:5 3:28"},
    {"a listener, in a string", "listener l { bind 10.0.0.1:80 }\nacl a = listener == \"l\"\n", "l",
     "1:10 2:22"},
    {"after a mistake elsewhere",
     "cluster c { balance nonsense }\nroute r { when x { forward c } }\n", "c", "1:9 2:28"},
    {"one defined twice", "cluster c { }\ncluster c { }\n", "c", "1:9 2:9"},
};

static void every_place_of_a_name_is_noted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sources *sources = sources_new();
        assert_int_equal(sources_add(sources, SLICE("x"), slice_of(rows[i].text)), 0);
        struct diags *diags = diags_new(sources, 0);
        struct arena arena = {0};
        struct uses uses = {0};
        const struct compile_options options = {.uses = &uses};
        table_free(compile(sources, &options, &arena, diags, NULL));
        struct text said = {0};
        places(sources, &uses, slice_of(rows[i].name), &said);
        if (!slice_eq(text_slice(&said), slice_of(rows[i].places)))
            fail_msg("%s: %s, not %s", rows[i].says, said.at ? said.at : "nothing", rows[i].places);
        text_done(&said);
        uses_done(&uses);
        arena_free(&arena);
        diags_free(diags);
        sources_free(sources);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_place_of_a_name_is_noted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
