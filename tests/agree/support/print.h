/* print - generated programs and requests as text: a program in the language, where it can be. */
#pragma once

#include "tests/agree/support/generate.h"

struct text;

void print_program(const struct program *p, struct text *out);
void print_request(const struct generated_request *r, struct text *out);
