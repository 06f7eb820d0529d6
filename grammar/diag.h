/*
 * diag - what the compiler has to say to the person who wrote the configuration.
 *
 * Passes report and carry on; nobody stops at the first mistake. Whether to go on to the next pass
 * is decided in one place, compile.c. Texts, severities and advice are in diags.def.
 */
#pragma once

#include "grammar/source.h"
#include "runtime/base/text.h"

struct arena;

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

enum diag_code {
#define DIAG(id, code, severity, what, advice) DIAG_##id,
#include "grammar/diags.def"
#undef DIAG
    DIAG_COUNT
};

enum diag_format { DIAG_HUMAN, DIAG_HUMAN_COLOR, DIAG_JSON, DIAG_SARIF, DIAG_GITHUB };

struct diags;

/* `sources` must outlive the reports. At most `limit` are kept (0: 1000); the rest are counted. */
struct diags *diags_new(const struct sources *sources, size_t limit);
void diags_free(struct diags *d);

/* Reports `code` at `where`; the arguments are those of the code's text in diags.def. */
void diag(struct diags *d, enum diag_code code, struct span where, ...);

/* Each adds to the last report: what the primary place's carets say; a second place; a remark; a
 * fix that can be applied, replacing `where` (an empty span inserts); in YAML and JSON, one that is
 * no single word is only told. */
void diag_label(struct diags *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void diag_also(struct diags *d, struct span where, const char *fmt, ...) PRINTF_LIKE(3, 4);
void diag_note(struct diags *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void diag_fix(struct diags *d, struct span where, struct slice replacement, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Errors in `where` from now on are consequences of the last report, an error, and are not said. */
void diag_hush(struct diags *d, struct span where);

unsigned diag_errors(const struct diags *d);
unsigned diag_warnings(const struct diags *d);

/* Writes all reports in order of their place. HUMAN ends with a line that counts them; JSON is one
 * object per line, GITHUB one workflow command per line, SARIF a log. */
void diag_render(const struct diags *d, enum diag_format format, struct text *out);

/* The same without the line that counts them. */
void diag_render_reports(const struct diags *d, enum diag_format format, struct text *out);

/* One SARIF log of the reports of several programs. */
void diag_render_sarif(const struct diags *const *d, size_t n, struct text *out);

/* "E0103"; never changes its meaning once released. */
const char *diag_code_name(enum diag_code code);

/* What is wrong, as in diags.def: a format with its placeholders. */
const char *diag_code_text(enum diag_code code);

/* For tests and tools that look at reports one by one, in order of their place. */
uint32_t diags_count(const struct diags *d);
enum diag_code diags_code(const struct diags *d, uint32_t i);
struct span diags_span(const struct diags *d, uint32_t i);
