/* What the two tellings of explain share: how parts of a table are written for a reader. */
#pragma once

#include "compiler/table/values.h"
#include "compiler/table/verdict.h"
#include "compiler/tools/explain.h"

/* Is there an `on connect`? Does it drop the connection? Nothing is asked then. */
bool explain_has_connect(const struct explain *x);
bool explain_is_dropped(const struct explain *x, const struct verdict *v);

/* Does `on response` have something to say about what was decided? Then what it may ask is in `f`,
 * the request as it came and the response as we know it. */
bool explain_has_response(const struct explain *x, const struct verdict *v, struct facts *f);

/* Where the clause stands in the source; x->program is not NULL. */
struct span explain_span(const struct explain *x, uint32_t clause);

/* A value as a JSON string, decoded. */
void explain_value(const struct values *v, struct slice value, struct text *out);

/* What a field is now: `"a", "b"`, or `absent`. `so_far` may be NULL. */
void explain_values(const struct explain *x, const struct verdict *so_far, enum table_field field,
                    struct slice key, struct text *out);

/* `set header "x" "{src}"`, as it was written. */
void explain_effect(const struct table *t, const struct table_effect *e, struct text *out);

/* The verdict's change number i with the value it makes: `set header "x" "10.0.0.1"`. */
void explain_change(const struct table *t, const struct verdict *v, uint32_t i, struct text *out);

/* Does it go to a cluster, whichever way that is chosen? Is it answered here, with a status? */
bool explain_is_forwarded(enum table_end_kind kind);
bool explain_is_answered(enum table_end_kind kind);

/* `forward web`, `deny 403`, `redirect 308 "https://…"`. */
void explain_decision(const struct explain *x, const struct verdict *v, struct text *out);

/* What the end has, as keys of the decision: "cluster":"web", or "status":403, with their commas.
 */
void explain_end_json(const struct explain *x, const struct verdict *v, struct text *out);
