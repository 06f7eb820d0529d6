/* lower - checked tree to decision table. */
#pragma once

#include "compiler/table/table.h"

struct program;

/*
 * Never fails on a program that passed sema; the caller owns the table, and verifies it. It shares
 * no memory with the program. `program->sources` may be NULL for a program made in memory: places
 * are empty then. Takes as long as the program is, acls counted as often as they are used.
 */
struct table *lower(const struct program *program);
