/*
 * changes - what a change makes of a request: its values, and its path and query.
 *
 * Pure. A change of the path is brought into the normal form that received paths are brought into,
 * so that what is decided next, and what is sent, is a path like any other.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/verdict.h"

/* Path, path and query, query, as they are after the changes in `v`; `v` may be NULL. */
static inline struct slice changed_path(const struct facts *f, const struct verdict *v)
{
    return v && v->rewritten ? v->path : f->path;
}

static inline struct slice changed_uri(const struct facts *f, const struct verdict *v)
{
    return v && v->rewritten ? v->uri : f->uri;
}

static inline struct slice changed_query(const struct facts *f, const struct verdict *v)
{
    return v && v->rewritten ? v->query : f->query;
}

/* Adds the change to the verdict; sets v->overflow or v->bad_target where it can't be made. */
void change_make(const struct table *t, uint32_t effect, const struct facts *f, struct verdict *v);
