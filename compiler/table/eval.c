#include "compiler/table/eval.h"

#include "compiler/table/match.h"
#include "compiler/table/template.h"
#include "compiler/table/values.h"

/* "Any value": one that passes is enough, and none passes where there is none. */
static bool any_value_passes(const struct table *t, const struct table_atom *atom,
                             const struct facts *f, const struct verdict *so_far)
{
    struct values v;
    struct slice value;
    values_begin(&v, t, f, so_far, atom->field, atom->key);
    while (values_next(&v, &value))
        if (v.encoded ? match_encoded(t, atom, value) : match_value(t, atom, value))
            return true;
    return false;
}

static bool atom_holds(const struct table *t, const struct table_atom *atom, const struct facts *f,
                       const struct verdict *so_far)
{
    switch (atom->field) {
    case FIELD_SRC:
        return atom->op == OP_EXISTS || network_set_has(&t->network_set[atom->set], &f->src);
    /* The two that most conditions ask for go past the iterator. */
    case FIELD_PATH: return match_value(t, atom, f->path);
    case FIELD_HOST: return match_value(t, atom, f->host);
    case FIELD_METHOD:
    case FIELD_SCHEME:
    case FIELD_URI:
    case FIELD_LISTENER:
    case FIELD_QUERY:
    case FIELD_QUERY_KEY:
    case FIELD_HEADER:
    case FIELD_COOKIE:
    case FIELD_COUNT: break;
    }
    return any_value_passes(t, atom, f, so_far);
}

/* The value that a change gives its header, made once, when the change is made. */
static struct slice effect_value(const struct table *t, const struct table_effect *effect,
                                 const struct facts *f, struct verdict *v)
{
    struct slice value = SLICE("");
    if (effect->kind == EFFECT_REMOVE_HEADER || template_is_literal(&effect->value, &value))
        return value;

    const size_t room = sizeof(v->text) - v->text_bytes;
    char *const at = v->text + v->text_bytes;
    const size_t len = template_write(t, &effect->value, f, v, at, room);
    if (len > room) {
        v->overflow = true; /* and the walk goes on with an empty value, to a verdict not used */
        return value;
    }
    v->text_bytes += len;
    return (struct slice){at, len};
}

void eval(const struct table *t, uint32_t route, const struct facts *f, struct verdict *out,
          const struct eval_trace *trace)
{
    out->overflow = false;
    out->n_effects = 0;
    out->text_bytes = 0;

    /* Nodes point forward only and END stops the walk, so it makes at most n_nodes steps. */
    for (uint32_t at = t->route[route].entry;;) {
        const struct table_node *node = &t->node[at];
        const bool held = node->kind == NODE_TEST && atom_holds(t, &t->atom[node->what], f, out);
        if (trace)
            trace->seen(trace->to, (struct eval_step){at, held, out});

        switch (node->kind) {
        case NODE_TEST: at = held ? node->yes : node->no; break;
        case NODE_EFFECT:
            out->value[out->n_effects] = effect_value(t, &t->effect[node->what], f, out);
            out->effect[out->n_effects++] = node->what;
            at = node->yes;
            break;
        case NODE_END:
            out->end = node->what;
            out->clause = node->clause;
            return;
        }
    }
}

size_t eval_template(const struct table *t, const struct table_template *template,
                     const struct facts *f, const struct verdict *so_far, char *out, size_t room)
{
    return template_write(t, template, f, so_far, out, room);
}
