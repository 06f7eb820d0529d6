/*
 * known - what a configuration names outside of itself: files, by what they are for, and variables
 * of the environment. So whoever may change it, but not what the process reads, is told apart.
 *
 * Any thread.
 */
#pragma once

#include "runtime/base/check.h"
#include "runtime/base/slice.h"
#include "runtime/base/text.h"

struct copies;
struct table;
struct known;

/* What `texts` name, which were compiled before: that of `path` and those it includes. Never NULL;
 * where they compile no more, that is nothing. */
struct known *known_new(const struct copies *texts, const char *path);
void known_free(struct known *k);

/* A file, or a pattern, that a text includes or reads a list from; as sources_given has it. */
MUST_CHECK bool known_text(const struct known *k, struct slice path);
MUST_CHECK bool known_variable(const struct known *k, struct slice name);

/* Does the table name anything else? Then a sentence in `what` says what. */
MUST_CHECK bool known_is_all(const struct known *k, const struct table *t, struct text *what);
