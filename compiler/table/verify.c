#include "compiler/table/verify.h"

#include "compiler/table/verify_priv.h"

static const char *verify_arrays(const struct table *t)
{
    REQUIRE(t->n_routes == 0 || t->route, "there are no routes where some are counted");
    REQUIRE(t->n_clauses == 0 || t->clause, "there are no clauses where some are counted");
    REQUIRE(t->n_nodes == 0 || t->node, "there are no nodes where some are counted");
    REQUIRE(t->n_atoms == 0 || t->atom, "there are no atoms where some are counted");
    REQUIRE(t->n_effects == 0 || t->effect, "there are no changes where some are counted");
    REQUIRE(t->n_ends == 0 || t->end, "there are no ends where some are counted");
    REQUIRE(t->n_listeners == 0 || t->listener, "there are no listeners where some are counted");
    REQUIRE(t->n_clusters == 0 || t->cluster, "there are no clusters where some are counted");
    REQUIRE(t->n_servers == 0 || t->server, "there are no servers where some are counted");
    REQUIRE(t->n_network_sets == 0 || t->network_set,
            "there are no sets of networks where some are counted");
    REQUIRE(t->n_string_sets == 0 || t->string_set,
            "there are no sets of strings where some are counted");
    return NULL;
}

const char *table_verify(const struct table *t)
{
    const char *problem = verify_arrays(t);
    if (!problem)
        problem = verify_objects(t);
    if (!problem)
        problem = verify_sets(t);
    if (!problem)
        problem = verify_parts(t);
    if (!problem)
        problem = verify_graph(t);
    return problem;
}
