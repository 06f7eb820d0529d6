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
    REQUIRE(t->n_sources == 0 || t->source, "there are no sources where some are counted");
    REQUIRE(t->n_resolvers == 0 || t->resolver, "there are no resolvers where some are counted");
    REQUIRE(t->n_network_sets == 0 || t->network_set,
            "there are no sets of networks where some are counted");
    REQUIRE(t->n_number_sets == 0 || t->number_set,
            "there are no sets of numbers where some are counted");
    REQUIRE(t->n_regexs == 0 || t->regex,
            "there are no regular expressions where some are counted");
    REQUIRE(t->n_maps == 0 || t->map, "there are no maps where some are counted");
    REQUIRE(t->n_string_sets == 0 || t->string_set,
            "there are no sets of strings where some are counted");
    REQUIRE(t->n_classifiers == 0 || t->classifier,
            "there are no classifiers where some are counted");
    REQUIRE(t->n_stages == 0 || t->stage, "there are no stages where some are counted");
    REQUIRE(t->n_branches == 0 || t->branch, "there are no branches where some are counted");
    REQUIRE(t->n_edges == 0 || t->edge, "there are no edges where some are counted");
    REQUIRE(t->n_targets == 0 || t->target, "there are no targets where some are counted");
    REQUIRE(t->n_leaves == 0 || t->leaf, "there are no leaves where some are counted");
    REQUIRE(t->n_acts == 0 || t->act, "there are no acts where some are counted");
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
        problem = verify_classifiers(t);
    if (!problem)
        problem = verify_graph(t);
    return problem;
}
