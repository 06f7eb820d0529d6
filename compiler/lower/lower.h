/* lower - checked tree to decision table. */
#pragma once

#include "compiler/table/table.h"

struct program;

/* Never fails on a program that passed sema; the caller owns the table, and verifies it. */
struct table *lower(const struct program *program);
