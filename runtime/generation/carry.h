/* carry - the one place that knows what survives a hot swap. */
#pragma once

#include "runtime/generation/generation.h"

/* Takes over the sockets whose endpoints stay and opens the others. False with a sentence in `why`
 * when one can't be opened; what was opened then goes with the generation. */
MUST_CHECK bool carry_sockets(struct generation *g, const struct generation *before,
                              struct text *why);

/* Takes over, by name, what is remembered of clients and of limits' keys, and makes room for the
 * others: as much as the file says, which there may not be. False with a sentence in `why`, as
 * above. */
MUST_CHECK bool carry_memory(struct generation *g, const struct generation *before,
                             struct text *why);

/* Takes over what was counted of clauses that stay as they are written. */
void carry_tallies(struct generation *g, const struct generation *before);

/* Takes over, by name, servers whose endpoint stays, clusters and gates; makes the others. What the
 * table says of servers that `said` has too is done where it says otherwise than that; NULL: not
 * now. */
void carry_state(struct generation *g, const struct generation *before,
                 const struct generation *said);
