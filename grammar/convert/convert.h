/*
 * convert - a configuration as .lbconf, YAML or JSON, whichever somebody likes to write.
 *
 * All three say the same: reading YAML or JSON gives the tokens that the same .lbconf would have,
 * in the order of the document, and their spans are places in the document. So whatever is found
 * later is reported there. The shape of the documents is in README.md.
 */
#pragma once

#include "grammar/form.h"
#include "grammar/parse.h"

struct arena;
struct diags;
struct text;

/* Parses source number `index`, whatever its form. As parse(), otherwise. */
struct tree convert_parse(const struct sources *sources, int index, struct arena *arena,
                          struct diags *d);

/*
 * Appends source number `index` to *out in another form (or in the same one, canonically). False
 * when it does not parse: then `d` says why and nothing was added. Comments are lost in JSON, and
 * those in the middle of a statement move before it in YAML. Pure; any thread.
 */
bool convert(const struct sources *sources, int index, enum convert_form to, struct arena *arena,
             struct diags *d, struct text *out);
