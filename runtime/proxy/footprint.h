/* footprint - what each thing that connections bring about takes of memory
 * (compiler/table/memory.h), out of the very sizes and limits that the runtime keeps to. Pure; any
 * thread. */
#pragma once

struct memory_costs;

void footprint(struct memory_costs *out);
